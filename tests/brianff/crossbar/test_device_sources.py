"""Presets against their source: trains of pulses on 2,000 devices as aihwkit's C++ computes them, written out here.

From rpu_pulsed_device.cpp (populate: bounds, steps and what differs between devices), rpu_linearstep_device.cpp,
rpu_expstep_device.cpp and rpu_softbounds_reference_device.cpp (update_once, populate) of aihwkit 1.2.0, with the
parameters of simulator/presets/devices.py. Weights run over a range of 2. Not modelled here: the spread of gamma (.05)
in ECRAM, and that steps of ReRAM-ES depend on the device's own bounds.
"""

import numpy as np
import pytest

from brianff import Device, Layer
from brianff.crossbar import make_crossbar
from brianff.crossbar.device_array import DeviceArray
from brianff.random import RandomStreams

DEVICES = 2_000


def populate(normal, dw_min, w_max, w_min, dw_min_dtod, up_down_dtod, bound_dtod, up_down=0.0):
    """Return steps up and down, and bounds, of each device."""
    upper, lower = w_max * (1 + bound_dtod * normal()), w_min * (1 + bound_dtod * normal())
    gain, difference = 1 + dw_min_dtod * normal(), up_down_dtod * normal()
    up, down = dw_min * (gain + difference), dw_min * (gain - up_down - difference)  # for up_down >= 0
    return np.abs(up), np.abs(down), np.minimum(lower, upper), np.maximum(lower, upper)


def linear_step(normal, pulses, w_max, w_min, gamma_up, gamma_down, dw_min_std, **device):
    up, down, lower, upper = populate(normal, w_max=w_max, w_min=w_min, **device)
    w = np.clip(w_min, lower, upper)
    for sign in pulses:
        noise = 1 + dw_min_std * normal()
        w = w + noise * (up * (1 - gamma_up * w / w_max) if sign > 0 else -down * (1 - gamma_down * w / w_min))
        w = np.clip(w, lower, upper)
        yield (w - w_min) / 2


def exponential_step(normal, pulses, dw_min_std, **device):
    up, down, lower, upper = populate(normal, w_max=1.0, w_min=-1.0, **device)
    w = np.clip(-1.0, lower, upper)
    for sign in pulses:
        noise, z = 1 + dw_min_std * normal(), 2 * w / (upper - lower) * -0.5 - 0.5
        up_factor, down_factor = 1 + 1.18445 * np.exp(5 * z), 1 + 0.081404 * np.exp(-5 * z)
        w = np.clip(w + noise * (up * up_factor if sign > 0 else -down * down_factor), lower, upper)
        yield (w + 1) / 2


ECRAM = {"dw_min_dtod": 0.1, "up_down_dtod": 0.01, "bound_dtod": 0.05}
LITHIUM = {"dw_min": 0.002, "w_max": 1.1724, "w_min": -0.8276, "gamma_up": 0.1153, "gamma_down": 0.5085}
OXIDE = {"dw_min": 2.8214e-4, "w_max": 1.1714, "w_min": -0.8286, "gamma_up": 0.4152, "gamma_down": 0.7342}
RERAM = {"dw_min": 0.00135, "dw_min_dtod": 0.2, "up_down_dtod": 0.05, "bound_dtod": 0.3, "up_down": 0.259359}


@pytest.mark.parametrize(
    ("preset", "number", "law", "parameters", "spread_tolerance"),
    [
        ("ecram", 500, linear_step, LITHIUM | ECRAM | {"dw_min_std": 0.3}, 0.06),
        ("ecram-mo", 1500, linear_step, OXIDE | ECRAM | {"dw_min_std": 2.0}, 0.06),
        ("reram-es", 400, exponential_step, RERAM | {"dw_min_std": 5.0}, 0.15),
    ],
)
def test_trains_have_the_mean_and_spread_of_the_source(preset, number, law, parameters, spread_tolerance):
    generator = np.random.default_rng(1)
    pulses = np.repeat([1, -1], number)
    array = DeviceArray(Device(preset=preset), DEVICES, np.random.default_rng(2))
    array.state[0] = np.clip(0, array.bounds[0][0], array.bounds[1][0])
    source = law(lambda: generator.standard_normal(DEVICES), pulses, **parameters)
    noise = np.random.default_rng(3)
    for place, (sign, expected) in enumerate(zip(pulses, source, strict=True)):
        array.pulse(0, slice(None), np.full(DEVICES, sign, np.float32), noise)
        if (place + 1) % (number // 2) == 0:
            error = 4 * expected.std() * np.sqrt(2 / DEVICES)
            assert array.state[0].mean() == pytest.approx(expected.mean(), abs=error)
            assert array.state[0].std() == pytest.approx(expected.std(), rel=spread_tolerance)


def test_the_ends_of_the_range_of_ecram_spread_as_in_the_source():
    """Bounds of 1.1724 and -.8276 with 5 % each, over a range of 2."""
    array = DeviceArray(Device(preset="ecram"), 100_000, np.random.default_rng(1))
    lower, upper = array.bounds
    assert upper.std() == pytest.approx(0.05 * 1.1724 / 2, rel=0.01)
    assert lower[lower > lower.min()].std() < 0.05 * 0.8276 / 2  # cut at zero conductance, 2 % below the range
    assert np.percentile(lower, 84.13) == pytest.approx(0.05 * 0.8276 / 2, rel=0.02)


def soft_bounds_reference(normal, pulses, dw_min, w_max, w_min, spreads, gain, noise, write_noise, reference):
    """Yield the apparent weights, which a read shows.

    populate with enforce_consistency, subtract_symmetry_point if there is a reference; update_once_add.
    """
    upper, lower = w_max * (1 + spreads[0] * normal()), w_min * (1 + spreads[1] * normal())
    upper, lower = np.maximum(upper, lower), np.minimum(upper, lower)
    upper, lower = np.abs(upper), -np.abs(lower)
    step, difference = gain(normal()), 0.01 * normal()
    up, down = np.abs(dw_min * (step + difference)), np.abs(dw_min * (step - difference))
    symmetry = 0.0 if reference is None else (up - down) / (up / upper - down / lower)
    ref = 0.0 if reference is None else symmetry + reference * normal()
    w = np.zeros(DEVICES) + symmetry - ref
    for sign in pulses:
        held = w + ref
        if sign > 0:
            held = held + up * (1 - held / upper + noise * normal())
        else:
            held = held - down * (1 - held / lower + noise * normal())
        w = np.clip(held, lower, upper) - ref
        yield w + write_noise * dw_min * normal()


SB = {"dw_min": 0.002, "w_max": 1.25, "w_min": -0.75, "spreads": (0.3 / 1.25, 0.3 / 0.75), "noise": 3.75}
OM = {"dw_min": 0.0949, "w_max": 1.0, "w_min": -1.0, "spreads": (0.3499, 0.5695), "noise": 0.4158}
HFO2 = {"dw_min": 0.4622, "w_max": 1.0, "w_min": -1.0, "spreads": (0.4295, 0.5990), "noise": 0.2174}


@pytest.mark.parametrize(
    ("preset", "number", "zero", "gain", "parameters"),
    [
        ("reram-sb", 300, 0.375, lambda n: 1 + 0.3 * n, SB | {"write_noise": 56, "reference": None}),
        ("reram-array-om", 12, 0.5, lambda n: np.exp(0.7829 * n), OM | {"write_noise": 1.4113, "reference": 0.05}),
        ("reram-array-hfo2", 4, 0.5, lambda n: np.exp(0.7125 * n), HFO2 | {"write_noise": 0.5841, "reference": 0.05}),
    ],
)
def test_soft_bounds_of_each_device_have_the_mean_and_spread_of_the_source(preset, number, zero, gain, parameters):
    """Reads of trains that start where weights are zero: up, then down, twice."""
    generator = np.random.default_rng(1)
    pulses = np.repeat([1, -1, 1, -1], number)
    array = DeviceArray(Device(preset=preset), DEVICES, np.random.default_rng(2))
    if parameters["reference"] is None:
        array.state[0] = zero
    source = soft_bounds_reference(lambda: generator.standard_normal(DEVICES), pulses, gain=gain, **parameters)
    noise = np.random.default_rng(3)
    for place, (sign, expected) in enumerate(zip(pulses, source, strict=True)):
        array.pulse(0, slice(None), np.full(DEVICES, sign, np.float32), noise)
        if (place + 1) % number == 0 or place == 0:
            found, error = 2 * (array.visible[0] - zero), 4 * expected.std() * np.sqrt(2 / DEVICES)
            assert found.mean() == pytest.approx(expected.mean(), abs=error)
            assert found.std() == pytest.approx(expected.std(), rel=0.1)


def test_pcm_in_training_has_the_steps_and_noise_of_the_source():
    """Pulses up after a reset to .01: w + dw + noise of .6 (dw + .042 + .108 w), z along each device's own range."""
    generator = np.random.default_rng(1)
    normal = lambda: generator.standard_normal(DEVICES)  # noqa: E731
    upper, step = 2 * (1 + 0.1 * normal()), 0.01 * (1 + 0.2 * normal() + 0.05 * normal())
    w = np.clip(0.01 + 0.02 * normal() + 0.01 * normal(), 0, upper)
    array, noise = (
        DeviceArray(Device(preset="pcm-training"), DEVICES, np.random.default_rng(2)),
        np.random.default_rng(3),
    )
    for number in range(31):
        for expected, found in ((w.mean(), array.state[0].mean()), (w.std(), array.state[0].std())):
            assert 2 * found == pytest.approx(expected, rel=0.08, abs=0.003), number
        dw = np.abs(step) * (1 + 27.235 * np.exp(2.5 * 2 * w / upper * -1.0))
        w = np.clip(w + dw + 0.6 * (dw + 0.042 + 0.108 * w) * normal(), 0, upper)
        array.pulse(0, slice(None), np.full(DEVICES, 1, np.float32), noise)


def test_pairs_of_pcm_are_one_sided_and_written_anew_near_the_end():
    """Both devices of a pair are never far up; a weight that was moved up and down many times can still be moved."""
    quiet = {"cycle_spread": 0, "cycle_noise": 0, "state_cycle_noise": 0, "reset_spread": 0, "reset_device_spread": 0}
    quiet |= {"device_spread": 0, "asymmetry_spread": 0, "bound_spread": 0, "bound_spread_difference": 0}
    layer = Layer(neurons=5, weight_bound=1.0, device=Device(preset="pcm-training", parameters=quiet))
    crossbar = make_crossbar(layer, (40, 5), RandomStreams(1), 0)
    before = crossbar.devices.state.copy()
    crossbar.program(np.full((40, 5), 0.2))
    moved = crossbar.devices.state - before
    assert moved[0].min() > 0
    assert (moved[1] == 0).all()
    for sign in np.tile([-1, 1], 20):
        crossbar.program(np.full((40, 5), 0.2 * sign))
        plus, minus = crossbar.devices.state
        assert not ((np.maximum(plus, minus) > 0.75) & (np.minimum(plus, minus) > 0.25)).any()
    at_rest = crossbar.weights.mean()
    crossbar.program(np.full((40, 5), 0.1))
    assert crossbar.weights.mean() > at_rest + 0.02
    assert any("resetting" in one for one in crossbar.digital_support)
