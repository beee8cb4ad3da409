"""The table of one drive: what a neuron answers as functions of its drive, integrated once and kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import brian2
import numpy as np

from brianff.acceleration.compiler import cache_base
from brianff.acceleration.lookup import Lookup, Segment, SumsOfRows
from brianff.engines.population import Population
from brianff.engines.response.integration import DrivenNeuron
from brianff.engines.response.interpolation import Interpolated, envelope, interpolated
from brianff.equations.synapse import SEPARABLE
from brianff.errors import NumericalError
from brianff.storage.files import unpack

__all__ = ["ResponseTable", "kept"]

FORMAT = 1
"""Goes up when the same description gives other tables."""

MIDDLE = 16.0
"""The first segment holds drives up to this size; further ones twice as long follow where drives lie beyond."""

MOST_SEGMENTS = 24

BETWEEN_KNOTS = 0.1
"""Interpolation errors, as a part of the tolerance."""

STRAIGHT_LINES = 2**13

ROUGHNESS = 3.0
"""The same where a function is rough by the steps of the integration."""

PARTS = ("coefficients", "breaks", "divided")
"""Arrays of a segment."""

_LOG = logging.getLogger("brianff.response")


class ResponseTable:
    """Functions of a neuron's drive, in segments that are made when they are needed.

    A segment depends on nothing but the description: the same drive gets the same answer, whichever drives came before.

    Parameters
    ----------
    population : Population
        Whose neurons are alike, and whose input pulses share their times.
    names : sequence of str
        Variables at the end of a presentation.
    tolerance : float
        Halving the time step changes them by less, relative to the `envelope`; a tenth of it is the largest error
        between knots, where they are smooth.
    parts : int or None
        Into how many parts each time step is cut; None: as many as the tolerance needs.

    Attributes
    ----------
    errors : dict of str to float
        Largest relative error that was measured between the knots.
    """

    def __init__(self, population: Population, names: Sequence[str], tolerance: float, parts: int | None = None):
        self._neuron, self.names = DrivenNeuron(population), tuple(names)
        self.population, self.tolerance, self._wanted_parts = population, tolerance, parts
        self._lock = RLock()  # answers are looked up wherever they are asked for
        self._segments: dict[int, Interpolated] = {}
        self._lookups: dict[tuple[str, type], Lookup] = {}
        self.errors: dict[str, float] = {}

    @property
    def low(self) -> float:
        """Lowest drive that has an answer so far."""
        return self._segments[min(self._segments)].low if self._segments else 0.0

    @property
    def high(self) -> float:
        """Drives below this one have an answer so far."""
        return self._segments[max(self._segments)].high if self._segments else 0.0

    @cached_property
    def parts(self) -> int:
        """Into how many parts each time step is cut."""
        return self._middle[0]

    @property
    def table_step(self) -> brian2.Quantity:
        """Time step of the integration."""
        return self.population.network.time_step / self.parts

    @property
    def fine_population(self) -> Population:
        """The population at the table's time step, with another number of neurons."""
        return self._neuron.refined(self.parts)

    def lookup(self, name: str, dtype: type[np.floating]) -> Lookup:
        """Return the function of a name, as far as the table reaches now."""
        with self._lock:
            if (name, dtype) not in self._lookups:
                self.cover(0.0, 0.0)
                order = sorted(self._segments, key=abs)
                segments: list[Segment] = [self._segments[number].segments[name] for number in order]
                if dtype is np.float32:  # straight lines are found in half the time
                    segments[0] = self._straight(segments[0])
                self._lookups[name, dtype] = Lookup(segments, dtype)
            return self._lookups[name, dtype]

    def _straight(self, segment: Segment) -> Segment:
        """Return straight lines in place of cubics, where these are smooth and the lines are as good between knots."""
        if segment.breaks is not None or segment.divided is not None:
            return segment
        lines = segment.straight(STRAIGHT_LINES)
        middles = segment.low + (segment.high - segment.low) * (np.arange(STRAIGHT_LINES) + 0.5) / STRAIGHT_LINES
        expected = segment(middles)
        error = np.abs(lines(middles) - expected) / envelope(middles, expected)
        return lines if error.max() < BETWEEN_KNOTS * self.tolerance else segment

    def cover(self, low: float, high: float) -> None:
        """Let the table reach from `low` to `high`.

        Raises
        ------
        NumericalError
            If they are not finite, or the integration diverges between them.
        """
        with self._lock:
            if not self._segments:
                self._add(0, self._middle[1])
            if not np.isfinite([low, high]).all():
                raise NumericalError("a neuron's drive is not a finite number: use a smaller learning rate")
            while low < self.low:
                self._grow(min(self._segments) - 1, low)
            while high >= self.high:
                self._grow(max(self._segments) + 1, high)

    def covering(self, drives: SumsOfRows) -> ResponseTable:
        """Return the table, which reaches as far as some drives."""
        low, high = drives.bounds
        if not (self._segments and self.low <= low and high < self.high):
            self.cover(*drives.extremes())
        return self

    def _grow(self, number: int, drive: float) -> None:
        sign, size = (-1, -number) if number < 0 else (1, number)
        end = MIDDLE * 2.0 ** (size - 1)
        reached = -self.low if number < 0 else self.high
        if reached < end or size > MOST_SEGMENTS:
            limit = self.population.neuron.largest_voltage
            self.population.check(np.array([np.inf]))
            raise NumericalError(f"a drive of {drive:g} takes the membrane beyond {limit}")
        floors = {
            name: value
            for (name, side), value in self._segments[0].envelopes.items()
            if side == ("low" if number < 0 else "high")
        }
        low, high = sorted((sign * end, sign * 2 * end))
        key = f"{self._key}{number:+d}"
        self._add(number, _kept(key, lambda: (self.parts, self._made(self.parts, low, high, floors)))[1])

    def _add(self, number: int, segment: Interpolated) -> None:
        for name, error in segment.errors.items():
            self.errors[name] = max(error, self.errors.get(name, 0.0))
        self._lookups.clear()  # before the segment is there: Ctrl-C may come in between
        self._segments[number] = segment

    @cached_property
    def _middle(self) -> tuple[int, Interpolated]:
        """The parts of a time step, and the first segment."""

        def make() -> tuple[int, Interpolated]:
            parts = self._wanted_parts or self._neuron.parts(self.names, MIDDLE, self.tolerance)
            return parts, self._made(parts, -MIDDLE, MIDDLE)

        return _kept(f"{self._key}+0", make)

    def _made(self, parts: int, low: float, high: float, floors=None) -> Interpolated:
        functions = self._neuron.at(parts, self.names)
        tolerance = BETWEEN_KNOTS * self.tolerance
        return interpolated(functions, low, high, tolerance, ROUGHNESS * self.tolerance, floors)

    @cached_property
    def _key(self) -> str:
        """Digest of everything that the table follows from."""
        population = self.population
        neuron, synapse, network = population.neuron, population.synapse, population.network
        values = {name: _plain(value) for name, value in population.namespace.items()}
        facts: dict[str, Any] = {
            "format": FORMAT,
            "brian2": brian2.__version__,
            "equations": str(population.equations(SEPARABLE, "time_course : 1 (shared)")),
            "names": self.names,
            "values": sorted((name, value) for name, value in values.items() if value is not None),
            "initial": sorted(neuron.initial.items()),
            "events": [neuron.threshold, str(neuron.refractory), neuron.reset, neuron.update],
            "largest voltage": float(neuron.largest_voltage),
            "synapse": [synapse.equations, synapse.target, synapse.immediate, population.current.gain],
            "goodness": [population.goodness.update, population.goodness.counts_spikes],
            "method": network.method,
            "presentation": [float(network.time_step), network.encoding.steps, network.encoding.event_steps],
            "tolerance": [self.tolerance, self._wanted_parts, BETWEEN_KNOTS, MIDDLE],
        }
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _plain(value: Any) -> float | None:
    """Return a quantity in SI units; None for functions."""
    try:
        return float(value)
    except TypeError:
        return None


_not_written: dict[str, Any] = {}
"""What the cache had no place for, as long as this process lasts."""

Packed = tuple[dict[str, np.ndarray], dict[str, Any]]
"""Arrays by name, and facts that JSON can hold."""


def kept(key: str, make: Callable[[], Any], packed: Callable[[Any], Packed], unpacked: Callable[..., Any]) -> Any:
    """Return what the cache keeps under a key; made unless a whole one is there.

    Parameters
    ----------
    key : str
    make : callable
    packed : callable
        Gives what is written to the disk.
    unpacked : callable
        Gives the same from what was written.
    """
    path = cache_base() / "tables" / f"{key}.npz"
    if key in _not_written:
        return _not_written[key]
    try:
        return unpacked(*_read(path, key))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("%s is no table of this version and is made anew (%s)", path, error)
    made = make()
    arrays, facts = packed(made)
    facts |= {"key": key, "digest": _digest(arrays)}
    temporary = path.with_name(f"{path.stem}.{np.random.SeedSequence().entropy:x}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(temporary, **(arrays | {"facts": np.array(json.dumps(facts))}))  # type: ignore[arg-type]
        temporary.replace(path)
    except OSError as error:
        _not_written[key] = made
        _LOG.warning("the table could not be kept: %s; set BRIANFF_CACHE to another directory", error)
        with suppress(OSError):
            temporary.unlink()
    return made


def _read(path: Path, key: str) -> Packed:
    arrays = unpack(path.read_bytes())
    facts = json.loads(str(arrays.pop("facts")))
    if facts["key"] != key or facts["digest"] != _digest(arrays):
        raise ValueError("its content is not what was written")
    return arrays, facts


def _kept(key: str, make: Callable[[], tuple[int, Interpolated]]) -> tuple[int, Interpolated]:
    """Return a segment, and the parts of its time step, from the cache; made unless a whole one is there."""
    return kept(key, make, _packed, _unpacked)


def _packed(made: tuple[int, Interpolated]) -> Packed:
    parts, segment = made
    facts: dict[str, Any] = {name: getattr(segment, name) for name in ("low", "high", "errors", "rough")}
    facts |= {"parts": parts, "envelopes": [[name, side, value] for (name, side), value in segment.envelopes.items()]}
    arrays = {
        f"{part} {name}": array
        for name, one in segment.segments.items()
        for part in PARTS
        if (array := getattr(one, part)) is not None
    }
    return arrays, facts


def _unpacked(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> tuple[int, Interpolated]:
    segment = Interpolated(facts["low"], facts["high"], errors=facts["errors"], rough=facts["rough"])
    segment.envelopes = {(name, side): value for name, side, value in facts["envelopes"]}
    for name in facts["errors"]:
        coefficients, others = arrays[f"coefficients {name}"], (arrays.get(f"{part} {name}") for part in PARTS[1:])
        segment.segments[name] = Segment(segment.low, segment.high, coefficients, *others)
    return facts["parts"], segment


def _digest(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
