"""What neurons answered to their drives, looked up as far as it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from brianff.acceleration.deferred import Deferred
from brianff.acceleration.lookup import Lookup, SumsOfRows
from brianff.acceleration.surfaces import Pair, SurfaceLookup
from brianff.engines.response.pair_table import PairTable
from brianff.engines.response.table import ResponseTable

__all__ = ["Answers", "PairAnswers", "of_events"]


@dataclass(frozen=True, eq=False)
class Answers(Deferred):
    """One function of the table at the drives of some presentations.

    Parameters
    ----------
    table : ResponseTable
    name : str
    drives : SumsOfRows
    threads : int
    """

    table: ResponseTable
    name: str
    drives: SumsOfRows
    threads: int = 1

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Presentations and neurons."""
        return len(self.drives), self.drives.of_images.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """That of the drives."""
        return self.drives.of_images.dtype

    def compute(self) -> np.ndarray:
        values = np.empty(self.shape, self.dtype)
        self._looked_up(lambda lookup: lookup.values(self.drives, values, self.threads))
        return values

    def sums(self) -> np.ndarray:
        sums = np.empty(len(self))
        self._looked_up(lambda lookup: lookup.sums(self.drives, sums, self.threads))
        return sums.astype(self.dtype)

    def select(self, presentations):
        """Return some presentations; drives are selected by their numbers."""
        return replace(self, drives=self.drives.select(presentations))

    def weighted(self, weights, image, images):
        lookup = self.table.covering(self.drives).lookup(self.name, self.dtype.type)
        order = np.argsort(image, kind="stable")
        starts = np.searchsorted(image[order], np.arange(images + 1))
        return _Weighted(lookup, self.drives, weights, order, starts)

    def _looked_up(self, attempt: Callable[[Lookup], bool]) -> None:
        """Look up, and once more if drives lie beyond the table, which then grows."""
        while not attempt(self.table.lookup(self.name, self.dtype.type)):
            self.table.cover(*self.drives.extremes())


@dataclass(frozen=True)
class _Weighted:
    """Weighted rows to be added up; see `Deferred.weighted`."""

    lookup: Lookup
    drives: SumsOfRows
    weights: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    def add(self, images: slice, by_image: np.ndarray, by_label: np.ndarray) -> None:
        """Add the presentations of some images to these images' rows, and to the rows of the labels."""
        self.lookup.add(self.drives, images, self.order, self.starts, self.weights, by_image, by_label)


@dataclass(frozen=True, eq=False)
class PairAnswers(Deferred):
    """One function of a table of two drives at the drives of some presentations.

    Parameters
    ----------
    table : PairTable
    name : str
    drives : pair of SumsOfRows
        Of the first and of the second event.
    threads : int
    event : int
        Event, from 0, whose images and labels a postsynaptic factor belongs to.
    """

    table: PairTable
    name: str
    drives: Pair
    threads: int = 1
    event: int = 0

    @property
    def shape(self) -> tuple[int, int]:  # type: ignore[override]
        """Presentations and neurons."""
        return len(self.drives[0]), self.drives[0].of_images.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """That of the drives."""
        return self.drives[0].of_images.dtype

    def compute(self) -> np.ndarray:
        values = np.empty(self.shape, self.dtype)
        self._looked_up(lambda lookup: lookup.values(self.drives, values, self.threads))
        return np.rint(values, out=values) if self._whole else values

    def sums(self) -> np.ndarray:
        sums = np.empty(len(self))
        self._looked_up(lambda lookup: lookup.sums(self.drives, sums, self.threads))
        return (np.rint(sums) if self._whole else sums).astype(self.dtype)

    @property
    def _whole(self) -> bool:
        """Whether the answers are counts: where many labels have the same, rounding must not decide."""
        return self.table.population.goodness.counts_spikes

    def select(self, presentations):
        """Return some presentations; drives are selected by their numbers."""
        first, second = (one.select(presentations) for one in self.drives)
        return replace(self, drives=(first, second))

    def weighted(self, weights, image, images):
        self.table.cover_pairs(self.drives)
        lookup = self.table.lookup(self.name, self.dtype.type)
        order = np.argsort(image, kind="stable")
        starts = np.searchsorted(image[order], np.arange(images + 1))
        return _WeightedPairs(lookup, self.drives, self.event, weights, order, starts)

    def _looked_up(self, attempt: Callable[[SurfaceLookup], bool]) -> None:
        """Look up, and once more if drives lie beyond the table, which then grows."""
        while not attempt(self.table.lookup(self.name, self.dtype.type)):
            self.table.cover_pairs(self.drives, surely_beyond=True)


@dataclass(frozen=True)
class _WeightedPairs:
    """Weighted rows to be added up; see `Deferred.weighted`."""

    lookup: SurfaceLookup
    drives: Pair
    event: int
    weights: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    def add(self, images: slice, by_image: np.ndarray, by_label: np.ndarray) -> None:
        """Add the presentations of some images to these images' rows, and to the rows of the labels."""
        given = (self.order, self.starts, self.weights, by_image, by_label)
        self.lookup.add(self.drives, self.event, images, *given)


@dataclass(frozen=True, eq=False)
class _OfEvents(Deferred):
    """The postsynaptic factors of several events, shape (events, presentations, neurons)."""

    of_events: tuple[PairAnswers, ...]

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """Events, presentations and neurons."""
        return len(self.of_events), *self.of_events[0].shape

    @property
    def dtype(self) -> np.dtype:
        """That of the drives."""
        return self.of_events[0].dtype

    def compute(self) -> np.ndarray:
        return np.stack([one.compute() for one in self.of_events])

    def select(self, presentations):
        """Return some presentations."""
        return _OfEvents(tuple(one.select(presentations) for one in self.of_events))


def of_events(table: PairTable, names: Sequence[str], drives: Pair, threads: int) -> Deferred:
    """Return the postsynaptic factors of two events, looked up as far as they are asked for."""
    return _OfEvents(tuple(PairAnswers(table, name, drives, threads, event) for event, name in enumerate(names)))
