"""Synaptic devices: the laws by which pulses move a conductance, and cited presets of devices that obey them.

How pulses move a device is `brianff.equations.pulse_response`. Here stand the numbers. All changes and noises of the
state are shares of the nominal range G_on - G_off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from brian2 import joule, nS, ohm, second, siemens, uS, us, volt

from brianff.equations.parameters import ANY, NOT_NEGATIVE, POSITIVE, SHARE, Parameter, Preset, Range
from brianff.equations.pulse_response import (
    ExponentialRecurrence,
    ExponentialStep,
    PowerStep,
    PulseResponse,
    SampledCurve,
    SoftBound,
    soft_bound_of,
)

__all__ = ["DEVICES", "LAWS", "DeviceLaw", "DevicePreset", "TableLaw"]


_IDEAL_DEVICE = "NeuroSim's IdealDevice"


def _parameters(**described: tuple) -> dict[str, Parameter]:
    """Return parameters from their values, meanings and, where it is not just "not negative", ranges."""
    absent = "not in the source: taken as absent"
    return {
        name: Parameter(
            value,
            meaning,
            absent if isinstance(value, float) else "assumed: " + _IDEAL_DEVICE,
            *(range_ or (NOT_NEGATIVE,)),
        )
        for name, (value, meaning, *range_) in described.items()
    }


LEVELS = Range("be 0, or from 2 to 65536", least=0.0, most=65_536.0)

_COMMON = _parameters(
    G_on=(5 * uS, "conductance at the upper end of the nominal range", POSITIVE),
    G_off=(0.1 * uS, "conductance at the lower end of the nominal range"),
    read_voltage=(0.5 * volt, "voltage of a read at intensity 1"),
    read_time=(0.005 * us, "width of a read that verifies programming"),
    write_voltage_up=(2 * volt, "voltage of a potentiating pulse"),
    write_voltage_down=(2 * volt, "voltage of a depressing pulse"),
    write_time_up=(0.01 * us, "width of a potentiating pulse"),
    write_time_down=(0.01 * us, "width of a depressing pulse"),
    write_energy=(0 * joule, "energy of a pulse of either kind; 0: voltage^2 x conductance x width"),
    cycle_spread=(0.0, "cycle to cycle: standard deviation of a pulse's effect, relative to the effect"),
    cycle_noise=(0.0, "cycle to cycle: standard deviation that each pulse adds, whatever its effect"),
    own_cycle_noise=(0.0, "the same of a device with the mean step; it grows with a device's own step"),
    state_cycle_noise=(0.0, "growth of cycle_noise with the state; it adds to the deviation of cycle_spread then"),
    programming_error=(0.0, "standard deviation that each programming adds to a device in the lower state"),
    programming_error_linear=(0.0, "growth of that deviation with the state", ANY),
    programming_error_square=(0.0, "growth of that deviation with the square of the state", ANY),
    write_noise=(0.0, "standard deviation of the visible about the hidden state, drawn at each programming"),
    device_spread=(0.0, "device to device: relative standard deviation of the step"),
    device_log_spread=(0.0, "device to device: standard deviation of the logarithm of the step"),
    asymmetry_spread=(0.0, "device to device: relative standard deviation of the up-down difference of the step"),
    bound_spread=(0.0, "device to device: standard deviation of each end of the range, the mean of both"),
    bound_spread_difference=(0.0, "by how much that of the upper end exceeds that of the lower end", ANY),
    reference=(0.0, "1: reads subtract each device's symmetry point, where pulses up and down are equal", SHARE),
    reference_spread=(0.0, "device to device: standard deviation of what is subtracted about that point"),
    endurance=(0.0, "median number of pulses after which a device sticks where it is; 0: it never does"),
    endurance_log_spread=(0.0, "device to device: standard deviation of the logarithm of that number"),
    wire_resistance=(0 * ohm, "resistance of a row's or a column's wire from one cell to the next"),
    one_sided=(0.0, "1: pulses up only, on one device of a pair or the other; pairs near the end are reset", SHARE),
    refresh_upper=(0.75, "a pair is reset and written anew where one device is above this state", SHARE),
    refresh_lower=(0.25, "and the other one above this", SHARE),
    reset_state=(0.0, "mean state after a reset", SHARE),
    reset_device_spread=(0.0, "device to device: standard deviation of that state"),
    reset_spread=(0.0, "cycle to cycle: standard deviation of that state"),
    read_noise=(0.0, "relative standard deviation of a read conductance, at G_on"),
    read_noise_exponent=(0.0, "the relative deviation grows with (G / G_on) to the power of minus this"),
    read_levels=(0.0, "levels of a converter that reads devices, over the nominal range; 0: analog reads", LEVELS),
    read_disturb=(0.0, "creep to the upper end (below 0: the lower one), share of the way per 1e6 read pulses", ANY),
    read_disturb_spread=(0.0, "device to device: standard deviation of that"),
    drift_exponent=(0.0, "G falls with ((t + drift_start) / drift_start)^-nu: mean of nu at G_on"),
    drift_slope=(0.0, "growth of nu with -log(G / G_on)"),
    drift_spread=(0.0, "device to device: standard deviation of nu at G_on, before its least value", ANY),
    drift_spread_slope=(0.0, "growth of that deviation with -log(G / G_on)", ANY),
    drift_spread_least=(0.0, "its least value"),
    drift_spread_most=(1.0, "its largest value"),
    drift_least=(0.0, "least mean of nu"),
    drift_most=(1.0, "largest mean of nu"),
    drift_start=(20 * second, "time after programming from which drift is counted", POSITIVE),
)
"""Parameters of every device, beside those of its law."""


@dataclass(frozen=True)
class DeviceLaw:
    """How pulses move a device.

    Parameters
    ----------
    name : str
    formula : str
        The law in one line; y is the distance from the end of the range that a pulse starts from.
    parameters : mapping of str to Parameter
        Its parameters, beside those that every device has: default, meaning and range. A name that ends in _up or
        _down is a parameter of that direction only.
    response : callable or None
        Makes the response of one direction of its parameters, by their names without _up and _down. None: any change
        in one pulse.
    own_range : {"", "distance", "slope"}
        Where the ends of the range differ from device to device: "": y is a share of the nominal range; the own ends
        only stop a device. "distance": y is a share of the own range. "slope": that too, and at the symmetry point of
        the mean device steps are those of the mean device, whatever the ends.
    """

    name: str
    formula: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    response: Callable[..., PulseResponse] | None = None
    own_range: Literal["", "distance", "slope"] = ""

    def responses(self, parameters: Mapping[str, float]) -> tuple[PulseResponse, ...]:
        """Return the responses to pulses up and down of a device with these parameters, in SI units; may be empty."""
        if self.response is None:
            return ()
        return tuple(
            self.response(
                **{name.removesuffix(way): parameters[name] for name in self.parameters if not name.endswith(other)}
            )
            for way, other in (("_up", "_down"), ("_down", "_up"))
        )

    def preset(self, name: str, source: str, sources: Mapping[str, str] | None = None, **values: Any) -> DevicePreset:
        """Return a device that obeys this law, by its values, with units; the others have their defaults.

        `source` says where the values come from, `sources` those that come from elsewhere.
        """
        preset = DevicePreset(name, source, {**_COMMON, **self.parameters}, self).derive(name, "", **values)
        own = {key: replace(preset.parameters[key], source=cited) for key, cited in (sources or {}).items()}
        return replace(preset, parameters={**preset.parameters, **own})


@dataclass(frozen=True)
class DevicePreset(Preset):
    """A named device: the law that it obeys, and the values of its parameters. `DeviceLaw.preset` makes one."""

    law: DeviceLaw


CONTINUOUS = DeviceLaw("continuous", "any change in one pulse")

_LABEL = Range("lie between -9.5 and 9.5", least=-9.5, most=9.5)

EXPONENTIAL = DeviceLaw(
    "exponential",
    "y(n) = (1 - exp(-n / A)) / (1 - exp(-levels / A)), with A by the label of the nonlinearity",
    _parameters(
        levels_up=(64.0, "potentiating pulses from one end to the other", POSITIVE),
        levels_down=(64.0, "depressing pulses from one end to the other", POSITIVE),
        nonlinearity_up=(0.0, "NeuroSim's label of the potentiation curve; 0: linear", _LABEL),
        nonlinearity_down=(0.0, "NeuroSim's label of the depression curve, of either sign", _LABEL),
    ),
    soft_bound_of,
)

_STEPS = _parameters(
    step_up=(0.0, "effect of a potentiating pulse at the lower end", SHARE),
    step_down=(0.0, "effect of a depressing pulse at the upper end", SHARE),
)

LINEAR_STEP = DeviceLaw(
    "linear-step",
    "dy = step (1 - slope y)",
    _STEPS
    | _parameters(
        slope_up=(0.0, "share of the effect that is lost towards the upper end", SHARE),
        slope_down=(0.0, "share of the effect that is lost towards the lower end", SHARE),
    ),
    SoftBound,
)

SOFT_BOUNDS = DeviceLaw("soft-bounds", "dy = step (1 - y)", _STEPS, partial(SoftBound, slope=1.0))

OWN_SOFT_BOUNDS = DeviceLaw(
    "own-soft-bounds",
    "dy = step (1 - y), y along the range of each device",
    _STEPS,
    partial(SoftBound, slope=1.0),
    own_range="slope",
)

POWER = DeviceLaw(
    "power",
    "dy = step (1 - y)^exponent",
    _STEPS
    | _parameters(
        exponent_up=(1.0, "how fast the effect falls towards the upper end", NOT_NEGATIVE),
        exponent_down=(1.0, "how fast the effect falls towards the lower end", NOT_NEGATIVE),
    ),
    PowerStep,
)

_EXPONENTIAL_STEPS = _parameters(
    step_up=(0.0, "effect of a potentiating pulse far from the lower end", SHARE),
    step_down=(0.0, "effect of a depressing pulse far from the upper end", SHARE),
    boost_up=(0.0, "additional effect at the lower end, relative"),
    boost_down=(0.0, "additional effect at the upper end, relative"),
    decay=(1.0, "decay of the additional effect over the range", POSITIVE),
)

EXPONENTIAL_STEP = DeviceLaw(
    "exponential-step", "dy = step (1 + boost exp(-decay y))", _EXPONENTIAL_STEPS, ExponentialStep
)

OWN_EXPONENTIAL_STEP = DeviceLaw(
    "own-exponential-step",
    "the same for large steps, pulse by pulse, y along the range of each device",
    _EXPONENTIAL_STEPS,
    ExponentialRecurrence,
    own_range="distance",
)


@dataclass(frozen=True)
class TableLaw(DeviceLaw):
    """Measured mean curves, without a formula: straight between their points, saturating at the last one.

    Parameters
    ----------
    up, down : sequence of pairs of float
        Number of pulses and distance from the end that they start from, as a share of the range; both rise, from a
        distance of 0 to beyond the middle of the range, in which crossbars start.
    """

    name: str = field(default="table", init=False)
    formula: str = field(default="measured curves, straight between their points", init=False)
    parameters: Mapping[str, Parameter] = field(default_factory=dict, init=False)
    response: None = field(default=None, init=False)
    own_range: Literal["", "distance", "slope"] = field(default="", init=False)
    up: Sequence[Sequence[float]]
    down: Sequence[Sequence[float]]

    def __post_init__(self):
        for way in ("up", "down"):
            points = np.array(getattr(self, way), dtype=float)
            if points.shape[1:] != (2,) or len(points) < 2 or not (np.diff(points, axis=0) > 0).all():
                raise ValueError(f"{way} of a table must be pairs of pulses and distance, both rising")
            if points[0, 1] != 0 or not 0.5 < points[-1, 1] <= 1:
                reached = f"{points[-1, 1]:.0%} of the range of both trains"
                raise ValueError(f"the pulses {way} reach {reached}; they must pass its middle: measure more pulses")
            object.__setattr__(self, way, tuple(map(tuple, points.tolist())))

    def responses(self, parameters: Mapping[str, float]) -> tuple[PulseResponse, ...]:
        """Return the measured curves."""
        return tuple(SampledCurve(*zip(*points, strict=True)) for points in (self.up, self.down))


_NEUROSIM = "NeuroSim's MLP simulator, Cell.cpp (Chen, Peng & Yu, IEEE TCAD 37:3067, 2018): "
_SIEMENS = "choice: the source gives shares of the range only; " + _IDEAL_DEVICE

IDEAL = CONTINUOUS.preset(
    "ideal",
    _NEUROSIM + "IdealDevice; without levels: any change within the range, exactly, in one pulse",
)

LINEAR = EXPONENTIAL.preset(
    "linear",
    _NEUROSIM + "IdealDevice: 64 equal levels",
    levels_up=64.0,
    levels_down=64.0,
)

AG_A_SI = EXPONENTIAL.preset(
    "ag-a-si",
    _NEUROSIM + "RealDevice of version 1, fitted to Ag:a-Si of Jo et al., Nano Letters 10:1297 (2010)",
    G_on=38.462 * nS,
    G_off=3.0769 * nS,
    levels_up=97.0,
    levels_down=100.0,
    nonlinearity_up=2.4,
    nonlinearity_down=-4.88,
    cycle_noise=0.035,
    write_voltage_up=3.2 * volt,
    write_voltage_down=2.8 * volt,
    write_time_up=300 * us,
    write_time_down=300 * us,
)


def _linear_steps(dw_min: float, w_max: float, w_min: float, gamma_up: float, gamma_down: float) -> dict[str, float]:
    """Return parameters of aihwkit's linear steps, dw_min (1 - gamma w / w_bound), with bounds that spread by 5 %.

    aihwkit's weights run over a range of 2: its steps and bounds are halved here, and steps are written from the end of
    the range that a pulse starts from. The spread of gamma from device to device (.05) is left out.
    """
    start_up, start_down = 1 - gamma_up * w_min / w_max, 1 - gamma_down * w_max / w_min
    return {
        "step_up": dw_min / 2 * start_up,
        "slope_up": 2 * gamma_up / (w_max * start_up),
        "step_down": dw_min / 2 * start_down,
        "slope_down": 2 * gamma_down / (-w_min * start_down),
        "bound_spread": 0.05 * (w_max - w_min) / 4,
        "bound_spread_difference": 0.05 * (w_max + w_min) / 2,
        "device_spread": 0.1,
        "asymmetry_spread": 0.01,
    }


ECRAM = LINEAR_STEP.preset(
    "ecram",
    "aihwkit's EcRamPreset (dw_min .002, bounds 1.1724/-.8276, gamma .1153/.5085), a fit to lithium ECRAM of Tang et "
    "al., IEDM 2018, 13.1",
    {
        "G_on": _SIEMENS,
        "G_off": _SIEMENS,
        "write_energy": "Tang et al., abstract: about 1 fJ, projected for 100 x 100 nm^2",
        "write_time_up": "Tang et al., abstract: the shortest pulse shown",
        "write_time_down": "Tang et al., abstract: the shortest pulse shown",
    },
    **_linear_steps(0.002, 1.1724, -0.8276, 0.1153, 0.5085),
    cycle_spread=0.3,
    write_energy=1e-15 * joule,
    write_time_up=0.005 * us,
    write_time_down=0.005 * us,
)

ECRAM_MO = LINEAR_STEP.preset(
    "ecram-mo",
    "aihwkit's EcRamMOPreset (dw_min .00028214, bounds 1.1714/-.8286, gamma .4152/.7342), from metal-oxide ECRAM of "
    "Kim et al., IEDM 2019",
    {"G_on": _SIEMENS, "G_off": _SIEMENS},
    **_linear_steps(2.8214e-4, 1.1714, -0.8286, 0.4152, 0.7342),
    cycle_spread=2.0,
)

RERAM_ES = EXPONENTIAL_STEP.preset(
    "reram-es",
    "aihwkit's ReRamESPreset (dw_min .00135, up_down .259359, gamma 5, A -1.18445/-.081404, a = b = -.5), a fit to "
    "HfO2 ReRAM of Gong et al., Nature Communications 9:2102 (2018)",
    {"G_on": _SIEMENS, "G_off": _SIEMENS},
    step_up=0.000675,  # aihwkit's up_down takes from the smaller step only
    boost_up=1.18445,
    step_down=0.000675 * (1 - 0.259359),
    boost_down=0.081404 * 148.4131591,  # exp(5): written from the upper end
    decay=5.0,
    cycle_spread=5.0,
    write_noise=75 * 0.000675,
    device_spread=0.2,
    asymmetry_spread=0.05,
    bound_spread=0.15,
)


def _reference_soft_bounds(
    dw_min: float, w_max: float, w_min: float, spreads: tuple[float, float], noise: float, write_noise: float
) -> dict[str, float]:
    """Return parameters of aihwkit's soft bounds with a reference, dw_min (1 - w / w_bound + noise), range 2.

    `spreads` are those of w_max and w_min, as in the source relative to them; noises are in steps.
    """
    upper, lower = spreads[0] * w_max / 2, -spreads[1] * w_min / 2
    return {
        "step_up": dw_min / 2 * (1 - w_min / w_max),
        "step_down": dw_min / 2 * (1 - w_max / w_min),
        "bound_spread": (upper + lower) / 2,
        "bound_spread_difference": upper - lower,
        "asymmetry_spread": 0.01,
        "own_cycle_noise": noise * dw_min / 2,
        "write_noise": write_noise * dw_min / 2,
    }


_WIDE = {"G_on": 7.5 * uS, "G_off": 2.5 * uS}
_WIDE_SOURCE = "choice: the source gives shares of the range only; single devices go far below its lower end"
_ARRAYS = "ReRAM arrays of Gong, Rasch et al., IEDM 2022; its share of corrupt devices is left to stuck_anywhere"

RERAM_SB = OWN_SOFT_BOUNDS.preset(
    "reram-sb",
    "aihwkit's ReRamSBPreset (dw_min .002, bounds 1.25/-.75), a loose fit to HfO2 ReRAM of Gong et al., Nature "
    "Communications 9:2102 (2018), shifted to its symmetry point",
    {"G_on": _WIDE_SOURCE, "G_off": _WIDE_SOURCE},
    **_WIDE,
    **_reference_soft_bounds(0.002, 1.25, -0.75, (0.3 / 1.25, 0.3 / 0.75), 3.75, 56.0),
    device_spread=0.3,
)

RERAM_ARRAY_OM = OWN_SOFT_BOUNDS.preset(
    "reram-array-om",
    "aihwkit's ReRamArrayOMPreset (dw_min .0949), optimised material; " + _ARRAYS + " (13.5 %)",
    {"G_on": _WIDE_SOURCE, "G_off": _WIDE_SOURCE},
    **_WIDE,
    **_reference_soft_bounds(0.0949, 1.0, -1.0, (0.3499, 0.5695), 0.4158, 1.4113),
    device_log_spread=0.7829,
    reference=1.0,
    reference_spread=0.05 / 2,
)

RERAM_ARRAY_HFO2 = OWN_SOFT_BOUNDS.preset(
    "reram-array-hfo2",
    "aihwkit's ReRamArrayHfO2Preset (dw_min .4622), baseline HfO2; " + _ARRAYS + " (10 %)",
    {"G_on": _WIDE_SOURCE, "G_off": _WIDE_SOURCE},
    **_WIDE,
    **_reference_soft_bounds(0.4622, 1.0, -1.0, (0.4295, 0.5990), 0.2174, 0.5841),
    device_log_spread=0.7125,
    reference=1.0,
    reference_spread=0.05 / 2,
)

PCM_TRAINING = OWN_EXPONENTIAL_STEP.preset(
    "pcm-training",
    "aihwkit's PCMPreset (dw_min .01, bounds 2/0, gamma 2.5, A -27.235/-2.235, a = -1), from Ge2Sb2Te5 of Nandakumar "
    "et al., Frontiers in Neuroscience 14:406 (2020); one-sided pairs with refresh, as its PCMPresetUnitCell",
    {"G_on": "Nandakumar et al.: 25 uS devices", "G_off": "Nandakumar et al.: 25 uS devices"},
    G_on=25 * uS,
    G_off=0 * siemens,
    step_up=0.005,
    boost_up=27.235,
    step_down=0.005,
    boost_down=2.235 * 148.4131591,  # exp(5): written from the upper end
    decay=5.0,
    cycle_spread=0.6,
    cycle_noise=0.6 * 0.042 / 2,
    state_cycle_noise=0.6 * 0.108,
    device_spread=0.2,
    asymmetry_spread=0.05,
    bound_spread=0.05,
    bound_spread_difference=0.1,
    one_sided=1.0,
    reset_state=0.01 / 2,
    reset_device_spread=0.02 / 2,
    reset_spread=0.01 / 2,
)

PCM = EXPONENTIAL.preset(
    "pcm",
    "aihwkit's PCMLikeNoiseModel: programming error, drift and read noise of 25 uS devices of Nandakumar et al., ICECS "
    "2019, and Joshi et al., Nature Communications 11:2473 (2020)",
    {
        "levels_up": "choice: smallest change that is programmed, near the programming error",
        "levels_down": "choice: smallest change that is programmed, near the programming error",
        "read_noise": "the source's 1/f noise, .0088 sqrt(log((t + 250 ns) / 500 ns)), at t = 20 s",
    },
    G_on=25 * uS,
    G_off=0 * siemens,
    levels_up=32.0,
    levels_down=32.0,
    programming_error=0.26348 / 25,
    programming_error_linear=1.9650 / 25,
    programming_error_square=-1.1731 / 25,
    read_noise=0.0088 * 4.184,
    read_noise_exponent=0.65,
    drift_exponent=0.0244,
    drift_slope=0.0155,
    drift_least=0.049,
    drift_most=0.1,
    drift_spread=-0.0059,
    drift_spread_slope=0.0125,
    drift_spread_least=0.008,
    drift_spread_most=0.045,
    drift_start=20 * second,
)

DEVICES: dict[str, DevicePreset] = {
    preset.name: preset
    for preset in (
        IDEAL,
        LINEAR,
        ECRAM,
        ECRAM_MO,
        RERAM_ES,
        RERAM_SB,
        RERAM_ARRAY_OM,
        RERAM_ARRAY_HFO2,
        AG_A_SI,
        PCM,
        PCM_TRAINING,
    )
}
"""Device presets by name."""

LAWS: dict[str, DeviceLaw | type[DeviceLaw]] = {
    law.name: law
    for law in (
        CONTINUOUS,
        EXPONENTIAL,
        SOFT_BOUNDS,
        OWN_SOFT_BOUNDS,
        LINEAR_STEP,
        POWER,
        EXPONENTIAL_STEP,
        OWN_EXPONENTIAL_STEP,
        TableLaw,
    )
}
"""Laws by name; a table's curves are given with the name."""
