"""Optimisers: how a wanted change becomes a step of the weights. Their state is digital, beside the crossbar."""

from __future__ import annotations

from functools import cache

import numpy as np

from brianff.acceleration.elementwise import Statements
from brianff.description.fields import Real, argument
from brianff.equations.parameters import NOT_NEGATIVE
from brianff.errors import missing
from brianff.protocols.schedules import cosine
from brianff.registry import Registry

__all__ = ["OPTIMISERS", "Adam", "Momentum", "Optimiser", "Plain", "cosine"]


class Optimiser:
    """Base of the optimisers; one of your own needs `__call__`, and keeps in `state` what resuming needs.

    Parameters
    ----------
    learning_rate : float

    Attributes
    ----------
    state : dict of str to ndarray
        Goes into checkpoints.
    digital_support : str
        What it needs beside the crossbar, in words; empty: nothing.
    """

    digital_support = ""
    threads = 1

    def __init__(self, learning_rate: float):
        self.learning_rate = argument("learning_rate", learning_rate, Real(NOT_NEGATIVE))
        self.state: dict[str, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(learning_rate={self.learning_rate:g})"

    def start(self, shape: tuple[int, ...], dtype: np.dtype) -> dict[str, np.ndarray] | None:
        """Return what `state` holds before the first change of a shape and type; None: that is not declared."""
        return None

    def build(self, dtype: np.dtype) -> object:
        """Compile what changes of a type need, if anything."""
        return None

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change (inputs, neurons); `factor` scales this step."""
        raise missing(self, "__call__")


class Plain(Optimiser):
    """step = learning_rate x change: purely local, without state.

    Parameters
    ----------
    learning_rate : float
        Size of a step at a factor of 1.
    """

    moments: tuple[str, ...] = ()
    """Which averages are kept for each weight."""
    statements = "step = size*change"
    """What is done for each weight, in Brian2's language."""
    numbers: tuple[str, ...] = ("size",)
    """Numbers that the statements name."""

    def start(self, shape: tuple[int, ...], dtype: np.dtype) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, dtype) for name in self.moments}

    def build(self, dtype: np.dtype) -> Statements:
        """Compile the statements for changes of a type, unless they are; returns them."""
        moments = (f"{name}_moment" for name in self.moments)
        return _compiled(self.statements, ("change", "step", *moments), self.numbers, dtype)

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change; `factor` scales this step."""
        change = np.ascontiguousarray(change)
        if not self.state:
            self.state |= self.start(change.shape, change.dtype)
        step = np.empty_like(change)
        arrays = {"change": change, "step": step} | {f"{name}_moment": self.state[name] for name in self.moments}
        self.build(change.dtype)(arrays, self._numbers(factor * self.learning_rate), self.threads)
        return step

    def _numbers(self, size: float) -> dict[str, float]:
        """Return the numbers that the statements name, for a step of a size."""
        return {"size": size}


class Momentum(Plain):
    """The step is an exponential average of the changes; decay 0.9.

    Parameters
    ----------
    learning_rate : float
        Size of a step at a factor of 1.
    """

    digital_support = "a running average of the change for each weight (momentum)"
    moments = ("first",)
    statements = """
first_moment += (1 - 0.9)*(change - first_moment)
step = size*first_moment
"""


class Adam(Plain):
    """The step of each weight is normalised by its changes' root mean square (Kingma & Ba, arXiv 1412.6980).

    Parameters
    ----------
    learning_rate : float
        Size of a step at a factor of 1.
    """

    digital_support = "two running averages, a root and a division for each weight (Adam)"
    moments = ("first", "second")
    decays = (0.9, 0.999)
    numbers = ("size", "correction")
    statements = f"""
first_moment += (1 - {decays[0]})*(change - first_moment)
second_moment += (1 - {decays[1]})*(change**2 - second_moment)
step = size*first_moment*reciprocal(sqrt(second_moment*correction) + 1e-8)
"""

    def start(self, shape, dtype):
        return {**super().start(shape, dtype), "count": np.zeros((), np.int64)}

    def _numbers(self, size):
        count = self.state["count"]
        count += 1
        first, second = (1.0 - decay ** int(count) for decay in self.decays)
        return {"size": size / first, "correction": 1.0 / second}


@cache
def _compiled(statements: str, arrays: tuple[str, ...], numbers: tuple[str, ...], dtype: np.dtype) -> Statements:
    return Statements(statements, arrays, numbers, dtype)


OPTIMISERS = Registry("optimiser", Optimiser, {"plain": Plain, "momentum": Momentum, "adam": Adam})
"""Optimisers by name."""
