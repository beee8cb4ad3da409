"""The eligibility trace: what turns changes of the moment into changes of the weights."""

import numpy as np

from brianff.protocols.configuration import Eligibility

__all__ = ["EligibilityTrace"]


class EligibilityTrace:
    """E <- (1 - rate) E + rate D, never reset; the weights move by gain x E at every step of plasticity.

    Source: arXiv 2406.16479.

    Parameters
    ----------
    eligibility : Eligibility
    shape : tuple of int
        (inputs, neurons)
    dtype : type
        Type of the trace.

    Attributes
    ----------
    value : ndarray, shape (inputs, neurons)
        The trace E.
    """

    def __init__(self, eligibility: Eligibility, shape: tuple[int, ...], dtype: type[np.floating] = np.float64):
        self.rate, self.gain = eligibility.rate, eligibility.gain
        self.value: np.ndarray = np.zeros(shape, dtype)

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Take in the change of the moment and return the step of the weights; `factor` scales this step."""
        self.value *= 1.0 - self.rate
        change *= self.rate
        self.value += change.astype(self.value.dtype, copy=False)
        gain = factor * self.gain
        return self.value if gain == 1.0 else gain * self.value
