"""Figures of latents, and the measures behind them (`brianff.protocols.latents`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from brianff.analysis.style import require, save_figure
from brianff.protocols.latents import dead_units, hoyer_sparsity, latents, separability, without_rest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "dead_units",
    "draw_latents",
    "hoyer_sparsity",
    "latent_embedding",
    "latent_raster",
    "latents",
    "separability",
    "without_rest",
]


def draw_latents(latents: Sequence[np.ndarray], labels: np.ndarray, titles: Sequence[str], directory: Path) -> None:
    """Write latent-raster.png and latent-embedding.png; nothing for an odd number, which fills no two rows."""
    if len(latents) % 2 == 0:
        save_figure(latent_raster(latents, titles), Path(directory, "latent-raster.png"))
        save_figure(latent_embedding(latents, labels, titles), Path(directory, "latent-embedding.png"))


def latent_raster(
    latents: Sequence[np.ndarray], titles: Sequence[str], samples: int = 90, neurons: slice = slice(25, 175)
) -> Figure:
    """Draw the fourth root of some latents in black and white, two rows of panels.

    Parameters
    ----------
    latents : sequence of ndarray, shape (images, neurons)
        One per panel, row by row; an even number.
    titles : sequence of str
    samples : int
        Images shown, the first so many.
    neurons : slice
        Neurons shown.
    """
    figure, panels = _panels(len(latents), (9.0, 5.2))
    for panel, latent, title in zip(panels, latents, titles, strict=True):
        shown = latent[:samples, neurons].astype(float) ** 0.25
        extent = (neurons.start - 0.5, neurons.start + shown.shape[1] - 0.5, len(shown) - 0.5, -0.5)
        panel.imshow(shown, cmap="binary", aspect="auto", interpolation="nearest", extent=extent)
        panel.set_title(title, fontsize=9)
    for panel in panels[len(panels) // 2 :]:
        panel.set_xlabel("neuron")
    for panel in panels[:: len(panels) // 2]:
        panel.set_ylabel("test image")
    return figure


def latent_embedding(
    latents: Sequence[np.ndarray], labels: np.ndarray, titles: Sequence[str], samples: int = 1500, seed: int = 0
) -> Figure:
    """Draw t-SNE embeddings of some latents, coloured by class, two rows of panels.

    Parameters
    ----------
    latents : sequence of ndarray, shape (images, neurons)
        One per panel, row by row; an even number.
    labels : ndarray of int, shape (images,)
    titles : sequence of str
    samples : int
        Images shown, the first so many.
    seed : int
    """
    from sklearn.manifold import TSNE

    figure, panels = _panels(len(latents), (9.0, 6.0))
    for panel, latent, title in zip(panels, latents, titles, strict=True):
        shown = latent[:samples].astype(float)
        perplexity = min(30.0, (len(shown) - 1) / 3)
        points = TSNE(random_state=seed, perplexity=perplexity, init="random").fit_transform(shown)
        drawn = panel.scatter(*points.T, c=labels[:samples], s=2, cmap="tab10", vmin=-0.5, vmax=9.5, linewidths=0)
        panel.set(xticks=[], yticks=[])
        panel.set_title(title, fontsize=9)
    figure.supxlabel("t-SNE dimension 1", fontsize=9)
    figure.supylabel("t-SNE dimension 2", fontsize=9)
    figure.colorbar(drawn, ax=panels, label="class", ticks=range(10), shrink=0.6)
    return figure


def _panels(count: int, size: tuple[float, float]):
    require(count > 0 and count % 2 == 0, f"two rows of panels need an even number of latents, not {count}")
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(2, count // 2, squeeze=False).ravel())
