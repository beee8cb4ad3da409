"""What the engines measure during a presentation: goodness terms and the derivative that plasticity needs."""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from brianff.arguments import explained
from brianff.arrays import answer
from brianff.description.fields import Whole, argument
from brianff.errors import ConfigurationError, missing
from brianff.expressions import check, derivative, evaluate
from brianff.registry import Registry

__all__ = [
    "COUNT",
    "CROSSINGS",
    "POOLINGS",
    "Goodness",
    "LargestTerms",
    "LogOfSum",
    "MeanOfTerms",
    "Negentropy",
    "Pooling",
    "SumOfTerms",
]


class Pooling:
    """How the goodness terms of a layer's neurons make the goodness of the layer.

    One of your own has these two methods; `brianff.check_gradient` says whether they fit each other.

    Attributes
    ----------
    formula : str
        The goodness in a few words, g the terms.
    """

    formula: ClassVar[str] = ""

    def total(self, terms: np.ndarray) -> np.ndarray:
        """Return the goodness (presentations,) of goodness terms (presentations, neurons)."""
        raise missing(self, "total")

    def share(self, terms: np.ndarray) -> np.ndarray:
        """Return the derivative of the goodness with respect to each term, broadcastable to the terms' shape."""
        raise missing(self, "share")


class SumOfTerms(Pooling):
    """The sum of the terms."""

    formula = "sum of g"

    def total(self, terms):
        return terms.sum(axis=1)

    def share(self, terms):
        return np.ones((1, 1))


class MeanOfTerms(Pooling):
    """The mean of the terms."""

    formula = "mean of g"

    def total(self, terms):
        return terms.mean(axis=1)

    def share(self, terms):
        return np.full((1, 1), 1.0 / terms.shape[1])


class LogOfSum(Pooling):
    """log(1 + sum of the terms)."""

    formula = "log(1 + sum of g)"

    def total(self, terms):
        return np.log1p(terms.sum(axis=1))

    def share(self, terms):
        return 1.0 / (1.0 + terms.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class LargestTerms(Pooling):
    """The sum of the `count` largest terms; of all, if there are fewer neurons.

    Parameters
    ----------
    count : int
        At least 1.
    """

    count: int = 1

    def __post_init__(self) -> None:
        argument("count of the largest terms", self.count, Whole(1))

    @property
    def formula(self) -> str:  # type: ignore[override]
        """The goodness in a few words."""
        return "largest g" if self.count == 1 else f"sum of the {self.count} largest g"

    def total(self, terms):
        return (self.share(terms) * terms).sum(axis=1)

    def share(self, terms):
        losers = max(terms.shape[1] - self.count, 0)
        share = np.ones(terms.shape)
        if losers:
            np.put_along_axis(share, np.argpartition(terms, losers, axis=1)[:, :losers], 0.0, axis=1)
        return share


class Negentropy(Pooling):
    """log N minus the entropy of the terms' shares p of their sum: the mean over neurons of N p log(N p)."""

    formula = "log N - entropy of p, p = g / sum of g"
    least_term = 1e-6  # keeps the logarithm of silent neurons finite

    def total(self, terms):
        ratio = self._ratio(terms)
        return (ratio * np.log(ratio)).mean(axis=1)

    def share(self, terms):
        summed = (terms + self.least_term).sum(axis=1, keepdims=True)
        return (np.log(self._ratio(terms)) - self.total(terms)[:, np.newaxis]) / summed

    def _ratio(self, terms):
        shifted = np.maximum(terms, 0.0) + self.least_term
        return shifted / shifted.mean(axis=1, keepdims=True)


POOLINGS = Registry(
    "pooling",
    Pooling,
    {
        "sum": SumOfTerms(),
        "mean": MeanOfTerms(),
        "log-sum": LogOfSum(),
        "largest": LargestTerms,
        "negentropy": Negentropy(),
    },
)
"""Poolings by name; {"name": "largest", "count": 20} sums so many terms."""

PEAK = """
dpeak/dt = 0/second : 1
dpeak_sensitivity/dt = 0/second : 1
above_threshold = peak - spike_activity : 1
"""
HOLD = """
peak_sensitivity = chosen(activity > peak, sensitivity, peak_sensitivity)
peak = chosen(activity > peak, activity, peak)
"""
"""The highest activity so far, and the sensitivity at that step."""

CROSSINGS = """
dcrossings/dt = 0/second : 1
dbeyond/dt = 0/second : 1
goodness = crossings : 1
postsynaptic = crossings : 1
"""
COUNT = """
crossings = chosen({threshold}, crossings + 1 - beyond, crossings)
beyond = chosen({threshold}, 1.0, 0.0)
"""
"""Upward crossings of the threshold so far, and whether the neuron is beyond it."""

_ACTIVITIES = np.concatenate([scale * np.random.default_rng(0).normal(size=40) for scale in (0.3, 3.0, 30.0)])
"""Activities at which a slope is compared with the density: none of them is where a function may have a kink."""


@explained
@dataclass(frozen=True)
class Goodness:
    """A goodness of a layer: terms of its neurons, time averages of a function of the activity, and their pooling.

    The engines integrate, per neuron, `density` (giving the goodness term g) and `slope` x sensitivity (giving the
    postsynaptic factor dg/d(drive)) over a presentation and divide both by its duration; or take them at one moment.

    Parameters
    ----------
    name : str
    density : str
        Brian2 expression of `activity`, of numbers and of known functions (abs, clip, exp, log, tanh, ...; log1p
        and expm1 are called through Python, many times slower).
    slope : str
        Its derivative with respect to `activity`; empty: it is derived.
    pooling : Pooling, str or mapping
        How the terms of a layer's neurons make the goodness of the layer: "sum", "mean", "log-sum", "negentropy",
        ``{"name": "largest", "count": 20}``, or one of your own.
    readout : {"average", "final", "peak"}
        The time average over the presentation, the value at its end, or that at the step with the highest activity, at
        least 0. At the peak, `activity` in the density counts from the activity at which the neuron spikes: it is
        positive if the neuron has spiked. The postsynaptic factor takes the sensitivity of the same step.
    counts_spikes : bool
        The terms are spike counts instead. A count has no derivative; the count itself takes the place of the
        postsynaptic factor, and `density` and `slope` are not used.
    source : str
        Where it is published.

    Raises
    ------
    ConfigurationError
        If the density has an unknown name in it, the slope is not its derivative or cannot be derived, or one of the
        two is not finite at an activity of 0, where presentations start.

    Examples
    --------
    >>> Goodness("cubic", "activity**3").slope
    '3*activity**2'
    """

    name: str = "mean-square"
    density: str = "activity**2"
    slope: str = ""
    pooling: Any = "mean"
    readout: Literal["average", "final", "peak"] = "average"
    counts_spikes: bool = False
    source: str = ""

    unit: ClassVar[str] = ""  # that of the density, the activity being a number in the neuron's own unit

    def __post_init__(self):
        for field, kind in {"name": str, "density": str, "slope": str, "counts_spikes": bool}.items():
            if not isinstance(getattr(self, field), kind):
                raise ConfigurationError(
                    f"{field} of goodness {self.name!r} is {getattr(self, field)!r}; it must be a {kind.__name__}"
                )
        if self.readout not in ("average", "final", "peak"):
            raise ConfigurationError(
                f"goodness {self.name!r}: no readout {self.readout!r}; known: average, final, peak"
            )
        try:
            object.__setattr__(self, "slope", _checked_slope(self.density, self.slope))
            _ = self.pooled
        except ConfigurationError as error:
            raise ConfigurationError(f"goodness {self.name!r}: {error}") from None

    def total(self, terms: np.ndarray) -> np.ndarray:
        """Return the goodness (presentations,) of goodness terms (presentations, neurons)."""
        return answer(f"the total of pooling {self._pooling_name}", self.pooled.total(terms), (len(terms),))

    def share(self, terms: np.ndarray) -> np.ndarray:
        """Return the derivative of the goodness with respect to each term, broadcastable to the terms' shape."""
        rows, columns = terms.shape
        shapes = (1, 1), (rows, 1), (1, columns), (rows, columns)
        return answer(f"the share of pooling {self._pooling_name}", self.pooled.share(terms), *shapes)

    @property
    def _pooling_name(self) -> str:
        return type(self.pooled).__name__

    @cached_property
    def pooled(self) -> Pooling:
        """The pooling itself; it travels with the goodness to other processes, which need not know its name."""
        return self.pooling if isinstance(self.pooling, Pooling) else POOLINGS.make(POOLINGS.find(self.pooling))

    @property
    def formula(self) -> str:
        """The goodness in one line, z the activity of a neuron."""
        term = self.density.replace("activity", "z")
        whole = {"average": f"time average of {term}", "final": f"{term} at the end"}
        term = whole.get(self.readout, f"{term} with z the peak above the spike threshold")
        term = "number of spikes" if self.counts_spikes else term
        return f"{self.pooled.formula or self._pooling_name}, g = {term}"

    @property
    def equations(self) -> str:
        """Brian2 equations of the two measurements; integrals need the constant `duration`."""
        if self.readout == "peak":
            density, slope = (re.sub(r"\bactivity\b", "above_threshold", text) for text in (self.density, self.slope))
            return f"""{PEAK}
goodness = {density} : 1
postsynaptic = ({slope})*peak_sensitivity : 1
"""
        if self.readout == "final":
            return f"""
goodness = {self.density} : 1
postsynaptic = ({self.slope})*sensitivity : 1
"""
        return f"""
dgoodness/dt = ({self.density})/duration : 1
dpostsynaptic/dt = ({self.slope})*sensitivity/duration : 1
"""

    @property
    def update(self) -> str:
        """Statements carried out at the end of each step, one for each line."""
        return HOLD if self.readout == "peak" else ""


@cache
def _checked_slope(density: str, slope: str) -> str:
    """Return the derivative of a density, the one that was given if it is right."""
    check(density, "activity")
    slope = slope or derivative(density, "activity")
    check(slope, "activity")
    step = 1e-6 * np.maximum(np.abs(_ACTIVITIES), 1.0)
    with np.errstate(all="ignore"):
        below, above = (evaluate(density, "activity", _ACTIVITIES + shift) for shift in (-step, step))
        given = evaluate(slope, "activity", _ACTIVITIES)
        at_rest = [evaluate(text, "activity", np.zeros(1)) for text in (density, slope)]
        found = (above - below) / (2 * step)
        allowed = 1e-5 * np.abs(found) + 1e-12 * (np.abs(above) + np.abs(below)) / step
        allowed += 1e-6 * np.nanmax(np.abs(found[:40]), initial=0.0)
    if not np.isfinite(at_rest).all():
        raise ConfigurationError(
            f"density {density!r} or its slope {slope!r} is not finite at an activity of 0, where presentations start"
        )
    wrong = np.flatnonzero(np.isfinite(found) & ~(np.abs(given - found) <= allowed))
    if len(wrong):
        at = wrong[0]
        raise ConfigurationError(
            f"slope {slope!r} is not the derivative of density {density!r}: at an activity of {_ACTIVITIES[at]:.4g} it "
            f"is {given[at]:.6g}, the derivative {found[at]:.6g}; leave slope out, it is derived"
        )
    return slope
