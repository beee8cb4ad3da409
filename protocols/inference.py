"""Inference: the label whose presentation has the highest goodness."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brianff.arguments import explained
from brianff.arrays import answer, checked
from brianff.data.split import Split
from brianff.description.fields import Instance, Whole, argument, shown
from brianff.encoding import checked_images
from brianff.equations.parameters import Range
from brianff.errors import ConfigurationError, DataError
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = ["Outcome", "Score", "accuracy", "label_scores", "outcome", "predict", "total_goodness"]


SIMULATOR = Instance(Simulator, "a Simulator")
Score = Callable[[Responses], np.ndarray]


def total_goodness(responses: Responses) -> np.ndarray:
    """Return the goodness of each presentation: the score of the sigmoid and the pair form."""
    return responses.goodness


@explained
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
    return np.argmax(label_scores(simulator, images, layers, [score])[0], axis=1)


def label_scores(
    simulator: Simulator,
    images: np.ndarray,
    layers: Sequence[int] | None = None,
    scores: Sequence[Score] = (total_goodness,),
) -> list[np.ndarray]:
    """Return scores of each image with each label, an array (images, classes) for each kind of score; see `predict`.

    Where a membrane is carried over, the labels of an image come one after the other on the same membrane, as in
    arXiv 2406.16479; otherwise all are presented side by side.
    """

    def total(responses: list[Responses], score: Score) -> np.ndarray:
        chosen = responses if layers is None else [responses[layer] for layer in numbers]
        return np.sum([answer(who, score(response), (len(response),)) for response in chosen], axis=0)

    argument("simulator", simulator, SIMULATOR)
    images = checked_images(simulator.network, images)
    who, known = "the score", Range("be numbers of layers", 0, len(simulator.layers) - 1)
    if layers is not None:
        numbers = checked("layers", layers, (None,), kind="whole", range=known, error=ConfigurationError)
        if not len(numbers):
            raise ConfigurationError("layers are none; name one at least, or leave them out for all")

    if simulator.carries:
        shown = (np.full(len(images), label) for label in range(simulator.network.classes))
        by_label = [simulator.present_layers(images, labels) for labels in shown]
        return [np.stack([total(responses, score) for responses in by_label], axis=1) for score in scores]
    responses = simulator.present_every_label(images)
    return [total(responses, score).reshape(len(images), -1) for score in scores]


@explained
def accuracy(
    simulator: Simulator,
    split: Split,
    layers: Sequence[int] | None = None,
    score: Score = total_goodness,
    batch: int = 100,
    report: Callable[[int], None] = lambda images: None,
) -> float:
    """Return the share of a split's images whose label is inferred correctly.

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

    Raises
    ------
    DataError
        If the split is empty.
    """
    return outcome(simulator, split, layers, score, batch, report).accuracy


@dataclass(frozen=True, eq=False)
class Outcome:
    """What inference made of a split.

    Parameters
    ----------
    accuracy : float
        Share of the images whose label was inferred correctly; of labels that tie, the lowest is taken.
    tied_share : float
        Share of the images whose highest score belongs to several labels.
    decided : ndarray of int, shape (images,)
        The inferred labels.
    """

    accuracy: float
    tied_share: float
    decided: np.ndarray


def outcome(
    simulator: Simulator,
    split: Split,
    layers: Sequence[int] | None = None,
    score: Score = total_goodness,
    batch: int = 100,
    report: Callable[[int], None] = lambda images: None,
) -> Outcome:
    """Return what inference makes of a split; a DataError if it is empty. See `accuracy`."""
    argument("simulator", simulator, SIMULATOR)
    argument("split", split, Instance(Split, "a Split, such as dataset.test"))
    for name, function in {"score": score, "report": report}.items():
        if not callable(function):
            raise ConfigurationError(f"{name} is {shown(function)}; it must be a function")
    argument("batch", batch, Whole(1))
    if not len(split):
        raise DataError("split holds no images: an accuracy needs one at least")
    decided, tied = np.zeros(len(split), dtype=int), 0
    with simulator.evaluation():
        for start in range(0, len(split), batch):
            rows = slice(start, start + batch)
            (scores,) = label_scores(simulator, split.intensities(rows), layers, [score])
            decided[rows] = np.argmax(scores, axis=1)
            tied += int(((scores == scores.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
            report(len(scores))
    return Outcome(int((decided == split.labels).sum()) / len(split), tied / len(split), decided)
