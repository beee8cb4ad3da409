"""Figures of learning: how loss, accuracy and goodness went, and what the weights look like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import BLUE, COLOURS, GREY, ORANGE, new_axes, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = ["goodness_histogram", "learning_curve", "receptive_fields"]

_ACCURACIES = {"training_accuracy": "training", "validation_accuracy": "validation", "test_accuracy": "test"}


def learning_curve(history: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot accuracy and loss over the epochs of all layers, layer after layer.

    Parameters
    ----------
    history : pandas.DataFrame
        Columns epoch, layer, quantity, value, as in history.csv.
    ax : Axes, optional

    Returns
    -------
    Axes
        Accuracy in per cent; the loss has its own axis on the right.
    """
    require(len(history) > 0, "the history is empty: there is no epoch to plot")
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    ax = new_axes(ax)
    epochs_per_layer = history.groupby("layer")["epoch"].max()
    first = (epochs_per_layer.cumsum() - epochs_per_layer).to_dict()
    position = history["epoch"] + history["layer"].map(first)

    accuracies = [quantity for quantity in _ACCURACIES if (history["quantity"] == quantity).any()]
    for quantity, colour in zip(accuracies, COLOURS, strict=False):
        rows = history["quantity"] == quantity
        name = f"{_ACCURACIES[quantity]} accuracy"
        ax.plot(position[rows], 100 * history["value"][rows], "o-", markersize=3, color=colour, label=name)
    ax.set(xlabel="epoch", ylabel="accuracy (%)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))

    rows = history["quantity"] == "training_loss"
    if rows.any():
        right = ax.twinx()
        right.spines["top"].set_visible(False)
        right.plot(position[rows], history["value"][rows], "s--", markersize=3, color=ORANGE, label="training loss")
        right.set(ylabel="training loss", yscale="log")
        right.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        right.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        right.yaxis.set_minor_formatter(NullFormatter())
        handles = [*ax.get_lines(), *right.get_lines()]
        names = [str(line.get_label()) for line in handles]
        ax.legend(handles, names, frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    for layer, start in first.items():
        if start:
            ax.axvline(start + 0.5, color=GREY, linewidth=0.8, linestyle=":")
            ax.annotate(f"layer {layer}", (start + 0.5, 1), (3, -3), "data", "offset points", va="top", fontsize=8)
    return ax


def goodness_histogram(positive: np.ndarray, negative: np.ndarray, unit: str = "", ax: Axes | None = None) -> Axes:
    """Plot the distributions of goodness on positive and negative data.

    Parameters
    ----------
    positive, negative : ndarray, shape (pairs,)
        Goodness of presentations and of their negatives.
    unit : str
        Unit of the goodness, for the axis label.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its title tells the share of pairs in the right order.
    """
    positive, negative = np.asarray(positive, float), np.asarray(negative, float)
    require(
        positive.ndim == 1 and positive.size > 0, f"positive goodness has the shape {positive.shape}; needs (pairs,)"
    )
    require(
        negative.shape == positive.shape,
        f"there are {positive.shape} positive and {negative.shape} negative values; they must be pairs",
    )
    ax = new_axes(ax)
    bins = np.histogram_bin_edges(np.concatenate([positive, negative]), 40).tolist()
    ax.hist(positive, bins, color=BLUE, alpha=0.7, label="positive")
    ax.hist(negative, bins, color=ORANGE, alpha=0.7, label="negative")
    ax.set(xlabel=f"goodness ({unit})" if unit else "goodness", ylabel="presentations")
    ax.set_title(f"right order in {100 * np.mean(positive > negative):.1f} % of the pairs", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return ax


def receptive_fields(
    weights: np.ndarray,
    image_shape: tuple[int, int],
    neurons: Sequence[int] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Show the weights from the pixels to some neurons as a grid of images.

    Parameters
    ----------
    weights : ndarray, shape (inputs, neurons)
        The first inputs are the pixels.
    image_shape : tuple of int
        Rows and columns of an image.
    neurons : sequence of int, optional
        Default: the first 25.
    ax : Axes, optional

    Returns
    -------
    Axes
        The grid, with a colour bar symmetric about 0.
    """
    rows, columns = image_shape
    require(
        weights.ndim == 2 and weights.shape[0] >= rows * columns,
        f"weights have the shape {weights.shape}; images of {rows} x {columns} need at least {rows * columns} inputs",
    )
    chosen = np.arange(min(25, weights.shape[1])) if neurons is None else np.asarray(neurons)
    require(chosen.size > 0, "no neurons were chosen")
    require(
        0 <= chosen.min() <= chosen.max() < weights.shape[1], f"neurons must lie between 0 and {weights.shape[1] - 1}"
    )
    side = int(np.ceil(np.sqrt(len(chosen))))
    grid_rows = -(-len(chosen) // side)
    grid = np.full((grid_rows * (rows + 1) - 1, side * (columns + 1) - 1), np.nan)
    for place, neuron in enumerate(chosen):
        down, right = (place // side) * (rows + 1), (place % side) * (columns + 1)
        grid[down : down + rows, right : right + columns] = weights[: rows * columns, neuron].reshape(rows, columns)

    ax = new_axes(ax, (4.2, 3.6))
    limit = np.nanmax(np.abs(grid)) or 1.0
    image = ax.imshow(grid, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set_axis_off()
    ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.8)
    ax.set_title(f"weights from the pixels to {len(chosen)} neurons", fontsize=9)
    return ax
