"""Goodness functions by name. A new one is one entry here."""

from brianff.goodness import Goodness

__all__ = ["GOODNESS"]

GOODNESS = {
    goodness.name: goodness
    for goodness in (
        Goodness("mean-square", "activity**2", "2*activity", "mean"),
        Goodness("squared-norm", "activity**2", "2*activity", "sum"),
        Goodness("final-squared-norm", "activity**2", "2*activity", "sum", "final"),
    )
}
"""Known goodness functions: `squared-norm` is the squared Euclidean norm of a layer's activity, averaged over the
presentation; `mean-square` is the same divided by the number of neurons; `final-squared-norm` takes the activity at
the end of the presentation, as arXiv 2406.16479 does."""
