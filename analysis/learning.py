"""Figures of learning: how loss, accuracy and goodness went, and what the weights look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.analysis.spikes import roc
from brianff.analysis.style import BLUE, COLOURS, GREY, ORANGE, colours_of, legend_above, new_axes, require

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

__all__ = [
    "conductance_trajectories",
    "discrimination_over_training",
    "goodness_histogram",
    "learning_curve",
    "receptive_fields",
    "roc_curves",
    "weight_distribution",
]

_ACCURACIES = {"training_accuracy": "training", "validation_accuracy": "validation", "test_accuracy": "test"}


def learning_curve(
    history: pandas.DataFrame | Sequence[pandas.DataFrame],
    ax: Axes | None = None,
    chance: float | None = None,
    held_out: float | Sequence[float] | None = None,
) -> Axes:
    """Plot accuracy and loss over the epochs of all layers, layer after layer.

    Parameters
    ----------
    history : pandas.DataFrame, or a sequence of them
        Columns epoch, layer, quantity, value, as in history.csv. Of several runs, such as those of several seeds, the
        line is the mean and the band reaches from the lowest to the highest.
    ax : Axes, optional
    chance : float, optional
        Accuracy of a guess, such as 1 / classes, for a dotted line.
    held_out : float or sequence of float, optional
        Accuracy on held-out images after the last epoch, of each run: for histories that tell that on training images
        only (`brianff.protocols.HeldOutAccuracy` notes it after each epoch).

    Returns
    -------
    Axes
        Accuracy in per cent; the loss has its own axis on the right.

    Raises
    ------
    ConfigurationError
        If there is no epoch to plot.

    Examples
    --------
    >>> import pandas
    >>> columns = {"epoch": [1, 2], "layer": 0, "quantity": "training_accuracy", "value": [0.5, 0.8]}
    >>> learning_curve(pandas.DataFrame(columns), chance=0.1).get_ylabel()
    'accuracy (%)'
    """
    import pandas
    from matplotlib.ticker import MaxNLocator

    runs = [history] if isinstance(history, pandas.DataFrame) else list(history)
    require(any(len(run) for run in runs), "the history is empty: there is no epoch to plot")
    history = pandas.concat([run.assign(run=number) for number, run in enumerate(runs)], ignore_index=True)
    ax = new_axes(ax)
    epochs_per_layer = history.groupby("layer")["epoch"].max()
    first = (epochs_per_layer.cumsum() - epochs_per_layer).to_dict()
    history["position"] = history["epoch"] + history["layer"].map(first)

    def draw(panel: Axes, quantity: str, style: str, colour: str, name: str, scale: float = 1.0) -> None:
        values = scale * history[history["quantity"] == quantity].groupby("position")["value"].agg(
            ["mean", "min", "max"]
        )
        panel.plot(values.index, values["mean"], style, markersize=3, color=colour, label=name)
        if len(runs) > 1:
            panel.fill_between(values.index, values["min"], values["max"], color=colour, alpha=0.2, linewidth=0)

    accuracies = [quantity for quantity in _ACCURACIES if (history["quantity"] == quantity).any()]
    for quantity, colour in zip(accuracies, COLOURS, strict=False):
        draw(ax, quantity, "o-", colour, f"{_ACCURACIES[quantity]} accuracy", 100)
    if held_out is not None:
        finals = 100 * np.atleast_1d(held_out)
        last = np.full(len(finals), history["position"].max())
        ax.plot(last, finals, "D", color="black", mfc="none", ms=6, label="held out, at the end", clip_on=False)
    if chance is not None:
        ax.axhline(100 * chance, color=GREY, linewidth=0.8, linestyle=":", label="chance")
    ax.set(xlabel="epoch", ylabel="accuracy (%)")
    ax.set_xlim(min(0.5, 1 - history["position"].max() / 20), history["position"].max() * 1.05 + 0.3)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    handles = ax.get_lines()
    if (history["quantity"] == "training_loss").any():
        right = ax.twinx()
        right.spines["top"].set_visible(False)
        draw(right, "training_loss", "s--", ORANGE, "training loss")
        right.set(ylabel="training loss", yscale="log")
        _plain_ticks(right)
        handles = [*handles, *right.get_lines()]
    legend_above(ax, 2, handles=handles)
    for layer, start in first.items():
        if start:
            ax.axvline(start + 0.5, color=GREY, linewidth=0.8, linestyle=":")
            place: dict[str, Any] = {"xycoords": ax.get_xaxis_transform(), "textcoords": "offset points"}
            ax.annotate(f"layer {layer}", (start + 0.5, 0.05), (2, 0), rotation=90, fontsize=8, **place)
    return ax


def _plain_ticks(ax: Axes) -> None:
    """Write the values of a logarithmic axis, several however short it is, as numbers without powers."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    low, high = ax.get_ylim()
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > 5 * low else MaxNLocator(5, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


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
        Its title tells the area under the ROC (`brianff.analysis.spikes.roc`) and the share of pairs in the right
        order.

    Raises
    ------
    ConfigurationError
        If there are no pairs.

    Examples
    --------
    >>> goodness_histogram(np.array([3.0, 4.0]), np.array([1.0, 3.5]), "mV²").get_title()
    'AUC 0.750; right order in 100.0 % of the pairs'
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
    order = 100 * np.mean(positive > negative)
    ax.set_title(
        f"AUC {roc(positive, negative).attrs['auc']:.3f}; right order in {order:.1f} % of the pairs", fontsize=9
    )
    ax.legend(frameon=False, fontsize=8)
    return ax


def roc_curves(goodness: Mapping[str, tuple[np.ndarray, np.ndarray]], ax: Axes | None = None) -> Axes:
    """Plot how well a threshold of the goodness tells positive from negative data.

    Parameters
    ----------
    goodness : mapping of str to pairs of ndarray
        Positive and negative goodness, such as {"layer 0": (positive, negative)}.
    ax : Axes, optional

    Returns
    -------
    Axes
        The legend tells the areas; the dotted line is chance.

    Raises
    ------
    ConfigurationError
        If there is nothing to plot, or no goodness of one kind.

    Examples
    --------
    >>> roc_curves({"layer 0": (np.array([2.0, 3.0]), np.array([1.0, 2.0]))}).get_legend().get_texts()[0].get_text()
    'layer 0 (AUC 0.875)'
    """
    require(len(goodness) > 0, "there is no goodness to plot")
    ax = new_axes(ax, (3.4, 3.4))
    for name, colour in colours_of(list(goodness)).items():
        curve = roc(*goodness[name])
        label = f"{name} (AUC {curve.attrs['auc']:.3f})"
        ax.plot(curve["false_positive_rate"], curve["true_positive_rate"], color=colour, label=label)
    ax.plot([0, 1], [0, 1], ":", color=GREY, lw=0.8)
    ax.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal", xlim=(-0.02, 1.02))
    ax.set_ylim(-0.02, 1.02)
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    return ax


def discrimination_over_training(table: pandas.DataFrame, ax: Axes | None = None) -> Axes:
    """Plot the area under the ROC of each layer over its epochs.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns layer, epoch, auc, as `brianff.analysis.spikes.discrimination` returns it.
    ax : Axes, optional

    Raises
    ------
    ConfigurationError
        If the table is empty.

    Examples
    --------
    >>> import pandas
    >>> discrimination_over_training(pandas.DataFrame({"layer": 0, "epoch": [1, 2], "auc": [0.6, 0.9]})).get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import MaxNLocator

    require(len(table) > 0, "the table is empty: there is no epoch to plot")
    ax = new_axes(ax)
    layers = sorted(table["layer"].unique())
    for layer, colour in zip(layers, COLOURS, strict=False):
        own = table[table["layer"] == layer]
        ax.plot(own["epoch"], own["auc"], "o-", markersize=3, color=colour, label=f"layer {layer}")
    ax.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":", label="chance")
    ax.set(xlabel="epoch", ylabel="area under the ROC", ylim=(min(0.45, table["auc"].min() - 0.05), 1.02))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(frameon=False, fontsize=8)
    return ax


def weight_distribution(values: Mapping[str, np.ndarray], ax: Axes | None = None, quantity: str = "weight") -> Axes:
    """Plot the distributions of weights, or of conductances, one line for each time or layer.

    Parameters
    ----------
    values : mapping of str to ndarray
        Such as {"epoch 1": weights, "epoch 9": weights}; `brianff.protocols.RecordSynapses` keeps them.
    ax : Axes, optional
    quantity : str
        With its unit, for the axis label.

    Raises
    ------
    ConfigurationError
        If there are no finite values.

    Examples
    --------
    >>> weight_distribution({"before": np.zeros(5), "after": np.arange(5.0)}).get_ylabel()
    'synapses (%)'
    """
    finite = {name: np.ravel(value)[np.isfinite(np.ravel(value))] for name, value in values.items()}
    require(any(value.size for value in finite.values()), "there are no values to plot")
    from matplotlib import colormaps

    ax = new_axes(ax)
    edges = np.histogram_bin_edges(np.concatenate(list(finite.values())), 60)
    colours = COLOURS if len(finite) <= 2 else colormaps["viridis"](np.linspace(0, 0.85, len(finite)))
    for (name, value), colour in zip(finite.items(), colours, strict=False):
        share = 100 * np.histogram(value, edges)[0] / max(value.size, 1)
        ax.stairs(share, edges, color=colour, lw=1.3, label=name)
    ax.set(xlabel=quantity, ylabel="synapses (%)", yscale="log")  # most are near 0: the tails count
    _plain_ticks(ax)
    ax.legend(frameon=False, fontsize=8)
    return ax


def conductance_trajectories(table: pandas.DataFrame, ax: Axes | None = None, synapses: int = 6) -> Axes:
    """Plot the conductances of some pairs of devices over training.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns batch, input, neuron, plus, minus (siemens), of one layer, as
        `brianff.protocols.RecordSynapses` keeps them.
    ax : Axes, optional
    synapses : int
        So many pairs: those that change most. More than six repeat colours.

    Returns
    -------
    Axes
        The plus device of a pair is solid, the minus device dashed in the same colour.

    Raises
    ------
    ConfigurationError
        If there are no conductances: the table is empty, or the synapses have no devices.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"batch": [0, 1], "input": 0, "neuron": 0, "plus": [1e-6, 3e-6], "minus": 2e-6})
    >>> conductance_trajectories(table).get_ylabel()
    'conductance (µS)'
    """
    require(
        len(table) > 0 and bool(table["plus"].notna().any()), "there are no conductances: the synapses have no devices"
    )
    from matplotlib.lines import Line2D

    pairs = table.groupby(["input", "neuron"])
    change = (pairs[["plus", "minus"]].max() - pairs[["plus", "minus"]].min()).sum(axis=1)
    ax = new_axes(ax)
    for place, pair in enumerate(change.nlargest(synapses).index):
        own = pairs.get_group(pair)
        for name, style in (("plus", "-"), ("minus", "--")):
            ax.plot(own["batch"], 1e6 * own[name], style, color=COLOURS[place % len(COLOURS)], lw=1)
    ax.set(xlabel="batches learned", ylabel="conductance (µS)")
    ways = [Line2D([], [], color="black", ls=style, label=name) for name, style in (("plus", "-"), ("minus", "--"))]
    legend_above(ax, handles=ways)
    return ax


def receptive_fields(
    weights: np.ndarray,
    image_shape: tuple[int, int],
    neurons: Sequence[int] | None = None,
    ax: Axes | None = None,
    label_weights: np.ndarray | None = None,
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
    label_weights : ndarray, shape (classes, neurons), optional
        What each label adds to the neurons, such as ``simulator.codes @ weights``: shown as a strip below each image,
        from class 0 on the left, in the same colours, which stand for another range there.

    Returns
    -------
    Axes
        The grid, with a colour bar symmetric about 0; the title states the range of the strips.

    Raises
    ------
    ConfigurationError
        If there are no neurons, or fewer inputs than pixels.

    Examples
    --------
    >>> receptive_fields(np.eye(12, 4), (3, 4), neurons=[0, 2]).get_title()
    'weights from the pixels to 2 neurons'
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
    strip = 0 if label_weights is None else 1 + max(2, rows // 8)  # a line that stays empty, and the strip
    height, width = rows + strip + 1, columns + 1
    grid = np.full((-(-len(chosen) // side) * height - 1, side * width - 1), np.nan)
    limit = np.abs(weights[: rows * columns, chosen]).max() or 1.0
    title = f"weights from the pixels to {len(chosen)} neurons"
    if label_weights is not None:
        label_weights = np.asarray(label_weights)[:, chosen]
        largest = np.abs(label_weights).max() or 1.0
        label_weights = label_weights * (limit / largest)
        title += f"\nstrips: labels, class 0 on the left, within ±{largest:.2g}"
    for place, neuron in enumerate(chosen):
        down, right = (place // side) * height, (place % side) * width
        grid[down : down + rows, right : right + columns] = weights[: rows * columns, neuron].reshape(rows, columns)
        if label_weights is not None:
            classes = np.arange(columns) * len(label_weights) // columns
            grid[down + rows + 1 : down + height - 1, right : right + columns] = label_weights[classes, place]

    ax = new_axes(ax, (4.2, 3.6))
    image = ax.imshow(grid, cmap="PuOr_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set_axis_off()
    ax.figure.colorbar(image, ax=ax, label="weight", shrink=0.8)
    ax.set_title(title, fontsize=9)
    return ax
