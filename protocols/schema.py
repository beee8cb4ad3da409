"""What a checkpoint must hold to be a run's: entries, shapes, types and ranges, checked before anything is restored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from brianff.arrays import checked
from brianff.description import Description
from brianff.description.fields import Index, Measured, NotNegative, Table, Text, Whole
from brianff.errors import CheckpointError, ConfigurationError
from brianff.random import RandomStreams

if TYPE_CHECKING:
    from brianff.protocols.trainer import Trainer

__all__ = ["Position", "check_arrays", "position"]

Large = Annotated[int, Whole(0, 2**63 - 1)]

Row = tuple[Index, Index, Text, Annotated[float, Measured()]]

OF_PARTS = re.compile(r"(rule|modulator|negatives|sampler|callback_\d+)\..+")
"""Entries of parts that declare nothing about them: arrays of numbers."""


class Position(Description):
    """How far a run has come: what a checkpoint holds beside arrays.

    Parameters
    ----------
    layer, epoch : int
        The layer that learns next, and how many of its epochs are done.
    history : tuple of (epoch, layer, quantity, value)
    streams : dict of str to dict
        States of the random streams.
    presentations, neuron_steps : int
    data_digest : str or None
        Digest of the data that were learned.
    seconds : dict of str to float
        Wall time so far of each phase.
    protocol : dict
    parts : dict of str to str
        Digests of the protocol's parts.
    """

    layer: Index
    epoch: Index
    history: Annotated[
        tuple[tuple[Index, Index, Text, Annotated[float, Measured()]], ...], Field(max_length=10_000_000)
    ]
    streams: Annotated[dict[str, Any], Table()]
    presentations: Large
    neuron_steps: Large
    data_digest: Text | None = None
    seconds: dict[Text, NotNegative] = Field(default_factory=dict)
    protocol: Annotated[dict[str, Any], Table()] = Field(default_factory=dict)
    parts: dict[Text, Text] = Field(default_factory=dict)


def position(trainer: Trainer, values: dict[str, Any]) -> tuple[Position, RandomStreams]:
    """Return the position that a checkpoint tells, and its random streams; a CheckpointError if the run has no such."""
    try:
        found = Position(**values)
    except ConfigurationError as error:
        raise CheckpointError(str(error)) from None
    layers, epochs = len(trainer.simulator.layers), trainer.protocol.learning.epochs
    if found.layer > layers:
        raise CheckpointError(f"layer is {found.layer}; the run has {layers}")
    if found.epoch >= (epochs if found.layer < layers else 1):
        raise CheckpointError(f"epoch is {found.epoch} in layer {found.layer}; the run has {epochs} for each layer")
    streams = RandomStreams(trainer.simulator.streams.seed)
    needed = {"label code", *(f"weights {number}" for number in range(layers))}
    needed |= {"batches"} if (found.layer or found.epoch) and len(trainer.training) else set()
    if missing := needed - found.streams.keys():
        raise CheckpointError(f"streams lacks {', '.join(sorted(missing))}")
    try:
        streams.restore(found.streams)
    except Exception:  # numpy's generators raise what they like
        raise CheckpointError("streams holds states that are none of random streams") from None
    return found, streams


def check_arrays(trainer: Trainer, arrays: dict[str, np.ndarray], found: Position) -> None:
    """Raise a CheckpointError unless arrays are those of a trainer at a position."""
    held = {name: array for name, array in trainer.state()[0].items() if "." not in name}
    exact = {name: (array.shape, array.dtype) for name, array in held.items()}
    for name, array in held.items():
        if name.startswith("membrane_"):  # as many presentations as its largest batch had
            exact[name] = (None, array.shape[1]), array.dtype
    optional = set()
    if found.layer < len(trainer.simulator.layers):
        shape = trainer.simulator.layers[found.layer].crossbar.weights.shape
        kept = trainer.protocol.learning.made_optimiser.start(shape, np.dtype(trainer.simulator.dtype))
        if kept is None:
            kept = {name[10:]: array for name, array in arrays.items() if name.startswith("step_rule.")}
        moments = {f"step_rule.{name}": (array.shape, array.dtype) for name, array in kept.items()}
        exact |= moments
        if "eligibility" in exact or not found.epoch or not len(trainer.training):  # none was needed so far
            optional = set(moments)
    for name in arrays.keys() - exact.keys():
        if not OF_PARTS.fullmatch(name):
            raise CheckpointError(f"it holds {name!r}, which is no entry of this run: {', '.join(exact)}")
        checked(name, arrays[name], arrays[name].shape, error=CheckpointError)
    for name, (shape, dtype) in exact.items():
        if name in arrays:
            checked(name, arrays[name], shape, kind=dtype, error=CheckpointError)
        elif name not in optional:
            raise CheckpointError(f"it lacks {name!r}, {dtype} of the shape {shape}")
