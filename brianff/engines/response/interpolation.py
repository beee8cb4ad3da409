"""Functions of one drive as piecewise cubics: refined until they are right between the knots, broken where they are.

A kink or a jump is found by bisection and stored as a break; splines go from break to break.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline

from brianff.acceleration.lookup import Segment
from brianff.errors import ConfigurationError

__all__ = ["Functions", "Interpolated", "TooRough", "envelope", "interpolated"]

Functions = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Gives functions of drives (drives,), by name; nan from where on they do not exist."""

CELLS = 1024
"""Equal cells of the coarsest grid."""

MARGIN = 4
"""Cells that are computed beyond both ends: what a spline does there stays there."""

MOST_KNOTS = 2**14
MOST_HALVINGS = 10
ENOUGH = 4
"""Halvings after which an error will do that is accepted."""

UNIFORM = 1
"""Halvings up to which all cells are made as narrow as the narrowest; with more, cells are divided where they must."""

ROUGH = 1e-4
"""Part of a domain in which an error may stay, in intervals that are halved no more: around infinite slopes."""

BREAK_WIDTH = 1e-8
"""Drives between which a break lies in the end."""

APART = 1e-5
"""Breaks that are closer are one: the way into an infinite slope."""

SECTIONS = 64
FEW = 16
"""Places in which breaks are looked for at a time; where there are more, the cells are still too wide."""


class TooRough(ConfigurationError):
    """Functions of the drive have too many kinks and jumps for a table."""


@dataclass
class Interpolated:
    """Functions on one domain.

    Parameters
    ----------
    low, high : float
        Where they exist, [low, high).
    segments : dict of str to Segment
    errors : dict of str to float
        Largest error that was measured between the knots, relative to the `envelope`; without those in `rough`.
    rough : float
        Width of all intervals together in which the error is larger: around infinite slopes.
    envelopes : dict of str to float
        The envelope at both ends, by name and "low" or "high".
    """

    low: float
    high: float
    segments: dict[str, Segment] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    rough: float = 0.0
    envelopes: dict[tuple[str, str], float] = field(default_factory=dict)


def envelope(drive: np.ndarray, values: np.ndarray, floor: float = 0.0, near: float = 1.0) -> np.ndarray:
    """Return the largest absolute value at drives of the same sign that are no larger, or up to `near`: errors' unit.

    Goodness at a drive of -8 is a thousand times that of usual drives: the largest of all would measure nothing.

    Parameters
    ----------
    drive : ndarray, shape (drives,)
        In rising order.
    values : ndarray, shape (drives,)
    floor : float
        Largest absolute value at drives that are not among these.
    near : float
    """
    size, result = np.abs(values), np.empty(len(values))
    for side, order in ((drive < 0, slice(None, None, -1)), (drive >= 0, slice(None))):
        outward = np.maximum.accumulate(np.append(floor, size[side][order]))[1:]
        small = np.abs(drive[side][order]) <= near
        outward[small] = outward[small].max(initial=0.0)
        result[side] = outward[order]
    return np.maximum(result, 1e-12 * size.max(initial=1e-200))


@dataclass(frozen=True)
class _Break:
    """Where a function has a kink or a jump: between two drives, with the values there."""

    left: float
    right: float
    before: float
    after: float

    @property
    def drive(self) -> float:
        return 0.5 * (self.left + self.right)


def interpolated(
    functions: Functions,
    low: float,
    high: float,
    tolerance: float,
    accepted: float,
    floors: Mapping[str, float] | None = None,
) -> Interpolated:
    """Return functions as piecewise cubics.

    Parameters
    ----------
    functions : callable
    low, high : float
        Domain; it ends where the functions do.
    tolerance : float
        Intervals between knots are halved until the error in their middle is smaller, relative to the `envelope`.
    accepted : float
        Error that will do where halving no longer makes it smaller: functions that were integrated step by step are
        rough by a part of a step.
    floors : mapping of str to float
        Of the envelope.

    Raises
    ------
    TooRough
        If the error stays larger.
    """
    width, floors = (high - low) / CELLS, floors or {}
    grid = _Samples.of(functions, low + width / 2 * np.arange(-2 * MARGIN, 2 * (CELLS + MARGIN) + 1))
    grid = _existing(grid, low, high)
    if len(grid.drive) and round(2 * (grid.drive[0] - low) / width) % 2:  # begin at a knot
        grid = grid[1:]
    knots, middles = grid[::2], grid[1::2][: (len(grid.drive) - 1) // 2]
    if len(knots.drive) < 8:
        raise TooRough(f"the neuron's equations cannot be integrated for drives from {low:g} to {high:g}")
    low, high = max(low, float(knots.drive[0])), min(high, float(knots.drive[-1]))
    before = np.full(len(middles.drive), np.inf)  # error of the interval that this one is a half of
    breaks: dict[str, list[_Break]] = {name: [] for name in knots.values}
    for _ in range(4 * MOST_HALVINGS):
        errors = _errors(knots, middles, breaks, floors)
        inside = (middles.drive > low) & (middles.drive < high)
        worst = np.max(list(errors.values()), axis=0) * inside
        halvings = np.round(np.log2(width / np.diff(knots.drive))).astype(int)
        stuck = (worst <= accepted) & (((worst > before / 2) & (halvings > UNIFORM)) | (halvings >= ENOUGH))
        bad = (worst > tolerance) & ~stuck
        if not bad.any():
            break
        found = False
        for name, error in errors.items():
            suspect = bad & (error > accepted) & (halvings > UNIFORM) & (halvings % 3 == 2)
            found |= _find_breaks(functions, name, suspect, knots, accepted, breaks[name])
        if found:
            continue
        finest = bad & (halvings >= MOST_HALVINGS)
        if np.diff(knots.drive)[finest].sum() > ROUGH * (high - low) or len(knots.drive) > MOST_KNOTS:
            at = np.argmax(worst * bad)
            name, drive = max(errors, key=lambda name: errors[name][at]), middles.drive[at]
            raise TooRough(f"{name} is no smooth function of the drive: error {worst[at]:.2g} beside {drive:.6g}")
        bad &= ~finest
        if not bad.any():
            break
        halved = bad | np.append(bad[1:], False) | np.append(False, bad[:-1])
        knots, middles, before = _halved(functions, knots, middles, np.where(halved, worst, before), halved)
    return _made(knots, breaks, _errors(knots, middles, breaks, floors), low, high, width, floors, accepted)


@dataclass
class _Samples:
    """Functions at some drives in rising order."""

    drive: np.ndarray
    values: dict[str, np.ndarray]

    @classmethod
    def of(cls, functions: Functions, drive: np.ndarray) -> _Samples:
        return cls(drive, dict(functions(drive)))

    def __getitem__(self, which: np.ndarray | slice) -> _Samples:
        return _Samples(self.drive[which], {name: value[which] for name, value in self.values.items()})

    def and_those(self, others: _Samples) -> _Samples:
        drive = np.concatenate([self.drive, others.drive])
        order = np.argsort(drive, kind="stable")
        values = {name: np.concatenate([value, others.values[name]])[order] for name, value in self.values.items()}
        return _Samples(drive[order], values)


def _existing(samples: _Samples, low: float, high: float) -> _Samples:
    """Return the samples up to where the functions end, seen from the end that is nearer to 0."""
    exists = np.all([np.isfinite(value) for value in samples.values.values()], axis=0)
    anchor = int(np.searchsorted(samples.drive, np.clip(0.0, low, high)))
    lost = np.flatnonzero(~exists)
    return samples[slice(lost[lost < anchor].max(initial=-1) + 1, lost[lost >= anchor].min(initial=len(exists)))]


def _halved(functions, knots, middles, before, halved) -> tuple[_Samples, _Samples, np.ndarray]:
    """Return knots, middles and errors before after some intervals were halved at their middles."""
    finer = knots.and_those(middles[halved])
    new = 0.5 * (finer.drive[1:] + finer.drive[:-1])
    unknown = np.repeat(halved, 1 + halved)
    known = middles[~halved]
    return finer, known.and_those(_Samples.of(functions, new[unknown])), np.repeat(before, 1 + halved)


def _errors(knots, middles, breaks, floors) -> dict[str, np.ndarray]:
    """Return the errors in the middles, relative to the envelope, of each function."""
    errors = {}
    for name, values in knots.values.items():
        unit = np.interp(middles.drive, knots.drive, envelope(knots.drive, values, floors.get(name, 0.0)))
        splines = _splines(knots.drive, values, breaks[name])
        piece = np.searchsorted([one.drive for one in breaks[name]], middles.drive, side="right")
        there = np.empty(len(piece))
        for number in np.unique(piece):
            there[piece == number] = splines[number](middles.drive[piece == number])
        errors[name] = np.abs(there - middles.values[name]) / unit
    return errors


def _splines(drive: np.ndarray, values: np.ndarray, breaks: list[_Break]) -> list[CubicSpline]:
    """Return the splines from break to break."""
    splines, start = [], (-np.inf, np.nan)
    for end, height, next_start in [
        *((one.left, one.before, (one.right, one.after)) for one in breaks),
        (np.inf, np.nan, (np.inf, np.nan)),
    ]:
        within = (drive > start[0]) & (drive < end)
        knots, heights = drive[within], values[within]
        if np.isfinite(end):  # knots that are too close to a break are left out
            near = len(knots) > 1 and end - knots[-1] < (knots[-1] - knots[-2]) / 8
            knots, heights = np.append(knots[: len(knots) - near], end), np.append(heights[: len(knots) - near], height)
        if np.isfinite(start[0]):
            near = int(len(knots) > 2 and knots[0] - start[0] < (knots[1] - knots[0]) / 8)
            knots, heights = np.append(start[0], knots[near:]), np.append(start[1], heights[near:])
        splines.append(CubicSpline(knots, heights))
        start = next_start
    return splines


def _find_breaks(functions, name, suspect, knots, tolerance, known) -> bool:
    """Add the breaks of a function in suspect intervals to those known; tell whether any was found."""
    starts = np.flatnonzero(suspect & ~np.append(False, suspect[:-1]))
    ends = np.flatnonzero(suspect & ~np.append(suspect[1:], False))
    if not 0 < len(starts) <= FEW:
        return False
    before, after = np.maximum(starts - 1, 0), np.minimum(ends + 2, len(knots.drive) - 1)
    edges = np.stack([knots.drive[before], knots.drive[after]], axis=1)
    width = (knots.drive[ends + 1] - knots.drive[ends])[:, np.newaxis]
    rows = np.arange(len(edges))
    while (edges[:, 1] - edges[:, 0]).max() > BREAK_WIDTH:
        samples = np.linspace(edges[:, 0], edges[:, 1], SECTIONS + 1, axis=1)
        sampled = np.asarray(functions(samples.ravel())[name]).reshape(samples.shape)
        at = np.argmax(np.abs(np.diff(sampled, 2, axis=1)), axis=1)
        edges = np.stack([samples[rows, at], samples[rows, at + 2]], axis=1)
    steps = np.array([[0.0, 1 / 16, 1 / 8]]) * width
    sides = np.concatenate([edges[:, :1] - steps, edges[:, 1:] + steps], axis=1)
    sampled = np.asarray(functions(sides.ravel())[name]).reshape(sides.shape)
    unit = tolerance * np.interp(sides[:, 0], knots.drive, envelope(knots.drive, knots.values[name]))
    b2, b1, b0, a0, a1, a2 = sampled[:, [2, 1, 0, 3, 4, 5]].T
    kink = np.abs((a1 - a0) - (b0 - b1))
    bend = np.abs(a0 - 2 * a1 + a2) + np.abs(b0 - 2 * b1 + b2)
    found = False
    for row in np.flatnonzero((np.abs(a0 - b0) > unit) | ((kink > 4 * bend) & (16 * kink > unit))):
        new = _Break(float(edges[row, 0]), float(edges[row, 1]), float(b0[row]), float(a0[row]))
        if all(abs(new.drive - one.drive) > APART for one in known):
            known.append(new)
            found = True
    known.sort(key=lambda one: one.drive)
    return found


def _made(knots, breaks, errors, low, high, width, floors, tolerance) -> Interpolated:
    """Return the segments, cell by cell."""
    made = Interpolated(low, high)
    inside = (knots.drive[:-1] >= low) & (knots.drive[1:] <= high)
    starts, widths = knots.drive[:-1][inside], np.diff(knots.drive)[inside]
    worst = np.max(list(errors.values()), axis=0)[inside]
    rough = (worst > tolerance) & (widths < 1.5 * width / 2**MOST_HALVINGS)
    made.rough = float(widths[rough].sum())
    made.errors = {name: float(error[inside][~rough].max()) for name, error in errors.items()}
    halvings = np.round(np.log2(width / widths)).astype(int)
    for name, values in knots.values.items():
        places = np.array([one.drive for one in breaks[name]])
        sizes = envelope(knots.drive, values, floors.get(name, 0.0))
        made.envelopes[name, "low"], made.envelopes[name, "high"] = float(sizes[0]), float(sizes[-1])
        made.segments[name] = _segment(
            low, high, width, halvings, starts, places, _splines(knots.drive, values, breaks[name])
        )
    return made


def _segment(low, high, width, halvings, starts, places, splines) -> Segment:
    cell = np.floor((starts - low) / width + 1e-9).astype(int)
    count = cell[-1] + 1
    finest = np.zeros(count, int)
    np.maximum.at(finest, cell, halvings)
    clash = True
    while clash:  # each cell has one break at most
        if finest.max() <= UNIFORM:
            finest[:] = finest.max()
        parts = 2**finest
        first = np.append(0, np.cumsum(parts))
        sub = np.concatenate([low + width * (number + np.arange(part) / part) for number, part in enumerate(parts)])
        sizes = np.repeat(width / parts, parts)
        inside = np.searchsorted(places, sub + sizes, side="right") - np.searchsorted(places, sub, side="right")
        clash = bool((inside > 1).any())
        finest[np.unique(np.repeat(np.arange(count), parts)[inside > 1])] += 1
    piece = np.searchsorted(places, sub, side="right")
    breaks = np.full(len(sub), np.inf)
    breaks[inside == 1] = places[piece[inside == 1]]
    coefficients = _coefficients(splines, piece, sub, sub, np.minimum(sub + sizes, breaks), sizes)[:, np.newaxis]
    if len(places):
        second = _coefficients(splines, piece + inside, sub, np.where(inside == 1, breaks, sub), sub + sizes, sizes)
        coefficients = np.concatenate([coefficients, second[:, np.newaxis]], axis=1)
    nested = None if finest.max() == finest.min() else np.stack([first[:-1], parts], axis=1)
    return Segment(low, high, coefficients, breaks if len(places) else None, nested)


def _coefficients(splines, piece, origin, starts, ends, sizes) -> np.ndarray:
    """Return the cubics that hold from `starts` to `ends`, as powers of the distance from `origin` in `sizes`."""
    middle, result = 0.5 * (starts + ends), np.empty((len(origin), 4))
    for number in np.unique(piece):
        own, spline = piece == number, splines[number]
        interval = np.clip(np.searchsorted(spline.x, middle[own], side="right") - 1, 0, len(spline.x) - 2)
        c3, c2, c1, c0 = spline.c[:, interval]
        s, size = origin[own] - spline.x[interval], sizes[own]
        result[own] = np.stack(
            [
                c0 + s * (c1 + s * (c2 + s * c3)),
                (c1 + s * (2 * c2 + 3 * s * c3)) * size,
                (c2 + 3 * s * c3) * size**2,
                c3 * size**3,
            ],
            axis=1,
        )
    return result
