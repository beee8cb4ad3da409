"""Many synaptic devices side by side: their states, how each differs from the mean one, faults, and noise."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from brianff.description.device import Device
from brianff.equations.pulse_response import symmetry_point

__all__ = ["DeviceArray"]

UP, DOWN = 0, 1
"""Directions of a pulse: potentiation and depression."""


class DeviceArray:
    """Pairs of devices; see `brianff.equations.devices` for the meaning of the parameters.

    Spreads from device to device are normal, and clipped where a value would have no meaning: steps at 0, the lower
    end of the range at zero conductance.

    Parameters
    ----------
    device : Device
        Its stuck shares are not looked at: see `stick`.
    pairs : int
    generator : numpy.random.Generator
        Draws what differs from device to device.

    Attributes
    ----------
    state : ndarray, shape (2, pairs)
        Shares of the nominal range: first the devices that add to a weight, then those that subtract.
    counts : ndarray, shape (5,)
        Pulses up, pulses down, each pulse weighted with the mean state during it (up, down), and device reads.
    responses : tuple of PulseResponse
        Mean laws of potentiation and depression; empty: any change in one pulse.
    reference : ndarray, shape (2, pairs), or None
        What reads subtract from each state, less the mean device's symmetry point.
    pulsed : ndarray, shape (2, pairs), or None
        Pulses that each device has had; None: devices endure any number.
    bounds : tuple of ndarray, shape (2, pairs), or None
        Lower and upper end of each device's range; None: 0 and 1. A stuck device has a range of zero width.
    """

    def __init__(self, device: Device, pairs: int, generator: np.random.Generator):
        self.physics = physics = device.physics
        self.responses = device.responses
        self.continuous = not self.responses
        shape = (2, pairs)
        # Single precision: a device's noise is far above it, and programming is bound by memory.
        self._type = np.float64 if self.continuous else np.float32
        self.state = np.full(shape, 0.5, dtype=self._type)
        self.offset = np.zeros(shape, dtype=self._type) if physics["write_noise"] else None
        self.counts = np.zeros(5)
        self._factors: list | None = None
        self._gains: list | None = None
        self.bounds: tuple[np.ndarray, np.ndarray] | None = None
        self.reference: np.ndarray | None = None
        self._reset_states: np.ndarray | None = None
        self._own_range = device.base.law.own_range
        self._middle = symmetry_point(*self.responses) if self._own_range or physics["reference"] else 0.5
        self.pulsed: np.ndarray | None = None
        self._draw_spreads(generator)
        if physics["endurance"]:
            spread = physics["endurance_log_spread"] * generator.standard_normal(shape)
            self._endured = physics["endurance"] * np.exp(spread)
            self.pulsed = np.zeros(shape)
        if physics["reference"]:
            self._subtract_reference(generator)
        self._creep: np.ndarray | float = physics["read_disturb"]
        if physics["read_disturb_spread"]:
            self._creep = self._creep + physics["read_disturb_spread"] * generator.standard_normal(shape)
        if physics["one_sided"]:
            self.reset(np.full(shape, True), generator)

    def _draw_spreads(self, generator: np.random.Generator) -> None:
        p, shape = self.physics, self.state.shape

        def normal(deviation: float) -> np.ndarray:
            return deviation * generator.standard_normal(shape, dtype=self._type)

        if p["device_spread"] or p["asymmetry_spread"] or p["device_log_spread"]:
            common, difference = 1 + normal(p["device_spread"]), normal(p["asymmetry_spread"])
            if p["device_log_spread"]:
                common = common * np.exp(normal(p["device_log_spread"]))
            self._factors = [np.maximum(common + difference, 0), np.maximum(common - difference, 0)]
        self._gains = self._factors
        if p["bound_spread"]:
            half = 0.5 * p["bound_spread_difference"]
            lower, upper = normal(p["bound_spread"] - half), 1 + normal(p["bound_spread"] + half)
            if self._own_range == "slope":  # no device's range ends before the symmetry point
                lower = self._middle - np.abs(self._middle - lower)
                upper = self._middle + np.abs(upper - self._middle)
            lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
            self._set_bounds(np.maximum(lower, -p["G_off"] / self.span), upper)
            if self._own_range:
                self._factors = [
                    factor * gain for factor, gain in zip(self._own_factors(), self._gains or (1, 1), strict=True)
                ]

    def _own_factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return factors of steps up and down along each device's own range, in shares of that range."""
        lower, upper = self.bounds or (0.0, 1.0)
        if self._own_range == "slope":
            room = np.maximum(upper - self._middle, 1e-6), np.maximum(self._middle - lower, 1e-6)
            return (1 - self._middle) / room[UP], self._middle / room[DOWN]
        width = np.maximum(upper - lower, 1e-6)
        return 1 / width, 1 / width

    def _subtract_reference(self, generator: np.random.Generator) -> None:
        """Let reads be relative to each device's own symmetry point, as well as that is known, and start from there."""
        low, high = np.zeros(self.state.shape), np.ones(self.state.shape)
        lower, upper = self.bounds or (low, high)
        factors = self._factors or (1.0, 1.0)
        for _ in range(30):
            y = (low + high) / 2
            rises = self.responses[UP].single(y, factors[UP]) > self.responses[DOWN].single(1 - y, factors[DOWN])
            low, high = np.where(rises, y, low), np.where(rises, high, y)
        self.state[:] = lower + y * (upper - lower) if self._own_range else y
        drawn = self.physics["reference_spread"] * generator.standard_normal(self.state.shape)
        self.reference = (self.state - self._middle + drawn).astype(self._type)

    def reset(self, chosen: np.ndarray, generator: np.random.Generator) -> None:
        """Put chosen devices, bool (2, pairs), near the lower end of their range in one large pulse each."""
        p = self.physics
        if self.pulsed is not None:
            self.pulsed[chosen] += 1
            chosen = chosen & (self.pulsed <= self._endured)
        if self._reset_states is None:
            drawn = p["reset_device_spread"] * generator.standard_normal(self.state.shape)
            self._reset_states = (p["reset_state"] + drawn).astype(self._type)
        noise = p["reset_spread"] * generator.standard_normal(np.count_nonzero(chosen))
        lower, upper = self.bounds or (np.zeros_like(self.state), np.ones_like(self.state))
        self.counts[DOWN] += noise.size
        self.counts[2 + DOWN] += 0.5 * float(self.state[chosen].sum())
        self.state[chosen] = np.clip(self._reset_states[chosen] + noise, lower[chosen], upper[chosen])
        if self.offset is not None:
            self.offset[chosen] = 0

    def _set_bounds(self, lower: np.ndarray, upper: np.ndarray) -> None:
        self.bounds = lower, upper
        np.clip(self.state, lower, upper, out=self.state)

    @property
    def span(self) -> float:
        """Nominal range of a conductance (siemens)."""
        return self.physics["G_on"] - self.physics["G_off"]

    @property
    def visible(self) -> np.ndarray:
        """States as a read without noise shows them, shape (2, pairs)."""
        return self.seen(slice(None))

    def seen(self, block: slice) -> np.ndarray:
        """Return the states of a block as a read without noise shows them, shape (2, pairs)."""
        states = self.state[:, block] if self.offset is None else self.state[:, block] + self.offset[:, block]
        return states if self.reference is None else states - self.reference[:, block]

    @property
    def _held(self) -> np.ndarray:
        """States with the noise of writing."""
        return self.state if self.offset is None else self.state + self.offset

    @property
    def conductances(self) -> np.ndarray:
        """Conductances (siemens), shape (2, pairs)."""
        return np.maximum(self.physics["G_off"] + self.span * self._held.astype(float), 0.0)

    def stick(self, on: float, off: float, anywhere: float, generator: np.random.Generator) -> None:
        """Let random shares of all devices stick: at the upper end of their range, at the lower end, or anywhere in it.

        A device that sticks already stays where it is.
        """
        if on + off + anywhere == 0.0:
            return
        draw, places = generator.random(self.state.shape), generator.random(self.state.shape)
        stuck = draw < on + off + anywhere
        places[draw < on + off], places[draw < on] = 0.0, 1.0
        lower, upper = self.bounds or (np.zeros_like(self.state), np.ones_like(self.state))
        places = (lower + places * (upper - lower)).astype(self._type)
        if self.offset is not None:
            self.offset[stuck] = 0
        # A range of zero width: pulses are spent on a stuck device like on any other, and move nothing.
        self._set_bounds(np.where(stuck, places, lower), np.where(stuck, places, upper))

    @cached_property
    def nominal_step(self) -> float:
        """Effect of one pulse on the mean device in the middle of its range: the mean of the directions in use."""
        used = self.responses[:1] if self.physics["one_sided"] else self.responses
        return float(np.mean([response.single(0.5) for response in used]))

    def mean_step(self, direction: int, polarity: int, block: slice) -> np.ndarray:
        """Return the effect of one pulse on the mean device in the state in which each device is."""
        state = self._held[polarity, block]
        distance = state if direction == UP else 1 - state
        return np.maximum(self.responses[direction].single(np.clip(distance, 0, 1)), 1e-9)

    def pulse(self, polarity: int, block: slice, pulses: np.ndarray, generator: np.random.Generator) -> None:
        """Apply pulses to one device of each pair of a block.

        Parameters
        ----------
        polarity : int
            0: the devices that add to a weight; 1: those that subtract.
        block : slice
            Pairs.
        pulses : ndarray
            Number of pulses of each device: positive up, negative down.
        generator : numpy.random.Generator
            Draws the noise, for pulsed devices only.
        """
        for direction, response in enumerate(self.responses):
            chosen = np.flatnonzero(pulses > 0 if direction == UP else pulses < 0)
            if not chosen.size:
                continue
            number = np.abs(pulses[chosen])
            state = self.state[polarity, block]
            if self.pulsed is not None:
                chosen, number = self._enduring(direction, polarity, block, chosen, number)
                if not chosen.size:
                    continue
            before = state[chosen]
            place, width = self._own_place(polarity, block, chosen) if self._own_range else (before, None)
            distance = place if direction == UP else 1 - place
            factor = 1.0 if self._factors is None else self._factors[direction][polarity, block][chosen]
            one_each = number.max() == 1
            covered = response.single(distance, factor) if one_each else response.advance(distance, number, factor)
            if width is not None:
                covered = covered * width
            gain = 1.0
            if self.physics["own_cycle_noise"] and self._gains is not None:
                gain = self._gains[direction][polarity, block][chosen]
            covered = self._noisy(covered, before, gain, None if one_each else number, generator)
            after = before + covered if direction == UP else before - covered
            self._settle(polarity, block, chosen, after, generator)
            self.counts[direction] += float(number.sum())
            self.counts[2 + direction] += 0.5 * float(number @ before + number @ state[chosen])

    def _enduring(self, direction, polarity, block, chosen, number) -> tuple[np.ndarray, np.ndarray]:
        """Count the pulses of chosen devices; return those that work still. Pulses on the others are spent in vain."""
        assert self.pulsed is not None
        pulsed, state = self.pulsed[polarity, block], self.state[polarity, block]
        pulsed[chosen] += number
        works = pulsed[chosen] <= self._endured[polarity, block][chosen]
        self.counts[direction] += float(number[~works].sum())
        self.counts[2 + direction] += float(number[~works] @ state[chosen[~works]])
        return chosen[works], number[works]

    def _own_place(self, polarity: int, block: slice, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        """Return where chosen devices stand in their own ranges, and the widths of these."""
        state = self.state[polarity, block][chosen]
        if self.bounds is None:
            return state, 1.0
        lower, upper = (end[polarity, block][chosen] for end in self.bounds)
        width = np.maximum(upper - lower, 1e-6)
        return (state - lower) / width, width

    def write(self, polarity: int, block: slice, change: np.ndarray) -> None:
        """Change the states of one device of each pair of a block by any amount, exactly, in one pulse each."""
        state = self.state[polarity, block]
        lower, upper = (0.0, 1.0) if self.bounds is None else (ends[polarity, block] for ends in self.bounds)
        mean = 0.5 * state
        np.clip(state + change, lower, upper, out=state)
        mean += 0.5 * state
        for direction, pulsed in enumerate((change > 0, change < 0)):
            self.counts[direction] += np.count_nonzero(pulsed)
            self.counts[2 + direction] += mean @ pulsed

    def _noisy(self, covered, before, gain, number: np.ndarray | None, generator: np.random.Generator) -> np.ndarray:
        """Add the cycle-to-cycle noise of pulses (None: one each) to the distance that they cover from states."""
        p = self.physics
        spread, noise = p["cycle_spread"], p["cycle_noise"]
        if p["own_cycle_noise"]:
            noise = np.hypot(noise, p["own_cycle_noise"] * gain)
        elif p["state_cycle_noise"]:
            deviation = spread * covered / (1 if number is None else np.maximum(number, 1))
            deviation = deviation + noise + p["state_cycle_noise"] * before
            deviation *= 1 if number is None else np.sqrt(number)
            return covered + deviation * generator.standard_normal(covered.shape, dtype=self._type)
        if spread:
            drawn = generator.standard_normal(covered.shape, dtype=self._type)
            drawn *= spread if number is None else spread / np.sqrt(number)
            drawn += 1
            drawn *= covered
            covered = drawn
        if np.any(noise):
            drawn = generator.standard_normal(covered.shape, dtype=self._type)
            covered = covered + drawn * (noise if number is None else noise * np.sqrt(number))
        return covered

    def _settle(self, polarity, block, chosen, after, generator) -> None:
        """Put devices into new states, as far as their bounds allow, with the noise of programming."""
        p = self.physics
        if p["programming_error"] or p["programming_error_linear"] or p["programming_error_square"]:
            share = np.clip(after, 0, 1)
            deviation = p["programming_error"] + share * (
                p["programming_error_linear"] + share * p["programming_error_square"]
            )
            after = after + np.maximum(deviation, 0) * generator.standard_normal(after.shape, dtype=self._type)
        if self.bounds is None:
            after = np.clip(after, 0, 1)
        else:
            lower, upper = self.bounds
            after = np.clip(after, lower[polarity, block][chosen], upper[polarity, block][chosen])
        self.state[polarity, block][chosen] = after
        if self.offset is not None:
            drawn = p["write_noise"] * generator.standard_normal(after.shape, dtype=self._type)
            if self.bounds is not None:
                drawn *= lower[polarity, block][chosen] < upper[polarity, block][chosen]
            self.offset[polarity, block][chosen] = drawn

    def drift(self, seconds: float, generator: np.random.Generator) -> None:
        """Let time pass since the last programming: conductances fall; devices that are stuck do not.

        Parameters
        ----------
        seconds : float
        generator : numpy.random.Generator
            Draws how each device's exponent differs from the mean.
        """
        p = self.physics
        relative = np.clip(self.conductances / p["G_on"], 1e-7, None)
        distance = -np.log(relative)
        mean = np.clip(p["drift_exponent"] + p["drift_slope"] * distance, p["drift_least"], p["drift_most"])
        spread = p["drift_spread"] + p["drift_spread_slope"] * distance
        spread = np.clip(spread, p["drift_spread_least"], p["drift_spread_most"])
        exponent = np.abs(mean + spread * generator.standard_normal(mean.shape))
        kept = (1 + seconds / p["drift_start"]) ** -exponent
        drifted = (relative * p["G_on"] * kept - p["G_off"]) / self.span
        if self.bounds is not None:
            drifted = np.where(self.bounds[0] < self.bounds[1], drifted, self.state)
        self.state[:] = drifted
        if self.offset is not None:
            self.offset[:] = 0

    def disturb(self, pulses: np.ndarray | float) -> None:
        """Let devices creep as read pulses at the read voltage push them, whose number broadcasts to (2, pairs).

        The rest of the way to the end of a device's range falls exponentially with their number.
        """
        lower, upper = self.bounds or (0.0, 1.0)
        end = np.where(np.greater(self._creep, 0), upper, lower)
        self.state[:] = end + (self.state - end) * np.exp(-1e-6 * np.abs(self._creep) * pulses)

    def converted(self, states: np.ndarray) -> np.ndarray:
        """Return states as the converter that reads devices shows them; the same if reads are analog."""
        steps = self.physics["read_levels"] - 1
        return states if steps < 1 else np.round(np.clip(states, 0, 1) * steps) / steps

    def read_deviation(self) -> np.ndarray:
        """Return the standard deviation of a read of each device's state, shape (2, pairs)."""
        p = self.physics
        relative = np.clip(self.conductances / p["G_on"], 1e-6, None)
        return p["read_noise"] * relative ** (1 - p["read_noise_exponent"]) * p["G_on"] / self.span
