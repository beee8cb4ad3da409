"""The study of equivalence: how far the Hebbian change is from the gradient, for every goodness, over training."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import ms, nA

from brianff.data.split import Split
from brianff.description import LabelCode, Layer, Network, PulseEncoding, RateEncoding
from brianff.errors import NumericalError
from brianff.goodness import Goodness
from brianff.protocols.equivalence import WEIGHT_STEP, Comparison, Inputs, equivalence, hebbian_change
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import ACTIVITY, analog_layer, simulated_layer
from brianff.protocols.modulators import MODULATORS, Modulator
from brianff.protocols.negatives import wrong_labels
from brianff.protocols.optimisers import Adam
from brianff.protocols.plasticity import modulated_hebbian
from brianff.protocols.studies.rate_limit import measure_rate_limit, rate_limit_points
from brianff.protocols.studies.study import Map, Study, loaded
from brianff.random import RandomStreams
from brianff.simulator import Simulator

__all__ = ["NETWORKS", "run_study"]

NEURONS = 200
_LABEL = LabelCode(strength=4.0)

NETWORKS = {
    # Analog units read the amplitudes of a single pulse; a network describes their input.
    "relu": Network(
        encoding=PulseEncoding(steps=1), label=_LABEL, layers=(Layer(neurons=NEURONS, initial_weight_deviation=0.1),)
    ),
    "mif": Network(label=_LABEL, layers=(Layer(neurons=NEURONS, initial_weight_deviation=0.02),)),
    # One spike through a weight of 1 lifts the membrane about to the threshold, as in arXiv 2406.16479.
    "lif": Network(
        time_step=1 * ms,
        encoding=RateEncoding(steps=23, maximum_probability=0.25),
        label=_LABEL,
        layers=(
            Layer(
                neurons=NEURONS,
                neuron="lif",
                current_scale=17 / 3 * nA,
                synapse_time_constant=1 * ms,
                initial_weight_deviation=0.1,
            ),
        ),
    ),
}
"""One layer of 200 neurons on 28 x 28 pixels and an appended label, for each kind of neuron."""

LEARNING_RATES = {"relu": 5e-3, "mif": 2e-3, "lif": 5e-3}
BATCH = 128
SEED = 1


_COMPARED = (
    *("mean-square", "squared-norm", "l1-norm", "mean", "l4-norm", "log-sum"),
    *("max", "top-20", "negentropy", "spike-count"),
)
"""Goodness functions of the study: the readout makes no difference to the question (peaks do), nor rectification where
activity is never negative, as in relu and LIF."""


def _settings(quick: bool) -> dict[str, Any]:
    """Return the size of the study."""
    if quick:
        names = ["squared-norm", "l1-norm", "log-sum"]
        return {
            "pairs": 32,
            "draws": 2,
            "batches": [0, 10],
            "goodness": names,
            "trained": 50,
            "judged": 200,
            "seeds": [1],
        }
    return {
        "pairs": 64,
        "draws": 4,
        "batches": [0, 10, 50, 200],
        "goodness": list(_COMPARED),
        "trained": 400,
        "judged": 1000,
        "seeds": [1, 2, 3],
    }


def _points(quick: bool) -> list[dict[str, str]]:
    """Return the points: the whole grid for analog units; for spiking ones the pair form everywhere, others on MNIST.

    LIF costs most. `mean-square` and `mean` are left out there: they are `squared-norm` and `l1-norm` (traces are
    not negative) up to a factor. The other forms are measured for two goodness functions, Fashion-MNIST for four.
    """
    datasets, forms = (["mnist"], ["pair"]) if quick else (["mnist", "fashion-mnist"], list(MODULATORS))
    points = []
    # What matters most comes first.
    for dataset, probability, neuron, goodness in product(datasets, forms, NETWORKS, _settings(quick)["goodness"]):
        if neuron != "relu" and probability != "pair" and dataset != "mnist":
            continue
        if neuron == "lif" and goodness not in _LIF_GOODNESS[dataset, probability == "pair"]:
            continue
        if neuron == "mif" and goodness == "spike-count":
            continue  # pulses carry no noise: a count has no gradient, not even on average
        points.append({"neuron": neuron, "dataset": dataset, "goodness": goodness, "probability": probability})
    return points


_LIF_GOODNESS = {
    ("mnist", True): tuple(name for name in _COMPARED if name not in ("mean-square", "mean")),
    ("mnist", False): ("squared-norm", "l1-norm"),
    ("fashion-mnist", True): ("squared-norm", "l1-norm", "log-sum", "spike-count"),
}


def _cost_points(quick: bool) -> list[dict[str, Any]]:
    """Return the points of the training by each change: pair form on MNIST, neurons that are quick to simulate."""
    settings = _settings(quick)
    return [
        {"neuron": neuron, "goodness": goodness, "seed": seed}
        for seed, neuron, goodness in product(settings["seeds"], ("relu", "mif"), settings["goodness"])
        if (neuron, goodness) != ("mif", "spike-count")
    ]


def run_study(
    directory: Path,
    quick: bool = False,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Return the study, with the tables "equivalence", "cost" and "rate-limit"; quick: a part of the grid.

    "cost" has the cosine of the neo-Hebbian change (`corrected_cosine`) during a training by the local rule, and the
    accuracies after a training by either (`local_rule`, `hebbian`), for several seeds.
    """
    settings = _settings(quick)
    study = Study(directory, {"study": "equivalence", "seed": SEED, **settings})

    def compare(neuron: str, dataset: str, goodness: str, probability: str) -> Iterator[dict[str, Any]]:
        return _follow_training(
            neuron, loaded(dataset, data_dir).train, GOODNESS[goodness], probability, settings, SEED
        )

    def cost(neuron: str, goodness: str, seed: int) -> Iterator[dict[str, Any]]:
        given = neuron, loaded("mnist", data_dir).train, GOODNESS[goodness]
        accuracies = {
            rule.replace(" ", "_"): _accuracy_after_training(*given, rule, settings, seed)
            for rule in ("local rule", "hebbian")
        }
        for row in _follow_training(*given, "pair", settings, seed):
            if row["rule"] == "hebbian":
                yield {"batches": row["batches"], "corrected_cosine": row["corrected_cosine"], **accuracies}

    study.fill("equivalence", _points(quick), compare, progress, map)
    study.fill("cost", _cost_points(quick), cost, progress, map)
    study.fill("rate-limit", rate_limit_points(quick), measure_rate_limit, progress, map)
    return study


class _Layer:
    """One layer that learns, as a function of inputs and weights, which a simulator draws but does not present.

    A Trainer does not fit here: the same presentations are measured by two goodness functions, at shifted weights, and
    by analog units that have no time.
    """

    def __init__(self, neuron: str, seed: int):
        self.make = analog_layer if neuron == "relu" else partial(simulated_layer, NETWORKS[neuron])
        self.streams = RandomStreams(seed)
        self.simulator = Simulator(NETWORKS[neuron], seed=seed)
        self.weights = self.simulator.layers[0].crossbar.weights
        self.optimiser = Adam(LEARNING_RATES[neuron])

    def pairs(self, training: Split) -> Iterator[tuple[Inputs, Inputs]]:
        """Yield the inputs of an epoch: a batch with its labels, and with wrong ones."""
        for batch in training.batches(BATCH, self.streams["batches"]):
            yield self.inputs(batch.images, batch.labels, wrong_labels(batch.labels, self.streams["negatives"]))

    def inputs(self, images: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> tuple[Inputs, Inputs]:
        """Return positive and negative inputs, drawn anew."""
        return self.simulator.inputs(images, labels), self.simulator.inputs(images, wrong)


def _follow_training(
    neuron: str, split: Split, goodness: Goodness, probability: str, settings: dict[str, Any], seed: int
) -> Iterator[dict[str, Any]]:
    """Train one layer by the local rule and compare the changes with the gradient at some points of the training."""
    layer = _Layer(neuron, seed)
    respond, weights, streams = layer.make(goodness), layer.weights, layer.streams
    # The pairs on which changes and gradient are compared are held out of the training.
    held_out, training = split.last(settings["pairs"]), split.without_last(settings["pairs"])
    draws, weight_step = (settings["draws"], WEIGHT_STEP) if neuron == "lif" else (1, None)
    images = np.tile(held_out.intensities(slice(None)), (draws, 1))
    labels = np.tile(held_out.labels, draws)
    wrong = np.tile(wrong_labels(held_out.labels, streams["negatives"]), draws)
    draw_inputs = partial(layer.inputs, images, labels, wrong)
    modulator = _scaled(probability, respond(draw_inputs()[0], weights).goodness)
    pairs = layer.pairs(training)
    for count in range(max(settings["batches"]) + 1):
        if count in settings["batches"]:
            generator = streams["sampled weights"]
            compared = equivalence(layer.make, goodness, modulator, weights, draw_inputs, generator, weight_step)
            for rule, comparison in compared.items():
                yield {"batches": count, "rule": rule, **_columns(comparison)}
        positive, negative = (respond(part, weights) for part in next(pairs))
        weights += layer.optimiser(modulated_hebbian(positive, negative, modulator))


def _accuracy_after_training(
    neuron: str, split: Split, goodness: Goodness, rule: str, settings: dict[str, Any], seed: int
) -> float:
    """Train one layer by a change, pair form, and return the accuracy on training images that were held out.

    nan: the change drove the membrane out of its range before the end.
    """
    try:
        return _accuracy(neuron, split, goodness, rule, settings, seed)
    except NumericalError:
        return float("nan")


def _accuracy(neuron: str, split: Split, goodness: Goodness, rule: str, settings: dict[str, Any], seed: int) -> float:
    layer = _Layer(neuron, seed)
    respond, respond_activity = layer.make(goodness), layer.make(ACTIVITY)
    held_out, training = split.last(settings["judged"]), split.without_last(settings["judged"])
    modulator = None
    for inputs in islice(layer.pairs(training), settings["trained"]):
        positive, negative = (respond(part, layer.weights) for part in inputs)
        modulator = modulator or _scaled("pair", positive.goodness)
        if rule == "hebbian":
            first, second = (respond_activity(part, layer.weights).goodness_terms for part in inputs)
            change = hebbian_change(positive, negative, modulator, (first, second))
        else:
            change = modulated_hebbian(positive, negative, modulator)
        layer.weights += layer.optimiser(change)
    every_label = np.broadcast_to(np.arange(10), (len(held_out), 10))
    responses = respond(layer.simulator.inputs(held_out.intensities(slice(None)), every_label), layer.weights)
    return float(np.mean(np.argmax(responses.goodness.reshape(-1, 10), axis=1) == held_out.labels))


def _scaled(probability: str, goodness: np.ndarray) -> Modulator:
    """Return a modulator whose log-odds vary by one unit (standard deviation) over the untrained layer's presentations.

    Goodness functions differ by orders of magnitude; each starts from an unsaturated probability this way. The
    threshold of the sigmoid form is the mean goodness, the margin of the pair form is 1.
    """
    sharpness = 1.0 / (goodness.std() or 1.0)
    return MODULATORS[probability](sharpness, goodness.mean() if probability == "sigmoid" else 1.0)


def _columns(comparison: Comparison) -> dict[str, float]:
    of_neurons = comparison.neuron_cosine[np.isfinite(comparison.neuron_cosine)]
    low, median = np.quantile(of_neurons, [0.1, 0.5]) if of_neurons.size else (np.nan, np.nan)
    return {
        "cosine": comparison.cosine,
        "corrected_cosine": comparison.corrected_cosine,
        "reliability": comparison.reliability,
        "relative_error": comparison.relative_error,
        "scale": comparison.scale,
        "neuron_cosine_median": median,
        "neuron_cosine_tenth": low,
        "neurons_compared": of_neurons.size,
    }
