"""The crossbar: owner of a layer's weights."""

import numpy as np

__all__ = ["Crossbar"]


class Crossbar:
    """Weights of one layer, ideal devices: analog, without noise, optionally bounded.

    Parameters
    ----------
    weights : ndarray, shape (inputs, neurons)
    bound : float or None
        Weights are kept in [-bound, bound].
    """

    def __init__(self, weights: np.ndarray, bound: float | None = None):
        self.bound = bound
        self.weights = np.array(weights, dtype=float)
        self.program(0.0)

    def program(self, change: np.ndarray | float) -> None:
        """Add `change` to the weights, as far as the devices' bounds allow."""
        self.weights += change
        if self.bound is not None:
            np.clip(self.weights, -self.bound, self.bound, out=self.weights)
