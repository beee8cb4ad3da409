"""Energies of presentations: what neurons dissipate and what reading the crossbars costs, from simulated quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import brian2
import numpy as np

from brianff.crossbar.crossbar import DeviceCrossbar
from brianff.description import Layer, Network, PulseEncoding
from brianff.description.device import Device
from brianff.engines.lanes.engine import LanesEngine
from brianff.engines.population import Population
from brianff.goodness import Goodness
from brianff.inputs import PulseInput, SpikeInput

if TYPE_CHECKING:
    from brianff.simulator import Simulator

__all__ = ["LayerEnergy", "measure", "programming_energy", "resting_power"]


@dataclass(frozen=True)
class LayerEnergy:
    """Energies (joule) of one layer, summed over its neurons or synapses; arrays have the shape (presentations,).

    Parameters
    ----------
    dissipated : ndarray
        Heat of the neurons; nan where the neuron model has no power.
    delivered : ndarray
        What synaptic currents and batteries delivered to the neurons.
    stored : ndarray
        Growth of the energy on the membranes: delivered = dissipated + stored.
    resting : float
        Heat of the same neurons at rest during one presentation.
    read : ndarray
        Heat of both devices of all pairs while the input is read.
    spikes : ndarray
        Spikes of the layer.
    synaptic_events : ndarray
        Presynaptic events x neurons they reach.
    exposure : float
        Time (s) for which a presynaptic event holds the full voltage across its devices, in effect.
    """

    dissipated: np.ndarray
    delivered: np.ndarray
    stored: np.ndarray
    resting: float
    read: np.ndarray
    spikes: np.ndarray
    synaptic_events: np.ndarray
    exposure: float

    @classmethod
    def joined(cls, parts: Sequence[LayerEnergy]) -> LayerEnergy:
        """Return the energies of a layer in several batches as one; there must be at least one."""
        names = [field.name for field in fields(cls) if field.name not in ("resting", "exposure")]
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return cls(**arrays, resting=parts[0].resting, exposure=parts[0].exposure)


def measure(simulator: Simulator, images: np.ndarray, labels: np.ndarray) -> list[LayerEnergy]:
    """Present images with labels and return the energies of each layer; the simulator stays as it is.

    A presynaptic event of amplitude x puts the voltage ``read_voltage x s(t)`` across both devices of each of its
    pairs, where s is the alpha-shaped time course of the synaptic current, 1 at its peak. Its heat is
    ``(read_voltage x)^2 (G_plus + G_minus) x integral of s^2``; events of one input unit are taken one by one. Layers
    without devices are taken to have those of the preset "ideal".

    Parameters
    ----------
    simulator : Simulator
    images, labels
        As in `Simulator.present`.
    """
    with simulator.evaluation():
        inputs, weights = simulator.inputs(images, labels), simulator.read_weights()
    if simulator.response is not None and (account := simulator.response.account(inputs, weights)) is not None:
        of_layer = {name: answers.sums() for name, answers in account.items()}
        return [_looked_up(simulator, of_layer, inputs, weights[0])]
    network, count = simulator.network, len(inputs)
    duration = network.encoding.steps * float(network.time_step)
    engine = LanesEngine(network, simulator.goodness, seed=simulator.streams.seed, energy=True)
    sums = [{name: np.full(count, np.nan) for name in ("dissipated", "delivered", "stored")} for _ in network.layers]
    last = inputs.steps - 1

    def observe(number, presentations, step, read):
        if step == last and engine.populations[number].neuron.energy:
            for name in ("dissipated", "delivered"):
                sums[number][name][presentations] = read(name).sum(axis=1)
            population = engine.populations[number]
            growth = _stored(population, read("v")) - _stored(population, population.start("v"))
            sums[number]["stored"][presentations] = growth.sum(axis=1)

    results = engine.present(inputs, weights, spikes=True, observe=observe)
    energies = []
    for number, (layer, result) in enumerate(zip(simulator.layers, results, strict=True)):
        population = engine.populations[number]
        heat, reached, exposure = _reads(population, layer.crossbar, inputs)
        raster = result.raster
        assert raster is not None
        energies.append(
            LayerEnergy(
                **sums[number],
                resting=population.layer.neurons * resting_power(network, population.layer) * duration,
                read=heat,
                spikes=raster.sum(axis=(0, 2)),
                synaptic_events=reached,
                exposure=exposure,
            )
        )
        inputs = SpikeInput(raster)
    return energies


def _looked_up(simulator: Simulator, sums: dict[str, np.ndarray], inputs: Any, weights: np.ndarray) -> LayerEnergy:
    """Return the energies of a layer from sums (presentations,) over its neurons, which were looked up."""
    assert simulator.response is not None
    unknown, population = np.full(len(inputs), np.nan), simulator.response.table.fine_population
    if "stored" in sums:
        sums["stored"] = sums["stored"] - _stored(population, population.start("v"))[0, 0] * weights.shape[1]
    network, (layer,) = simulator.network, simulator.network.layers
    heat, reached, exposure = _reads(population, simulator.layers[0].crossbar, inputs)
    return LayerEnergy(
        dissipated=sums.get("dissipated", unknown),
        delivered=sums.get("delivered", unknown),
        stored=sums.get("stored", unknown),
        resting=layer.neurons * resting_power(network, layer) * network.encoding.steps * float(network.time_step),
        read=heat,
        spikes=sums["crossings"],
        synaptic_events=reached,
        exposure=exposure,
    )


def programming_energy(crossbar: DeviceCrossbar) -> dict[str, float]:
    """Return pulses, reads and energies (joule) spent on programming a crossbar since it was made.

    A pulse costs ``write_voltage^2 G write_time`` with G the mean of the conductances before and after it, or the
    device's `write_energy` where it has one; a verifying read ``read_voltage^2 G read_time``.
    """
    p, devices = crossbar.device.physics, crossbar.devices
    up, down, up_states, down_states, reads = devices.counts
    pulses = {
        "up": (up, p["G_off"] * up + devices.span * up_states),
        "down": (down, p["G_off"] * down + devices.span * down_states),
    }
    energy = {"verify": reads * p["read_voltage"] ** 2 * p["read_time"] * float(devices.conductances.mean())}
    for direction, (number, conductance) in pulses.items():
        heat = p[f"write_voltage_{direction}"] ** 2 * p[f"write_time_{direction}"] * conductance
        energy[direction] = number * p["write_energy"] if p["write_energy"] else heat
    return {
        "pulses_up": float(up),
        "pulses_down": float(down),
        "verify_reads": float(reads),
        "pulses_joule": float(energy["up"] + energy["down"]),
        "verify_joule": float(energy["verify"]),
    }


def resting_power(network: Network, layer: Layer) -> float:
    """Return the power (watt) of one neuron of a layer at rest; nan if its model has none.

    A neuron without input is simulated for 5 ms, in which it settles: 1,000 semi-implicit steps, whose fixed point does
    not depend on their size.
    """
    steps, time_step = 1000, 5 * brian2.us
    silent = layer.replace(neurons=1, neuron_spread={}, device=None)
    alone = network.replace(
        layers=[silent], encoding=PulseEncoding(steps=steps), time_step=time_step, method="semi_implicit"
    )
    if not silent.neuron.energy:
        return float("nan")
    engine = LanesEngine(alone, Goodness(), lanes=1, energy=True)
    dissipated = np.zeros(steps)

    def observe(number, presentations, step, read):
        dissipated[step] = read("dissipated")[0, 0]

    nothing = PulseInput(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1, int), np.zeros(1, int), steps, (0,))
    engine.present(nothing, [np.zeros((1, 1))], observe=observe)
    return float(dissipated[-1] - dissipated[-2]) / float(time_step)


def _stored(population: Population, voltage: np.ndarray | float) -> np.ndarray:
    """Return the energy on the membranes (joule) at voltages that broadcast to (presentations, neurons)."""
    values = {name: float(value) for name, value in population.parameters.items()}
    stored = eval(population.neuron.stored_energy, {}, values | population.spread | {"v": voltage})
    return np.broadcast_to(stored, np.broadcast_shapes(np.shape(stored), (1, population.layer.neurons)))


def _reads(population: Population, crossbar, inputs: PulseInput | SpikeInput) -> tuple[np.ndarray, np.ndarray, float]:
    """Return presentations' heat of the devices (joule) and events x neurons reached, and an event's exposure."""
    if isinstance(inputs, PulseInput):
        # Of frames, each has one pulse; the time course of the first is that of all.
        amplitudes, response = inputs.amplitudes, population.current.event_responses[0]
        amplitudes = amplitudes.reshape(len(inputs), -1, amplitudes.shape[-1])
        pulses = len(inputs.event_steps[0])
        squared, events = (amplitudes**2).sum(axis=1), np.count_nonzero(amplitudes, axis=1) * pulses
    else:
        response = population.current.pulse_response
        squared, events = inputs.spike_counts.astype(float), inputs.spike_counts
    shape = response / response.max()
    exposure = float(np.sum(shape**2)) * float(population.network.time_step)
    if isinstance(crossbar, DeviceCrossbar):
        voltage = crossbar.device.physics["read_voltage"]
        of_inputs = crossbar.by_input(crossbar.devices.conductances.sum(axis=0))
    else:  # pairs about the middle of the range: the sum of a pair does not depend on its weight
        p = Device().physics
        voltage = p["read_voltage"]
        of_inputs = (p["G_on"] + p["G_off"]) * crossbar.fan_out
    return voltage**2 * exposure * (squared @ of_inputs), events @ crossbar.fan_out, exposure
