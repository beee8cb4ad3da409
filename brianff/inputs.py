"""Input of a layer during a batch of presentations: pulses that share one time course, or spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, vstack

from brianff.acceleration.matrix_products import product
from brianff.errors import DataError

__all__ = [
    "Events",
    "FrameInput",
    "Input",
    "Momentary",
    "PulseInput",
    "SparseSpikes",
    "SpikeAverages",
    "SpikeInput",
    "average_after",
    "checked_units",
]

Events = np.ndarray
"""Presynaptic events as an array (steps, presentations, units) of amplitudes; zero: no event."""


class Input:
    """Base of the inputs of a layer, each for a number of presentations."""

    threads: int = 1

    def __len__(self) -> int:
        raise NotImplementedError

    def select(self, presentations) -> Input:
        """Return the input of some presentations: an index array, a mask or a slice."""
        raise NotImplementedError

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor, shape (presentations, inputs): what a unit drives a synapse with.

        Parameters
        ----------
        pulse_response : ndarray, shape (steps,)
            Current of a unit weight after one spike at step 0.
        """
        raise NotImplementedError


def average_after(pulse_response: np.ndarray) -> np.ndarray:
    """Return, for a spike at each step, the current that it causes, averaged over the whole presentation."""
    return np.cumsum(pulse_response)[::-1] / len(pulse_response)


@dataclass(frozen=True)
class PulseInput(Input):
    """Every unit emits the same pulse train, with an amplitude of its own: image part + code of the label.

    Parameters
    ----------
    image_part : ndarray, shape (images, inputs)
    codes : ndarray, shape (classes, inputs)
    image, label : ndarray of int, shape (presentations,)
        Which image and which label each presentation shows.
    steps : int
    pulse_steps : tuple of int
    threads : int
        Threads for matrix products.
    """

    image_part: np.ndarray
    codes: np.ndarray
    image: np.ndarray
    label: np.ndarray
    steps: int
    pulse_steps: tuple[int, ...]
    threads: int = 1

    def __len__(self) -> int:
        return len(self.image)

    def select(self, presentations) -> PulseInput:
        return replace(self, image=self.image[presentations], label=self.label[presentations])

    def followed_by(self, other: PulseInput) -> PulseInput:
        """Return these presentations and then those of `other`; images that both share are kept once."""
        image_part, image = self.image_part, other.image
        if image_part is not other.image_part and not np.array_equal(image_part, other.image_part):
            image_part = np.concatenate([image_part, other.image_part])
            image = image + len(self.image_part)
        return replace(
            self,
            image_part=image_part,
            image=np.concatenate([self.image, image]),
            label=np.concatenate([self.label, other.label]),
        )

    def drives(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the drives of each image and of each label; the drive of a presentation is the sum of two rows.

        Parameters
        ----------
        weights : ndarray, shape (inputs, neurons)
        """
        dtype, units = np.result_type(self.image_part, np.float32), self.label_units
        of_labels = self.codes[:, units] @ weights[units].astype(dtype, copy=False)
        return product(self.image_part, weights, self.threads, dtype), of_labels

    @property
    def event_steps(self) -> tuple[tuple[int, ...], ...]:
        """Steps of the pulses of each event."""
        return (self.pulse_steps,)

    @property
    def label_units(self) -> np.ndarray:
        """Units that take part in the code of any label."""
        return np.flatnonzero(self.codes.any(axis=0))

    @property
    def amplitudes(self) -> np.ndarray:
        """Pulse amplitudes, shape (presentations, inputs), or (presentations, frames, inputs)."""
        return self.image_part[self.image] + self.codes[self.label]

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor: the amplitudes, without time course."""
        return self.amplitudes

    def events(self) -> Events:
        """Return the same input as events."""
        events = np.zeros((self.steps, len(self), self.codes.shape[1]))
        events[list(self.pulse_steps)] = self.amplitudes
        return events


@dataclass(frozen=True)
class FrameInput(PulseInput):
    """Images shown one after the other, each as one pulse of every unit: image part + code of the label.

    Parameters
    ----------
    image_part : ndarray, shape (images, inputs)
    codes : ndarray, shape (classes or more, inputs)
        A row of zeros stands for no label.
    image, label : ndarray of int, shape (presentations, frames)
        Which image and which label each frame of a presentation shows.
    steps : int
    pulse_steps : tuple of int
        Steps at which the frames come.
    threads : int
        Threads for matrix products.
    onsets : ndarray of int, shape (presentations, frames), or None
        Steps at which they come where each presentation has its own; `pulse_steps` are then those of the encoding.
    """

    onsets: np.ndarray | None = None

    def select(self, presentations) -> FrameInput:
        onsets = None if self.onsets is None else self.onsets[presentations]
        return replace(self, image=self.image[presentations], label=self.label[presentations], onsets=onsets)

    def followed_by(self, other: PulseInput) -> FrameInput:
        drawn = None
        if self.onsets is not None and isinstance(other, FrameInput):
            drawn = np.concatenate([self.onsets, other.onset_steps])
        return replace(super().followed_by(other), onsets=drawn)  # type: ignore[call-arg, return-value]

    @property
    def onset_steps(self) -> np.ndarray:
        """Steps at which the frames of each presentation come, shape (presentations, frames)."""
        return np.broadcast_to(self.pulse_steps, self.image.shape) if self.onsets is None else self.onsets

    @property
    def event_steps(self) -> tuple[tuple[int, ...], ...]:
        """Steps of the pulses of each event."""
        return tuple((step,) for step in self.pulse_steps)

    @property
    def frames(self) -> list[PulseInput]:
        """Each frame as an input of its own; they share the images."""
        fixed = self.image_part, self.codes
        return [
            PulseInput(*fixed, self.image[:, number], self.label[:, number], self.steps, pulses, self.threads)
            for number, pulses in enumerate(self.event_steps)
        ]

    def events(self) -> Events:
        """Return the same input as events."""
        events = np.zeros((self.steps, len(self), self.codes.shape[1]))
        np.add.at(events, (self.onset_steps, np.arange(len(self))[:, np.newaxis]), self.amplitudes)
        return events


@dataclass(frozen=True)
class SpikeInput(Input):
    """Units spike at steps of their own.

    Parameters
    ----------
    raster : ndarray of bool, shape (steps, presentations, inputs)
    threads : int
        Threads for matrix products.
    """

    raster: np.ndarray
    threads: int = 1

    def __len__(self) -> int:
        return self.raster.shape[1]

    @property
    def steps(self) -> int:
        """Length of a presentation in time steps."""
        return self.raster.shape[0]

    def select(self, presentations) -> SpikeInput:
        return replace(self, raster=self.raster[:, presentations])

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the time average of the unit's alpha current."""
        return np.einsum("s,spi->pi", average_after(pulse_response), self.raster)

    def events(self) -> Events:
        """Return the spikes as events of amplitude 1."""
        return self.raster.astype(float)

    @cached_property
    def matrix(self) -> csr_matrix:
        """The spikes as a sparse matrix of ones, shape (steps x presentations, inputs), step after step."""
        return csr_matrix(self.raster.reshape(-1, self.raster.shape[2]), dtype=float)

    def at(self, step: int) -> csr_matrix:
        """Return the spikes of one step as a sparse matrix (presentations, inputs) of ones."""
        return self.matrix[step * len(self) : (step + 1) * len(self)]

    @cached_property
    def spike_counts(self) -> np.ndarray:
        """Number of spikes, shape (presentations, inputs)."""
        return self.raster.sum(axis=0)


class SparseSpikes(SpikeInput):
    """Spikes of few units, kept as a sparse matrix; the raster is made when it is asked for.

    Parameters
    ----------
    matrix : csr_matrix, shape (steps x presentations, inputs)
        Ones where a unit spikes, step after step.
    steps : int
    threads : int
        Threads for matrix products.
    """

    matrix: csr_matrix
    _steps: int

    def __init__(self, matrix: csr_matrix, steps: int, threads: int = 1):
        self.__dict__.update(matrix=matrix, _steps=steps, threads=threads)  # the dataclass is frozen

    @classmethod
    def joined(cls, parts: Sequence[SparseSpikes]) -> SparseSpikes:
        """Return the presentations of several inputs, one after the other; at least one, of the same length."""
        if len(parts) == 1:
            return parts[0]
        ends, steps = np.cumsum([len(part) for part in parts]) * parts[0].steps, parts[0].steps
        rows = [
            np.arange(end - len(part) * steps, end).reshape(steps, -1) for end, part in zip(ends, parts, strict=True)
        ]
        matrix = vstack([part.matrix for part in parts], format="csr")[np.hstack(rows).ravel()]
        return cls(matrix, steps, parts[0].threads)

    def __len__(self) -> int:
        return self.matrix.shape[0] // self.steps

    @property
    def steps(self) -> int:
        return self._steps

    @cached_property
    def raster(self) -> np.ndarray:
        """Spikes as an array of bool, shape (steps, presentations, inputs)."""
        return self.matrix.toarray().astype(bool).reshape(self.steps, len(self), self.matrix.shape[1])

    def averages(self, pulse_response: np.ndarray, dtype: type[np.floating] = np.float64) -> np.ndarray:
        """Return the time average of each unit's alpha current, shape (presentations, units), summed step by step."""
        averages = np.zeros((len(self), self.matrix.shape[1]), dtype)
        for step, average in enumerate(average_after(pulse_response)):
            spikes = self.at(step).tocoo()
            averages[spikes.row, spikes.col] += average
        return averages

    def select(self, presentations) -> SpikeInput:
        rows = np.arange(self.matrix.shape[0]).reshape(self.steps, len(self))[:, presentations]
        return SparseSpikes(self.matrix[rows.ravel()], self.steps, self.threads)

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        return self.averages(pulse_response)


@dataclass(frozen=True)
class SpikeAverages(Input):
    """Spikes of which only the time averages of their alpha currents were kept.

    Parameters
    ----------
    currents : ndarray, shape (presentations, inputs)
        Time average of each unit's alpha current, per `current`.
    threads : int
        Threads for matrix products.
    """

    currents: np.ndarray
    threads: int = 1

    def __len__(self) -> int:
        return len(self.currents)

    def select(self, presentations) -> SpikeAverages:
        return replace(self, currents=self.currents[presentations])

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the time averages."""
        return self.currents


@dataclass(frozen=True)
class Momentary(Input):
    """Spikes of one step, for plasticity inside a presentation.

    Parameters
    ----------
    spikes : csr_matrix, shape (presentations, inputs)
        Ones where a unit spikes.
    """

    spikes: csr_matrix

    def __len__(self) -> int:
        return self.spikes.shape[0]

    def select(self, presentations) -> Momentary:
        return Momentary(self.spikes[presentations])

    def presynaptic(self, pulse_response: np.ndarray) -> csr_matrix:
        """Return the presynaptic factor (presentations, inputs), a sparse matrix: the spikes."""
        return self.spikes


def checked_units(inputs: PulseInput | SpikeInput) -> int:
    """Return the number of units of an input; a DataError if its arrays do not fit together.

    Compiled code and sparse products do not look: they would read memory beyond an array that is too small.
    """
    if not isinstance(inputs, PulseInput | SpikeInput):
        raise DataError(f"an input is a {type(inputs).__name__}; it must be what Simulator.inputs returns")
    if isinstance(inputs, PulseInput):
        shapes = [array.shape for array in (inputs.image_part, inputs.codes, inputs.image, inputs.label)]
        numbers = [("images", inputs.image, shapes[0][0]), ("labels", inputs.label, shapes[1][0])]
        frames = (len(inputs.pulse_steps),) if isinstance(inputs, FrameInput) else ()
        fits, units = shapes[0][1:] == shapes[1][1:] and shapes[2] == shapes[3], shapes[1][-1]
        fits = fits and shapes[2][1:] == frames
        if isinstance(inputs, FrameInput):
            shapes.append(inputs.onset_steps.shape)
            fits = fits and shapes[4] == shapes[2]
            numbers.append(("steps", inputs.onset_steps, inputs.steps))
    else:
        shapes = [inputs.matrix.shape if isinstance(inputs, SparseSpikes) else inputs.raster.shape]
        units = shapes[0][-1]
        fits = shapes[0][0] % inputs.steps == 0 if isinstance(inputs, SparseSpikes) else len(shapes[0]) == 3
        numbers = [("units", inputs.matrix.indices, units)] if fits else []
    if not fits:
        raise DataError(f"the arrays of a {type(inputs).__name__} do not fit together: their shapes are {shapes}")
    for name, values, count in numbers:
        if values.size and not 0 <= values.min() <= values.max() < count:
            raise DataError(f"there are {count} {name}; those shown are {values.min()} to {values.max()}")
    return units
