"""Goodness functions by name. A new one is one entry here."""

from brianff.goodness import Goodness

__all__ = ["GOODNESS"]

GOODNESS = {
    goodness.name: goodness
    for goodness in (
        Goodness("mean-square", "activity**2", "2*activity", "mean"),
        Goodness("squared-norm", "activity**2", "2*activity", "sum"),
    )
}
"""Known goodness functions: `squared-norm` is the squared Euclidean norm of a layer's activity, averaged over the
presentation; `mean-square` is the same divided by the number of neurons."""
