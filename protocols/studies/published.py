"""Published figures to compare with: what was reported, where, and whether it could be verified."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MEMRISTIVE", "Published"]


@dataclass(frozen=True)
class Published:
    """One published test accuracy.

    Parameters
    ----------
    dataset : str
    accuracy : float
        In [0, 1].
    work : str
        What was trained, and how.
    source : str
    remark : str
        What makes the comparison unequal or uncertain; empty: nothing.
    """

    dataset: str
    accuracy: float
    work: str
    source: str
    remark: str = ""


MEMRISTIVE = (
    Published("mnist", 0.9821, "MIF and Forward-Forward, two layers of 512", "a comment in public code", "unverified"),
    Published("mnist", 0.9758, "SPICEprop, fully memristive, back-propagation through the circuit", "arXiv 2203.01426"),
    Published("mnist", 0.9864, "Forward-Forward, four layers of 2,000 relu units", "arXiv 2212.13345"),
    Published(
        "fashion-mnist", 0.7526, "SPICEprop, fully memristive, back-propagation through the circuit", "arXiv 2203.01426"
    ),
    Published("fashion-mnist", 0.903, "spiking Forward-Forward, 10 steps", "Ghader et al. 2025", "not Hebbian"),
    Published(
        "kmnist-7k", 0.916, "Polar-FFA, two layers of 1,000", "its paper", "on all 60,000 training images of KMNIST"
    ),
)
"""Test accuracies beside which the fully memristive network's are put."""
