"""Goodness functions by name. A new one is one entry here.

Terms are time averages over the presentation: z is the activity of a neuron, g a term. The derivative of the goodness
with respect to a neuron's drive is the pooling's share of the term times its postsynaptic factor. For the squared
norm this is 2 z; how far other goodness functions are from z, `brianff.protocols.equivalence` measures.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from brianff.errors import ConfigurationError
from brianff.goodness import Goodness, LargestTerms, LogOfSum, Negentropy
from brianff.registry import Registry

__all__ = ["GOODNESS", "LargestTerms", "LogOfSum", "Negentropy", "SoftSpikes"]


@dataclass(frozen=True)
class SoftSpikes(Goodness):
    """The number of neurons that spike, by a soft threshold: each counts s((peak - spike threshold) / width).

    The postsynaptic factor is the slope of this threshold times the sensitivity of the membrane's peak to the drive.

    Parameters
    ----------
    width : float
        Of the soft threshold, in the unit of the neurons' activity (MIF: mV). It is a choice; as wide as the switching
        threshold of the memristors (k = 15 mV), a neuron learns where its device begins to switch.
    """

    width: float = 15.0
    name: str = field(init=False, default="spikes")
    density: str = field(init=False, default="")
    slope: str = field(init=False, default="")
    pooling: Any = field(init=False, default="sum")
    readout: Literal["average", "final", "peak"] = field(init=False, default="peak")
    counts_spikes: bool = field(init=False, default=False)
    source: str = field(init=False, default="")

    def __post_init__(self):
        if not self.width > 0:
            raise ConfigurationError(f"goodness 'spikes': width is {self.width}; it must be positive")
        object.__setattr__(self, "density", f"0.5 + 0.5*tanh(activity/{2 * self.width!r})")
        super().__post_init__()


_KNOWN = {
    goodness.name: goodness
    for goodness in (
        Goodness("mean-square", "activity**2", "2*activity", "mean"),
        Goodness("rectified-mean-square", "(0.5*(activity + abs(activity)))**2", "activity + abs(activity)", "mean"),
        Goodness("squared-norm", "activity**2", "2*activity", "sum"),
        Goodness("final-squared-norm", "activity**2", "2*activity", "sum", readout="final"),
        Goodness("l1-norm", "abs(activity)", "sign(activity)", "sum"),
        Goodness("mean", "activity", "1", "mean"),
        Goodness("l4-norm", "activity**4", "4*activity**3", "sum"),
        Goodness("log-sum", "activity**2", "2*activity", "log-sum"),
        Goodness("max", "activity**2", "2*activity", LargestTerms(1)),
        Goodness("top-20", "activity**2", "2*activity", LargestTerms(20)),
        Goodness("negentropy", "activity**2", "2*activity", "negentropy"),
        Goodness("spike-count", "activity**2", "2*activity", "sum", counts_spikes=True),
        SoftSpikes(),
    )
}
GOODNESS = Registry("goodness", Goodness, _KNOWN, classes=False)
"""Known goodness functions of a layer's activity z, averaged over the presentation:

- `squared-norm`: sum of z^2; `mean-square`: the same divided by the number of neurons;
- `rectified-mean-square`: mean of max(z, 0)^2, to which inhibited neurons, which do not spike, add nothing;
- `final-squared-norm`: sum of z^2 at the end of the presentation, as in arXiv 2406.16479;
- `l1-norm`: sum of \\|z\\|; `mean`: mean of z; `l4-norm`: sum of z^4 (the fourth power of the norm);
- `log-sum`: log(1 + sum of z^2);
- `max` and `top-20`: sum of the largest, and of the 20 largest, of the z^2;
- `negentropy`: log N minus the entropy of the neurons' shares of the sum of z^2: high for sparse activity;
- `spike-count`: sum of the spikes, whose factor is a surrogate;
- `spikes`: number of neurons whose peak passes the spike threshold, softly, of a `width`: the same to be learned.
"""
