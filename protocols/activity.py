"""What the neurons of a trained network do: how many spike, switch their memristors, or are silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.engines.lanes.engine import LanesEngine
from brianff.protocols.inference import outcome
from brianff.protocols.readout import GoodnessReadout

if TYPE_CHECKING:
    from brianff.description import Network
    from brianff.engines.population import Population
    from brianff.protocols.trainer import Trainer

__all__ = ["SWITCHED", "activity_rows", "changed_by_freezing", "complaints", "layer_activity", "notes"]

SWITCHED = 0.1
"""State of the first memristor beyond which it counts as switched: a tenth of its switches are on."""

STATIC = 0.005
"""Share of decisions, changed by freezing the memristors, below which a network is called static."""


def layer_activity(trainer: Trainer, images: int = 200) -> list[dict[str, Any]]:
    """Return what the neurons of each layer do when held-out images are shown with their true labels.

    Parameters
    ----------
    trainer : Trainer
    images : int
        At most so many of the first held-out images.

    Returns
    -------
    list of dict
        For each layer `spiking_share`, `switched_share` and `hyperpolarised_share`: the share of neuron presentations
        with a spike, with the first memristor beyond `SWITCHED` at some step (None: there is none), and with a voltage
        below 0 (None: they start below it, as at -65 mV); `spikes_per_presentation` of the whole layer; `silent_share`
        and `always_spiking_share`: the share of neurons that spike in no, and in every presentation.
    """
    simulator, split = trainer.simulator, trainer.held_out.first(images)
    network, count = simulator.network, len(split)
    with simulator.evaluation():
        labels = split.labels if trainer.protocol.network.shows_labels else np.zeros(count, dtype=int)
        inputs, weights = simulator.inputs(split.intensities(slice(None)), labels), simulator.read_weights()
    if simulator.response is not None and (account := simulator.response.account(inputs, weights)) is not None:
        answers = {name: answer.array for name, answer in account.items()}
        figures = _figures(answers["crossings"], answers["lowest_voltage"], answers.get("largest_state"))
        return [figures | _of_own_start(simulator.populations[0])]
    # As a recording does it, so that both are compiled once: training should not pay for it.
    engine = LanesEngine(
        network, simulator.goodness, lanes=max(count, 1), seed=simulator.streams.seed, precision=simulator.precision
    )
    lowest = [np.zeros((count, layer.neurons)) for layer in network.layers]
    switched = [np.zeros((count, layer.neurons)) for layer in network.layers]

    def observe(number, presentations, step, read):
        np.minimum(lowest[number][presentations], read("v"), out=lowest[number][presentations])
        if memristors := network.layers[number].neuron.memristors:
            state = switched[number][presentations]
            np.maximum(state, read(memristors[0]), out=state)

    with simulator.evaluation():
        membranes = [layer.carried(count) for layer in simulator.layers]
        results = engine.present(inputs, weights, spikes=True, observe=observe, membranes=membranes)
    layers = []
    for population, result, low, state in zip(simulator.populations, results, lowest, switched, strict=True):
        spikes = np.asarray(result.raster).sum(axis=0)
        figures = _figures(spikes, low, state if population.neuron.memristors else None)
        layers.append(figures | _of_own_start(population))
    return layers


def _of_own_start(population: Population) -> dict[str, Any]:
    """Return what is not told of neurons that start below 0, as at -65 mV: which of them are hyperpolarised."""
    start = np.asarray(population.neuron.start("v", population.parameters))
    return {"hyperpolarised_share": None} if (start < 0).any() else {}


def _figures(spikes: np.ndarray, lowest: np.ndarray, state: np.ndarray | None) -> dict[str, Any]:
    """Return the figures of a layer from each neuron's spikes, lowest voltage and largest state in presentations."""
    figures = {
        "spiking_share": (spikes > 0).mean(),
        "switched_share": None if state is None else (state > SWITCHED).mean(),
        "hyperpolarised_share": (lowest < 0).mean(),
        "silent_share": (spikes == 0).all(axis=0).mean(),
        "always_spiking_share": (spikes > 0).all(axis=0).mean(),
        "spikes_per_presentation": spikes.sum(axis=1).mean(),
    }
    return {name: value if value is None else float(value) for name, value in figures.items()}


def changed_by_freezing(trainer: Trainer, images: int = 1000) -> float | None:
    """Return the share of decisions that the trained weights make otherwise with frozen memristors.

    Parameters
    ----------
    trainer : Trainer
    images : int
        At most so many of the first held-out images.

    Returns
    -------
    float or None
        None where no memristor moves, or no label is decided by goodness; nan without images.
    """
    network = trainer.protocol.network
    frozen = with_frozen_memristors(network)
    if frozen is None or trainer.protocol.readout is not GoodnessReadout:
        return None
    split, evaluation = trainer.held_out.first(images), trainer.protocol.evaluation
    moved, stayed = (
        outcome(trainer.deciding.measuring(network=one), split, evaluation.layers, trainer.score, evaluation.batch)
        for one in (network, frozen)
    )
    return float(np.mean(moved.decided != stayed.decided)) if len(split) else float("nan")


def with_frozen_memristors(network: Network) -> Network | None:
    """Return a network whose memristors stay at rest; None where none moves."""
    moving = [layer for layer in network.layers if "moving" in layer.courses.values()]
    if not moving:
        return None
    layers = [layer.replace(memristors="frozen") if layer in moving else layer for layer in network.layers]
    return network.replace(layers=layers)


def activity_rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what decides and what the neurons of each layer do, as rows of a table; none for runs of version 0.1."""
    if not {"layers", "decision"} <= summary.keys():
        return []
    tied = f", {summary['tied_share']:.1%} of the images tied" if summary.get("tied_share") is not None else ""
    layers = [(f"layer {number}", _line(layer)) for number, layer in enumerate(summary["layers"])]
    return [("decided by", f"{summary['decision']}{tied}"), *layers]


def _line(layer: dict[str, Any]) -> str:
    parts = [
        f"{layer['spikes_per_presentation']:.3g} spikes per presentation",
        f"spiking {layer['spiking_share']:.1%}",
        f"silent neurons {layer['silent_share']:.1%}",
    ]
    if layer["hyperpolarised_share"] is not None:
        parts.insert(2, f"hyperpolarised {layer['hyperpolarised_share']:.1%}")
    if layer["switched_share"] is not None:
        parts.insert(2, f"memristors switched {layer['switched_share']:.1%}")
    return ", ".join(parts)


def notes(summary: dict[str, Any]) -> list[str]:
    """Return what is worth knowing about a trained network: that its memristors decide nothing."""
    changed = summary.get("changed_by_freezing")
    if changed is None or not changed < STATIC:
        return []
    return [f"static: frozen memristors give the same decisions ({changed:.1%} of them change)"]


def complaints(summary: dict[str, Any]) -> list[str]:
    """Return what is wrong with a trained network, in words: layers that are dead, and that it learned nothing.

    A layer is dead if no neuron ever spikes, though its spikes decide or drive a layer above.
    """
    layers, found = summary.get("layers", []), []
    needed = range(len(layers) if summary.get("decision") == "spikes" else len(layers) - 1)
    dead = [number for number in needed if layers[number]["silent_share"] == 1]
    found += [f"layer {number} is dead, no neuron spikes: give it a larger current_scale" for number in dead]
    accuracy, classes = summary.get("train_accuracy"), summary.get("classes")
    if accuracy is not None and classes and accuracy < 1 / classes + 0.05:
        found.append(
            f"the network learned nothing: training accuracy {accuracy:.1%} of {classes} classes (what to look for, in "
            "order: docs/how-to/does-not-learn)"
        )
    return found
