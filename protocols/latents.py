"""Latents, the activity vectors of a layer: how sparse they are and how well they separate the classes."""

from __future__ import annotations

from typing import Literal

import numpy as np

from brianff.arguments import explained
from brianff.arrays import checked
from brianff.data.split import Split
from brianff.description.fields import Whole, argument
from brianff.errors import ConfigurationError
from brianff.protocols.negatives import wrong_labels
from brianff.protocols.readout import measuring_activity
from brianff.protocols.trainer import Trainer
from brianff.random import RandomStreams

__all__ = [
    "dead_units",
    "hoyer_sparsity",
    "latents",
    "separability",
    "without_rest",
]

_BATCH = 50


def latents(trainer: Trainer, split: Split, label: Literal["true", "zero", "wrong"] = "true") -> np.ndarray:
    """Return the latents of the last layer: spike counts, or root mean square activities where neurons do not spike.

    They are the same quantity whatever goodness is trained, and leave no trace in the trainer.
    Where membranes are carried over, the first images are shown once beforehand: no latent starts from a membrane at
    rest.

    Parameters
    ----------
    trainer : Trainer
    split : Split
    label : {"true", "zero", "wrong"}
        Which label is shown with each image; zero: the input units of the label are silent.

    Returns
    -------
    ndarray, shape (images, neurons)
        Without images that axis is empty.
    """
    network = trainer.protocol.network
    simulator = measuring_activity(trainer.simulator)
    spiking = network.layers[-1].neuron.threshold != "False"
    generator = RandomStreams(trainer.protocol.seed)["latents"]
    labels = wrong_labels(split.labels, generator, trainer.dataset.classes) if label == "wrong" else split.labels
    if label == "zero":
        simulator.codes[:] = 0.0
    parts = [np.empty((0, network.layers[-1].neurons))]
    with simulator.evaluation():
        if simulator.carries and len(split):
            simulator.present(split.intensities(slice(0, _BATCH)), labels[:_BATCH])
        for start in range(0, len(split), _BATCH):
            rows = slice(start, start + _BATCH)
            responses = simulator.present(split.intensities(rows), labels[rows], spikes=spiking)
            counts = responses.spike_counts
            # Looked up, what is zero can be a little below.
            parts.append(np.sqrt(np.maximum(responses.goodness_terms, 0.0)) if counts is None else counts)
    return np.concatenate(parts)


@explained
def without_rest(trainer: Trainer) -> Trainer:
    """Return a trainer in the same state whose presentations follow each other without rest.

    The latents of arXiv 2406.16479 were taken that way, from networks that were trained and tested with rest: membranes
    that are carried over then start further from the threshold.

    Parameters
    ----------
    trainer : Trainer
        Returned itself if its protocol has no rest.
    """
    protocol = trainer.protocol
    if not protocol.network.rest_steps:
        return trainer
    encoding = protocol.network.encoding.model_copy(update={"rest_steps": 0})
    network = protocol.network.model_copy(update={"encoding": encoding})
    other = type(trainer)(protocol.model_copy(update={"network": network, "callbacks": ()}), trainer.dataset)
    other.restore(*trainer.state())
    return other


@explained
def hoyer_sparsity(latents: np.ndarray, offset: float = 1e-3) -> float:
    """Return the mean Hoyer sparsity: (sqrt(n) - L1 / L2) / (sqrt(n) - 1), 0 for equal and 1 for one-hot vectors.

    Parameters
    ----------
    latents : ndarray, shape (images, neurons)
    offset : float
        Added to both norms, as in arXiv 2406.16479; with it a vector of zeros scores 1.

    Returns
    -------
    float
        nan without images or neurons. Source: Hoyer, JMLR 5:1457 (2004).

    Examples
    --------
    >>> hoyer_sparsity(np.array([[0.0, 0.0, 1.0, 0.0]]), offset=0.0)
    1.0
    """
    latents = checked("latents", latents, (None, None))
    root = np.sqrt(latents.shape[1])
    norms = np.abs(latents).sum(axis=1) + offset, np.sqrt(np.square(latents, dtype=float).sum(axis=1)) + offset
    return float(np.mean((root - norms[0] / norms[1]) / (root - 1))) if latents.size else float("nan")


@explained
def separability(latents: np.ndarray, labels: np.ndarray, neighbours: int = 5) -> float:
    """Return the mean share of a vector's nearest neighbours (Euclidean, itself excluded) that have its label.

    Parameters
    ----------
    latents : ndarray, shape (images, neurons)
    labels : ndarray of int, shape (images,)
    neighbours : int
        How many are looked at.

    Raises
    ------
    ConfigurationError
        If there are not more vectors than neighbours: none, for instance.

    Examples
    --------
    >>> separability(np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1]), neighbours=1)
    1.0
    """
    latents = checked("latents", latents, (None, None))
    labels = checked("labels", labels, (len(latents),), kind="whole")
    if len(latents) <= argument("neighbours", neighbours, Whole(1)):
        raise ConfigurationError(f"separability needs more than {neighbours} latents, there are {len(latents)}")
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(latents).kneighbors(return_distance=False)
    return float(np.mean(labels[found] == labels[:, np.newaxis]))


@explained
def dead_units(latents: np.ndarray) -> float:
    """Return the share of neurons that are active for none of the images.

    Parameters
    ----------
    latents : ndarray, shape (images, neurons)

    Returns
    -------
    float
        1 without images, nan without neurons.

    Examples
    --------
    >>> dead_units(np.array([[0, 1, 0, 2], [0, 0, 0, 3]]))
    0.5
    """
    active = np.any(checked("latents", latents, (None, None)), axis=0)
    return float(np.mean(~active)) if len(active) else float("nan")
