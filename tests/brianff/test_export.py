"""What is exported reads back the same, by other programs too."""

import json
import os
import resource
import subprocess
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import small_networks
from brian2 import uA

from brianff import Device, Layer, Network, PulseEncoding, Simulator, read_standalone
from brianff.errors import BrianffError, ConfigurationError, DataError

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
    own = replace(recording, traces={"w": recording.traces["v"]}, units={"w": "A/s"}, others=())
    assert str(own.to_neo().segments[0].analogsignals[0].units.dimensionality) == "A/s"


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
    found, (goodness,) = read_standalone(place, presentations={"true_label": LABELS})
    with simulator.evaluation():
        (expected,) = simulator.present_layers(IMAGES, LABELS)
    np.testing.assert_allclose(goodness, expected.goodness_terms, rtol=1e-9)
    recorded = simulator.record(IMAGES, LABELS, presentations={"true_label": LABELS})
    pd.testing.assert_frame_equal(found.spikes, recorded.spikes)
    pd.testing.assert_frame_equal(found.presentations, recorded.presentations)
    assert (found.sizes, found.duration) == (recorded.sizes, recorded.duration)


def test_results_of_a_program_are_read_without_its_rests(tmp_path):
    """Two presentations of 4 steps of 1 ms, the first of which is rest, to two neurons."""
    about = {"presentations": 2, "steps": 4, "rest": 1, "step": 1e-3, "sizes": [2], "labels": [7, 5]}
    arrays = {
        "goodness_1": np.array([0.0, 0.0, 1.0, 2.0]),
        "goodness_1_last": np.array([3.0, 4.0]),
        "spike_neurons_1": np.array([1, 0, 1], np.int32),
        "spike_times_1": np.array([0.0, 3e-3, 5e-3]),  # the first is in the rest
    }
    layout = {name: {"file": name, "type": array.dtype.str} for name, array in arrays.items()}
    for name, content in (("layout.json", layout), ("presentations.json", about)):
        (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"run ./main --results_dir results/"):
        read_standalone(tmp_path)
    (tmp_path / "results").mkdir()
    for name, array in arrays.items():
        array.tofile(tmp_path / "results" / name)
    found, (goodness,) = read_standalone(tmp_path)
    assert goodness.tolist() == [[1, 2], [3, 4]]
    assert found.spikes[["neuron", "presentation", "label"]].to_numpy().tolist() == [[0, 0, 7], [1, 1, 5]]
    np.testing.assert_allclose(found.spikes["time"], [3e-3, 1e-3])  # ends of steps, from the end of the rest
    assert found.spike_counts().tolist() == [[1, 0], [0, 1]]
    np.zeros(3).tofile(tmp_path / "results" / "goodness_1")
    with pytest.raises(DataError, match="does not hold 2 presentations to 2 neurons"):
        read_standalone(tmp_path)
    for name in ("layout.json", "presentations.json"):
        for content in ("{", "[]", "{}", "3", '{"goodness_1": 3}'):
            (tmp_path / name).write_text(content)
            with pytest.raises(DataError, match="is damaged"):
                read_standalone(tmp_path)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".nwb", ".npz", ".h5"])
@pytest.mark.parametrize("room", [0, 60, 1000])
def test_a_full_disk_is_told_and_leaves_nothing(simulator, recording, tmp_path, ending, room):
    for library in ("h5py", "pyarrow", "pynwb.misc"):  # which write files of their own when they are imported
        pytest.importorskip(library)
    writes = {
        ".npz": simulator.export_weights,
        ".h5": lambda path: simulator.record(IMAGES, LABELS, [0, 1, 2], file=path),
    }
    room = min(room, 100) if ending == ".csv" else room
    with limited(room), pytest.raises(BrianffError, match="cannot write") as told:
        writes.get(ending, recording.export)(tmp_path / f"a{ending}")
    assert "\n" not in str(told.value)
    assert [path.name for path in tmp_path.iterdir() if path.name != "a-presentations.csv"] == []


@contextmanager
def limited(size):
    """Let no file become larger than so many bytes, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_columns_that_a_format_does_not_know_are_told(simulator, tmp_path):
    mixed, named = (
        simulator.record(IMAGES, LABELS, presentations=columns)
        for columns in ({"a": [object()] * len(LABELS)}, {"index": range(len(LABELS))})
    )
    for call, told in (
        (mixed.to_neo, "column of the presentations"),
        (named.to_neo, "column of the presentations"),
        (lambda: mixed.export(tmp_path / "a.parquet"), "cannot write"),
        (lambda: mixed.export(tmp_path / "a.nwb"), "cannot write"),
    ):
        with pytest.raises(ConfigurationError, match=told) as refused:
            call()
        assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_exported_is_refused(simulator, recording, tmp_path):
    (tmp_path / "file").write_text("")
    for call, message in (
        (lambda: recording.export(tmp_path / "spikes.mat"), r"\.csv, \.parquet, \.nwb"),
        (lambda: recording.export(tmp_path / "file" / "spikes.csv"), "cannot make the directory"),
        (lambda: simulator.export_standalone(tmp_path, IMAGES, LABELS), "is not empty"),
        (lambda: simulator.export_standalone(tmp_path / "new", IMAGES[:0], LABELS[:0]), "no images"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            call()
