"""Functions of two drives as surfaces that are bicubic between curves: where they have a kink or a jump, a curve is.

A function of the second drive has its kinks at places that move with the first. They are found by bisection in each
row, rows are cut where others begin to be there, and strips between them are mapped to rectangles, in which all is
smooth. Integrations with several time steps have the same curves at slightly other places, and are extrapolated to a
step of zero strip by strip, the curves too (Richardson).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline

from brianff.acceleration.surfaces import Patch, Surface, unwarped, warped
from brianff.engines.response.integration import USUAL
from brianff.engines.response.interpolation import TooRough
from brianff.engines.response.pairs import REGION, PairFunctions

__all__ = ["RICHARDSON", "Surfaces", "extrapolated", "surfaces"]

RICHARDSON = np.array([1.0, -6.0, 8.0]) / 3
"""Weights of three time steps, each half of the one before: what a first-order method leaves is of third order."""

ROWS, COLUMNS = 129, 257
"""Drives between which curves are looked for."""

CELL = 0.055
"""Width of the widest cells, as a difference of `warped` drives."""

NARROWEST = 0.015
FEWEST = 5
BISECTIONS = 20
NEAR = 0.02
"""How far curves of two time steps, or of two grids, are from each other, mostly: else a row is searched again."""

BESIDE = 1e-7
"""Distance of the outermost knots from a curve: on its own side."""

POINTS = 4096
WITHIN = 0.98
"""Share of the points at which the tolerance holds when a grid is fine enough; the largest error is stated too."""


@dataclass
class Surfaces:
    """Functions of two drives on one domain.

    Parameters
    ----------
    surfaces : dict of str to Surface
    errors : dict of str to float
        Largest error that was measured between the knots, relative to the largest value at drives no larger.
    usual_errors : dict of str to float
        The error that 98 % of the points are below.
    lost : float
        Share of the points so close to a curve that integrations with different steps lie on different sides of it.
    """

    surfaces: dict[str, Surface] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    usual_errors: dict[str, float] = field(default_factory=dict)
    lost: float = 0.0


def extrapolated(levels: Sequence[np.ndarray]) -> np.ndarray:
    """Return what arrays of three time steps, or the one of a single step, tend to."""
    return levels[0] if len(levels) == 1 else np.einsum("l,l...->...", RICHARDSON, np.stack(levels))


def surfaces(
    levels: Sequence[PairFunctions],
    low: tuple[float, float],
    high: tuple[float, float],
    tolerance: float,
    floors: Mapping[str, float] | None = None,
) -> Surfaces:
    """Return functions of two drives as surfaces.

    Parameters
    ----------
    levels : sequence of callables
        The same functions with three time steps, each half of the one before, or with one.
    low, high : pair of float
        Domain.
    tolerance : float
        Cells are made narrower until 98 % of the errors between knots are smaller, or cells are as narrow as they may.
    floors : mapping of str to float
        Largest values at drives that are not in the domain.

    Raises
    ------
    TooRough
        If kinks lie too close to each other.
    """
    domain = _Domain(warped(np.array(low)), warped(np.array(high)))
    shape = domain.shape(levels[-1])
    ends = _consistent([domain.ends(functions, shape) for functions in levels])
    generator = np.random.default_rng(0)
    unit = generator.random((2, POINTS))
    widths = np.array([CELL, CELL])
    names: list[str] = []
    before, grid = np.full(2, np.inf), None
    while True:
        grid = _Grid.of(domain, shape, ends[-1], levels[-1], widths, grid)
        made = grid.surfaces(low, high)
        errors = []
        for points in (grid.on_rows(unit), grid.on_columns(unit)):
            values = levels[-1](*unwarped(points))
            names = [name for name in values if name != REGION]
            errors.append(max(np.quantile(_errors(made, values, points, grid, floors, n), WITHIN) for n in names))
        too_large = (np.array(errors) > tolerance) & (np.array(errors) < before / 1.5) & (widths > NARROWEST)
        if not too_large.any():
            break
        before = np.where(too_large, errors, before)
        widths = np.where(too_large, widths / 1.5, widths)
    coarser = zip(ends[:-1], levels[:-1], strict=True)
    grids = [_Grid.of(domain, shape, one, functions, widths, grid, like=grid) for one, functions in coarser]
    whole = _Grid.extrapolated([*grids, grid])
    found = Surfaces(whole.surfaces(low, high))
    points = domain.low[:, np.newaxis] + (domain.high - domain.low)[:, np.newaxis] * generator.random((2, POINTS))
    answers = [functions(*unwarped(points)) for functions in levels]
    alike = np.all([one[REGION] == answers[0][REGION] for one in answers], axis=0)
    found.lost = 1 - float(alike.mean())
    for name in names:
        values = {name: extrapolated([one[name] for one in answers])}
        error = _errors(found.surfaces, values, points, whole, floors, name)[alike]
        found.errors[name], found.usual_errors[name] = float(error.max()), float(np.quantile(error, WITHIN))
    return found


def _errors(made, values, points, grid, floors, name) -> np.ndarray:
    """Return the errors of a function at points, relative to the largest value at drives no larger."""
    first, second = unwarped(points)
    size = np.maximum(np.maximum(np.abs(first), np.abs(second)), USUAL)
    unit = np.maximum(grid.largest(name, size), (floors or {}).get(name, 0.0))
    error = np.abs(made[name](first, second) - values[name]) / unit
    return np.where(np.isfinite(values[name]), error, 0.0)


@dataclass(frozen=True)
class _Shape:
    """Where curves are, roughly.

    Parameters
    ----------
    brackets : list of pair of float
        Places of the first drive between which one patch ends and the next begins.
    signatures : list of tuple of int
        Regions along the second drive, of each patch.
    """

    brackets: list[tuple[float, float]]
    signatures: list[tuple[int, ...]]


def _signature(regions: np.ndarray) -> tuple[int, ...]:
    """Return the regions along a row, each once."""
    return tuple(regions[np.append(True, np.diff(regions) != 0)].tolist())


@dataclass(frozen=True)
class _Domain:
    """Places of both drives."""

    low: np.ndarray
    high: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        return np.linspace(self.low[1], self.high[1] - BESIDE, COLUMNS)

    def regions(self, functions: PairFunctions, rows: np.ndarray) -> np.ndarray:
        """Return the regions (rows, columns) at places of the first drive."""
        first, second = np.meshgrid(unwarped(rows), unwarped(self.columns), indexing="ij")
        return functions(first.ravel(), second.ravel())[REGION].reshape(first.shape)

    def shape(self, functions: PairFunctions) -> _Shape:
        """Return the patches that rows at equal distances show."""
        rows = np.linspace(self.low[0], self.high[0] - BESIDE, ROWS)
        found = [_signature(one) for one in self.regions(functions, rows)]
        ends = [number for number in range(1, ROWS) if found[number] != found[number - 1]]
        brackets = [(float(rows[end - 1]), float(rows[end])) for end in ends]
        return _Shape(brackets, [found[0], *(found[end] for end in ends)])

    def ends(self, functions: PairFunctions, shape: _Shape) -> np.ndarray:
        """Return the places of the first drive at which patches begin and end."""
        if not shape.brackets:
            return np.array([self.low[0], self.high[0]])
        before, after = np.array(shape.brackets).T
        for _ in range(BISECTIONS):
            middle = (before + after) / 2
            seen = [_signature(one) for one in self.regions(functions, middle)]
            is_before = np.array([one == own for one, own in zip(seen, shape.signatures[:-1], strict=True)])
            before, after = np.where(is_before, middle, before), np.where(is_before, after, middle)
        return np.concatenate([self.low[:1], (before + after) / 2, self.high[:1]])


def _consistent(ends: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return where patches end with each time step; at one place for all steps where it is not of first order in them.

    A patch may also end where a strip becomes too narrow to be seen: that place has no limit.
    """
    if len(ends) == 1:
        return list(ends)
    change = ends[0] - ends[1], ends[1] - ends[2]
    smooth = np.abs(change[0] - 2 * change[1]) <= 0.3 * np.abs(change[1])
    return [np.where(smooth, one, ends[-1]) for one in ends]


@dataclass(frozen=True)
class _Grid:
    """Functions at the knots of all strips.

    Parameters
    ----------
    ends : ndarray, shape (patches + 1,)
    curves : list of ndarray, shape (rows, curves + 2)
        Of each patch, with the domain's ends.
    values : list of list of dict of str to ndarray, shape (rows, columns)
        Of each strip of each patch.
    """

    ends: np.ndarray
    curves: list[np.ndarray]
    values: list[list[dict[str, np.ndarray]]]

    @classmethod
    def of(
        cls,
        domain: _Domain,
        shape: _Shape,
        ends: np.ndarray,
        functions: PairFunctions,
        widths: np.ndarray,
        guess: _Grid | None = None,
        like: _Grid | None = None,
    ) -> _Grid:
        """Return the functions at knots whose distances are `widths`, or as many knots as another grid has.

        Curves are looked for beside those of a `guess` first.
        """
        curves, values = [], []
        for number, signature in enumerate(shape.signatures):
            begin, end = ends[number : number + 2]
            count = len(like.curves[number]) if like else max(FEWEST, int((end - begin) / widths[0]) + 2)
            rows = np.linspace(begin, end, count)
            rows[[0, -1]] += [BESIDE, -BESIDE]
            edges = _curves(domain, functions, rows, signature, guess.curves[number] if guess else None)
            strips = []
            for strip, (left, right) in enumerate(zip(edges.T, edges.T[1:], strict=False)):
                columns = max(FEWEST, int(np.median(right - left) / widths[1]) + 2)
                if like:
                    columns = next(iter(like.values[number][strip].values())).shape[1]
                u = np.linspace(0, 1, columns)
                inner = np.minimum(BESIDE, (right - left) / 4)
                second = (left + inner)[:, np.newaxis] + (right - left - 2 * inner)[:, np.newaxis] * u
                first = np.broadcast_to(rows[:, np.newaxis], second.shape)
                found = functions(unwarped(first.ravel()), unwarped(second.ravel()))
                strips.append({name: one.reshape(first.shape) for name, one in found.items() if name != REGION})
            curves.append(edges)
            values.append(strips)
        return cls(ends, curves, values)

    @classmethod
    def extrapolated(cls, grids: Sequence[_Grid]) -> _Grid:
        """Return what grids with different time steps tend to."""
        values = [
            [
                {name: extrapolated([one[name] for one in strip]) for name in strip[0]}
                for strip in zip(*patch, strict=True)
            ]
            for patch in zip(*(grid.values for grid in grids), strict=True)
        ]
        curves = [extrapolated(patch) for patch in zip(*(grid.curves for grid in grids), strict=True)]
        return cls(extrapolated([grid.ends for grid in grids]), curves, values)

    def surfaces(self, low: tuple[float, float], high: tuple[float, float]) -> dict[str, Surface]:
        """Return the surfaces through the knots."""
        made = {}
        for name in self.values[0][0]:
            patches = []
            for begin, end, curves, strips in zip(self.ends, self.ends[1:], self.curves, self.values, strict=False):
                inner = curves[:, 1:-1]
                slopes = _slopes(inner, 0) if inner.shape[1] else inner
                knots = tuple(_with_slopes(strip[name]) for strip in strips)
                patches.append(Patch(float(begin), float(end), np.stack([inner, slopes], axis=2), knots))
            made[name] = Surface(low, high, tuple(patches))
        return made

    def largest(self, name: str, size: np.ndarray) -> np.ndarray:
        """Return the largest absolute value at drives up to a size."""
        sizes, values = [], []
        for begin, end, curves, strips in zip(self.ends, self.ends[1:], self.curves, self.values, strict=False):
            first = np.linspace(begin, end, len(curves))
            for number, strip in enumerate(strips):
                u = np.linspace(0, 1, strip[name].shape[1])
                second = curves[:, [number]] + (curves[:, [number + 1]] - curves[:, [number]]) * u
                sizes.append(np.maximum(np.abs(unwarped(first))[:, np.newaxis], np.abs(unwarped(second))).ravel())
                values.append(np.nan_to_num(np.abs(strip[name])).ravel())
        every, value = np.concatenate(sizes), np.concatenate(values)
        order = np.argsort(every)
        so_far = np.maximum.accumulate(value[order])
        return so_far[np.clip(np.searchsorted(every[order], size) - 1, 0, len(so_far) - 1)] + 1e-200

    def on_rows(self, unit: np.ndarray) -> np.ndarray:
        """Return points whose first drive is that of a row, (2, points): the errors of columns that are too few."""
        return self._points(unit, of_rows=True)

    def on_columns(self, unit: np.ndarray) -> np.ndarray:
        """Return points between rows on columns: the errors of rows that are too few."""
        return self._points(unit, of_rows=False)

    def _points(self, unit: np.ndarray, of_rows: bool) -> np.ndarray:
        place = self.ends[0] + (self.ends[-1] - self.ends[0]) * unit[0]
        patch = np.clip(np.searchsorted(self.ends, place, side="right") - 1, 0, len(self.curves) - 1)
        points = np.empty_like(unit)
        for number in np.unique(patch):
            own, curves = patch == number, self.curves[number]
            begin, end = self.ends[number : number + 2]
            rows = len(curves) - 1
            t = (place[own] - begin) / (end - begin) * rows
            t = np.clip(np.floor(t), 0, rows - 1) + (0 if of_rows else 0.5)
            t = np.maximum(t, 1e-5)
            edges = CubicSpline(np.arange(rows + 1), curves, axis=0)(t)
            along = unit[1, own] * (curves.shape[1] - 1)
            strip = np.minimum(along.astype(int), curves.shape[1] - 2)
            widths = np.diff(edges, axis=1)[np.arange(len(t)), strip]
            # Strips get points in proportion to their number, not to their width: narrow ones matter too.
            columns = np.array([next(iter(one.values())).shape[1] - 1 for one in self.values[number]])[strip]
            u = (along - strip) * columns
            u = np.floor(u) + (0.5 if of_rows else 0)
            u = np.clip(u, 1e-4, columns - 1e-4)
            points[:, own] = begin + (end - begin) * t / rows, edges[np.arange(len(t)), strip] + widths * u / columns
        return points


def _curves(
    domain: _Domain, functions: PairFunctions, rows: np.ndarray, signature: tuple[int, ...], guess: np.ndarray | None
) -> np.ndarray:
    """Return the places of the second drive at which regions of each row begin and end, (rows, regions + 1).

    Of another grid's curves, `guess`, shape (any number of rows, regions + 1), brackets are taken where they are right.
    """
    count, columns, own = len(signature) - 1, domain.columns, np.array(signature)
    edges = np.empty((len(rows), count + 2))
    edges[:, 0], edges[:, -1] = domain.low[1], domain.high[1]
    if not count:
        return edges

    def seen(which: np.ndarray, places: np.ndarray) -> np.ndarray:
        first = np.broadcast_to(rows[which, np.newaxis], places.shape)
        return functions(unwarped(first.ravel()), unwarped(places.ravel()))[REGION].reshape(places.shape)

    before, after, every = np.empty((len(rows), count)), np.empty((len(rows), count)), np.arange(len(rows))
    right = np.zeros(len(rows), bool)
    if guess is not None:
        known = CubicSpline(np.linspace(0, 1, len(guess)), guess[:, 1:-1])(np.linspace(0, 1, len(rows)))
        before, after = np.maximum(known - NEAR, domain.low[1]), np.minimum(known + NEAR, domain.high[1] - BESIDE)
        right = ((seen(every, before) == own[:-1]) & (seen(every, after) == own[1:])).all(axis=1)
    if len(unknown := np.flatnonzero(~right)):
        regions = domain.regions(functions, rows[unknown])
        alike = np.array([_signature(one) == signature for one in regions])
        right[unknown[alike]] = True
        at = np.array([np.flatnonzero(np.diff(one)) for one in regions[alike]], int).reshape(-1, count)
        before[unknown[alike]], after[unknown[alike]] = columns[at], columns[at + 1]
    if not right.any():
        raise TooRough("the kinks of functions of two drives are too close to each other for a table")
    found = np.flatnonzero(right)
    before, after = before[found], after[found]
    for _ in range(BISECTIONS):
        middle = (before + after) / 2
        is_before = seen(found, middle) == own[:-1]
        before, after = np.where(is_before, middle, before), np.where(is_before, after, middle)
    for curve in range(count):
        edges[:, curve + 1] = np.interp(rows, rows[found], (before + after)[:, curve] / 2)
    return edges


def _slopes(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the slopes of cubic splines through values at distances of 1."""
    return CubicSpline(np.arange(values.shape[axis]), values, axis=axis).derivative()(np.arange(values.shape[axis]))


def _with_slopes(values: np.ndarray) -> np.ndarray:
    """Return values (rows, columns) with their slopes along rows and columns, and the mixed derivative."""
    if not np.isfinite(values).all():  # the integration diverges
        return np.full((*values.shape, 4), np.nan)
    rows = _slopes(values, 0)
    return np.stack([values, rows, _slopes(values, 1), _slopes(rows, 1)], axis=2)
