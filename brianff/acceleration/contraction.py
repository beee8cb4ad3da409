"""The sum over presentations of modulator x presynaptic x postsynaptic factor: a change of weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse

from brianff.acceleration.deferred import Deferred
from brianff.acceleration.lookup import PART_SIZE
from brianff.acceleration.matrix_products import one_blas_thread, product
from brianff.acceleration.threads import share
from brianff.inputs import FrameInput, Input, PulseInput

__all__ = ["contract"]


def contract(
    inputs: Sequence[Input],
    modulators: Sequence[np.ndarray],
    postsynaptic: Sequence[np.ndarray],
    pulse_response: np.ndarray,
    active_only: bool = False,
) -> np.ndarray:
    """Return the sum over several inputs of a layer of modulator x presynaptic x postsynaptic factor.

    Images that inputs share are multiplied once. Of several frames, each has a presynaptic and a postsynaptic factor.

    Parameters
    ----------
    inputs : sequence of Input
        At least one.
    modulators : sequence of ndarray
        One for each input, broadcastable to the postsynaptic factor.
    postsynaptic : sequence of ndarray, shape (presentations, neurons), or (events, presentations, neurons)
        One for each input.
    pulse_response : ndarray, shape (steps,)
        As in `Input.presynaptic`.
    active_only : bool
        Leave images out of which no presentation has a modulator other than 0: other sums of the same numbers.
    """
    inputs, modulators, postsynaptic = zip(*_by_event(inputs, modulators, postsynaptic), strict=True)
    pulses = [one for one in inputs if isinstance(one, PulseInput)]
    together = pulses and (len(pulses[0]) > len(pulses[0].image_part) or isinstance(postsynaptic[0], Deferred))
    if len(inputs) == 1 and not together:
        factor = postsynaptic[0]
        return _contract_one(inputs[0], (modulators[0] * factor).astype(factor.dtype, copy=False), pulse_response)
    if len(pulses) == len(inputs):
        return _contract_pulses(pulses, modulators, postsynaptic, active_only)
    factors = zip(inputs, modulators, postsynaptic, strict=True)
    parts: Any = (_contract_one(one, modulator * factor, pulse_response) for one, modulator, factor in factors)
    return sum(parts)


def _by_event(inputs, modulators, postsynaptic) -> Iterator[tuple[Input, np.ndarray, np.ndarray]]:
    """Yield inputs with modulator and postsynaptic factor, each frame as an input of its own."""
    for one, modulator, factor in zip(inputs, modulators, postsynaptic, strict=True):
        if isinstance(one, FrameInput):
            factors = getattr(factor, "of_events", None)
            if factors is None:
                factors = np.broadcast_to(factor, (len(one.pulse_steps), *factor.shape[-2:]))
            yield from ((frame, modulator, of_frame) for frame, of_frame in zip(one.frames, factors, strict=True))
        else:
            yield one, modulator, factor


def _contract_one(one: Input, factor: np.ndarray, pulse_response: np.ndarray) -> np.ndarray:
    """Return the contraction of one input with its modulated postsynaptic factor."""
    if isinstance(one, PulseInput) and len(one) > len(one.image_part):
        return _contract_pulses([one], [np.ones((1, 1))], [factor])
    presynaptic = one.presynaptic(pulse_response)
    if issparse(presynaptic):
        return presynaptic.T @ factor
    if factor.dtype == np.float32:  # twice as fast as a product of both types
        presynaptic = presynaptic.astype(np.float32, copy=False)
    return product(presynaptic.T, factor, one.threads)


IMAGES_TOGETHER = 64
"""Images whose presentations are summed at a time: their postsynaptic factors stay in the cache from the sums by image
to those by label. Part of the results: it sets the order of the sums."""


def _contract_pulses(
    inputs: Sequence[PulseInput],
    modulators: Sequence[np.ndarray],
    postsynaptic: Sequence[np.ndarray],
    active_only: bool = False,
) -> np.ndarray:
    """Return the contraction by way of the sums over each image's and over each label's presentations."""
    joined = reduce(PulseInput.followed_by, inputs)
    images, classes, neurons = len(joined.image_part), len(joined.codes), postsynaptic[0].shape[1]
    ends = np.cumsum([len(one) for one in inputs])
    summands = [
        _summand(joined.image[end - len(one) : end], one.label, modulator, factor, images)
        for one, end, modulator, factor in zip(inputs, ends, modulators, postsynaptic, strict=True)
    ]
    by_image = np.zeros((images, neurons), np.result_type(postsynaptic[0].dtype, np.float32))
    by_label = np.zeros((-(-images // IMAGES_TOGETHER), classes, neurons), by_image.dtype)

    def add(part: int) -> None:
        rows = slice(part * IMAGES_TOGETHER, min((part + 1) * IMAGES_TOGETHER, images))
        for summand in summands:
            summand.add(rows, by_image[rows], by_label[part])

    worth_a_thread = sum(len(one) for one in inputs) * neurons >= 2 * PART_SIZE
    with one_blas_thread():
        share(add, range(len(by_label)), joined.threads if worth_a_thread else 1)
    part = joined.image_part
    if active_only:
        rows = np.flatnonzero(by_image.any(axis=1))
        part, by_image = part[rows], by_image[rows]
    result = product(part.T, by_image, joined.threads)
    units = joined.label_units
    result[units] += joined.codes[:, units].T @ by_label.sum(axis=0)
    return result


def _summand(image: np.ndarray, label: np.ndarray, modulator: np.ndarray, factor: np.ndarray, images: int) -> Any:
    """Return what adds up one input's modulator x postsynaptic factor."""
    if isinstance(factor, Deferred) and modulator.shape[1] == 1:
        weights = np.broadcast_to(modulator[:, 0], image.shape).astype(factor.dtype)
        return factor.weighted(weights, image, images)
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
        by_image += np.einsum("ip,ipn->in", weights.reshape(-1, self.each), of_each_image)
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
