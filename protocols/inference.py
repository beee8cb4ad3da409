"""Inference: the label whose presentation has the highest goodness."""

from collections.abc import Callable, Sequence

import numpy as np

from brianff.datasets import Split
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = ["accuracy", "predict", "total_goodness"]


Score = Callable[[Responses], np.ndarray]


def total_goodness(responses: Responses) -> np.ndarray:
    """Return the goodness of each presentation: the score of the sigmoid and the pair form."""
    return responses.goodness


def predict(
    simulator: Simulator, images: np.ndarray, layers: Sequence[int] | None = None, score: Score = total_goodness
) -> np.ndarray:
    """Return the most likely label of each image.

    Parameters
    ----------
    simulator : Simulator
    images : ndarray, shape (images, pixels)
    layers : sequence of int, optional
        Layers whose scores are summed; default: all.
    score : callable
        Gives each presentation of a layer a score that rises with its log-odds of being positive. Probabilities
        would not do: they saturate, and then labels tie.

    Returns
    -------
    ndarray of int, shape (images,)
    """
    responses = simulator.present_every_label(images)
    chosen = responses if layers is None else [responses[layer] for layer in layers]
    scores = np.sum([score(response) for response in chosen], axis=0)
    return np.argmax(scores.reshape(len(images), -1), axis=1)


def accuracy(
    simulator: Simulator,
    split: Split,
    layers: Sequence[int] | None = None,
    score: Score = total_goodness,
    batch: int = 100,
    report: Callable[[int], None] = lambda images: None,
) -> float:
    """Return the share of a split's images whose label is inferred correctly; nan for an empty split.

    Parameters
    ----------
    simulator : Simulator
    split : Split
    layers : sequence of int, optional
    score : callable
        As in `predict`.
    batch : int
        Images presented together.
    report : callable
        Called with the number of images of each batch that is done.
    """
    correct = 0
    with simulator.evaluation():
        for start in range(0, len(split), batch):
            rows = slice(start, start + batch)
            labels = split.labels[rows]
            correct += int((predict(simulator, split.intensities(rows), layers, score) == labels).sum())
            report(len(labels))
    return correct / len(split) if len(split) else float("nan")
