"""Input of a layer during a batch of presentations: pulses that share one time course, or spikes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["Events", "PulseInput", "SpikeInput"]

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

    @cached_property
    def spike_counts(self) -> np.ndarray:
        """Number of spikes, shape (presentations, inputs)."""
        return self.raster.sum(axis=0)
