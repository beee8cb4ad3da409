"""Controls of a protocol: what of its result is due to memristors, spikes and devices, by training without them.

Each control is the same protocol with one thing changed, trained and evaluated in the same way with the same seeds.
With frozen memristors the conductances are constant, and the membrane is a linear one.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import nA

from brianff.description import PulseEncoding
from brianff.engines import LanesEngine
from brianff.errors import ConfigurationError
from brianff.inputs import PulseInput
from brianff.protocols.configuration import Protocol
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import ACTIVITY
from brianff.protocols.readout import GoodnessReadout
from brianff.protocols.studies.backpropagation import backpropagated
from brianff.protocols.studies.over_images import compare, right_of
from brianff.protocols.studies.study import FILES, Map, Study
from brianff.protocols.trainer import Trainer

__all__ = ["AS_IT_IS", "BACK_PROPAGATION", "controls", "run_study"]

AS_IT_IS = "as it is"
BACK_PROPAGATION = "back-propagation"


def controls(protocol: Protocol) -> dict[str, Protocol]:
    """Return the controls that a protocol can have, by name: the protocol itself first.

    Parameters
    ----------
    protocol : Protocol
    """
    layers, found = protocol.network.layers, {AS_IT_IS: protocol}
    if memristors := layers[0].neuron.memristors:
        found["memristors frozen"] = protocol.with_layers(memristors="frozen")
        found["memristors undriven"] = protocol.with_layers(memristors="undriven")
        if any(layer.start == "steady" for layer in layers):
            preset = protocol.with_layers(memristors="undriven", start="preset")
            found["memristors undriven, preset's start"] = preset
        for state in memristors if len(memristors) > 1 else ():
            found[f"{state} alone frozen"] = protocol.with_layers(memristors={state: "frozen"})
    if protocol.evaluation.decision == "spikes":
        found["trained and decided by voltage"] = _by_voltage(protocol, "mean-square")
    elif "switching" in layers[0].neuron.presets:
        spiking = protocol.with_layers(preset="switching")
        learning, evaluation = (getattr(protocol, name) for name in ("learning", "evaluation"))
        found["trained and decided by spikes"] = spiking.replace(
            learning=learning.replace(goodness="spikes"), evaluation=evaluation.replace(decision="spikes")
        )
    rectified = _by_voltage(protocol, "rectified-mean-square")
    found["rectified voltage"] = rectified
    if memristors:
        found["rectified voltage, memristors frozen"] = rectified.with_layers(memristors="frozen")
        if len(layers) == 1 and isinstance(protocol.network.encoding, PulseEncoding):
            found["relu of the drive"] = _rectified_units(protocol)
    if any(layer.device is not None for layer in layers):
        found["ideal synapses"] = protocol.without_devices()
    else:
        label = protocol.network.label
        rows = label.replace(rows=label.rows * int(np.ceil(label.strength)), strength=min(label.strength, 1.0))
        labelled = protocol.replace(network=protocol.network.replace(label=rows))
        found["memristive synapses"] = labelled.with_layers(device="ecram")
    return found


def _by_voltage(protocol: Protocol, goodness: Any) -> Protocol:
    learning, evaluation = protocol.learning, protocol.evaluation
    return protocol.replace(
        learning=learning.replace(goodness=goodness), evaluation=evaluation.replace(decision="log-odds")
    )


def _rectified_units(protocol: Protocol) -> Protocol:
    """Return the protocol with units relu(drive), as large as the mean response of the linear membrane to the drive."""
    frozen = protocol.with_layers(memristors="frozen", neuron_spread={}, start="steady").network
    encoding = frozen.encoding
    assert isinstance(encoding, PulseEncoding)
    layer = frozen.layers[0].replace(neurons=2, winners=None, device=None, membrane="reset")
    one, none = np.ones((1, 1)), np.zeros(1, dtype=int)
    inputs = PulseInput(one, 0 * one, none, none, encoding.steps, encoding.pulse_steps)
    engine = LanesEngine(frozen.replace(layers=(layer,)), ACTIVITY)
    ((at_rest, driven),) = engine.present(inputs, [np.array([[0.0, 1.0]])])[0].goodness_terms
    units: dict[str, Any] = {"neuron": "relu", "preset": None, "parameters": {}, "neuron_spread": {}, "start": "preset"}
    units |= {"memristors": "moving", "synapse": "delta", "current_scale": float(driven - at_rest) * nA}
    changed = _by_voltage(protocol.with_layers(**units), replace(GOODNESS["mean-square"], readout="final"))
    # A presentation is one kick, and what it leaves is the activity.
    return changed.replace(network=changed.network.replace(encoding=encoding.replace(steps=1, pulse_steps=(0,))))


def run_study(
    protocol: Protocol,
    directory: Path,
    seeds: int = 5,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Train what is missing and return the study.

    It has the table "controls", a row for each control and seed, and "over-images", a row for each control: how often
    it was right about the same held-out images.

    Parameters
    ----------
    protocol : Protocol
    directory : Path
        Of the study; one that was stopped there resumes, and more seeds can be added.
    seeds : int
        Number of seeds: that of the protocol and those after it.
    data_dir : Path, optional
        Where the data set is.
    progress : bool
        Show a progress bar.
    map : callable
        Measures the points: a `Cluster`, or another one, see `brianff.protocols.studies.study.measure_points`.

    Raises
    ------
    ConfigurationError
        If the protocol learns without labels, a readout decides, or the directory holds a study of another protocol.
    """
    if protocol.readout is not GoodnessReadout:
        raise ConfigurationError(
            f"protocol {protocol.name!r} learns without labels, or a readout decides: there is no decision by goodness "
            "to compare"
        )
    found = controls(protocol)
    study = Study(directory, {"protocol": protocol.model_dump(mode="json")})

    def measure(seed: int, control: str) -> Iterator[dict[str, Any]]:
        trainer = Trainer(found.get(control, protocol).replace(seed=seed), data_dir=data_dir)
        held_out = trainer.held_out
        if control == BACK_PROPAGATION:
            decided, told = _backpropagated(trainer), {"decision": "readout"}
        else:
            summary = trainer.fit(progress=False)
            decided = trainer.infer(held_out).decided
            told = {name: summary[name] for name in ("decision", "tied_share", "changed_by_freezing")}
            told |= {name: summary["layers"][0][name] for name in ("spiking_share", "switched_share")}
        right = decided == held_out.labels
        yield {"accuracy": right.mean(), **told, FILES: right_of(control, seed, right, held_out.shown)}

    numbers, compared = range(protocol.seed, protocol.seed + seeds), [*found, BACK_PROPAGATION]
    points = [{"seed": seed, "control": control} for seed in numbers for control in compared]
    study.fill("controls", points, measure, progress, map)
    study.write("over-images", compare(study, compared, numbers))
    return study


def _backpropagated(trainer: Trainer) -> np.ndarray:
    """Return the labels that a back-propagated network of the same layers gives, having learned the same images."""
    protocol = trainer.protocol
    return backpropagated(
        trainer.training,
        trainer.held_out,
        trainer.dataset,
        [layer.neurons for layer in protocol.network.layers],
        protocol.seed,
        protocol.data,
        protocol.learning.epochs,
        protocol.learning.batch,
        protocol.network.encoding.frames,
    )
