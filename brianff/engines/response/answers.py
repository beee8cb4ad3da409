"""What neurons answered to their drives, looked up as far as it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from brianff.acceleration.deferred import Deferred
from brianff.acceleration.lookup import Lookup, SumsOfRows
from brianff.engines.response.table import ResponseTable

__all__ = ["Answers"]


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
