"""What is exported reads back the same, by other programs too."""

import json
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
import small_networks
from brian2 import uA

from brianff import Device, Layer, Network, PulseEncoding, Simulator
from brianff.errors import ConfigurationError

IMAGES = np.random.default_rng(2).random((6, 20))
LABELS = np.array([3, 1, 4, 1, 5, 9])


@pytest.fixture(scope="module")
def simulator():
    layers = [
        Layer(neurons=5, current_scale=60 * uA, initial_weight_deviation=0.4, device=Device(preset="ecram")),
        Layer(neurons=3, current_scale=90 * uA, initial_weight_deviation=0.6),
    ]
    encoding = PulseEncoding(steps=small_networks.STEPS, pulse_steps=small_networks.PULSES)
    return Simulator(Network(pixels=20, classes=10, encoding=encoding, layers=layers), seed=3)


@pytest.fixture(scope="module")
def recording(simulator):
    about = {"true_label": LABELS, "remark": list("abcdef")}
    found = simulator.record(IMAGES, LABELS, {0: [4, 1], 1: [2]}, polarity=["positive"] * 6, presentations=about)
    assert found.spikes.groupby("layer").size().min() > 3
    return found


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_read_back(recording, tmp_path, ending):
    spikes, presentations = recording.export(tmp_path / "new" / f"spikes.{ending}")
    read = getattr(pd, f"read_{ending}")
    options = {"check_dtype": ending == "parquet"}
    pd.testing.assert_frame_equal(read(spikes), recording.spikes, **options)
    pd.testing.assert_frame_equal(read(presentations).set_index("presentation"), recording.presentations, **options)


def test_neo_holds_every_train_and_trace(recording):
    block = recording.to_neo()
    assert len(block.segments) == 6
    counts = {layer: recording.spike_counts(layer) for layer in (0, 1)}
    for presentation, segment in enumerate(block.segments):
        assert segment.annotations["remark"] == "abcdef"[presentation]
        assert len(segment.spiketrains) == 5 + 3
        for train in segment.spiketrains:
            layer, neuron = train.annotations["layer"], train.annotations["neuron"]
            assert len(train) == counts[layer][presentation, neuron]
            assert train.annotations["true_label"] == LABELS[presentation]
            assert float(train.t_stop) == pytest.approx(recording.duration)
        signals = {(signal.annotations["layer"], signal.name): signal for signal in segment.analogsignals}
        voltage = signals[0, "v"].rescale("V")
        np.testing.assert_array_equal(voltage.magnitude, recording.at(0).traces["v"][presentation])
        np.testing.assert_allclose(voltage.times.rescale("s").magnitude, recording.times)
        assert signals[0, "v"].annotations["neurons"] == [4, 1]


def test_nwb_reads_back_and_has_no_violations(recording, tmp_path):
    from pynwb import NWBHDF5IO

    (path,) = recording.export(tmp_path / "spikes.nwb")
    with NWBHDF5IO(path, "r") as file:
        read = file.read()
        trials, units = read.trials.to_dataframe(), read.units.to_dataframe()
        assert trials["label"].tolist() == LABELS.tolist()
        assert trials["remark"].tolist() == list("abcdef")
        assert units.groupby("layer").size().tolist() == [5, 3]
        trace = read.acquisition["layer_0_v"]
        np.testing.assert_array_equal(trace.data[:], recording.at(0).traces["v"].reshape(-1, 2))
        times = trace.timestamps[:].reshape(6, -1)
    starts = trials["start_time"].to_numpy()
    np.testing.assert_allclose(times - starts[:, np.newaxis], np.tile(recording.times, (6, 1)), atol=1e-12)
    for unit in units.itertuples():
        own = recording.spikes.query("layer == @unit.layer and neuron == @unit.neuron")
        expected = np.sort(starts[own["presentation"]] + own["time"])
        np.testing.assert_allclose(unit.spike_times, expected, atol=1e-12)
    inspector = pytest.importorskip("nwbinspector")  # large: no extra of ours
    found = [
        message
        for message in inspector.inspect_nwbfile(nwbfile_path=path)
        if message.importance != inspector.Importance.BEST_PRACTICE_SUGGESTION
    ]
    assert [message.message for message in found] == ["Subject is missing."]  # a simulation has no animal


def test_weights_read_back_with_what_they_belong_to(simulator, tmp_path):
    path = simulator.export_weights(tmp_path / "weights.npz")
    with np.load(path) as arrays:
        about = json.loads(str(arrays["about"]))
        for number, layer in enumerate(simulator.layers):
            np.testing.assert_array_equal(arrays[f"weights_{number}"], layer.crossbar.weights)
        plus, minus = arrays["conductances_0"].reshape(2, 30, 5)
        crossbar = simulator.layers[0].crossbar
        np.testing.assert_allclose((plus - minus) / crossbar.devices.span * crossbar.bound, crossbar.weights, atol=1e-6)
        assert "conductances_1" not in arrays
    assert Network.model_validate(about["network"]) == simulator.network
    assert about["units"] == {"weights": "1", "conductances": "S"}


@pytest.mark.slow
@pytest.mark.standalone
def test_the_standalone_program_runs_by_itself(simulator, tmp_path):
    """Compiled and run with make alone; its spikes and goodness are those of the simulator."""
    one = simulator.network.replace(layers=simulator.network.layers[:1])  # compiling takes its time
    simulator = Simulator(one, seed=3, engine="lanes")
    place = simulator.export_standalone(tmp_path / "program", IMAGES, LABELS)
    alone = {"PATH": os.environ["PATH"]}
    subprocess.run(["make", "-j2", "OPTIMISATIONS=-O0"], cwd=place, env=alone, check=True, capture_output=True)
    subprocess.run(["./main", "--results_dir", "results/"], cwd=place, env=alone, check=True, capture_output=True)
    layout = json.loads((place / "layout.json").read_text())
    results = {name: np.fromfile(place / "results" / one["file"], one["type"]) for name, one in layout.items()}
    with simulator.evaluation():
        expected = simulator.present_layers(IMAGES, LABELS, spikes=True)
    for number, response in enumerate(expected, 1):
        goodness = np.append(results[f"goodness_{number}"], results[f"goodness_{number}_last"])
        goodness = goodness.reshape(7, -1)[1:]
        np.testing.assert_allclose(goodness, response.goodness_terms, rtol=1e-9)
        assert len(results[f"spike_neurons_{number}"]) == response.raster.sum()


def test_what_cannot_be_exported_is_refused(simulator, recording, tmp_path):
    (tmp_path / "file").write_text("")
    for call, message in (
        (lambda: recording.export(tmp_path / "spikes.mat"), r"\.csv, \.parquet, \.nwb"),
        (lambda: recording.export(tmp_path / "file" / "spikes.csv"), "cannot write"),
        (lambda: simulator.export_standalone(tmp_path, IMAGES, LABELS), "is not empty"),
        (lambda: simulator.export_standalone(tmp_path / "new", IMAGES[:0], LABELS[:0]), "no images"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            call()
