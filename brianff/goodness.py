"""What the engines measure during a presentation: goodness terms and the derivative that plasticity needs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Goodness"]


@dataclass(frozen=True)
class Goodness:
    """A goodness that is a sum or mean over neurons of a time-averaged function of the activity.

    The engines integrate, per neuron, `density` (giving the goodness term g) and `slope` x sensitivity (giving the
    postsynaptic factor dg/d(drive)) over a presentation and divide both by its duration.

    Parameters
    ----------
    name : str
    density : str
        Brian2 expression of `activity`.
    slope : str
        Its derivative with respect to `activity`.
    pooling : {"sum", "mean"}
        How the terms of a layer's neurons make the goodness of the layer.
    readout : {"average", "final"}
        The time average over the presentation, or the value at its end.
    """

    name: str = "mean-square"
    density: str = "activity**2"
    slope: str = "2*activity"
    pooling: Literal["sum", "mean"] = "mean"
    readout: Literal["average", "final"] = "average"

    def total(self, terms: np.ndarray) -> np.ndarray:
        """Return the goodness (presentations,) of goodness terms (presentations, neurons)."""
        return terms.sum(axis=1) if self.pooling == "sum" else terms.mean(axis=1)

    def share(self, terms: np.ndarray) -> np.ndarray:
        """Return the derivative of the goodness with respect to each term, shape (presentations or 1, neurons or 1)."""
        return np.full((1, 1), 1.0 if self.pooling == "sum" else 1.0 / terms.shape[1])

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
