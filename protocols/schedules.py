"""Schedules of the learning rate: functions of the progress of a layer's training, from 0 to 1, that give a factor."""

import math

from brianff.arguments import explained
from brianff.description.fields import Real, argument
from brianff.equations.parameters import NOT_NEGATIVE
from brianff.registry import Registry

__all__ = ["SCHEDULES", "constant", "cosine"]


def constant(progress: float) -> float:
    """Return 1, whatever the progress."""
    return 1.0


@explained
def cosine(progress: float) -> float:
    """Return the factor of the learning rate at a share `progress` of the training: half a cosine from 1 to 0.

    Parameters
    ----------
    progress : float
        From 0 to 1; beyond, the factor is 0.
    """
    progress = argument("progress", progress, Real(NOT_NEGATIVE))
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


SCHEDULES = Registry("schedule", None, {"constant": constant, "cosine": cosine}, called_with=("progress",))
"""Schedules by name."""
