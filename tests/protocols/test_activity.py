"""Decisions by spikes, their ties, and what a summary tells of the neurons' activity."""

import numpy as np
import pytest
from brian2 import kohm, mV, us

from brianff import Network
from brianff.equations import NeuronModel
from brianff.protocols import Trainer, load_protocol
from brianff.protocols.activity import activity_rows, changed_by_freezing, complaints, layer_activity, notes

SETTINGS = [
    "data.training_images=60",
    "data.validation_images=300",
    "network.layers.0.neurons=30",
    "learning.epochs=1",
    "network.layers.0.preset=switching",
    "network.layers.0.initial_weight_deviation=0.3",
    "learning.goodness=spikes",
    "evaluation.decision=spikes",
    "engine.workers=1",
]


@pytest.fixture
def trainer(numpy_target):
    return Trainer(load_protocol("msnn-digits", SETTINGS))


def test_spikes_decide_and_ties_go_to_the_lowest_label(trainer):
    part = trainer.held_out.first(40)
    counts = np.zeros((40, 10))
    for label in range(10):
        shown = np.full(40, label)
        counts[:, label] = trainer.simulator.present(part.intensities(slice(None)), shown, spikes=True).raster.sum(
            (0, 2)
        )
    found = trainer.infer(part)
    assert found.accuracy == np.mean(counts.argmax(axis=1) == part.labels)
    tied = (counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1
    assert found.tied_share == tied.mean()
    assert 0 < found.tied_share < 1
    assert trainer.decision == "spikes"


def test_the_voltage_decides_where_it_is_asked_to(numpy_target):
    trainer = Trainer(load_protocol("msnn-digits", [*SETTINGS[:-2], "evaluation.decision=log-odds"]))
    assert trainer.decision == "voltage"
    assert trainer.deciding is trainer.simulator


def test_a_summary_counts_what_neurons_do(trainer):
    summary = trainer.fit(progress=False)
    (layer,) = summary["layers"]
    part = trainer.held_out.first(200)
    recording = trainer.simulator.record(part.intensities(slice(None)), part.labels, list(range(30)))
    fired = np.zeros((200, 30))
    np.add.at(fired, (recording.spikes["presentation"], recording.spikes["neuron"]), 1)
    assert layer["spiking_share"] == (fired > 0).mean() > 0
    assert layer["silent_share"] == (fired.sum(axis=0) == 0).mean()
    assert layer["always_spiking_share"] == (fired > 0).all(axis=0).mean()
    assert layer["spikes_per_presentation"] == fired.sum() / 200
    assert layer["switched_share"] == (recording.traces["x1"].max(axis=1) > 0.1).mean()
    assert layer["hyperpolarised_share"] == (recording.traces["v"].min(axis=1) < 0).mean() > 0
    assert summary["decision"] == "spikes"
    assert 0 <= summary["tied_share"] <= 1
    (_, decided), (name, line) = activity_rows(summary)
    assert decided.startswith("spikes, ")
    assert name == "layer 0"
    assert f"spiking {layer['spiking_share']:.1%}" in line


def test_neurons_that_rest_below_0_are_not_called_hyperpolarised(numpy_target):
    rest = NeuronModel(
        "rest",
        "dv/dt = (R*I - v + E)/tau : volt\nactivity = v/mV : 1\nsensitivity = 1 : 1",
        {"R": 1 * kohm, "E": -65 * mV, "tau": 5 * us},
        initial={"v": "E"},
    )
    trainer = Trainer(load_protocol("msnn-digits", SETTINGS[:2]).with_layers(neuron=rest, preset=None))
    layers = layer_activity(trainer)
    assert layers[0]["hyperpolarised_share"] is None
    (_, (_, line)) = activity_rows({"layers": layers, "decision": "voltage"})
    assert "hyperpolarised" not in line


def test_measuring_activity_leaves_no_trace(trainer):
    before = trainer.state()[1]
    layer_activity(trainer)
    assert trainer.state()[1] == before


def test_a_layer_that_never_spikes_is_dead_if_its_spikes_matter(numpy_target):
    silent = Trainer(load_protocol("msnn-digits", [*SETTINGS, "network.layers.0.current_scale=1 nA"]))
    layers = layer_activity(silent)
    assert layers[0]["silent_share"] == 1
    (complaint,) = complaints({"layers": layers, "decision": "spikes"})
    assert complaint.startswith("layer 0 is dead")
    assert complaints({"layers": layers, "decision": "voltage"}) == []
    assert len(complaints({"layers": layers * 2, "decision": "voltage"})) == 1
    assert "learned nothing" in complaints({"train_accuracy": 0.11, "classes": 10})[0]
    assert complaints({"train_accuracy": 0.7, "classes": 2}) == []
    assert complaints({"train_accuracy": 0.11}) == activity_rows({}) == []


def test_neurons_without_memristors_switch_none(numpy_target):
    protocol = load_protocol("msnn-digits", [*SETTINGS[:4], "learning.goodness=mean-square"])
    layer = protocol.network.layers[0].replace(
        neuron="lif", preset=None, current_scale="4 nA", synapse_time_constant="4 ms"
    )
    network = Network(**{**dict(protocol.network), "layers": (layer,), "time_step": "1 ms"})
    (found,) = layer_activity(Trainer(protocol.replace(network=network)))
    assert found["switched_share"] is None
    assert "switched" not in activity_rows({"layers": [found], "decision": "voltage"})[1][1]


@pytest.mark.slow
def test_a_network_without_memory_is_told_to_be_static(trainer):
    """Frozen by hand: the same weights, decided with memristors that stay."""
    trainer.fit(progress=False)
    layer = trainer.protocol.network.layers[0].replace(memristors="frozen")
    frozen = Trainer(trainer.protocol.replace(network=trainer.protocol.network.replace(layers=(layer,))))
    frozen.simulator.layers[0].crossbar.restore(trainer.simulator.layers[0].crossbar.state())
    part = trainer.held_out.first(100)
    share = np.mean(trainer.infer(part).decided != frozen.infer(part).decided)
    assert changed_by_freezing(trainer, 100) == share
    assert changed_by_freezing(frozen) is None
    assert notes({"changed_by_freezing": 0.004})[0].startswith("static: frozen memristors give the same decisions")
    assert notes({"changed_by_freezing": 0.006}) == notes({"changed_by_freezing": None}) == notes({}) == []


def test_a_script_is_warned_of_what_learned_nothing(trainer, monkeypatch):
    monkeypatch.setattr("brianff.protocols.training.fit", lambda *_: {"train_accuracy": 0.1, "classes": 10})
    with pytest.warns(UserWarning, match="learned nothing: training accuracy 10.0% of 10 classes") as caught:
        trainer.fit()
    assert caught[0].filename == __file__
