"""Spike trains as samples of a data set: they enter a network as they are, as events."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from brianff.arguments import explained
from brianff.description.fields import LARGEST, Whole, argument
from brianff.errors import DataError

__all__ = ["SpikeTrains", "whole_numbers"]


def whole_numbers(what: str, values: Any, below: int = LARGEST + 1) -> np.ndarray:
    """Return values as an array of integers; a DataError if they are not whole numbers from 0 to `below` - 1."""
    try:
        array = np.asarray(values)
    except Exception as error:  # rows of several lengths, more than there is memory for
        told = str(error) or type(error).__name__
        raise DataError(f"{what} must be whole numbers, in one row: {told}") from None
    whole = array.ndim == 1 and (array.dtype.kind in "bui" or (array.dtype.kind == "f" and (array % 1 == 0).all()))
    if not whole or (array.size and not (array.min() >= 0 and array.max() < below)):
        row = f"whole numbers from 0 to {below - 1}, in one row"
        raise DataError(f"{what} must be {row}; not {reprlib.repr(array.tolist())}")
    return array.astype(np.int64)


@explained
class SpikeTrains:
    """Spike trains of some samples; rows are chosen by an index, as of an array.

    Parameters
    ----------
    matrix : csr_matrix, shape (samples, steps x units)
        Ones where a unit spikes, step after step.
    steps : int
        Length of a sample in time steps.
    time_step : float, optional
        In seconds; None: that of whatever network they are shown to.
    """

    def __init__(self, matrix: csr_matrix, steps: int, time_step: float | None = None):
        if steps < 1 or matrix.shape[1] % steps or not matrix.shape[1]:
            raise DataError(f"a matrix of {matrix.shape[1]} columns does not hold {steps} steps of one or more units")
        self.matrix, self.steps, self.time_step = matrix, steps, time_step

    @classmethod
    def from_raster(cls, raster: np.ndarray, time_step: float | None = None) -> SpikeTrains:
        """Return the spike trains of a raster of bool, shape (samples, steps, units).

        Parameters
        ----------
        raster : ndarray of bool, shape (samples, steps, units)
        time_step : float, optional
            In seconds.
        """
        raster = np.asarray(raster)
        if raster.ndim != 3 or raster.dtype != bool or 0 in raster.shape[1:]:
            raise DataError(f"the raster must be bool (samples, steps, units); not {raster.dtype} {raster.shape}")
        return cls(csr_matrix(raster.reshape(len(raster), -1), dtype=np.int8), raster.shape[1], time_step)

    @classmethod
    def from_events(
        cls, unit: Any, time: Any, sample: Any, samples: int, units: int, duration: Any, time_step: Any
    ) -> SpikeTrains:
        """Return the spike trains of events; spikes of one unit in the same step count once.

        Parameters
        ----------
        unit, time, sample, units, duration, time_step
            As in `Dataset.from_spikes`.
        samples : int
            Their number.
        """
        try:
            length, step = float(_seconds(duration)), float(_seconds(time_step))
            when = _seconds(time)
        except (TypeError, ValueError) as error:
            raise DataError(f"time, duration and time_step must be times: {error}") from None
        exact = length / step if step > 0 else 0.0
        steps = round(exact) if 0 < exact < 1e9 else 0
        if steps < 1 or abs(exact - steps) > 1e-6 * steps:
            raise DataError(f"duration {duration!s} must be one or more whole time steps ({time_step!s})")
        for name, number in (("units", units), ("samples", samples)):
            argument(name, number, Whole(1), DataError)
        unit, sample = whole_numbers("unit", unit, units), whole_numbers("sample", sample, samples)
        if not when.shape == unit.shape == sample.shape:
            shapes = unit.shape, when.shape, sample.shape
            raise DataError(f"unit, time and sample have the shapes {shapes}; give one of each per spike")
        if when.size and not (when.min() >= 0 and when.max() < length):
            raise DataError(f"spike times reach from {when.min()} to {when.max()} s; they must lie in [0, {length}) s")
        which = np.minimum(np.floor(when / step + 1e-6).astype(np.int64), steps - 1) * units + unit
        matrix = csr_matrix((np.ones(len(which), np.int8), (sample, which)), (samples, steps * units))
        matrix.data[:] = 1
        return cls(matrix, steps, step)

    @property
    def counts(self) -> np.ndarray:
        """Number of spikes, shape (samples, units)."""
        counts, spikes = np.zeros(self.shape), self.matrix.tocoo()
        np.add.at(counts, (spikes.row, spikes.col % self.shape[1]), 1)
        return counts

    @property
    def shape(self) -> tuple[int, int]:
        """Samples and units."""
        return self.matrix.shape[0], self.matrix.shape[1] // self.steps

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> SpikeTrains:
        return SpikeTrains(self.matrix[rows], self.steps, self.time_step)

    def __repr__(self) -> str:
        return f"SpikeTrains({len(self)} samples, {self.steps} steps, {self.shape[1]} units)"


def _seconds(times: Any) -> np.ndarray:
    """Return quantities, or texts such as "2 ms", in seconds; plain numbers are seconds already."""
    from brian2 import have_same_dimensions, second

    from brianff.description.quantities import parse_quantity

    if isinstance(times, str):
        times = parse_quantity(times, second)
    if not have_same_dimensions(times, second if hasattr(times, "dim") else 1):
        raise ValueError(f"{times} is no time")
    return np.asarray(times, dtype=float)
