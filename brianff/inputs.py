"""Input of a layer during a batch of presentations: pulses that share one time course, or spikes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

__all__ = ["Events", "PulseInput", "SparseSpikes", "SpikeInput"]

Events = np.ndarray
"""Presynaptic events as an array (steps, presentations, units) of amplitudes; zero: no event."""


@dataclass(frozen=True)
class PulseInput:
    """Every unit emits the same pulse train, with an amplitude of its own: image part + code of the label.

    Parameters
    ----------
    image_part : ndarray, shape (images, inputs)
    codes : ndarray, shape (classes, inputs)
    image, label : ndarray of int, shape (presentations,)
        Which image and which label each presentation shows.
    steps : int
    pulse_steps : tuple of int
    """

    image_part: np.ndarray
    codes: np.ndarray
    image: np.ndarray
    label: np.ndarray
    steps: int
    pulse_steps: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.image)

    def select(self, presentations) -> "PulseInput":
        """Return the input of some presentations."""
        return PulseInput(
            self.image_part,
            self.codes,
            self.image[presentations],
            self.label[presentations],
            self.steps,
            self.pulse_steps,
        )

    @property
    def amplitudes(self) -> np.ndarray:
        """Pulse amplitudes, shape (presentations, inputs)."""
        return self.image_part[self.image] + self.codes[self.label]

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the amplitudes, without time course."""
        return self.amplitudes

    def events(self) -> Events:
        """Return the same input as events."""
        events = np.zeros((self.steps, len(self), self.codes.shape[1]))
        events[list(self.pulse_steps)] = self.amplitudes
        return events


@dataclass(frozen=True)
class SpikeInput:
    """Units spike at steps of their own.

    Parameters
    ----------
    raster : ndarray of bool, shape (steps, presentations, inputs)
    """

    raster: np.ndarray

    def __len__(self) -> int:
        return self.raster.shape[1]

    @property
    def steps(self) -> int:
        """Length of a presentation in time steps."""
        return self.raster.shape[0]

    def select(self, presentations) -> "SpikeInput":
        """Return the input of some presentations."""
        return SpikeInput(self.raster[:, presentations])

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the time average of the unit's alpha current.

        Parameters
        ----------
        pulse_response : ndarray, shape (steps,)
            Current of a unit weight after one spike at step 0.
        """
        from_step = (
            np.cumsum(pulse_response)[::-1] / self.steps
        )  # average over the rest of the presentation, by spike time
        return np.tensordot(from_step, self.raster, axes=1)

    def events(self) -> Events:
        """Return the spikes as events of amplitude 1."""
        return self.raster.astype(float)

    def at(self, step: int) -> csr_matrix:
        """Return the spikes of one step as a sparse matrix (presentations, inputs) of ones."""
        return csr_matrix(self.raster[step], dtype=float)

    @cached_property
    def spike_counts(self) -> np.ndarray:
        """Number of spikes, shape (presentations, inputs)."""
        return self.raster.sum(axis=0)


class SparseSpikes(SpikeInput):
    """Spikes of few units, kept as one sparse matrix for each step; the raster is made when it is asked for.

    Parameters
    ----------
    matrices : list of csr_matrix, shape (presentations, inputs)
        Ones where a unit spikes.
    """

    _matrices: list[csr_matrix]

    def __init__(self, matrices: list[csr_matrix]):
        self.__dict__["_matrices"] = matrices  # the dataclass is frozen

    def __len__(self) -> int:
        return self._matrices[0].shape[0]

    @property
    def steps(self) -> int:
        """Length of a presentation in time steps."""
        return len(self._matrices)

    @cached_property
    def raster(self) -> np.ndarray:
        """Spikes as an array of bool, shape (steps, presentations, inputs)."""
        return np.array([matrix.toarray().astype(bool) for matrix in self._matrices])

    def select(self, presentations) -> SpikeInput:
        """Return the input of some presentations."""
        if isinstance(presentations, slice) and presentations.indices(len(self)) == (0, len(self), 1):
            return self
        return SparseSpikes([matrix[presentations] for matrix in self._matrices])

    def at(self, step: int) -> csr_matrix:
        """Return the spikes of one step as a sparse matrix (presentations, inputs) of ones."""
        return self._matrices[step]
