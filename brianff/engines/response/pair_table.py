"""The table of two drives: what a neuron answers to two events with a drive each, integrated once and kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from brianff.acceleration.lookup import SumsOfRows
from brianff.acceleration.surfaces import SCALE, Pair, Patch, Surface, SurfaceLookup
from brianff.engines.population import Population
from brianff.engines.response.integration import USUAL
from brianff.engines.response.interpolation import TooRough
from brianff.engines.response.pairs import REGION, DrivenByTwo, PairFunctions
from brianff.engines.response.surfaces import WITHIN, Surfaces, extrapolated, surfaces
from brianff.engines.response.table import BETWEEN_KNOTS, MIDDLE, MOST_SEGMENTS, ResponseTable, kept
from brianff.errors import NumericalError

__all__ = ["PairTable"]

FORMAT = 3
"""Goes up when the same description gives other tables."""

COARSEST, MOST = 4, 64
"""Into how many parts steps are cut at first, and at most, for the coarsest of three integrations."""

SAMPLES = 1024

Tile = tuple[int, int]

_LOG = logging.getLogger("brianff.response")


class PairTable(ResponseTable):
    """Functions of the drives of two events, in tiles that are made when they are needed.

    A tile depends on nothing but the description. Its parameters are those of `ResponseTable`. The tolerance holds for
    98 % of the places in the table: beside a curve at which a function has a kink or a jump, errors are larger; the
    largest that was measured is in `errors`.

    Attributes
    ----------
    errors : dict of str to float
        Largest error that was measured between the knots, relative to the largest value at drives no larger.
    usual_errors : dict of str to float
        The error that 98 % of the places are below.
    lost : float
        Share of the places so close to such a curve that the integrations, of different steps, lie on different sides
        of it: they were not measured.
    """

    def __init__(self, population: Population, names: Sequence[str], tolerance: float, parts: int | None = None):
        super().__init__(population, names, tolerance, parts)
        self._pair = DrivenByTwo(population, vertex=parts is None)
        self._tiles: dict[Tile, Surfaces] = {}
        self._of_pairs: dict[tuple[str, type], SurfaceLookup] = {}
        self._functions: dict[int, PairFunctions] = {}
        self.usual_errors: dict[str, float] = {}
        self.lost = 0.0

    @property
    def parts(self) -> int:
        """Into how many parts each time step is cut, in the finest integration."""
        return self._levels[-1]

    @property
    def fine_population(self) -> Population:
        """The population at the table's finest time step, with another number of neurons."""
        return self._pair.refined(self.parts)

    @cached_property
    def _levels(self) -> tuple[int, ...]:
        return self._first[0]

    def lookup(self, name: str, dtype: type[np.floating]) -> SurfaceLookup:  # type: ignore[override]
        """Return the function of a name, as far as the table reaches now."""
        with self._lock:
            if (name, dtype) not in self._of_pairs:
                self.cover(0.0, 0.0)
                order = sorted(self._tiles, key=lambda tile: max(map(abs, tile)))
                made = SurfaceLookup([self._tiles[tile].surfaces[name] for tile in order], dtype)
                self._of_pairs[name, dtype] = made
            return self._of_pairs[name, dtype]

    def cover(self, low: float, high: float) -> None:
        """Let the table have its first tile."""
        with self._lock:
            if not self._tiles:
                self._put((0, 0), self._first[1])

    def cover_pairs(self, drives: Pair, surely_beyond: bool = False) -> None:
        """Let the table reach as far as some drives.

        Raises
        ------
        NumericalError
            If they are not finite, or the integration diverges.
        """
        if not surely_beyond and all(one.bounds[0] >= -MIDDLE and one.bounds[1] < MIDDLE for one in drives):
            self.cover(0.0, 0.0)
            return
        with self._lock:
            needed = sorted(_tiles_of(*drives), key=lambda tile: (max(map(abs, tile)), tile))
            new = [tile for tile in needed if tile not in self._tiles]
            if max(max(map(abs, tile), default=0) for tile in [*new, ()]) > MOST_SEGMENTS or (
                surely_beyond and not new
            ):
                self.population.check(np.array([np.inf]))
            for tile in new:
                self._put(tile, self._kept_tile(tile))

    def _put(self, tile: Tile, made: Surfaces) -> None:
        for name, error in made.errors.items():
            self.errors[name] = max(error, self.errors.get(name, 0.0))
            self.usual_errors[name] = max(made.usual_errors[name], self.usual_errors.get(name, 0.0))
        self.lost = max(self.lost, made.lost)
        self._of_pairs.clear()  # before the tile is there: Ctrl-C may come in between
        self._tiles[tile] = made
        _LOG.info(
            "table of two drives, tile %s: errors %s for %g of the places, at most %s",
            *(tile, made.usual_errors, WITHIN, made.errors),
        )

    def _kept_tile(self, tile: Tile) -> Surfaces:
        def make() -> tuple[tuple[int, ...], Surfaces]:
            (low_1, high_1), (low_2, high_2) = (_segment(number) for number in tile)
            floors = {
                name: max(
                    float(np.nanmax(np.abs(nodes[..., 0]), initial=0))
                    for patch in surface.patches
                    for nodes in patch.strips
                )
                for name, surface in self._tiles[0, 0].surfaces.items()
            }
            return self._levels, self._made_of(self._levels, (low_1, low_2), (high_1, high_2), floors)

        return kept(f"{self._key}{tile[0]:+d}{tile[1]:+d}", make, _packed, _unpacked)[1]

    @cached_property
    def _first(self) -> tuple[tuple[int, ...], Surfaces]:
        """The parts of a time step in each integration, and the first tile."""

        def make() -> tuple[tuple[int, ...], Surfaces]:
            levels = (self._wanted_parts,) if self._wanted_parts else self._converged()
            return levels, self._made_of(levels, (-MIDDLE, -MIDDLE), (MIDDLE, MIDDLE), None)

        return kept(f"{self._key}+0+0", make, _packed, _unpacked)

    def _made_of(self, levels, low, high, floors) -> Surfaces:
        functions = [self._at(parts) for parts in levels]
        return surfaces(functions, low, high, BETWEEN_KNOTS * self.tolerance, floors)

    def _at(self, parts: int) -> PairFunctions:
        if parts not in self._functions:
            self._functions[parts] = self._pair.at(parts, self.names)
        return self._functions[parts]

    def _converged(self) -> tuple[int, ...]:
        """Return into how many parts steps must be cut: halving all of them again would change little."""
        drives, answers = np.random.default_rng(0).uniform(-USUAL, USUAL, (2, SAMPLES)), {}
        coarsest = COARSEST
        while coarsest <= MOST:
            levels = coarsest, 2 * coarsest, 4 * coarsest
            for parts in (*levels, 8 * coarsest):
                if parts not in answers:
                    answers[parts] = self._at(parts)(*drives)
            alike = np.all(
                [answers[one][REGION] == answers[levels[0]][REGION] for one in (*levels, 8 * coarsest)], axis=0
            )
            change = 0.0
            for name in self.names:
                this, finer = (extrapolated([answers[k * one][name][alike] for one in levels]) for k in (1, 2))
                change = max(change, float(np.quantile(np.abs(this - finer), WITHIN) / (np.abs(finer).max() + 1e-200)))
            if change < self.tolerance:
                return levels
            coarsest *= 2
        raise TooRough("goodness still depends on the time step: set table_step, or tolerance")

    @cached_property
    def _key(self) -> str:
        """Digest of everything that the table follows from."""
        windows = getattr(self.population.network.encoding, "window_steps", None)
        facts = [super()._key, FORMAT, windows, SCALE, self.population.credit]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:24]


def _segment(number: int) -> tuple[float, float]:
    """Return the drives at which a tile of a number begins and ends along one axis."""
    if number == 0:
        return -MIDDLE, MIDDLE
    ends = MIDDLE * 2.0 ** (abs(number) - 1), MIDDLE * 2.0 ** abs(number)
    return ends if number > 0 else (-ends[1], -ends[0])


def _tiles_of(first: SumsOfRows, second: SumsOfRows) -> set[Tile]:
    """Return the tiles in which drives lie."""
    found: set[Tile] = set()
    for presentation in range(len(first)):
        numbers = []
        for one in (first, second):
            drive = one.of_images[one.image[presentation]] + one.of_labels[one.label[presentation]]
            if not np.isfinite(drive).all():
                raise NumericalError("a neuron's drive is not a finite number: use a smaller learning rate")
            size = np.log2(np.maximum(np.abs(drive.astype(float)) / MIDDLE, 1e-9))
            beyond = np.where(drive < 0, -np.ceil(size), np.floor(size) + 1)
            numbers.append(np.where((drive >= -MIDDLE) & (drive < MIDDLE), 0, beyond).astype(int))
        found |= set(zip(*(one.tolist() for one in numbers), strict=True))
    return found


def _packed(made: tuple[tuple[int, ...], Surfaces]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    levels, tile = made
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {"levels": list(levels), "surfaces": {}}
    facts |= {"errors": tile.errors, "usual": tile.usual_errors, "lost": tile.lost}
    for name, surface in tile.surfaces.items():
        patches = []
        for number, patch in enumerate(surface.patches):
            arrays[f"{name} {number}"] = patch.curves
            arrays |= {f"{name} {number} {strip}": nodes for strip, nodes in enumerate(patch.strips)}
            patches.append([patch.low, patch.high, len(patch.strips)])
        facts["surfaces"][name] = [list(surface.low), list(surface.high), patches]
    return arrays, facts


def _unpacked(arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> tuple[tuple[int, ...], Surfaces]:
    made = {}
    for name, (low, high, patches) in facts["surfaces"].items():
        of_name = [
            Patch(
                begin, end, arrays[f"{name} {number}"], tuple(arrays[f"{name} {number} {one}"] for one in range(strips))
            )
            for number, (begin, end, strips) in enumerate(patches)
        ]
        made[name] = Surface(tuple(low), tuple(high), tuple(of_name))
    return tuple(facts["levels"]), Surfaces(made, facts["errors"], facts["usual"], facts["lost"])
