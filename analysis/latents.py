"""Figures of latents, and the measures behind them (`brianff.protocols.latents`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import LABEL_COLOURS, letters, new_axes, new_figure, off_screen, require, save_figure
from brianff.arguments import explained
from brianff.arrays import checked
from brianff.protocols.latents import dead_units, hoyer_sparsity, latents, separability, without_rest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "confusion_matrix",
    "dead_units",
    "draw_latents",
    "embedding",
    "hoyer_sparsity",
    "latent_embedding",
    "latent_raster",
    "latents",
    "separability",
    "without_rest",
]

CAUTION = "shown with their own labels: what the label's input units give away separates classes, too"
"""What must stand below latents of images that are shown with their labels; beside them belong those with none."""


@off_screen()
def draw_latents(latents: Sequence[np.ndarray], labels: np.ndarray, titles: Sequence[str], directory: Path) -> None:
    """Write latent-raster.png and latent-embedding.png of images that are shown with their own labels."""
    save_figure(latent_raster(latents, titles), Path(directory, "latent-raster.png"))
    save_figure(latent_embedding(latents, labels, titles, caption=CAUTION), Path(directory, "latent-embedding.png"))


@explained
def latent_raster(
    latents: Sequence[np.ndarray],
    titles: Sequence[str],
    samples: int = 90,
    neurons: slice = slice(25, 175),
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the fourth root of some latents in black and white, up to three panels in a row.

    Parameters
    ----------
    latents : sequence of ndarray, shape (images, neurons)
        One per panel, row by row.
    titles : sequence of str
    samples : int
        Images shown, the first so many.
    neurons : slice
        Neurons shown.
    axes : array of Axes, optional
        One for each of the latents.

    Returns
    -------
    ndarray of Axes

    Raises
    ------
    ConfigurationError
        If there are no latents, or no images or neurons of theirs to show.

    Examples
    --------
    >>> [ax.get_title() for ax in latent_raster([np.eye(9), np.ones((9, 9))], ["sparse", "dense"], neurons=slice(9))]
    ['sparse', 'dense']
    """
    panels = _panels(len(latents), 2.6, axes)
    require(len(titles) == len(latents), f"there are {len(titles)} titles for {len(latents)} latents")
    for panel, latent, title in zip(panels, latents, titles, strict=True):
        latent = checked("latents", latent, (None, None))
        shown = latent[:samples, neurons].astype(float) ** 0.25
        require(shown.size > 0, f"there are no such images or neurons in latents of the shape {latent.shape}")
        first = neurons.indices(latent.shape[1])[0]
        extent = (first - 0.5, first + shown.shape[1] - 0.5, len(shown) - 0.5, -0.5)
        panel.imshow(shown, cmap="binary", aspect="auto", interpolation="nearest", extent=extent)
        panel.set_title(title, fontsize=9)
        panel.set(xlabel="neuron", ylabel="test image")
        panel.label_outer()
    return panels


def embedding(
    latent: np.ndarray, labels: np.ndarray, samples: int = 1500, seed: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw a t-SNE embedding of latents, coloured by class.

    Distances between clusters mean nothing, and neither do the axes (van der Maaten & Hinton, JMLR 9:2579, 2008).

    Parameters
    ----------
    latent : ndarray, shape (images, neurons)
    labels : ndarray of int, shape (images,)
    samples : int
        Images shown, the first so many; at least two.
    seed : int
    ax : Axes, optional

    Returns
    -------
    Axes
        A colour bar names the classes.

    Raises
    ------
    ConfigurationError
        If there are fewer than two latents, or no neurons.

    Examples
    --------
    >>> embedding(np.random.default_rng(1).random((8, 5)), np.arange(8)).get_xlabel()
    't-SNE dimension 1'
    """
    ax = new_axes(ax, (3.8, 3.0))
    _embed(latent, labels, samples, seed, ax)
    ax.set(xlabel="t-SNE dimension 1", ylabel="t-SNE dimension 2")
    _name_classes(ax)
    return ax


def _embed(latent: np.ndarray, labels: np.ndarray, samples: int, seed: int, ax: Axes) -> None:
    from matplotlib.colors import ListedColormap
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    latent = checked("latents", latent, (None, None))
    labels = checked("labels", labels, (len(latent),), kind="whole")
    shown = latent[:samples].astype(float)
    require(len(shown) > 1, f"an embedding needs two latents at least, there are {len(shown)}")
    require(shown.shape[1] > 0, "the latents have no neurons")
    perplexity = min(30.0, (len(shown) - 1) / 3)
    with threadpool_limits(1 if len(shown) < 500 else None):  # threads that wait for few points take the processor
        points = TSNE(random_state=seed, perplexity=perplexity, init="random").fit_transform(shown)
    classes = max(len(LABEL_COLOURS), int(np.max(labels)) + 1)
    colours = ListedColormap(LABEL_COLOURS) if classes == len(LABEL_COLOURS) else "viridis"
    size, top = max(3, 3000 / len(shown)) ** 1.1, classes - 0.5
    ax.scatter(points[:, 0], points[:, 1], size, labels[:samples], cmap=colours, vmin=-0.5, vmax=top, linewidths=0)
    ax.set(xticks=[], yticks=[])


def _name_classes(*panels: Axes) -> None:
    drawn = panels[0].collections[0]
    ticks = np.arange(round(drawn.norm.vmax + 0.5))  # type: ignore[operator]
    panels[0].figure.colorbar(drawn, ax=panels, label="class", ticks=ticks[:: -(-len(ticks) // 20)], shrink=0.7)


@explained
def latent_embedding(
    latents: Sequence[np.ndarray],
    labels: np.ndarray,
    titles: Sequence[str],
    samples: int = 1500,
    seed: int = 0,
    caption: str = "",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Draw t-SNE embeddings of some latents, coloured by class, up to three panels in a row.

    Parameters
    ----------
    latents : sequence of ndarray, shape (images, neurons)
        One per panel, row by row; latents of images with their own labels belong beside those with none ("zero").
    labels : ndarray of int, shape (images,)
    titles : sequence of str
    samples, seed : int
        As in `embedding`.
    caption : str
        A line below the panels, such as `CAUTION`.
    axes : array of Axes, optional
        One for each of the latents.

    Returns
    -------
    ndarray of Axes

    Raises
    ------
    ConfigurationError
        If there are no latents, fewer than two of a panel, or no neurons.

    Examples
    --------
    >>> latents = np.random.default_rng(1).random((2, 8, 5))
    >>> [ax.get_title() for ax in latent_embedding(latents, np.arange(8), ["own label", "zero"], caption=CAUTION)]
    ['own label', 'zero']
    """
    panels = _panels(len(latents), 3.0, axes)
    require(len(titles) == len(latents), f"there are {len(titles)} titles for {len(latents)} latents")
    for panel, latent, title in zip(panels, latents, titles, strict=True):
        _embed(latent, labels, samples, seed, panel)
        panel.set_title(title, fontsize=9)
    figure = panels[0].figure
    figure.supxlabel("\n".join(filter(None, ("t-SNE dimension 1", caption))), fontsize=9)
    figure.supylabel("t-SNE dimension 2", fontsize=9)
    _name_classes(*panels)
    return panels


def confusion_matrix(true: np.ndarray, predicted: np.ndarray, classes: int = 10, ax: Axes | None = None) -> Axes:
    """Draw which classes are taken for which, in per cent of the images of a class.

    Parameters
    ----------
    true, predicted : ndarray of int, shape (images,)
        Predictions choose among all labels, as `brianff.protocols.predict` does: none of them was shown as the right
        one.
    classes : int
    ax : Axes, optional

    Returns
    -------
    Axes
        Its title states the accuracy and the number of images. Rows of classes without images stay empty.

    Raises
    ------
    ConfigurationError
        If there are no images, or not one prediction for each.

    Examples
    --------
    >>> confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), classes=2).get_title()
    'accuracy 75.0 % of 4 images'
    """
    from sklearn.metrics import confusion_matrix as counted

    true, predicted = np.asarray(true), np.asarray(predicted)
    require(
        true.shape == predicted.shape and true.ndim == 1 and true.size > 0,
        f"true labels have the shape {true.shape} and predicted ones {predicted.shape}; both need (images,)",
    )
    counts = counted(true, predicted, labels=np.arange(classes))
    with np.errstate(invalid="ignore"):
        share = 100 * counts / counts.sum(axis=1, keepdims=True)
    ax = new_axes(ax, (4.0, 3.6))
    image = ax.imshow(share, cmap="cividis", vmin=0, vmax=100)
    for row, column in np.argwhere(counts > 0):
        colour = "black" if share[row, column] > 50 else "white"
        ax.text(column, row, f"{share[row, column]:.0f}", ha="center", va="center", fontsize=6, color=colour)
    ax.figure.colorbar(image, ax=ax, label="images of the class (%)", shrink=0.8)
    ax.set(xlabel="predicted class", ylabel="true class", xticks=range(classes), yticks=range(classes))
    ax.set_title(f"accuracy {100 * np.mean(true == predicted):.1f} % of {len(true)} images", fontsize=9)
    return ax


def _panels(count: int, height: float, axes: np.ndarray | None) -> np.ndarray:
    """Return the given axes, or so many with letters in a new figure, up to three in a row."""
    require(count > 0, "there are no latents to draw")
    if axes is not None:
        require(np.size(axes) == count, f"there are {np.size(axes)} axes for {count} latents")
        return np.ravel(axes)
    columns = min(count, 3)
    rows = -(-count // columns)
    panels = new_figure((3.0 * columns + 0.4 * (columns < 3), height * rows)).subplots(rows, columns, squeeze=False)
    for spare in panels.flat[count:]:
        spare.remove()
    if count > 1:
        letters(panels.flat[:count], offset=-12)
    return panels.flat[:count]
