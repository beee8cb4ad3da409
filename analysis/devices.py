"""Figures of devices: how pulses program a synapse, and the pinched hysteresis of the neuron's volatile memristor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import COLOURS, GREY, letters, new_axes, new_figure, require, si_unit
from brianff.crossbar.device_array import DOWN, UP, DeviceArray
from brianff.description.device import Device
from brianff.description.parts import DEVICES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from brianff.device_fit import DeviceFit

__all__ = ["device_sheet", "hysteresis", "measured_and_simulated", "potentiation_depression", "sine_response"]


def device_sheet() -> np.ndarray:
    """Plot the curves of all presets that pulses program, and the hysteresis of the volatile memristor, on one sheet.

    Returns
    -------
    ndarray of Axes
    """
    pulsed = [device for name in DEVICES if (device := Device(preset=name)).responses]
    rows = -(-(len(pulsed) + 1) // 4)
    axes = new_figure((9.0, 2.6 * rows)).subplots(rows, 4).ravel()
    for ax, device in zip(axes, pulsed, strict=False):
        potentiation_depression(device, ax=ax)
    hysteresis(ax=axes[len(pulsed)])
    for spare in axes[len(pulsed) + 1 :]:
        spare.remove()
    letters(axes[: len(pulsed) + 1], offset=-22)
    return axes[: len(pulsed) + 1]


def potentiation_depression(
    device: Device, pulses: tuple[int, int] | None = None, devices: int = 20, seed: int = 1, ax: Axes | None = None
) -> Axes:
    """Plot the conductance of some devices of one kind under potentiating and then depressing pulses.

    Parameters
    ----------
    device : Device
        One that is programmed by pulses.
    pulses : tuple of int, optional
        Numbers of pulses; default: as many as lead the mean device through 95 % of its range.
    devices : int
        Number of devices; each has its own spread and noise.
    seed : int
    ax : Axes, optional

    Returns
    -------
    Axes
        Single devices (grey), and the mean law without noise.

    Examples
    --------
    >>> potentiation_depression(Device(preset="linear"), devices=2).get_ylabel()
    'conductance (µS)'
    """
    array = DeviceArray(device, devices, np.random.default_rng(seed))
    require(not array.continuous, f"device {device.name!r} is set in one pulse: it has no curve")
    noiseless = {name: 0.0 for name in device.physics if name.endswith(("spread", "noise")) or "error" in name}
    mean = DeviceArray(device.replace(parameters=device.parameters | noiseless), 1, np.random.default_rng(seed))
    numbers = pulses or _pulses_needed(mean)
    generator = np.random.default_rng(seed)
    course: list[np.ndarray] = []
    ideal: list[np.ndarray] = []
    for population, record in ((array, course), (mean, ideal)):
        population.state[0] = 0.0 if population.bounds is None else population.bounds[0][0]
        record.append(population.conductances[0])
        for direction, number in zip((1, -1), numbers, strict=True):
            for _ in range(number):
                applied = np.full(population.state.shape[1], direction, np.float32)
                population.pulse(0, slice(None), applied, generator)
                record.append(population.conductances[0])
    scale, unit = (1e9, "nS") if device.physics["G_on"] < 1e-7 else (1e6, "µS")
    ax = new_axes(ax, (4.0, 2.6))
    count = np.arange(sum(numbers) + 1)
    ax.plot(count, scale * np.array(course), color=GREY, alpha=0.3, linewidth=0.5)
    ax.plot(count, scale * np.array(ideal), color=COLOURS[0], linewidth=1.5)
    ax.axvline(numbers[0], color=GREY, linestyle=":", linewidth=0.8)
    ax.set(xlabel="pulses (up, then down)", ylabel=f"conductance ({unit})")
    ax.set_title(device.name, fontsize=9)
    return ax


def measured_and_simulated(fit: DeviceFit, seed: int = 1, axes: np.ndarray | None = None) -> np.ndarray:
    """Plot measured pulse trains beside those of as many fitted devices, which start from the same readings.

    Parameters
    ----------
    fit : DeviceFit
        See `brianff.fit_device`.
    seed : int
    axes : array of Axes, optional
        Two, for pulses up and down.

    Returns
    -------
    ndarray of Axes
    """
    if axes is None:
        axes = new_figure((7.0, 2.8)).subplots(1, 2, sharey=True)
    for ax, (way, sign) in zip(axes, (("up", 1), ("down", -1)), strict=True):
        rows = fit.trains[fit.trains["direction"] == way]
        # A shorter train is simulated to the length of the longest.
        pulses = rows.pivot_table("pulse", ["device", "cycle"], rows.groupby(["device", "cycle"]).cumcount()).to_numpy()
        measured = rows.pivot_table("conductance", ["device", "cycle"], rows.groupby(["device", "cycle"]).cumcount())
        simulated = _simulated(fit.device, measured.to_numpy()[:, 0], sign * np.diff(pulses), seed)
        for number, (course, colour, label) in enumerate(
            ((measured.to_numpy(), GREY, "measured"), (simulated, COLOURS[0], "simulated"))
        ):
            ax.plot(pulses.T, 1e6 * course.T, color=colour, alpha=0.25, linewidth=0.5, zorder=1 + number)
            mean = np.nanmean(course, axis=0)
            ax.plot(
                np.nanmean(pulses, axis=0),
                1e6 * mean,
                color=colour,
                linewidth=2 if len(course) > 1 else 1,
                label=label,
                zorder=3 + number,
            )
        ax.set(xlabel=f"pulses {way}")
    axes[0].set_ylabel("conductance (µS)")
    axes[0].legend(frameon=False, fontsize=8)
    return axes


def _simulated(device: Device, start: np.ndarray, pulses: np.ndarray, seed: int) -> np.ndarray:
    """Return readings of devices that start from conductances and receive pulses (devices, times)."""
    generator = np.random.default_rng(seed)
    array, p = DeviceArray(device, len(start), generator), device.physics
    array.state[0] = (start - p["G_off"]) / array.span
    readings = [start]
    for number in np.nan_to_num(pulses).T:
        array.pulse(0, slice(None), number.astype(np.float32), generator)
        G = array.conductances[0]
        noise = p["read_noise"] * p["G_on"] * (G / p["G_on"]) ** (1 - p["read_noise_exponent"])
        readings.append(G + noise * generator.standard_normal(len(G)))
    return np.array(readings).T


def _pulses_needed(mean: DeviceArray) -> tuple[int, int]:
    """Return how many pulses lead a device through 95 % of its range, up and down."""
    numbers = np.unique(np.geomspace(1, 1e5, 400).astype(int))
    within = [int(np.sum(response.advance(np.zeros(1), numbers) <= 0.95)) for response in mean.responses]
    return int(numbers[max(within[UP] - 1, 0)]), int(numbers[max(within[DOWN] - 1, 0)])


def hysteresis(
    frequencies: Sequence[float] = (100.0, 1000.0, 10_000.0), amplitude: float = 0.2, ax: Axes | None = None
) -> Axes:
    """Plot current against voltage of the volatile memristor of the MIF neuron under a sine voltage.

    The loop is pinched at the origin and closes as the frequency rises above the rate of switching: the fingerprint of
    a memristor (Chua, Semiconductor Science and Technology 29:104001, 2014).

    Parameters
    ----------
    frequencies : sequence of float
        Frequencies (Hz) of the voltage.
    amplitude : float
        Its amplitude (V).
    ax : Axes, optional

    Returns
    -------
    Axes
        The last of two periods for each frequency.

    Examples
    --------
    >>> hysteresis([1000.0]).get_ylabel()
    'current (µA)'
    """
    ax = new_axes(ax, (3.6, 2.8))
    for colour, frequency in zip(COLOURS, frequencies, strict=False):
        voltage, current = sine_response(frequency, amplitude)
        factor, unit = si_unit(np.array([frequency]), "Hz")
        ax.plot(1e3 * voltage, 1e6 * current, color=colour, label=f"{frequency * factor:g} {unit}")
    ax.axhline(0, color=GREY, linewidth=0.5)
    ax.axvline(0, color=GREY, linewidth=0.5)
    ax.set(xlabel="voltage (mV)", ylabel="current (µA)")
    ax.set_title("volatile memristor", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return ax


def sine_response(frequency: float, amplitude: float, steps: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Return voltage (V) and current (A) of the volatile memristor during the second period of a sine voltage.

    Brian2 integrates the equations of `brianff.equations.memristor` with `steps` time steps in a period.
    """
    import brian2

    from brianff.acceleration.compiled import generating
    from brianff.equations import MIF
    from brianff.equations.functions import FUNCTIONS
    from brianff.equations.memristor import BOLTZMANN_FACTOR, volatile_memristor

    equations = (
        "v = amplitude*sin(2*pi*frequency*t) : volt\ncurrent = G1*v : amp\n" + BOLTZMANN_FACTOR + volatile_memristor(1)
    )
    namespace = {**FUNCTIONS, **MIF.namespace(E1=0 * brian2.volt)}
    namespace |= {"amplitude": amplitude * brian2.volt, "frequency": frequency * brian2.Hz}
    with generating():
        clock = brian2.Clock(brian2.second / frequency / steps, name="hysteresis_clock")
        device = brian2.NeuronGroup(
            1, equations, method="exponential_euler", namespace=namespace, clock=clock, name="hysteresis"
        )
        monitor = brian2.StateMonitor(device, ["v", "current"], record=True, name="hysteresis_monitor")
        brian2.Network(device, monitor).run(2 * brian2.second / frequency, namespace={})
        return np.asarray(monitor.v)[0, steps:], np.asarray(monitor.current)[0, steps:]
