"""Callbacks: when they are called, early stop, averages of weights, recorded spikes, and what resuming keeps."""

import numpy as np
import pandas as pd
import pytest

from brianff.errors import ConfigurationError
from brianff.protocols.callbacks import (
    Callback,
    EarlyStop,
    HeldOutAccuracy,
    RecordGoodness,
    RecordSpikes,
    RecordSynapses,
    WeightAverage,
)
from brianff.protocols.configuration import load_protocol
from brianff.protocols.recording import record_held_out
from brianff.protocols.trainer import Trainer

SMALL = [
    "data.training_images=64",
    "data.validation_images=10",
    "network.layers.0.neurons=12",
    "learning.batch=16",
    "learning.epochs=3",
    "evaluation.epoch_images=10",
    "evaluation.training_images=10",
    "network.layers.0.initial_weight_deviation=0.2",
    "engine.workers=1",
]


class Diary(Callback):
    """Writes down what happens."""

    def __init__(self):
        self.events = []

    def on_start(self, trainer):
        self.events.append("start")

    def on_batch(self, trainer, contrast):
        assert len(contrast) == 16
        self.events.append("batch")

    def on_epoch(self, trainer):
        self.events.append(f"epoch {trainer.epoch} of layer {trainer.layer}")
        trainer.note("mood", 1.0)

    def on_layer(self, trainer):
        self.events.append(f"layer {trainer.layer}")

    def on_evaluation(self, trainer, summary):
        summary["diary"] = len(self.events)
        summary["moods"] = {"mean": np.float32(0.5), "of epochs": np.array([1, np.nan])}


def small(*settings):
    return load_protocol("msnn-digits", [*SMALL, *settings]).without_devices()


def test_a_callback_is_called_in_order(numpy_target):
    diary = Diary()
    trainer = Trainer(small("learning.epochs=2"), callbacks=[diary])
    summary = trainer.fit(progress=False)
    batches = ["batch"] * 4
    expected = ["start", *batches, "epoch 1 of layer 0", *batches, "epoch 2 of layer 0", "layer 0"]
    assert diary.events == expected
    assert summary["diary"] == len(expected)
    assert summary["moods"] == {"mean": 0.5, "of epochs": [1.0, None]}
    assert (trainer.history.quantity == "mood").sum() == 2


def test_early_stop_waits_for_its_patience(numpy_target):
    """The quantity never grows: the first epoch is the best, and two more pass."""
    trainer = Trainer(small("learning.epochs=9"), callbacks=[EarlyStop("mood", patience=2), Diary()][::-1])
    trainer.fit(progress=False)
    assert trainer.finished
    assert trainer.history.epoch.max() == 3


def test_early_stop_names_what_is_measured(numpy_target):
    trainer = Trainer(small(), callbacks=[EarlyStop("vallidation")])
    with pytest.raises(ConfigurationError, match="'vallidation', which is not measured; known: training_loss, "):
        trainer.run_epoch()


def test_the_average_of_weights_by_hand(numpy_target):
    class Weights(Callback):
        seen = ()

        def on_batch(self, trainer, contrast):
            self.seen = (*self.seen, trainer.simulator.layers[0].crossbar.weights.copy())

    weights = Weights()
    trainer = Trainer(small("learning.epochs=1"), callbacks=[weights, WeightAverage(0.8)])
    trainer.fit(progress=False)
    expected = weights.seen[0]
    for later in weights.seen[1:]:
        expected = 0.8 * expected + 0.2 * later
    np.testing.assert_allclose(trainer.simulator.layers[0].crossbar.weights, expected, rtol=1e-12)


@pytest.mark.slow
def test_the_average_is_resumed_bit_for_bit(numpy_target, tmp_path):
    protocol = small("callbacks=['weight-average']")
    whole = Trainer(protocol).fit(tmp_path / "whole", progress=False)
    stopped = Trainer(protocol)
    run_epoch = stopped.run_epoch

    def stop_in_the_second_epoch(report):
        if stopped.epoch == 1:
            raise KeyboardInterrupt
        run_epoch(report)

    stopped.run_epoch = stop_in_the_second_epoch
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(tmp_path / "stopped", progress=False)
    resumed = Trainer(protocol).fit(tmp_path / "stopped", progress=False)
    assert resumed["weights_digest"] == whole["weights_digest"]
    assert resumed["weights_digest"] != Trainer(small()).fit(progress=False)["weights_digest"]


@pytest.mark.slow
def test_spikes_and_accuracy_are_noted_after_each_epoch_without_a_trace(numpy_target):
    record = RecordSpikes(images=3)
    trainer = Trainer(small("learning.epochs=2"), callbacks=[record, HeldOutAccuracy()])
    summary = trainer.fit(progress=False)
    accuracies = trainer.history.query("quantity == 'validation_accuracy'")
    assert accuracies["epoch"].tolist() == [1, 2]
    assert accuracies["value"].iloc[-1] == summary["validation_accuracy"] > 0.1
    assert sorted(record.spikes.epoch.unique()) == [1, 2]
    assert set(record.spikes.presentation) <= {0, 1, 2}
    assert summary["weights_digest"] == Trainer(small("learning.epochs=2")).fit(progress=False)["weights_digest"]


@pytest.mark.slow
def test_recordings_are_streamed_to_a_directory_and_a_second_layer_shows_both(numpy_target, tmp_path):
    layers = ["network.layers.0.neurons=12", "network.layers.1.neurons=7", "learning.epochs=2"]
    protocol = load_protocol(
        "msnn-mnist-two-layers", ["data.dataset=digits", "data.shift=0", "network.pixels=64", *SMALL, *layers]
    )
    record = RecordSpikes([4, 2], negatives=True, neurons={0: [1], 1: [3]}, every=2, directory=tmp_path / "spikes")
    goodness = RecordGoodness(images=4)
    trainer = Trainer(protocol, callbacks=[record, goodness])
    trainer.fit(progress=False)
    first, second = record.recordings
    assert [first.layer, second.layer, len(second.sizes)] == [0, 1, 2]
    assert second.presentations["image"].tolist() == [4, 2, 4, 2]
    assert second.presentations["polarity"].tolist() == ["positive"] * 2 + ["negative"] * 2
    true, shown = (second.presentations[name].to_numpy() for name in ("true_label", "label"))
    assert (true[:2] == shown[:2]).all()
    assert (true[2:] != shown[2:]).all()
    assert (true == np.tile(trainer.held_out.labels[[4, 2]], 2)).all()
    assert (second.presentations[["epoch", "trained_layer"]] == [2, 1]).all(axis=None)
    assert second.at(0).traces["v"].shape == (4, 20, 1)
    now = record_held_out(trainer, [4, 2], neurons={0: [1], 1: [3]})
    np.testing.assert_array_equal(now.traces["v"], second.traces["v"][:])
    assert record.spikes.equals(pd.concat([first.spikes, second.spikes], ignore_index=True))
    assert goodness.table.groupby(["trained_layer", "epoch", "layer"]).size().tolist() == [8] * 6
    last = goodness.table.query("trained_layer == 1 and epoch == 2 and layer == 1 and polarity == 'positive'")
    held_out = trainer.held_out.first(4)
    with trainer.simulator.evaluation():
        expected = trainer.simulator.present(held_out.intensities(slice(None)), held_out.labels).goodness
    np.testing.assert_allclose(last["goodness"], expected)
    with pytest.raises(ConfigurationError, match="reaches from 9999 to 9999; it must number held-out images"):
        record_held_out(trainer, [9999])


def test_synapses_are_kept_from_the_start_on(numpy_target):
    """64 images in batches of 16: four batches an epoch; pairs of devices differ by the weight."""
    record = RecordSynapses(synapses=50, batches=3)
    trainer = Trainer(load_protocol("msnn-digits", [*SMALL, "learning.epochs=2"]), callbacks=[record])
    trainer.fit(progress=False)
    table = record.table
    assert table.groupby("batch").size().to_dict() == dict.fromkeys([0, 3, 4, 6, 8], 50)
    last, crossbar = table[table["batch"] == 8], trainer.simulator.layers[0].crossbar
    np.testing.assert_array_equal(last["weight"], crossbar.weights[last["input"], last["neuron"]])
    expected = (last["plus"] - last["minus"]) / crossbar.devices.span * crossbar.bound
    np.testing.assert_allclose(last["weight"], expected, atol=1e-6)
    assert (table[table["batch"] == 0]["weight"].to_numpy() != last["weight"].to_numpy()).any()


def test_a_decay_of_one_is_refused():
    with pytest.raises(ConfigurationError, match=r"decay is 1; it must lie between 0 and 1, 1 excluded"):
        WeightAverage(1)
