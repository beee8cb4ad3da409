"""Goodness functions by name. A new one is one entry here.

Terms are time averages over the presentation: z is the activity of a neuron, g a term. The derivative of the goodness
with respect to a neuron's drive is the pooling's share of the term times its postsynaptic factor. For the squared
norm this is 2 z; how far other goodness functions are from z, `brianff.protocols.equivalence` measures.
"""

from dataclasses import dataclass

import numpy as np

from brianff.goodness import Goodness, Pooling
from brianff.registry import Registry

__all__ = ["GOODNESS", "LargestTerms", "LogOfSum", "Negentropy"]


class LogOfSum(Pooling):
    """log(1 + sum of the terms)."""

    def total(self, terms):
        return np.log1p(terms.sum(axis=1))

    def share(self, terms):
        return 1.0 / (1.0 + terms.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class LargestTerms(Pooling):
    """The sum of the `count` largest terms; of all, if there are fewer neurons."""

    count: int

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
        Goodness("log-sum", "activity**2", "2*activity", LogOfSum()),
        Goodness("max", "activity**2", "2*activity", LargestTerms(1)),
        Goodness("top-20", "activity**2", "2*activity", LargestTerms(20)),
        Goodness("negentropy", "activity**2", "2*activity", Negentropy()),
        Goodness("spike-count", pooling="sum", counts_spikes=True),
    )
}
GOODNESS = Registry("goodness", Goodness, _KNOWN)
"""Known goodness functions of a layer's activity z, averaged over the presentation:

- `squared-norm`: sum of z^2; `mean-square`: the same divided by the number of neurons;
- `rectified-mean-square`: mean of max(z, 0)^2, to which inhibited neurons, which do not spike, add nothing;
- `final-squared-norm`: sum of z^2 at the end of the presentation, as in arXiv 2406.16479;
- `l1-norm`: sum of \\|z\\|; `mean`: mean of z; `l4-norm`: sum of z^4 (the fourth power of the norm);
- `log-sum`: log(1 + sum of z^2);
- `max` and `top-20`: sum of the largest, and of the 20 largest, of the z^2;
- `negentropy`: log N minus the entropy of the neurons' shares of the sum of z^2: high for sparse activity;
- `spike-count`: sum of the spikes.
"""
