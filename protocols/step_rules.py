"""Step rules: how a wanted change becomes a step of the weights. They keep digital state beside the crossbar."""

from __future__ import annotations

import math

import numpy as np

from brianff.sharing import share

__all__ = ["STEP_RULES", "Adam", "Momentum", "Plain", "cosine"]

CHUNK = 65_536
"""Weights that are worked on at a time: few enough for a cache, enough to outweigh the turns of Python's lock."""


class Plain:
    """step = step_size x change: purely local, without state.

    Parameters
    ----------
    step_size : float
    threads : int
        Threads that share the weights out; results do not depend on it.
    """

    moments: tuple[str, ...] = ()
    """Names of the averages kept for each weight."""

    def __init__(self, step_size: float, threads: int = 1):
        self.step_size, self.threads = step_size, threads
        self.state: dict[str, np.ndarray] = {}

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change; `factor` scales this step."""
        for name in self.moments:
            if name not in self.state:
                self.state[name] = np.zeros_like(change)
        step = np.empty_like(change)
        arrays = [array.reshape(-1) for array in (change, step, *(self.state[name] for name in self.moments))]
        size = self._size(factor * self.step_size)

        def fill(first: int) -> None:
            self._fill(size, *(array[first : first + CHUNK] for array in arrays))

        share(fill, range(0, change.size, CHUNK), self.threads)
        return step

    def _size(self, step_size: float) -> float:
        """Return the step size of this step."""
        return step_size

    def _fill(self, size: float, change: np.ndarray, step: np.ndarray, *moments: np.ndarray) -> None:
        """Write the step of some weights, and bring their moments up to date."""
        np.multiply(size, change, out=step)


def _average(moment: np.ndarray, new: np.ndarray, decay: float, scratch: np.ndarray) -> None:
    """Bring an exponential average up to date: moment += (1 - decay) (new - moment)."""
    np.subtract(new, moment, out=scratch)
    scratch *= 1.0 - decay
    moment += scratch


class Momentum(Plain):
    """The step is an exponential average of the changes; decay 0.9."""

    moments = ("first",)
    decay = 0.9

    def _fill(self, size, change, step, *moments):
        (first,) = moments
        _average(first, change, self.decay, step)
        np.multiply(size, first, out=step)


class Adam(Plain):
    """The step of each weight is normalised by its changes' root mean square (Kingma & Ba, arXiv 1412.6980)."""

    moments = ("first", "second")
    decays = (0.9, 0.999)
    epsilon = 1e-8

    def _size(self, step_size):
        count = self.state.setdefault("count", np.zeros((), dtype=np.int64))
        count += 1
        self._corrections = [1.0 - decay ** int(count) for decay in self.decays]
        return step_size / self._corrections[0]

    def _fill(self, size, change, step, *moments):
        first, second = moments
        _average(first, change, self.decays[0], step)
        square = np.square(change)
        _average(second, square, self.decays[1], step)
        np.multiply(second, 1.0 / self._corrections[1], out=square)
        np.sqrt(square, out=square)
        square += self.epsilon
        np.divide(first, square, out=step)
        step *= size


def cosine(progress: float) -> float:
    """Return the factor of the step size at a share `progress` of the training: half a cosine from 1 to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


STEP_RULES = {"plain": Plain, "momentum": Momentum, "adam": Adam}
"""Step rules by name."""
