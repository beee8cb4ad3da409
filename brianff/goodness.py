"""What the engines measure during a presentation: goodness terms and the derivative that plasticity needs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["MEAN", "SUM", "Goodness", "Pooling"]


@dataclass(frozen=True)
class Pooling:
    """How the goodness terms of a layer's neurons make the goodness of the layer.

    Parameters
    ----------
    total : callable
        Goodness (presentations,) of terms (presentations, neurons).
    share : callable
        Derivative of the goodness with respect to each term, broadcastable to (presentations, neurons).
    """

    total: Callable[[np.ndarray], np.ndarray]
    share: Callable[[np.ndarray], np.ndarray]


SUM = Pooling(lambda terms: terms.sum(axis=1), lambda terms: np.ones((1, 1)))
MEAN = Pooling(lambda terms: terms.mean(axis=1), lambda terms: np.full((1, 1), 1.0 / terms.shape[1]))
_BY_NAME = {"sum": SUM, "mean": MEAN}


@dataclass(frozen=True)
class Goodness:
    """A goodness of a layer: terms of its neurons, time averages of a function of the activity, and their pooling.

    The engines integrate, per neuron, `density` (giving the goodness term g) and `slope` x sensitivity (giving the
    postsynaptic factor dg/d(drive)) over a presentation and divide both by its duration.

    Parameters
    ----------
    name : str
    density : str
        Brian2 expression of `activity`.
    slope : str
        Its derivative with respect to `activity`.
    pooling : Pooling or {"sum", "mean"}
        How the terms of a layer's neurons make the goodness of the layer.
    counts_spikes : bool
        The terms are spike counts instead. A count has no derivative; the count itself takes the place of the
        postsynaptic factor, and `density` and `slope` are not used.
    """

    name: str = "mean-square"
    density: str = "activity**2"
    slope: str = "2*activity"
    pooling: Pooling | str = MEAN
    counts_spikes: bool = False

    def __post_init__(self):
        if isinstance(self.pooling, str):
            object.__setattr__(self, "pooling", _BY_NAME[self.pooling])

    def total(self, terms: np.ndarray) -> np.ndarray:
        """Return the goodness (presentations,) of goodness terms (presentations, neurons)."""
        return self.pooling.total(terms)

    def share(self, terms: np.ndarray) -> np.ndarray:
        """Return the derivative of the goodness with respect to each term, broadcastable to the terms' shape."""
        return self.pooling.share(terms)

    @property
    def equations(self) -> str:
        """Brian2 equations of the two integrals; they need the constant `duration`."""
        return f"""
dgoodness/dt = ({self.density})/duration : 1
dpostsynaptic/dt = ({self.slope})*sensitivity/duration : 1
"""
