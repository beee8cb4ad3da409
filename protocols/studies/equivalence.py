"""The study of equivalence: how far the Hebbian change is from the gradient, for every goodness, over training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import ms, nA

from brianff.protocols.equivalence import WEIGHT_STEP, Comparison, equivalence, hebbian_change
from brianff.protocols.layers import ACTIVITY, LayerFunction, analog_layer, simulated_layer
from brianff.protocols.studies.rate_limit import measure_rate_limit, plot_rate_limit, rate_limit_cells
from brianff.analysis.style import COLOURS, GREY, save_figure
from brianff.data.named import load_dataset
from brianff.data.split import Split
from brianff.description import LabelCode, Layer, Network, PulseEncoding, RateEncoding
from brianff.errors import NumericalError
from brianff.goodness import Goodness
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import MODULATORS, Modulator
from brianff.protocols.negatives import wrong_labels
from brianff.protocols.optimisers import Adam
from brianff.protocols.plasticity import modulated_hebbian
from brianff.protocols.studies.study import Study
from brianff.random import RandomStreams
from brianff.simulator import Simulator

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["NETWORKS", "plot_cosines", "run_study", "summarise"]

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

STEP_SIZES = {"relu": 5e-3, "mif": 2e-3, "lif": 5e-3}
BATCH = 128
SEED = 1


_LEFT_OUT = ("final-squared-norm", "rectified-mean-square")
_COMPARED = tuple(name for name in GOODNESS if name not in _LEFT_OUT)
"""Goodness functions of the study: the readout makes no difference to the question, nor does rectification where
activity is never negative, as in relu and LIF."""


def _settings(quick: bool) -> dict[str, Any]:
    """Return the size of the study."""
    if quick:
        names = ["squared-norm", "l1-norm", "log-sum"]
        return {"pairs": 32, "draws": 2, "batches": [0, 10], "goodness": names, "trained": 50, "judged": 200}
    return {
        "pairs": 64,
        "draws": 4,
        "batches": [0, 10, 50, 200],
        "goodness": list(_COMPARED),
        "trained": 400,
        "judged": 1000,
    }


def _cells(quick: bool) -> list[dict[str, str]]:
    """Return the cells: the whole grid for analog units; for spiking ones the pair form everywhere, others on MNIST.

    LIF cells cost most. `mean-square` and `mean` are left out there: they are `squared-norm` and `l1-norm` (traces are
    not negative) up to a factor. The other forms are measured for two goodness functions, Fashion-MNIST for four.
    """
    names = _settings(quick)["goodness"]
    if quick:
        return [
            {"neuron": neuron, "dataset": "mnist", "goodness": goodness, "probability": "pair"}
            for neuron, goodness in product(NETWORKS, names)
        ]
    cells = []
    # What matters most comes first.
    for dataset, probability, neuron, goodness in product(("mnist", "fashion-mnist"), MODULATORS, NETWORKS, names):
        if neuron != "relu" and probability != "pair" and dataset != "mnist":
            continue
        if neuron == "lif" and goodness not in _LIF_GOODNESS[dataset, probability == "pair"]:
            continue
        if neuron == "mif" and goodness == "spike-count":
            continue  # pulses carry no noise: a count has no gradient, not even on average
        cells.append({"neuron": neuron, "dataset": dataset, "goodness": goodness, "probability": probability})
    return cells


_LIF_GOODNESS = {
    ("mnist", True): tuple(name for name in _COMPARED if name not in ("mean-square", "mean")),
    ("mnist", False): ("squared-norm", "l1-norm"),
    ("fashion-mnist", True): ("squared-norm", "l1-norm", "log-sum", "spike-count"),
}


def _training_cells(quick: bool) -> list[dict[str, str]]:
    """Return the cells of the training by each change: pair form on MNIST, neurons that are quick to simulate."""
    return [
        {"neuron": neuron, "goodness": goodness, "rule": rule}
        for neuron, goodness, rule in product(("relu", "mif"), _settings(quick)["goodness"], ("local rule", "hebbian"))
        if (neuron, goodness) != ("mif", "spike-count")
    ]


def run_study(out: Path, quick: bool = False, data_dir: Path | None = None, progress: bool = True) -> list[Path]:
    """Measure what is missing, write the tables and figures, and return their paths.

    Parameters
    ----------
    out : Path
        Directory of the study; the same command goes on after a stop.
    quick : bool
        A small part of the grid.
    data_dir : Path, optional
        Where the data sets are.
    progress : bool

    Returns
    -------
    list of Path
        equivalence.csv, training.csv, rate-limit.csv, cosine.png, rate-limit.png.
    """
    settings = _settings(quick)
    study = Study(out, {"study": "equivalence", "seed": SEED, **settings})
    datasets: dict[str, Split] = {}

    def split(name: str) -> Split:
        if name not in datasets:
            datasets[name] = load_dataset(name, data_dir).train
        return datasets[name]

    def measure(neuron: str, dataset: str, goodness: str, probability: str) -> Iterator[dict[str, Any]]:
        return _follow_training(neuron, split(dataset), GOODNESS[goodness], probability, settings)

    def judge(neuron: str, goodness: str, rule: str) -> Iterator[dict[str, Any]]:
        yield {"accuracy": _accuracy_after_training(neuron, split("mnist"), GOODNESS[goodness], rule, settings)}

    cosines = study.fill("equivalence", _cells(quick), measure, progress)
    study.fill("training", _training_cells(quick), judge, progress)
    rates = study.fill("rate-limit", rate_limit_cells(quick), measure_rate_limit, progress)
    return [
        study.directory / "equivalence.csv",
        study.directory / "training.csv",
        study.directory / "rate-limit.csv",
        save_figure(plot_cosines(cosines), study.directory / "cosine.png"),
        save_figure(plot_rate_limit(rates), study.directory / "rate-limit.png"),
    ]


def _follow_training(
    neuron: str, split: Split, goodness: Goodness, probability: str, settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Train one layer by the local rule and compare the changes with the gradient at some points of the training."""
    make = _layer_maker(neuron)
    respond = make(goodness)
    streams = RandomStreams(SEED)
    simulator = Simulator(NETWORKS[neuron], seed=SEED)  # makes inputs and initial weights; it presents nothing
    weights = simulator.layers[0].crossbar.weights
    step = Adam(STEP_SIZES[neuron])

    # The pairs on which changes and gradient are compared are held out of the training.
    held_out, training = split.last(settings["pairs"]), split.without_last(settings["pairs"])
    draws, weight_step = (settings["draws"], WEIGHT_STEP) if neuron == "lif" else (1, None)
    images = np.tile(held_out.intensities(slice(None)), (draws, 1))
    labels = np.tile(held_out.labels, draws)
    wrong = np.tile(wrong_labels(held_out.labels, streams["negatives"]), draws)

    def draw_inputs():
        return simulator.inputs(images, labels), simulator.inputs(images, wrong)

    modulator = _scaled(probability, respond(draw_inputs()[0], weights).goodness)
    batches = training.batches(BATCH, streams["batches"])
    for count in range(max(settings["batches"]) + 1):
        if count in settings["batches"]:
            generator = streams["sampled weights"]
            compared = equivalence(make, goodness, modulator, weights, draw_inputs, generator, weight_step)
            for rule, comparison in compared.items():
                yield {"batches": count, "rule": rule, **_columns(comparison)}
        batch = next(batches)
        positive, negative = (
            respond(simulator.inputs(batch.images, shown), weights)
            for shown in (batch.labels, wrong_labels(batch.labels, streams["negatives"]))
        )
        weights += step(modulated_hebbian(positive, negative, modulator))


def _layer_maker(neuron: str) -> Callable[[Goodness], LayerFunction]:
    return analog_layer if neuron == "relu" else partial(simulated_layer, NETWORKS[neuron])


def _accuracy_after_training(
    neuron: str, split: Split, goodness: Goodness, rule: str, settings: dict[str, Any]
) -> float:
    """Train one layer by a change, pair form, and return the accuracy on training images that were held out.

    nan: the change drove the membrane out of its range before the end.
    """
    try:
        return _accuracy(neuron, split, goodness, rule, settings)
    except NumericalError:
        return float("nan")


def _accuracy(neuron: str, split: Split, goodness: Goodness, rule: str, settings: dict[str, Any]) -> float:
    respond, respond_activity = (_layer_maker(neuron)(measure) for measure in (goodness, ACTIVITY))
    streams = RandomStreams(SEED)
    simulator = Simulator(NETWORKS[neuron], seed=SEED)
    weights, step = simulator.layers[0].crossbar.weights, Adam(STEP_SIZES[neuron])
    held_out, training = split.last(settings["judged"]), split.without_last(settings["judged"])
    modulator = None
    for batch in islice(training.batches(BATCH, streams["batches"]), settings["trained"]):
        shown = batch.labels, wrong_labels(batch.labels, streams["negatives"])
        inputs = [simulator.inputs(batch.images, labels) for labels in shown]
        positive, negative = (respond(part, weights) for part in inputs)
        modulator = modulator or _scaled("pair", positive.goodness)
        if rule == "hebbian":
            first, second = (respond_activity(part, weights).goodness_terms for part in inputs)
            change = hebbian_change(positive, negative, modulator, (first, second))
        else:
            change = modulated_hebbian(positive, negative, modulator)
        weights += step(change)
    every_label = np.broadcast_to(np.arange(10), (len(held_out), 10))
    responses = respond(simulator.inputs(held_out.intensities(slice(None)), every_label), weights)
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


def summarise(table: pandas.DataFrame) -> pandas.DataFrame:
    """Return the corrected cosine of the neo-Hebbian change: goodness by neuron, mean over stages, forms and sets."""
    hebbian = table[table["rule"] == "hebbian"]
    return hebbian.pivot_table("corrected_cosine", "goodness", "neuron", "mean", sort=False)


def plot_cosines(table: pandas.DataFrame) -> Figure:
    """Plot the cosine with the gradient over training, pair form: a row per neuron, a column per data set.

    Parameters
    ----------
    table : pandas.DataFrame
        equivalence.csv.

    Returns
    -------
    Figure
        Solid lines: the neo-Hebbian change; dotted grey: the local rule, mean over goodness functions, with its range.
    """
    from matplotlib.figure import Figure

    table = table[table["probability"] == "pair"]
    neurons, datasets, names = (list(dict.fromkeys(table[key])) for key in ("neuron", "dataset", "goodness"))
    titles = {"relu": "analog relu", "mif": "MIF", "lif": "LIF"}
    figure = Figure(figsize=(1.6 + 2.9 * len(datasets), 0.6 + 2.1 * len(neurons)), layout="constrained")
    panels = figure.subplots(len(neurons), len(datasets), sharex=True, sharey=True, squeeze=False)
    styles = [(colour, line) for line in ("-", "--") for colour in COLOURS]
    for (row, neuron), (column, dataset) in product(enumerate(neurons), enumerate(datasets)):
        ax = panels[row, column]
        part = table[(table["neuron"] == neuron) & (table["dataset"] == dataset)]
        if part.empty:  # not measured yet
            ax.set_axis_off()
            continue
        local = part[part["rule"] == "local rule"].groupby("batches")["corrected_cosine"].agg(["min", "mean", "max"])
        ax.fill_between(local.index, local["min"], local["max"], color=GREY, alpha=0.2, linewidth=0)
        ax.plot(local.index, local["mean"], ":", color=GREY, label="local rule (mean, range)")
        for name, (colour, line) in zip(names, styles, strict=False):
            curve = part[(part["goodness"] == name) & (part["rule"] == "hebbian")]
            ax.plot(curve["batches"], curve["corrected_cosine"], f"o{line}", ms=3, color=colour, lw=1.2, label=name)
        ax.axhline(0, color=GREY, linewidth=0.5)
        ax.set_xscale("symlog", linthresh=10, linscale=0.5)
        ax.set_xticks(sorted(set(table["batches"])), [str(count) for count in sorted(set(table["batches"]))])
        ax.minorticks_off()
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_title(f"{titles.get(neuron, neuron)}, {dataset}", fontsize=9)
        if column == 0:
            ax.set_ylabel("cosine with the gradient", fontsize=9)
        if row == len(neurons) - 1:
            ax.set_xlabel("training batches", fontsize=9)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8, title="goodness")
    return figure
