"""How programming pulses move the conductance of a synaptic device: closed forms of the published device models.

A device has the state x, its conductance as a share of its nominal range::

    G = G_off + x (G_on - G_off)

A pulse moves x up (potentiation) or down (depression). Both directions obey the same law, each with parameters of its
own, in the distance y from the end that the pulse starts from: y = x upwards, y = 1 - x downwards. Every law gives the
distance covered by n pulses in closed form, so that n pulses at once equal n times one pulse.

Soft bound
    Each pulse covers step (1 - slope y). slope 0: a linear device. slope 1: steps shrink to nothing at the far end.
    n pulses cover (1 - slope y) (1 - (1 - step slope)^n) / slope. Fusi & Abbott, Nature Neuroscience 10:485 (2007);
    as "linear step" in Gokmen & Vlasov's line of models, Frontiers in Neuroscience 10:333 (2016).

    NeuroSim's curve G(P) = B (1 - exp(-P/A)) + G_off is this law: see `soft_bound_of`.
    Chen, Peng & Yu, IEEE TCAD 37:3067 (2018).

Exponential step
    dy/dn = step (1 + boost exp(-decay y)): large steps near the start, constant ones further on. With q = exp(decay y),
    dq/dn = step decay (q + boost), so that q(n) = (q + boost) exp(step decay n) - boost.
    Gong et al., Nature Communications 9:2102 (2018).

Power step
    dy/dn = step (1 - y)^exponent: 0 is a linear device, 1 a soft bound, more a longer tail. The Box-Cox transform of
    what is left, ((1 - y)^k - 1) / k with k = 1 - exponent, falls by step with each pulse.
    Fusi & Abbott, Nature Neuroscience 10:485 (2007); as "pow step" in aihwkit.

Sampled curve
    The mean curve of a measured device, straight between its points: a device at the distance y goes on as if it had
    had the number of pulses that leads there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import boxcox, inv_boxcox

__all__ = [
    "ExponentialRecurrence",
    "ExponentialStep",
    "PowerStep",
    "PulseResponse",
    "SampledCurve",
    "SoftBound",
    "curvature",
    "nonlinearity_label",
    "soft_bound_of",
    "symmetry_point",
]


class PulseResponse:
    """Mean response of one direction, potentiation or depression; one of your own needs `single` only."""

    def single(self, distance: Any, factor: Any = 1.0) -> Any:
        """Return the distance that one pulse covers; the same as `advance` with one pulse."""
        raise NotImplementedError

    def advance(self, distance: Any, pulses: Any, factor: Any = 1.0) -> Any:
        """Return the distance that pulses cover: here one by one; laws with a closed form know it at once.

        Parameters
        ----------
        distance : ndarray
            Distance y from the end that the pulses start from.
        pulses : ndarray or int
            Number of pulses, >= 0.
        factor : ndarray or float
            Factor of the step: how this device differs from the mean one.
        """
        covered = np.zeros(np.broadcast_shapes(np.shape(distance), np.shape(pulses), np.shape(factor)))
        for number in range(int(np.max(pulses, initial=0))):
            covered = covered + np.where(number < pulses, self.single(distance + covered, factor), 0.0)
        return covered


@dataclass(frozen=True)
class SoftBound(PulseResponse):
    """Steps that shrink linearly with the distance: `step` of the range at the start, slope in [0, 1]."""

    step: float
    slope: float = 0.0

    def advance(self, distance, pulses, factor=1.0):
        if self.slope == 0.0:
            return pulses * (self.step * factor)
        kept = np.minimum(self.step * self.slope * factor, 1.0 - 1e-6)
        return np.maximum(1.0 - self.slope * distance, 0.0) * (-np.expm1(pulses * np.log1p(-kept)) / self.slope)

    def single(self, distance, factor=1.0):
        if self.slope == 0.0:
            return np.broadcast_to(self.step * factor, np.shape(distance))
        return np.maximum(1.0 - self.slope * distance, 0.0) * (self.step * factor)


@dataclass(frozen=True)
class ExponentialStep(PulseResponse):
    """Steps that start larger by the factor 1 + boost and fall exponentially with the distance."""

    step: float
    boost: float = 0.0
    decay: float = 1.0

    def advance(self, distance, pulses, factor=1.0):
        start = np.exp(self.decay * distance)
        grown = np.expm1(self.step * self.decay * factor * pulses)
        return np.log1p((start + self.boost) / start * grown) / self.decay

    def single(self, distance, factor=1.0):
        return self.advance(distance, 1, factor)


@dataclass(frozen=True)
class ExponentialRecurrence(PulseResponse):
    """The same pulse by pulse, for steps that are no small share of the range."""

    step: float
    boost: float = 0.0
    decay: float = 1.0

    def single(self, distance, factor=1.0):
        return self.step * factor * (1.0 + self.boost * np.exp(-self.decay * np.asarray(distance)))


@dataclass(frozen=True)
class PowerStep(PulseResponse):
    """Steps that shrink with a power of the distance from the far end."""

    step: float
    exponent: float = 1.0

    def advance(self, distance, pulses, factor=1.0):
        left, power = np.maximum(1.0 - np.asarray(distance), 1e-12), 1.0 - self.exponent
        transformed = boxcox(left, power) - np.multiply(pulses, self.step * factor)
        if power > 0:  # the far end is reached
            transformed = np.maximum(transformed, -1.0 / power)
        return left - inv_boxcox(transformed, power)

    def single(self, distance, factor=1.0):
        return self.advance(distance, 1, factor)


@dataclass(frozen=True)
class SampledCurve(PulseResponse):
    """Distances after numbers of pulses, both rising; nothing moves beyond the last one."""

    pulses: Sequence[float]
    distances: Sequence[float]

    def advance(self, distance, pulses, factor=1.0):
        start = np.maximum(distance, 0.0)
        number = np.interp(start, self.distances, self.pulses) + np.multiply(pulses, factor)
        return np.maximum(np.interp(number, self.pulses, self.distances) - start, 0.0)

    def single(self, distance, factor=1.0):
        return self.advance(distance, 1, factor)


def soft_bound_of(levels: float, nonlinearity: float) -> SoftBound:
    """Return NeuroSim's curve as a soft bound.

    Parameters
    ----------
    levels : float
        Pulses from one end of the range to the other.
    nonlinearity : float
        NeuroSim's label, of either sign; 0: linear. See `nonlinearity_label`.
    """
    if abs(nonlinearity) < 1e-9:
        return SoftBound(1.0 / levels)
    width = curvature(abs(nonlinearity))  # A / P_max
    span = -np.expm1(-1.0 / width)
    return SoftBound(float(-np.expm1(-1.0 / (width * levels)) / span), float(span))


def symmetry_point(up: PulseResponse, down: PulseResponse) -> float:
    """Return the state in which pulses up and down have the same effect; an end of the range, if none."""

    def difference(state: float) -> float:
        return float(up.single(state) - down.single(1.0 - state))

    if difference(0.0) <= 0.0 or difference(1.0) >= 0.0:
        return 0.0 if difference(0.0) <= 0.0 else 1.0
    return float(brentq(difference, 0.0, 1.0, xtol=1e-12))


def nonlinearity_label(width: float) -> float:
    """Return NeuroSim's nonlinearity label of the curve with A / P_max = width.

    The label is 10.102 times the largest deviation of the normalised curve g(p) = (1 - exp(-p/width)) /
    (1 - exp(-1/width)) from the straight line g = p.
    """
    span = -np.expm1(-1.0 / width)
    steepest = -width * np.log(width * span)  # where the slope of g is 1
    return float(10.102 * (-np.expm1(-steepest / width) / span - steepest))


def curvature(label: float) -> float:
    """Return A / P_max of a nonlinearity label in (0, 9.5]; the inverse of `nonlinearity_label`."""
    if not 0.0 < label <= 9.5:
        raise ValueError(f"the nonlinearity label is {label}; it must lie between -9.5 and 9.5")
    if label < 2e-4:  # a parabola, whose middle is farthest from the line
        return 10.102 / (8.0 * label)
    return float(brentq(lambda width: nonlinearity_label(width) - label, 5e-3, 1e4, xtol=1e-12))
