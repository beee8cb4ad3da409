"""Recording what a trained network does with held-out images, shown with right and with wrong labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.arguments import explained
from brianff.arrays import checked
from brianff.description.fields import Instance, argument
from brianff.equations.parameters import Range
from brianff.errors import ConfigurationError
from brianff.protocols.negatives import hybrid_images, wrong_labels
from brianff.random import RandomStreams

if TYPE_CHECKING:
    import pandas

    from brianff.protocols.trainer import Trainer
    from brianff.responses import Recording

__all__ = ["held_out_contrast", "held_out_goodness", "record_held_out"]


@explained
def held_out_contrast(
    trainer: Trainer, images: int | Sequence[int] = 200, negatives: bool = True
) -> tuple[Any, np.ndarray, pandas.DataFrame]:
    """Return held-out images with their own labels, and then the same ones with a wrong label each.

    A protocol without labels shows mixtures of two images in their place. The draw is the same every time.

    Parameters
    ----------
    trainer : Trainer
    images : int or sequence of int
        So many of the first held-out images, or their indices.
    negatives : bool
        Show the wrong labels too.

    Returns
    -------
    ndarray, shape (presentations, pixels), or SpikeTrains
        Intensities.
    ndarray of int, shape (presentations,)
        Labels shown.
    pandas.DataFrame
        Columns image, true_label, polarity, epoch (the last that was trained) and trained_layer, its layer.

    Raises
    ------
    ConfigurationError
        If there is no such image.
    """
    import pandas

    from brianff.protocols.trainer import Trainer

    argument("trainer", trainer, Instance(Trainer, "a Trainer"))
    split, generator = trainer.held_out, RandomStreams(trainer.protocol.seed)["figures"]
    if isinstance(images, int | np.integer):
        images = range(min(int(images), len(split)))
    there = Range(f"number held-out images, counted from 0: there are {len(split)}", 0, len(split) - 1)
    rows = checked("images", images, (None,), kind="whole", range=there, error=ConfigurationError)
    shown, own = split.intensities(rows), split.labels[rows]
    history = trainer.history[["epoch", "layer"]]
    epoch, trained = history.iloc[-1] if len(history) else (0, 0)
    about = {"true_label": own, "polarity": "positive", "epoch": epoch, "trained_layer": trained}
    table = pandas.DataFrame({"image": rows, **about})
    labels = np.zeros_like(own) if trainer.protocol.unsupervised else own
    if not negatives:
        return shown, labels, table
    if trainer.protocol.unsupervised:
        mixed = hybrid_images(shown, trainer.dataset.image_shape, generator)
        shown, labels = np.concatenate([shown, mixed]), np.tile(labels, 2)
    else:
        wrong = wrong_labels(own, generator, trainer.dataset.classes)
        shown, labels = split.intensities(np.tile(rows, 2)), np.concatenate([own, wrong])
    return shown, labels, pandas.concat([table, table.assign(polarity="negative")], ignore_index=True)


@explained
def record_held_out(
    trainer: Trainer,
    images: int | Sequence[int] = 200,
    negatives: bool = True,
    neurons: Any = (),
    layer: int = -1,
    variables: Sequence[str] | None = None,
    every: int = 1,
    file: str | Path | None = None,
) -> Recording:
    """Record held-out images with their own labels, and then with a wrong one each; training is not disturbed.

    Parameters
    ----------
    trainer : Trainer
    images, negatives : optional
        As in `held_out_contrast`.
    neurons, layer, variables, every, file : optional
        As in `Simulator.record`.

    Returns
    -------
    Recording
    """
    shown, labels, table = held_out_contrast(trainer, images, negatives)
    options: dict[str, Any] = {"variables": variables, "every": every, "presentations": table, "file": file}
    return trainer.simulator.record(shown, labels, neurons, layer, **options)


@explained
def held_out_goodness(trainer: Trainer, images: int | Sequence[int] = 200) -> pandas.DataFrame:
    """Return the goodness of each layer for held-out images with their own labels and with wrong ones.

    Training is not disturbed; layers above the one that learned last are left out.

    Parameters
    ----------
    trainer : Trainer
    images : int or sequence of int
        As in `held_out_contrast`.

    Returns
    -------
    pandas.DataFrame
        Columns image, true_label, polarity, epoch, trained_layer, label (shown), layer, goodness.
    """
    import pandas

    shown, labels, table = held_out_contrast(trainer, images)
    top = int(table["trained_layer"].max()) if len(table) else -1
    table, parts, batch = table.assign(label=labels), [], trainer.protocol.evaluation.batch
    with trainer.simulator.evaluation():
        for start in range(0, len(table), batch):
            rows = slice(start, start + batch)
            responses = trainer.simulator.present_layers(shown[rows], labels[rows], top + 1)
            parts += [
                table[rows].assign(layer=layer, goodness=answer.goodness) for layer, answer in enumerate(responses)
            ]
    return pandas.concat(parts, ignore_index=True) if parts else table.assign(layer=[], goodness=[])
