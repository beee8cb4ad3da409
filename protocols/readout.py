"""Readouts: what infers the class of an image.

The goodness readout asks the network itself. All others are functions of latents, those of training images with their
labels and those of others with theirs, and return an accuracy: `linear_readout` is the pattern of one's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from brianff.data.spikes import SpikeTrains
from brianff.description.fields import Measured, argument
from brianff.goodness import Goodness
from brianff.registry import Registry
from brianff.simulator import Simulator

if TYPE_CHECKING:
    from brianff.protocols.trainer import Trainer

__all__ = ["READOUTS", "GoodnessReadout", "latents", "linear_readout", "majority_readout", "readout_accuracies"]


def measuring_activity(simulator: Simulator) -> Simulator:
    """Return a simulator whose goodness terms are squared activities, whatever goodness is trained.

    Of one step it is the activity after it; an integral would hold that before its events.
    """
    one_step = simulator.network.encoding.steps == 1
    return simulator.measuring(Goodness(readout="final" if one_step else "average"))


def latents(
    simulator: Simulator,
    images: np.ndarray,
    layers: tuple[int, ...] | None = None,
    batch: int = 500,
    report: Callable[[int], None] = lambda images: None,
) -> np.ndarray:
    """Return what a network that sees no label makes of images: the activity of its neurons.

    Parameters
    ----------
    simulator : Simulator
        Of a network with a label of strength 0.
    images : ndarray, shape (images, pixels)
    layers : tuple of int, optional
        Default: all.
    batch : int
        Images presented together.
    report : callable
        Called with the number of images of each batch.

    Returns
    -------
    ndarray, shape (images, neurons of all layers)
        Root mean square activities, or spike counts if the goodness counts them.
    """
    counts = simulator.goodness.counts_spikes
    simulator = simulator if counts else measuring_activity(simulator)
    parts = []
    with simulator.evaluation():
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            responses = simulator.present_layers(part, np.zeros(len(part), dtype=int))
            chosen = responses if layers is None else [responses[layer] for layer in layers]
            terms = np.hstack([response.goodness_terms for response in chosen])
            parts.append(terms if counts else np.sqrt(terms))
            report(len(part))
    return np.concatenate(parts)


def readout_accuracies(trainer: Trainer, report: Callable[[int], None] = lambda images: None) -> dict[str, float]:
    """Return the accuracy of the protocol's readout on the held-out images, fitted to the first training images.

    Parameters
    ----------
    trainer : Trainer
    report : callable
        Called with the number of held-out images when all are done.

    Returns
    -------
    dict
        `readout_accuracy` from the network's latents, and beside it `untrained_readout_accuracy` from those of the same
        network before learning and `pixel_readout_accuracy` from the pixels.
    """
    evaluation, protocol = trainer.protocol.evaluation, trainer.protocol
    fitted = trainer.training.first(evaluation.readout_images)
    images = [part.intensities(slice(None)) for part in (fitted, trainer.held_out)]
    untrained = trainer.new_simulator(workers=1)
    features = {
        "readout_accuracy": [latents(trainer.simulator, part, evaluation.layers) for part in images],
        "untrained_readout_accuracy": [latents(untrained, part, evaluation.layers) for part in images],
        "pixel_readout_accuracy": [part.counts if isinstance(part, SpikeTrains) else part for part in images],
    }
    report(len(trainer.held_out))
    who = f"the accuracy that readout {READOUTS.name_of(protocol.readout)!r} gave"
    return {
        name: argument(who, protocol.readout(training, fitted.labels, held_out, trainer.held_out.labels), Measured())
        for name, (training, held_out) in features.items()
    }


def linear_readout(training: np.ndarray, training_labels: np.ndarray, latents: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of a logistic regression on latents.

    All latents are divided by one number, the standard deviation of the training latents, and scikit-learn's default
    regularisation is used, for every kind of latents alike.

    Parameters
    ----------
    training, latents : ndarray, shape (presentations, features)
        Latents that the regression is fitted to, and those on which its accuracy is measured.
    training_labels, labels : ndarray of int, shape (presentations,)

    Returns
    -------
    float
        nan if there is nothing to measure on.
    """
    from sklearn.linear_model import LogisticRegression

    if not len(labels):
        return float("nan")
    if len(np.unique(training_labels)) < 2:
        return float(np.mean(labels == training_labels[0])) if len(training_labels) else float("nan")
    scale, mean = training.std() or 1.0, training.mean(axis=0)
    readout = LogisticRegression(max_iter=500).fit((training - mean) / scale, training_labels)
    return float(readout.score((latents - mean) / scale, labels))


def majority_readout(
    training: np.ndarray, training_labels: np.ndarray, latents: np.ndarray, labels: np.ndarray
) -> float:
    """Return the accuracy of a vote: each neuron votes for the class to which it responded most on average.

    The class whose neurons respond most, on average, is chosen (Diehl & Cook 2015). Neurons that never responded do
    not vote. Parameters as in `linear_readout`.
    """
    classes = np.unique(training_labels)
    response = np.array([training[training_labels == label].mean(axis=0) for label in classes])
    voting = response.max(axis=0) > 0
    belongs = (np.argmax(response, axis=0) == np.arange(len(classes))[:, np.newaxis]) & voting
    votes = latents @ belongs.T / np.maximum(belongs.sum(axis=1), 1)
    return float(np.mean(classes[np.argmax(votes, axis=1)] == labels)) if len(labels) else float("nan")


class GoodnessReadout:
    """Shows each image with every label and takes the label with the highest score; nothing is fitted."""


READOUTS = Registry(
    "readout",
    None,
    {"goodness": GoodnessReadout, "linear": linear_readout, "majority": majority_readout},
    called_with=("training", "training_labels", "latents", "labels"),
)
"""Readouts by name."""
