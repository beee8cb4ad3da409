"""The study of equivalence in time: how far rules that learn from several events are from the gradient.

Two tasks on 8 x 8 digits whose presentations have several events: which of two digits came first, and digits in a
latency code, four volleys 20 us apart. A layer of memristive neurons is trained by the rule "memory". Its change, and
those of other rules for the same presentations and the same modulator M, are compared with the numerical gradient,
through memristors and events::

    memory, within-event, held        M sum over events k of x_k post_k, the three forms of `learning.credit`
    product of averages               M mean_k(x_k) sum_k(post_k), post of "held": blind to which event did what
    STDP, modulated                   M sum over events and spikes of x_k K(t_spike - t_k)
    STDP                              the same with the right label alone and M = 1, as in Song et al.
    factors of other neurons          "memory" with the neurons permuted, for each presentation anew
    factors of other presentations    "memory" with the presentations permuted, for each neuron anew
    random factors                    M sum_k x_k noise_k

K is the exponential window of pair-based plasticity (Song, Miller & Abbott, Nature Neuroscience 3:919 (2000)), with
20 us for their 20 ms. The last three are nulls: rules without knowledge of the neuron look Hebbian more often than
expected (arXiv 2505.18069).

Three more tables. "window": the change that the rule gives to a weak input event before or after a strong one, the
teacher. "cutoff": the error of the change where an event is credited in its own window and so many later ones only.
"cost": what the forms of the factor cost.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from brian2 import uA, us

from brianff.acceleration.contraction import contract
from brianff.data.named import load_dataset
from brianff.description import FrameEncoding, LatencyEncoding, Layer, Network
from brianff.engines import LanesEngine
from brianff.equations.tangent import CREDITS
from brianff.goodness import Goodness
from brianff.inputs import FrameInput
from brianff.protocols.configuration import Protocol, load_protocol
from brianff.protocols.equivalence import compare, numerical_gradient
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.negatives import wrong_labels
from brianff.protocols.studies.study import Map, Study
from brianff.protocols.trainer import Trainer
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = ["exponential_window", "implied_window", "run_study", "truncated_changes"]

TIME_CONSTANT = 20.0
"""Of the exponential window, us."""

DEPRESSION = 1.05
"""Largest depression over largest potentiation (Song et al. 2000)."""

DRAWS = 100
"""Draws of each null, of which the table tells the mean and the range of the middle 95 %."""

LAGS = (0.5, 1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300)
"""Time between an input event and the teacher, us."""

WHOLE_PEAK = 12
"""Least time between events (us) that leaves each response's peak whole in its own window, where peaks are measured."""

AFTERWARDS = 1500
"""Time that is measured after the last event, us."""

GAP, EVENTS = 40, 6
"""Gap between events of the table "cutoff", us, and their number."""

DRIVES, TEACHER = (0.02, 0.3), 1.0
"""Drives of an input event and of the teacher in the table "window", per 48 uA."""

STEPS_PER_US = (4, 16)
"""Time steps of the table "window". The state updater is of first order: two steps are extrapolated to none."""

_LAYER = Layer(preset="switching", start="steady", current_scale=48 * uA)
_GOODNESS = {"spikes": GOODNESS["spikes"], "voltage": GOODNESS["mean-square"]}


def exponential_window(lag: np.ndarray) -> np.ndarray:
    """Return the change by pair-based plasticity for spikes that come `lag` us after the input event; 1 at +0."""
    return np.where(lag >= 0, 1.0, -DEPRESSION) * np.exp(-np.abs(lag) / TIME_CONSTANT)


def run_study(
    directory: Path,
    quick: bool = False,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Return the study, with the tables "equivalence_in_time", "window", "cutoff" and "cost"; quick: one seed.

    Parameters
    ----------
    directory : Path
        Of the study; one that was stopped there resumes.
    quick : bool
    data_dir : Path, optional
        Not needed: the digits come with scikit-learn.
    progress : bool
    map : callable
        Measures the points, see `brianff.protocols.studies.study.measure_points`; but for those of "cost", whose
        durations are those of a machine that does nothing else.
    """
    seeds, epochs, pairs = ((1,), [0, 1], 16) if quick else (range(1, 6), [0, 1, 8], 64)
    lags = LAGS[::4] if quick else LAGS
    study = Study(directory, {"study": "equivalence in time", "epochs": epochs, "pairs": pairs, "lags": lags})

    def follow(task: str, goodness: str, seed: int) -> Iterator[dict[str, Any]]:
        trainer = Trainer(_protocol(task, goodness, seed, max(epochs)), data_dir=data_dir)
        network, measure = trainer.simulator.network, trainer.simulator.goodness
        engines = {credit: LanesEngine(network, measure, seed=seed, credit=credit) for credit in CREDITS}
        for epoch in epochs:
            while trainer.epoch < epoch and not trainer.finished:
                trainer.run_epoch()
            for row in _compared(trainer, engines, pairs):
                yield {"epochs": epoch, **row}

    points = [
        {"task": task, "goodness": goodness, "seed": seed}
        for task in ("order", "latency")
        for seed in seeds
        for goodness in ("spikes", "voltage")
    ]
    windows = [{"neuron": neuron, "goodness": goodness} for neuron in ("MIF", "LIF") for goodness in _GOODNESS]
    study.fill("window", windows, partial(implied_window, lags=lags), progress, map)
    cuts = [{"goodness": goodness, "seed": seed} for goodness in _GOODNESS for seed in seeds]
    study.fill("cutoff", cuts, _cut, progress, map)
    costs = [
        {"events": events, "credit": credit} for events in range(1, 3 if quick else EVENTS + 1) for credit in CREDITS
    ]
    study.fill("cost", costs, _cost, progress)
    study.fill("equivalence_in_time", points, follow, progress, map)
    return study


def _protocol(task: str, goodness: str, seed: int, epochs: int) -> Protocol:
    chosen = {"spikes": ("spikes", "spikes"), "voltage": ("mean-square", "log-odds")}[goodness]
    settings = [f"learning.epochs={max(epochs, 1)}", f"seed={seed}"]
    settings += [f"learning.goodness={chosen[0]}", f"evaluation.decision={chosen[1]}"]
    protocol = load_protocol("msnn-order-digits", settings).without_devices()
    if task == "latency":
        encoding = LatencyEncoding(steps=80, volley_steps=(0, 20, 40, 60))
        data = protocol.data.replace(task="image")
        protocol = protocol.replace(data=data, network=protocol.network.replace(encoding=encoding))
    return protocol


def _compared(trainer: Trainer, engines: dict[str, LanesEngine], pairs: int) -> Iterator[dict[str, Any]]:
    """Yield cosine, relative error and median cosine of a neuron of each rule on held-out pairs."""
    simulator, split = trainer.simulator, trainer.held_out
    goodness, weights = simulator.goodness, simulator.layers[0].crossbar.weights
    generator = np.random.default_rng(trainer.protocol.seed)
    rows = generator.permutation(len(split))[:pairs]
    true, wrong = split.labels[rows], wrong_labels(split.labels[rows], generator)
    passes: Any = [simulator.inputs(split.intensities(rows), labels) for labels in (true, wrong)]

    def responses(credit: str, inputs: Any, shifted: np.ndarray = weights, spikes: bool = False) -> Responses:
        (result,) = engines[credit].present(inputs, [shifted], spikes=spikes)
        terms, factor = result.measured(goodness)
        return Responses(inputs, terms, factor, goodness, np.ones(1), result.raster)

    answers = {credit: [responses(credit, inputs) for inputs in passes] for credit in CREDITS}
    modulators = [factor / pairs for factor in trainer.modulator(*answers["held"])]

    def change(factors: list[np.ndarray], inputs: Any = passes, modulated: Any = modulators) -> np.ndarray:
        return contract(inputs, modulated, factors, np.ones(1))

    changes = {credit: change([one.postsynaptic for one in answers[credit]]) for credit in reversed(CREDITS)}
    blurred = [one.inputs.presynaptic(np.ones(1)).mean(axis=1) for one in answers["held"]]
    changes["product of averages"] = sum(
        mean.T @ (modulator * one.postsynaptic.sum(axis=0))
        for mean, modulator, one in zip(blurred, modulators, answers["held"], strict=True)
    )
    paired = [_pairings(responses("held", inputs, spikes=True)) for inputs in passes]
    changes["STDP, modulated"] = change(paired)
    changes["STDP"] = change(paired[:1], passes[:1], [np.ones((1, 1))])
    positive, negative = passes
    gradient = numerical_gradient(partial(responses, "held"), positive, negative, weights, trainer.modulator)
    for rule, value in changes.items():
        compared = compare(value, gradient)
        yield {
            "rule": rule,
            "cosine": compared.cosine,
            "relative_error": compared.relative_error,
            "neuron_cosine": float(np.nanmedian(compared.neuron_cosine)),
        }
    memory = [one.postsynaptic for one in answers["memory"]]
    nulls = {
        "factors of other neurons": lambda factor: generator.permuted(factor, axis=2),
        "factors of other presentations": lambda factor: generator.permuted(factor, axis=1),
        "random factors": lambda factor: generator.standard_normal(factor.shape),
    }
    for rule, draw in nulls.items():
        drawn = [compare(change([draw(factor) for factor in memory]), gradient).cosine for _ in range(DRAWS)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        yield {"rule": rule, "cosine": np.mean(drawn), "draws_low": low, "draws_high": high}


def _pairings(responses: Responses) -> np.ndarray:
    """Return the sum of the exponential window over a neuron's spikes, shape (events, presentations, neurons)."""
    raster, inputs = np.asarray(responses.raster), responses.inputs
    assert isinstance(inputs, FrameInput)
    lag = np.arange(len(raster)) - inputs.onset_steps.T[..., np.newaxis]  # (events, presentations, steps of 1 us)
    return np.einsum("eps,spn->epn", exponential_window(lag), raster)


def implied_window(neuron: str, goodness: str, lags: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Yield what the rule "memory" gives to an input event `lag` us before a strong one, the teacher; after: negative.

    The event has a drive of its own, beside the teacher of drive `teacher`, which changes the neuron's goodness: the
    factor is the derivative of the goodness with respect to the event's drive. `change` is the difference that the
    teacher makes to it. Voltage: in mV^2 us; spikes: soft count of peaks, each event's until the next one comes.

    Parameters
    ----------
    neuron : {"MIF", "LIF"}
        LIF: the same membrane with its memristors frozen, linear, without a reset (a reset has no derivative).
    goodness : {"voltage", "spikes"}
    lags : sequence of float
        Times, each of which is taken before and after the teacher.
    """
    chosen = np.array([lag for lag in lags if goodness == "voltage" or lag >= WHOLE_PEAK])
    coarse, fine = (_window_factors(neuron, _GOODNESS[goodness], chosen, steps) for steps in STEPS_PER_US)
    factors = fine + (fine - coarse) / (STEPS_PER_US[1] / STEPS_PER_US[0] - 1)
    for sign, lag, drive in product((0, 1), range(len(chosen)), range(len(DRIVES))):
        beside, alone = factors[sign, lag, drive]
        yield {"lag": (1, -1)[sign] * chosen[lag], "drive": DRIVES[drive], "change": beside - alone, "alone": alone}


def _window_factors(neuron: str, goodness: Goodness, lags: np.ndarray, steps_per_us: int) -> np.ndarray:
    """Return the factors of the event, shape (before and after, lags, drives, beside the teacher and alone)."""
    shape = 2, len(lags), len(DRIVES), 2
    sign, lag, drive, alone = (index.ravel() for index in np.indices(shape))
    events = np.stack([np.array(DRIVES)[drive], np.where(alone, 0.0, TEACHER)], axis=1)
    images = np.where(sign[:, np.newaxis], events[:, ::-1], events)
    onsets = np.stack([np.zeros_like(lag), np.round(lags[lag] * steps_per_us).astype(int)], axis=1)
    total = (round(max(lags)) + AFTERWARDS) * steps_per_us
    encoding = FrameEncoding(steps=total, onset_steps=(0, total // 2), labels="never")
    layer = _LAYER.replace(neurons=1, memristors={"MIF": "moving", "LIF": "frozen"}[neuron])
    network = Network(pixels=1, classes=2, encoding=encoding, layers=[layer], time_step=us / steps_per_us)
    shown: Any = Simulator(network).inputs(images, np.zeros(len(images), dtype=int))
    inputs = replace(shown, onsets=onsets)
    (result,) = LanesEngine(network, goodness, credit="memory").present(inputs, [np.array([[1.0], [0.0], [0.0]])])
    scale = total / steps_per_us if goodness.readout == "average" else 1.0
    return scale * result.postsynaptic[sign, np.arange(len(sign)), 0].reshape(shape)


def truncated_changes(goodness: Goodness, images: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Return the change of the goodness where an event is credited in its window and in so many later ones.

    A presentation that ends earlier holds nothing later: that of its first frames alone gives the truncated factors.

    Parameters
    ----------
    goodness : Goodness
        Of averages or peaks.
    images : ndarray, shape (presentations, events, pixels)
    weights : ndarray, shape (pixels + labels, neurons)

    Returns
    -------
    list of ndarray, shape (pixels + labels, neurons)
        For 0, 1, ... later windows; the last is the whole change.
    """
    presentations, events, pixels = images.shape
    factors = np.zeros((events, events, presentations, weights.shape[1]))  # event, windows that were shown
    for shown in range(1, events + 1):
        network = _network(shown, pixels, weights.shape[1])
        flat = images[:, :shown].reshape(presentations, -1)
        inputs = Simulator(network).inputs(flat, np.zeros(presentations, dtype=int))
        (result,) = LanesEngine(network, goodness, credit="memory").present(inputs, [weights])
        factor = result.postsynaptic * (shown / events if goodness.readout == "average" else 1.0)
        factors[:shown, shown - 1] = factor.reshape(shown, presentations, -1)
    changes, number = [], np.arange(events)
    for later in range(events):
        kept = factors[number, np.minimum(number + later, events - 1)]
        changes.append(contract([inputs], [np.ones((1, 1))], [kept], np.ones(1)))
    return changes


def _network(events: int, pixels: int, neurons: int) -> Network:
    encoding = FrameEncoding.every(GAP, events, labels="never")
    return Network(pixels=pixels, encoding=encoding, layers=[_LAYER.replace(neurons=neurons)])


def _cut(goodness: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the error of the change of an untrained layer against the number of later windows that are kept."""
    generator, split = np.random.default_rng(seed), load_dataset("digits").train
    images = split.intensities(generator.integers(len(split), size=64 * EVENTS)).reshape(64, EVENTS, -1)
    weights = generator.normal(0, 0.1, (images.shape[2] + 10, 50))
    *changes, whole = truncated_changes(_GOODNESS[goodness], images, weights)
    for later, change in enumerate(changes):
        error = np.linalg.norm(change - whole) / np.linalg.norm(whole)
        yield {"later_windows": later, "relative_error": error}


def _cost(events: int, credit: str) -> Iterator[dict[str, Any]]:
    """Yield what the credit costs: memory of each neuron's state, and time of a presentation in each neuron."""
    network, presentations = _network(events, 64, 200), 128
    generator = np.random.default_rng(1)
    simulator = Simulator(network, credit=credit, engine="lanes", workers=1)
    inputs = simulator.inputs(generator.random((presentations, 64 * events)), np.zeros(presentations, dtype=int))
    durations = []
    for _ in range(4):
        start = perf_counter()
        simulator.present_inputs(inputs)
        durations.append(perf_counter() - start)
    per_neuron = min(durations[1:]) / presentations / 200
    yield {"bytes_per_neuron": simulator.populations[0].lane_bytes / 200, "microseconds": 1e6 * per_neuron}
