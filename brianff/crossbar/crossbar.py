"""The crossbar: owner of a layer's weights and of the devices that hold them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from brianff.acceleration.threads import share
from brianff.arguments import explained
from brianff.arrays import checked
from brianff.crossbar.device_array import DOWN, UP, DeviceArray
from brianff.crossbar.wires import transfer
from brianff.description import Layer, Network
from brianff.description.device import Device
from brianff.description.fields import Real, argument, shown
from brianff.equations.parameters import NOT_NEGATIVE, POSITIVE, SHARE
from brianff.errors import ConfigurationError, DataError
from brianff.random import RandomStreams

__all__ = ["Crossbar", "DeviceCrossbar", "connections", "make_crossbar"]

PART = 65_536
"""Ideal weights that change at a time."""

BLOCK = 32_768
"""Pairs programmed at a time, few enough for the processor's cache. Part of the results: noise is drawn by block."""


def connections(network: Network, number: int, streams: RandomStreams) -> np.ndarray | None:
    """Return which inputs each neuron of a layer is connected to, bool (inputs, neurons); None: to all.

    Parameters
    ----------
    network : Network
    number : int
        Number of the layer.
    streams : RandomStreams
        Their "receptive fields <number>" draws.

    Raises
    ------
    ConfigurationError
        If the layer's receptive field does not fit, or gives something else.
    """
    layer, below = network.layers[number], network.layers[:number]
    if layer.receptive_field is None:
        return None
    units = below[-1].neurons if below else network.pixels
    found = layer.receptive_field.connected(units, layer.neurons, streams[f"receptive fields {number}"])
    if np.shape(found) != (units, layer.neurons) or found.dtype != bool:
        raise ConfigurationError(
            f"{type(layer.receptive_field).__name__} gave {np.shape(found)}; connections are an array of bool, (units, "
            f"neurons) = {(units, layer.neurons)}"
        )
    if below:
        return found
    lines, labels = network.encoding.lines, network.inputs - network.image_units
    if network.label.placement == "pixels":
        found[: network.classes * network.label.rows] = True
    return np.vstack([*[found] * lines, np.ones((labels, layer.neurons), dtype=bool)])


def make_crossbar(
    layer: Layer,
    shape: tuple[int, int],
    streams: RandomStreams,
    number: int,
    connected: np.ndarray | None = None,
) -> Crossbar:
    """Return the crossbar of a layer with its initial weights.

    Parameters
    ----------
    layer : Layer
    shape : tuple of int
        Inputs and neurons.
    streams : RandomStreams
        Their "weights <number>", "devices <number>" and "pulses <number>" draw the initial weights, what differs from
        device to device, and the noise of programming.
    number : int
        Number of the layer.
    connected : ndarray of bool, shape (inputs, neurons), or None
        Which synapses there are, as `connections` returns them; None: all.
    """
    weights = streams[f"weights {number}"].normal(0.0, layer.initial_weight_deviation, shape)
    if layer.device is None:
        return Crossbar(weights, layer.weight_bound, connected)
    return DeviceCrossbar(weights, layer.weight_bound or 1.0, layer.device, streams, number, connected)


@explained
class Crossbar:
    """Weights of one layer, ideal: plain numbers without devices, optionally bounded.

    Parameters
    ----------
    weights : ndarray, shape (inputs, neurons)
    bound : float or None
        Weights are kept in [-bound, bound].
    connected : ndarray of bool, shape (inputs, neurons), or None
        Which synapses there are; the weights of others are 0, and no change or device is spent on them. None: all.

    Attributes
    ----------
    weights : ndarray, shape (inputs, neurons)
        What a read without noise gives, in units of weight. Change it by `program` only.
    fan_out : ndarray of int, shape (inputs,)
        Number of neurons that each input is connected to.
    """

    threads = 1

    def __init__(self, weights: np.ndarray, bound: float | None = None, connected: np.ndarray | None = None):
        self.weights = np.array(checked("weights", weights, (None, None)), dtype=float)
        self.bound = None if bound is None else argument("bound", bound, Real(POSITIVE))
        self.connected = connected
        if connected is not None:
            self.connected = checked("connected", connected, self.weights.shape, kind="bool")
        self._add(np.broadcast_to(0.0, self.weights.shape))

    @property
    def fan_out(self) -> np.ndarray:
        """Synapses of each input, shape (inputs,)."""
        inputs, neurons = self.weights.shape
        return np.full(inputs, neurons) if self.connected is None else self.connected.sum(axis=1)

    @property
    def noisy(self) -> bool:
        """Whether two reads of the same weights differ."""
        return False

    @property
    def digital_support(self) -> tuple[str, ...]:
        """What programming needs beside the crossbar, in words."""
        return ()

    def program(self, change: np.ndarray) -> None:
        """Add a change (inputs, neurons) to the weights; how much of it arrives is up to the devices, and to Ctrl-C.

        Raises
        ------
        DataError
            If it has another shape, or numbers that are not finite.
        """
        self._add(checked("change", change, self.weights.shape))

    def _add(self, change: np.ndarray) -> None:
        part = -(-PART // max(1, self.weights.shape[1]))

        def add(first: int) -> None:
            rows = slice(first, first + part)  # they stay in the cache between the passes
            self.weights[rows] += change[rows]
            self._limit(rows)

        try:
            share(add, range(0, len(self.weights), part), self.threads)
        except BaseException:  # Ctrl-C: a part of the change has arrived
            self._limit(slice(None))
            raise

    def _limit(self, part: slice) -> None:
        """Keep some rows of weights within the bound, and at 0 where there is no synapse."""
        rows = self.weights[part]
        if self.bound is not None:
            np.clip(rows, -self.bound, self.bound, out=rows)
        if self.connected is not None:
            rows *= self.connected[part]

    def __repr__(self) -> str:
        inputs, neurons = self.weights.shape
        return f"{type(self).__name__}(inputs={inputs}, neurons={neurons}, bound={self.bound})"

    def adopt(self, weights: np.ndarray) -> None:
        """Take over weights (inputs, neurons) that were learned elsewhere, as `program` would a change."""
        weights = checked("weights", weights, self.weights.shape)
        self.weights[:] = weights if self.connected is None else weights * self.connected

    def read(self, generator: np.random.Generator) -> np.ndarray:
        """Return the weights as one read shows them, shape (inputs, neurons); `generator` draws the read noise."""
        return self.weights

    def state(self) -> dict[str, np.ndarray]:
        """Return a copy of everything that training changes: for checkpoints, and to keep the best weights.

        What differs from device to device is not in it: that follows from the seed.
        """
        return {name: array.copy() for name, array in self.arrays.items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Put the crossbar into a state that `state` returned; a DataError if it is that of another one."""
        own = self.arrays
        if not isinstance(state, Mapping) or state.keys() != own.keys():
            raise DataError(f"state is {shown(state)}; it must hold {', '.join(own)}, as state() returns it")
        found = {name: checked(f"state {name!r}", state[name], array.shape) for name, array in own.items()}
        for name, array in own.items():
            array[:] = found[name]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What training changes, the arrays themselves."""
        return {"weights": self.weights}


class DeviceCrossbar(Crossbar):
    """Weights as differences of two bounded conductances, programmed by pulses.

    With x the state of a device, a weight is ``bound (x_plus - x_minus)``. Both devices of a pair start in the middle
    of their range. A wanted change moves x_plus by one half of it and x_minus by the other half the other way. Pairs
    that are one-sided start near the lower end: the whole of a change moves one of them up.

    Read noise is drawn once for each batch of presentations that is read: it is taken as slow (1/f) noise that stands
    still during the milliseconds of a batch. The fast part, which differs between the presentations of a batch, is
    neglected.

    Parameters
    ----------
    weights : ndarray, shape (inputs, neurons)
        Initial weights; they are programmed by pulses too.
    bound : float
        Weight of a pair at full range.
    device : Device
    streams : RandomStreams
    number : int
        Number of the layer, part of the names of its random streams.
    connected : ndarray of bool, shape (inputs, neurons), or None
        Which pairs there are; None: all. The arrays of `devices` hold those that there are, row by row.
    """

    def __init__(
        self,
        weights: np.ndarray,
        bound: float,
        device: Device,
        streams: RandomStreams,
        number: int,
        connected: np.ndarray | None = None,
    ):
        self.device, self.connected = device, connected
        self._places = None if connected is None else np.flatnonzero(connected)
        self.streams, self._stream = streams, f"pulses {number}"
        generator = streams[f"devices {number}"]
        self.devices = DeviceArray(device, weights.size if self._places is None else self._places.size, generator)
        self.devices.stick(device.stuck_on, device.stuck_off, device.stuck_anywhere, generator)
        self.bound = self.full_scale = bound
        self.weights = np.zeros(weights.shape)
        self._refresh(slice(None))
        self._add(weights - self.weights)

    @property
    def noisy(self) -> bool:
        return bool(self.device.physics["read_noise"])

    @property
    def digital_support(self) -> tuple[str, ...]:
        support = []
        if not self.devices.continuous:
            support.append("rounding to whole pulses at random at each weight, such as by coincident pulse trains")
        if self.device.compensation == "nonlinearity":
            support.append("reading each device before it is programmed, and a table of its mean pulse response")
        if self.device.programming == "program-and-verify":
            support.append("reading and comparing each weight after it is programmed, and holding its target")
        if self.device.physics["one_sided"]:
            support.append(
                "reading the pairs after they are programmed, resetting those near the end and writing them anew"
            )
        return tuple(support)

    def _add(self, change: np.ndarray) -> None:
        """Program a change of the weights by pulses."""
        if self.connected is not None:
            change = np.asarray(change * self.connected)
        try:
            if self.device.programming == "open-loop":
                self._pulse(change)
            else:
                self._program_and_verify(change)
            if self.device.physics["one_sided"]:
                self._renew_pairs()
        except BaseException:  # Ctrl-C between a pulse and the weights that it makes
            self._refresh(slice(None))
            raise

    def _program_and_verify(self, change: np.ndarray) -> None:
        # Stuck and saturated devices never arrive: the rounds are bounded.
        target, error = self.read(self._generator) + change, change
        # An error that one more pulse would not mend is none.
        tolerance = self.full_scale * (1e-9 if self.devices.continuous else self.devices.nominal_step)
        for _ in range(1 + self.device.verify_rounds):
            self._pulse(error)
            error = np.where(change != 0, target - self.read(self._generator), 0.0)
            self.devices.counts[4] += 2 * np.count_nonzero(change)
            error[np.abs(error) <= tolerance] = 0.0
            if not error.any():
                break

    def _renew_pairs(self) -> None:
        """Reset both devices of pairs that can hardly be pulsed on, and write their differences anew."""
        p, (plus, minus) = self.device.physics, self.devices.converted(self.devices.visible)
        full = (np.maximum(plus, minus) > p["refresh_upper"]) & (np.minimum(plus, minus) > p["refresh_lower"])
        self.devices.counts[4] += 2 * full.size
        if not full.any():
            return
        self.devices.reset(np.stack([full, full]), self._generator)
        self._pulse(self._as_weights(np.where(full, plus - minus, 0)))

    def adopt(self, weights: np.ndarray) -> None:
        self._add(checked("weights", weights, self.weights.shape) - self.weights)

    def read(self, generator: np.random.Generator) -> np.ndarray:
        devices, weights = self.devices, self.weights
        if self.device.physics["read_levels"]:
            return self._converted(generator)
        if self.device.physics["wire_resistance"]:
            plus, minus = self._lost_in_wires()
            weights = weights - self._as_weights(plus - minus)
        if not self.noisy:
            return weights
        deviation = np.hypot(*devices.read_deviation())
        return weights + self._as_weights(deviation * generator.standard_normal(deviation.size))

    def _converted(self, generator: np.random.Generator) -> np.ndarray:
        """Return the weights as a converter shows them that reads one device after the other."""
        states = self.devices.visible.astype(float)
        if self.device.physics["wire_resistance"]:
            states -= self._lost_in_wires()
        if self.noisy:
            states += self.devices.read_deviation() * generator.standard_normal(states.shape)
        plus, minus = self.devices.converted(states)
        return self._as_weights(plus - minus)

    def _lost_in_wires(self) -> np.ndarray:
        """Return by how much the ends of the wires show smaller states, shape (2, pairs)."""
        shape, there = (2, *self.weights.shape), slice(None) if self._places is None else self._places
        conductances = np.zeros((2, self.weights.size))
        conductances[:, there] = self.devices.conductances
        lost = [G - transfer(G, self.device.physics["wire_resistance"]) for G in conductances.reshape(shape)]
        return np.reshape(lost, (2, -1))[:, there] / self.devices.span

    def _as_weights(self, differences: np.ndarray) -> np.ndarray:
        """Return the weights (inputs, neurons) of pairs whose states differ by so much; 0 where there is no pair."""
        weights = np.zeros(self.weights.shape)
        weights.reshape(-1)[slice(None) if self._places is None else self._places] = differences
        weights *= self.full_scale
        return weights

    def by_input(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over each input's pairs, shape (inputs,), of values of all pairs (pairs,)."""
        inputs, neurons = self.weights.shape
        if self._places is None:
            return values.reshape(inputs, neurons).sum(axis=1)
        return np.bincount(self._places // neurons, weights=values, minlength=inputs)

    def drift(self, seconds: float) -> None:
        """Let time pass since the last programming; see `DeviceArray.drift`."""
        seconds = argument("seconds", seconds, Real(NOT_NEGATIVE))
        self.devices.drift(seconds, self._generator)
        self._refresh(slice(None))

    def disturb(self, pulses: float | np.ndarray) -> None:
        """Let devices creep as so many read pulses push them; see `DeviceArray.disturb`.

        Parameters
        ----------
        pulses : float or ndarray, shape (inputs,)
            At the read voltage, on all devices or on those of each input.
        """
        inputs, neurons = self.weights.shape
        pulses = checked("pulses", pulses, (), (inputs,), range=NOT_NEGATIVE)
        each = np.repeat(np.broadcast_to(pulses, inputs), neurons)
        self.devices.disturb(each if self._places is None else each[self._places])
        self._refresh(slice(None))

    def stick(self, on: float = 0.0, off: float = 0.0, anywhere: float = 0.0) -> None:
        """Let random shares of the devices stick from now on; see `DeviceArray.stick`."""
        for name, part in {"on": on, "off": off, "anywhere": anywhere}.items():
            argument(name, part, Real(SHARE))
        argument("on + off + anywhere", on + off + anywhere, Real(SHARE))
        self.devices.stick(on, off, anywhere, self._generator)
        self._refresh(slice(None))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        devices = self.devices
        arrays = {"weights": self.weights, "devices": devices.state, "counts": devices.counts}
        more = {"offsets": devices.offset, "pulsed": devices.pulsed}
        return arrays | {name: array for name, array in more.items() if array is not None}

    @property
    def _generator(self) -> np.random.Generator:
        return self.streams[self._stream]  # looked up anew: restoring a checkpoint replaces the generators

    def _pulse(self, change: np.ndarray) -> None:
        """Pulse both devices of each pair, each for one half of the change."""
        flat = np.ascontiguousarray(change).reshape(-1)
        if self._places is not None:
            flat = flat[self._places]
        generator, kind = self._generator, self.devices.state.dtype
        for start in range(0, flat.size, BLOCK):
            block = slice(start, min(start + BLOCK, flat.size))
            wanted = (flat[block] * (0.5 / self.full_scale)).astype(kind)  # of the adding device's state
            for polarity, signed in enumerate((wanted, -wanted)):
                if self.devices.continuous:
                    self.devices.write(polarity, block, signed)
                else:
                    if self.device.physics["one_sided"]:  # one device makes the whole change
                        signed = 2 * np.maximum(signed, 0)
                    pulses = self._pulse_numbers(signed, polarity, block)
                    self.devices.pulse(polarity, block, pulses, generator)
            self._refresh(block)

    def _pulse_numbers(self, wanted: np.ndarray, polarity: int, block: slice) -> np.ndarray:
        """Return whole numbers of pulses, negative for depression, that cause wanted changes of state on average."""
        if self.device.compensation == "nonlinearity":
            steps = (self.devices.mean_step(direction, polarity, block) for direction in (UP, DOWN))
            pulses = wanted / np.where(wanted > 0, *steps)
        else:
            pulses = wanted * np.float32(1 / self.devices.nominal_step)
        # Rounding at random with 16 random bits: probabilities are exact to 2^-17.
        words = np.asarray(self._generator.bit_generator.random_raw(-(-wanted.size // 4)))
        uniform = words.view(np.uint16)[: wanted.size] + np.float32(0.5)
        uniform *= np.float32(2.0**-16)
        pulses += uniform
        return np.floor(pulses, out=pulses)

    def _refresh(self, block: slice) -> None:
        plus, minus = self.devices.seen(block)
        if self._places is not None:
            self.weights.reshape(-1)[self._places[block]] = self.full_scale * (plus - minus).astype(float)
            return
        flat = self.weights.reshape(-1)[block]
        flat[:] = plus - minus
        flat *= self.full_scale
