"""Receptive fields: which inputs each neuron is connected to. Synapses outside do not exist, nor do their devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Annotated, Any

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from brianff.arguments import explained
from brianff.description.fields import shown
from brianff.errors import ConfigurationError, missing
from brianff.registry import Registry

__all__ = ["RECEPTIVE_FIELDS", "OptionalField", "Patches", "RandomInputs", "ReceptiveField"]


class ReceptiveField:
    """Base of the receptive fields; one of your own needs `connected`, and with parameters is a frozen dataclass."""

    def connected(self, units: int, neurons: int, generator: np.random.Generator) -> np.ndarray:
        """Tell which units each neuron is connected to.

        Parameters
        ----------
        units : int
            Pixels of an image, or neurons of the layer below. A second line of a pixel is connected as the first, and
            the units of the label are connected to all neurons.
        neurons : int
        generator : numpy.random.Generator

        Returns
        -------
        ndarray of bool, shape (units, neurons)
        """
        raise missing(self, "connected")


@explained
@dataclass(frozen=True)
class Patches(ReceptiveField):
    """Each neuron sees a rectangle of the image.

    Parameters
    ----------
    rows, columns : int
        Size of the rectangle in pixels.
    places : sequence of (int, int), or None
        First row and column of the neurons' rectangles; there may be fewer than neurons, which then take turns. None:
        they are drawn, evenly over all places at which half of the rectangle or more is inside of the image, and moved
        inside: pixels near the edges are then seen by as many neurons as others.
    image_shape : (int, int), or None
        Rows and columns of the image; None: it is a square.
    """

    rows: int = 14
    columns: int = 14
    places: Sequence[Sequence[int]] | None = None
    image_shape: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.places is not None:
            object.__setattr__(self, "places", tuple(tuple(place) for place in self.places))
        if self.image_shape is not None:
            object.__setattr__(self, "image_shape", tuple(self.image_shape))
        pairs = [] if self.places is None else list(self.places)
        pairs += [(self.rows, self.columns)] + ([] if self.image_shape is None else [self.image_shape])
        whole = all(len(pair) == 2 and all(type(one) is int and one >= 0 for one in pair) for pair in pairs)
        if not whole or self.places == () or 0 in (self.rows, self.columns):
            raise ConfigurationError(f"{shown(self)} is no field: sizes and places are pairs of whole numbers")

    def connected(self, units, neurons, generator):
        shape = (isqrt(units), isqrt(units)) if self.image_shape is None else self.image_shape
        size = self.rows, self.columns
        if shape[0] * shape[1] != units:
            raise ConfigurationError(f"receptive field: {units} units are no image of {shape}; give it image_shape")
        inside = []
        for axis, (length, extent) in enumerate(zip(shape, size, strict=True)):
            last = length - extent
            if last < 0 or any(place[axis] > last for place in self.places or ()):
                raise ConfigurationError(f"receptive field: {self} reaches beyond an image of {shape}")
            if self.places is None:
                first = generator.integers(-(extent // 2), last + extent // 2, neurons, endpoint=True).clip(0, last)
            else:
                first = np.resize([place[axis] for place in self.places], neurons)
            place = np.arange(length)[:, np.newaxis]
            inside.append((place >= first) & (place < first + extent))
        return (inside[0][:, np.newaxis] & inside[1]).reshape(units, neurons)


@dataclass(frozen=True)
class RandomInputs(ReceptiveField):
    """Each neuron is connected to random units, all to the same number.

    Parameters
    ----------
    share : float
        Of the units, in (0, 1]; at least one.
    """

    share: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigurationError(f"receptive field: share is {self.share}; it must lie in (0, 1]")

    def connected(self, units, neurons, generator):
        order = generator.random((units, neurons)).argsort(axis=0)
        return order < max(round(self.share * units), 1)


RECEPTIVE_FIELDS = Registry("receptive_field", ReceptiveField, {"patches": Patches, "random": RandomInputs})
"""Receptive fields by name."""

OptionalField = Annotated[
    Any,
    PlainValidator(lambda value: None if value is None else RECEPTIVE_FIELDS.make(RECEPTIVE_FIELDS.find(value))),
    PlainSerializer(lambda field: None if field is None else RECEPTIVE_FIELDS.describe(field)),
]
