"""Step rules: how a wanted change becomes a step of the weights. They keep digital state beside the crossbar."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["STEP_RULES", "Adam", "Momentum", "Plain", "cosine"]


class Plain:
    """step = step_size x change: purely local, without state."""

    def __init__(self, step_size: float):
        self.step_size = step_size
        self.state: dict[str, np.ndarray] = {}

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change; `factor` scales this step."""
        return factor * self.step_size * change

    def _moment(self, name: str, new: np.ndarray, decay: float) -> np.ndarray:
        """Update and return an exponential average, zero at first."""
        if name not in self.state:
            self.state[name] = np.zeros_like(new)
        moment = self.state[name]
        moment += (1.0 - decay) * (new - moment)
        return moment


class Momentum(Plain):
    """The step is an exponential average of the changes; decay 0.9."""

    decay = 0.9

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change; `factor` scales this step."""
        return factor * self.step_size * self._moment("first", change, self.decay)


class Adam(Plain):
    """The step of each weight is normalised by its changes' root mean square (Kingma & Ba, arXiv 1412.6980)."""

    decays = (0.9, 0.999)
    epsilon = 1e-8

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change; `factor` scales this step."""
        count = self.state.setdefault("count", np.zeros((), dtype=np.int64))
        count += 1
        corrections = [1.0 - decay ** int(count) for decay in self.decays]
        first = self._moment("first", change, self.decays[0])
        second = self._moment("second", np.square(change), self.decays[1])
        step_size = factor * self.step_size / corrections[0]
        return step_size * first / (np.sqrt(second / corrections[1]) + self.epsilon)


def cosine(progress: float) -> float:
    """Return the factor of the step size at a share `progress` of the training: half a cosine from 1 to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * min(progress, 1.0)))


STEP_RULES = {"plain": Plain, "momentum": Momentum, "adam": Adam}
"""Step rules by name."""
