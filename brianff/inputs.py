"""Input of a layer during a batch of presentations: pulses that share one time course, or spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack

from brianff.products import one_blas_thread, product
from brianff.sharing import share

__all__ = [
    "Events",
    "Input",
    "PulseInput",
    "SparseSpikes",
    "SpikeAverages",
    "SpikeInput",
    "average_after",
    "contract",
]

Events = np.ndarray
"""Presynaptic events as an array (steps, presentations, units) of amplitudes; zero: no event."""


class Input:
    """Base of the inputs of a layer, each for a number of presentations."""

    threads: int = 1

    def __len__(self) -> int:
        raise NotImplementedError

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor, shape (presentations, inputs): what a unit drives a synapse with.

        Parameters
        ----------
        pulse_response : ndarray, shape (steps,)
            Current of a unit weight after one spike at step 0.
        """
        raise NotImplementedError

    def contract(self, postsynaptic: np.ndarray, pulse_response: np.ndarray) -> np.ndarray:
        """Return the sum over presentations of presynaptic x postsynaptic factor, shape (inputs, neurons).

        Parameters
        ----------
        postsynaptic : ndarray, shape (presentations, neurons)
        pulse_response : ndarray, shape (steps,)
            As in `presynaptic`.
        """
        presynaptic = self.presynaptic(pulse_response)
        if postsynaptic.dtype == np.float32:  # twice as fast as a product of both types
            presynaptic = presynaptic.astype(np.float32, copy=False)
        return product(presynaptic.T, postsynaptic, self.threads)


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
        """Return the input of some presentations."""
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
        weights = weights.astype(np.result_type(self.image_part, np.float32), copy=False)
        units = self._label_units
        return product(self.image_part, weights, self.threads), self.codes[:, units] @ weights[units]

    @property
    def _label_units(self) -> np.ndarray:
        return np.flatnonzero(self.codes.any(axis=0))

    @property
    def amplitudes(self) -> np.ndarray:
        """Pulse amplitudes, shape (presentations, inputs)."""
        return self.image_part[self.image] + self.codes[self.label]

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the amplitudes, without time course."""
        return self.amplitudes

    def contract(self, postsynaptic: np.ndarray, pulse_response: np.ndarray) -> np.ndarray:
        """Return the sum over presentations of presynaptic x postsynaptic factor: each image is multiplied once."""
        return _contract_pulses([self], [np.ones((1, 1))], [postsynaptic])

    def events(self) -> Events:
        """Return the same input as events."""
        events = np.zeros((self.steps, len(self), self.codes.shape[1]))
        events[list(self.pulse_steps)] = self.amplitudes
        return events


def contract(
    inputs: Sequence[Input],
    modulators: Sequence[np.ndarray],
    postsynaptic: Sequence[np.ndarray],
    pulse_response: np.ndarray,
) -> np.ndarray:
    """Return the sum over several inputs of a layer of modulator x presynaptic x postsynaptic factor.

    Images that inputs share are multiplied once.

    Parameters
    ----------
    inputs : sequence of Input
        At least one.
    modulators : sequence of ndarray
        One for each input, broadcastable to the postsynaptic factor.
    postsynaptic : sequence of ndarray, shape (presentations, neurons)
        One for each input.
    pulse_response : ndarray, shape (steps,)
        As in `Input.contract`.
    """
    pulses = [one for one in inputs if isinstance(one, PulseInput)]
    if len(pulses) == len(inputs):
        return _contract_pulses(pulses, modulators, postsynaptic)
    factors = zip(inputs, modulators, postsynaptic, strict=True)
    parts: Any = (one.contract(modulator * factor, pulse_response) for one, modulator, factor in factors)
    return sum(parts)


IMAGES_TOGETHER = 64
"""Images whose presentations are summed at a time: their postsynaptic factors stay in the cache from the sums by image
to those by label. Part of the results: it sets the order of the sums."""


def _contract_pulses(
    inputs: Sequence[PulseInput], modulators: Sequence[np.ndarray], postsynaptic: Sequence[np.ndarray]
) -> np.ndarray:
    """Return the contraction by way of the sums over each image's and over each label's presentations."""
    joined = reduce(PulseInput.followed_by, inputs)
    images, classes, neurons = len(joined.image_part), len(joined.codes), postsynaptic[0].shape[1]
    ends = np.cumsum([len(one) for one in inputs])
    summands = [
        _summand(joined.image[end - len(one) : end], one.label, modulator, factor, images)
        for one, end, modulator, factor in zip(inputs, ends, modulators, postsynaptic, strict=True)
    ]
    by_image = np.zeros((images, neurons), np.result_type(postsynaptic[0], np.float32))
    by_label = np.zeros((-(-images // IMAGES_TOGETHER), classes, neurons), by_image.dtype)

    def add(part: int) -> None:
        rows = slice(part * IMAGES_TOGETHER, min((part + 1) * IMAGES_TOGETHER, images))
        for summand in summands:
            summand.add(rows, by_image[rows], by_label[part])

    with one_blas_thread():
        share(add, range(len(by_label)), joined.threads)
    result = product(joined.image_part.T, by_image, joined.threads)
    units = joined._label_units
    result[units] += joined.codes[:, units].T @ by_label.sum(axis=0)
    return result


def _summand(
    image: np.ndarray, label: np.ndarray, modulator: np.ndarray, factor: np.ndarray, images: int
) -> _EvenSummand | _Summand:
    """Return what adds up one input's modulator x postsynaptic factor."""
    if modulator.shape[1] != 1:  # not one for each presentation
        modulator, factor = np.ones((1, 1)), modulator * factor
    weights = np.broadcast_to(modulator[:, 0], image.shape).astype(np.result_type(factor, np.float32))
    each = len(image) // max(images, 1)
    if np.array_equal(image, np.repeat(np.arange(images), each)):
        return _EvenSummand(weights, label, factor, each)
    return _Summand(csr_matrix((weights, (image, np.arange(len(image)))), (images, len(image))), label, factor)


@dataclass(frozen=True)
class _EvenSummand:
    """Weighted presentations, as many of each image, in the order of the images."""

    weights: np.ndarray
    label: np.ndarray
    factor: np.ndarray
    each: int

    def add(self, images: slice, by_image: np.ndarray, by_label: np.ndarray) -> None:
        """Add the presentations of some images to these images' rows, and to the rows of the labels."""
        rows = slice(images.start * self.each, images.stop * self.each)
        weights, factor, classes = self.weights[rows], self.factor[rows], np.arange(len(by_label))
        of_each_image = factor.reshape(len(by_image), self.each, factor.shape[1])
        by_image += np.matmul(weights.reshape(len(by_image), 1, self.each), of_each_image)[:, 0]
        by_label += (weights * (self.label[rows] == classes[:, np.newaxis])) @ factor


@dataclass(frozen=True)
class _Summand:
    """Weighted presentations, in any order: their weights in a sparse matrix (images, presentations)."""

    image: csr_matrix
    label: np.ndarray
    factor: np.ndarray

    def add(self, images: slice, by_image: np.ndarray, by_label: np.ndarray) -> None:
        """As for `_EvenSummand`."""
        of_images = self.image[images]
        where = self.label[of_images.indices], of_images.indices
        by_image += of_images @ self.factor
        by_label += csr_matrix((of_images.data, where), (len(by_label), of_images.shape[1])) @ self.factor


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
        """Return the input of some presentations."""
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
    def binary_digits(self) -> np.ndarray:
        """Spikes of each unit as binary digits of a number in [0, 1), the first step first; (presentations, inputs)."""
        rows = np.diff(self.matrix.indptr)
        presentation = np.repeat(np.tile(np.arange(len(self)), self.steps), rows)
        place = presentation * self.matrix.shape[1] + self.matrix.indices
        numbers = np.zeros((len(self), self.matrix.shape[1]))
        for step in range(self.steps):
            spikes = slice(self.matrix.indptr[step * len(self)], self.matrix.indptr[(step + 1) * len(self)])
            numbers.ravel()[place[spikes]] += 0.5 ** (step + 1)
        return numbers

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
        """Length of a presentation in time steps."""
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
        """Return the input of some presentations."""
        rows = np.arange(self.matrix.shape[0]).reshape(self.steps, len(self))[:, presentations]
        return SparseSpikes(self.matrix[rows.ravel()], self.steps, self.threads)

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the time average of the unit's alpha current."""
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
        """Return the input of some presentations."""
        return replace(self, currents=self.currents[presentations])

    def presynaptic(self, pulse_response: np.ndarray) -> np.ndarray:
        """Return the presynaptic factor (presentations, inputs): the time averages."""
        return self.currents
