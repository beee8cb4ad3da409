"""Goodness functions by name. A new one is one entry here.

Terms are time averages over the presentation: z is the activity of a neuron, g a term. The derivative of the goodness
with respect to a neuron's drive is the pooling's share of the term times its postsynaptic factor. For the squared
norm this is 2 z; how far other goodness functions are from z, `brianff.analysis.equivalence` measures.
"""

import numpy as np

from brianff.goodness import Goodness, Pooling

__all__ = ["GOODNESS", "top"]


def top(count: int) -> Pooling:
    """Return the pooling that adds the `count` largest terms; all, if there are fewer neurons."""

    def winners(terms: np.ndarray) -> np.ndarray:
        first = max(terms.shape[1] - count, 0)
        chosen = np.ones(terms.shape)
        if first:
            losers = np.argpartition(terms, first, axis=1)[:, :first]
            np.put_along_axis(chosen, losers, 0.0, axis=1)
        return chosen

    return Pooling(lambda terms: (winners(terms) * terms).sum(axis=1), winners)


def _log_share(terms: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + terms.sum(axis=1, keepdims=True))


LOG_SUM = Pooling(lambda terms: np.log1p(terms.sum(axis=1)), _log_share)

_LEAST_TERM = 1e-6  # keeps the logarithm of silent neurons finite


def _log_ratio(terms: np.ndarray) -> np.ndarray:
    """Return log(N p) of each neuron's share p of the activity."""
    shifted = np.maximum(terms, 0.0) + _LEAST_TERM
    return np.log(shifted / shifted.mean(axis=1, keepdims=True))


def _negentropy(terms: np.ndarray) -> np.ndarray:
    return (np.exp(_log_ratio(terms)) * _log_ratio(terms)).mean(axis=1)


def _negentropy_share(terms: np.ndarray) -> np.ndarray:
    total = (terms + _LEAST_TERM).sum(axis=1, keepdims=True)
    return (_log_ratio(terms) - _negentropy(terms)[:, np.newaxis]) / total


NEGENTROPY = Pooling(_negentropy, _negentropy_share)

GOODNESS = {
    goodness.name: goodness
    for goodness in (
        Goodness("mean-square", "activity**2", "2*activity", "mean"),
        Goodness("squared-norm", "activity**2", "2*activity", "sum"),
        Goodness("l1-norm", "abs(activity)", "sign(activity)", "sum"),
        Goodness("mean", "activity", "1", "mean"),
        Goodness("l4-norm", "activity**4", "4*activity**3", "sum"),
        Goodness("log-sum", "activity**2", "2*activity", LOG_SUM),
        Goodness("max", "activity**2", "2*activity", top(1)),
        Goodness("top-20", "activity**2", "2*activity", top(20)),
        Goodness("negentropy", "activity**2", "2*activity", NEGENTROPY),
        Goodness("spike-count", pooling="sum", counts_spikes=True),
    )
}
"""Known goodness functions of a layer's activity z, averaged over the presentation:

- `squared-norm`: sum of z^2; `mean-square`: the same divided by the number of neurons;
- `l1-norm`: sum of \\|z\\|; `mean`: mean of z; `l4-norm`: sum of z^4 (the fourth power of the norm);
- `log-sum`: log(1 + sum of z^2);
- `max` and `top-20`: sum of the largest, and of the 20 largest, of the z^2;
- `negentropy`: log N minus the entropy of the neurons' shares of the sum of z^2: high for sparse activity;
- `spike-count`: sum of the spikes.
"""
