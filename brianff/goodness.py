"""What the engines measure during a presentation: goodness terms and the derivative that plasticity needs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Goodness", "MeanOfTerms", "Pooling", "SumOfTerms"]


class Pooling:
    """How the goodness terms of a layer's neurons make the goodness of the layer."""

    def total(self, terms: np.ndarray) -> np.ndarray:
        """Return the goodness (presentations,) of goodness terms (presentations, neurons)."""
        raise NotImplementedError

    def share(self, terms: np.ndarray) -> np.ndarray:
        """Return the derivative of the goodness with respect to each term, broadcastable to the terms' shape."""
        raise NotImplementedError


class SumOfTerms(Pooling):
    """The sum of the terms."""

    def total(self, terms):
        return terms.sum(axis=1)

    def share(self, terms):
        return np.ones((1, 1))


class MeanOfTerms(Pooling):
    """The mean of the terms."""

    def total(self, terms):
        return terms.mean(axis=1)

    def share(self, terms):
        return np.full((1, 1), 1.0 / terms.shape[1])


_BY_NAME = {"sum": SumOfTerms(), "mean": MeanOfTerms()}


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
    readout : {"average", "final"}
        The time average over the presentation, or the value at its end.
    counts_spikes : bool
        The terms are spike counts instead. A count has no derivative; the count itself takes the place of the
        postsynaptic factor, and `density` and `slope` are not used.
    """

    name: str = "mean-square"
    density: str = "activity**2"
    slope: str = "2*activity"
    pooling: Pooling | str = "mean"
    readout: Literal["average", "final"] = "average"
    counts_spikes: bool = False

    def total(self, terms: np.ndarray) -> np.ndarray:
        """Return the goodness (presentations,) of goodness terms (presentations, neurons)."""
        return self.pooled.total(terms)

    def share(self, terms: np.ndarray) -> np.ndarray:
        """Return the derivative of the goodness with respect to each term, broadcastable to the terms' shape."""
        return self.pooled.share(terms)

    @property
    def pooled(self) -> Pooling:
        return self.pooling if isinstance(self.pooling, Pooling) else _BY_NAME[self.pooling]

    @property
    def equations(self) -> str:
        """Brian2 equations of the two measurements; integrals need the constant `duration`."""
        if self.readout == "final":
            return f"""
goodness = {self.density} : 1
postsynaptic = ({self.slope})*sensitivity : 1
"""
        return f"""
dgoodness/dt = ({self.density})/duration : 1
dpostsynaptic/dt = ({self.slope})*sensitivity/duration : 1
"""
