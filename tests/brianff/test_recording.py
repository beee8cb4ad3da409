"""Recordings: what is selected, in batches, in memory or in a file; the spikes know what was shown."""

import contextlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from brian2 import uA

from brianff import LabelCode, Layer, Network, PulseEncoding, Recording, Simulator, recording
from brianff.errors import ConfigurationError, DataError
from brianff.recording import spike_table
from brianff.storage.locks import locked

pytestmark = pytest.mark.usefixtures("numpy_target")

STEPS, COUNT = 15, 7


@pytest.fixture
def simulator():
    layers = (
        Layer(neurons=8, initial_weight_deviation=0.5, membrane="carried"),
        Layer(neurons=5, current_scale=60 * uA, initial_weight_deviation=0.5),
    )
    encoding, label = PulseEncoding(steps=STEPS), LabelCode(strength=2.0)
    return Simulator(Network(pixels=12, classes=4, encoding=encoding, label=label, layers=layers), seed=1)


@pytest.fixture
def shown():
    generator = np.random.default_rng(1)
    return generator.random((COUNT, 12)), generator.integers(0, 4, COUNT)


NEURONS = {0: [7, 0], 1: [2]}


def test_a_file_in_small_batches_holds_what_memory_in_one_holds(simulator, shown, tmp_path, monkeypatch):
    about = {"true_label": np.arange(COUNT) % 4, "contrast": np.linspace(0, 1, COUNT), "session": ["a"] * COUNT}
    whole = simulator.record(*shown, NEURONS, polarity=["positive"] * COUNT, presentations=about)
    monkeypatch.setattr(recording, "BATCH_BYTES", 3 * STEPS * (13 + 8 * 12))  # three presentations
    options = {"polarity": ["positive"] * COUNT, "presentations": about}
    written = simulator.record(*shown, NEURONS, **options, file=tmp_path / "new" / "a.h5")
    again = Recording.open(tmp_path / "new" / "a.h5")
    assert len(whole.spikes) > 20
    for other in (written, again):
        assert whole.spikes.equals(other.spikes)
        assert whole.presentations.equals(other.presentations)
        assert (other.duration, other.sizes, other.threshold) == (whole.duration, (8, 5), whole.threshold)
        for layer in (0, 1):
            np.testing.assert_array_equal(other.spike_counts(layer), whole.spike_counts(layer))
            np.testing.assert_array_equal(other.at(layer).neurons, NEURONS[layer])
            assert other.at(layer).units == {"I": "A", "v": "V", "x1": "", "x2": ""}
            for name in ("I", "v", "x1", "x2"):
                expected = whole.at(layer).traces[name]
                assert expected.shape == (COUNT, STEPS, len(NEURONS[layer]))
                np.testing.assert_allclose(other.at(layer).traces[name], expected, rtol=1e-12)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.h5"]


def test_spikes_carry_what_was_said_about_their_presentation(simulator, shown):
    found = simulator.record(*shown, presentations={"true_label": np.arange(COUNT), "epoch": [3] * COUNT}).spikes
    assert list(found)[:4] == ["time", "neuron", "layer", "presentation"]
    assert (found["label"] == shown[1][found["presentation"]]).all()
    assert (found["true_label"] == found["presentation"]).all()
    assert (found["image"] == found["presentation"]).all()
    assert set(found["epoch"]) == {3}
    assert found.sort_values(["layer", "presentation", "time"], kind="stable").index.equals(found.index)


def test_silent_presentations_are_in_the_table_and_in_the_counts(simulator, shown):
    images = shown[0].copy()
    images[2] = 0
    simulator.codes[:] = 0
    found = simulator.record(images, shown[1], layer=0)
    assert len(found.presentations) == COUNT
    assert not found.spike_counts()[2].any()
    assert found.spike_counts().sum() == len(found.spikes) > 0


def test_variables_and_steps_are_chosen(simulator, shown):
    every = simulator.record(*shown, [1], layer=0, variables=["v", "x2"])
    some = simulator.record(*shown, [1], layer=0, variables=["v", "x2"], every=4)
    assert set(some.traces) == {"v", "x2"}
    np.testing.assert_allclose(some.times, [4e-6, 8e-6, 12e-6])
    np.testing.assert_array_equal(some.traces["v"], every.traces["v"][:, 3::4])
    assert some.spikes.equals(every.spikes)


def test_nothing_shown_is_an_empty_recording(simulator, shown, tmp_path):
    none = simulator.record(shown[0][:0], shown[1][:0], NEURONS, file=tmp_path / "none.h5")
    assert (len(none.spikes), len(none.presentations), none.spike_counts().shape) == (0, 0, (0, 5))


def test_the_table_of_rasters_is_their_spikes():
    raster = np.zeros((4, 2, 3), bool)
    raster[1, 0, 2] = raster[3, 1, 0] = True
    found = spike_table([raster, raster[:, :, :2]], 1e-3, np.array([5, 6]))
    assert found[["layer", "presentation", "neuron", "label"]].to_numpy().tolist() == [
        [0, 0, 2, 5],
        [0, 1, 0, 6],
        [1, 1, 0, 6],
    ]
    np.testing.assert_allclose(found["time"], [2e-3, 4e-3, 4e-3])
    assert len(spike_table([], 1e-3, np.array([]))) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variables": ["w"]}, "no variable 'w' to record; known: I, "),
        ({"neurons": {2: [0]}}, "traces of layer 2 were asked for; layers 0 to 1 are recorded"),
        ({"neurons": {0: [8]}}, "neurons must lie between 0 and 7, the size of layer 0"),
        ({"presentations": {"image": [1]}}, "there are 1 values of image for 7 presentations"),
        ({"presentations": {"time": range(7)}}, "'time' is a column of the spikes"),
        ({"every": 0}, "every"),
        ({"presentations": {"mood": [1, None, 2, 3, 4, 5, 6]}}, "column 'mood' of the presentations is mixed"),
        ({"presentations": {"when": np.arange("2020-01-01", "2020-01-08", dtype="M8[D]")}}, "'when' .* is datetime"),
        ({"presentations": {3: range(7)}}, "name of a column"),
    ],
)
def test_wrong_selections_are_named_and_leave_no_file(simulator, shown, options, message, tmp_path):
    with pytest.raises(ConfigurationError, match=message):
        simulator.record(*shown, **options, file=tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_a_recording_that_fails_leaves_the_file_that_was_there(simulator, shown, tmp_path):
    path = tmp_path / "a.h5"
    simulator.record(*shown, file=path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="intensities"):
        simulator.record(np.full((COUNT, 12), np.nan), shown[1], file=path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.h5"]
    assert path.read_bytes() == before


def test_other_files_are_no_recordings(tmp_path):
    (tmp_path / "a.h5").write_text("no")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        Recording.open(tmp_path / "a.h5")
    import h5py

    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["images"] = 1
    with pytest.raises(DataError, match="holds no recording"):
        Recording.open(tmp_path / "b.h5")


def test_a_recording_that_was_altered_is_told(simulator, shown, tmp_path):
    import h5py

    path, altered = tmp_path / "a.h5", tmp_path / "b.h5"
    simulator.record(*shown, NEURONS, file=path)
    with h5py.File(path) as file:
        names, attributes = [*file, "presentations/label", "neurons/0"], [*file.attrs]
    for place, name in [*(("", name) for name in names), *(("attributes", name) for name in attributes)]:
        shutil.copy(path, altered)
        with h5py.File(altered, "a") as file:
            del (file.attrs if place else file)[name]
        with contextlib.suppress(DataError):  # units may be missing, as in old files
            Recording.open(altered)
    altered.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        Recording.open(altered)
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(DataError, match=r"no file .*pipe\.h5"):
        Recording.open(tmp_path / "pipe.h5")


def test_one_file_is_written_by_one_recording_at_a_time(simulator, shown, tmp_path):
    with locked(tmp_path / "a.h5.lock"), pytest.raises(ConfigurationError, match="written by another process"):
        simulator.record(*shown, file=tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())


def test_traces_of_a_layer_that_was_not_traced(simulator, shown):
    with pytest.raises(ConfigurationError, match=r"no traces of layer 0 were recorded; of layers \[1\]"):
        simulator.record(*shown, [0]).at(0)


LONG = """
import sys, time
import numpy as np
from brianff import Layer, Network, Recording, Simulator
from brianff.acceleration.memory import peak_memory

layers = (Layer(neurons=512, initial_weight_deviation=0.05), Layer(neurons=512, initial_weight_deviation=0.05))
simulator = Simulator(Network(pixels=784, classes=10, layers=layers), seed=1)
generator = np.random.default_rng(1)
images, labels = generator.random((2000, 784)), generator.integers(0, 10, 2000)
simulator.record(images, labels, {0: range(100), 1: range(100)}, file=sys.argv[1])
print(peak_memory())
start = time.process_time()  # not what other programs take
found = Recording.open(sys.argv[1])
read = [values[:] for layer in (0, 1) for values in found.at(layer).traces.values()]
print(time.process_time() - start, sum(values.size for values in read))
"""


@pytest.mark.slow
def test_a_long_recording_stays_small_and_reads_back_soon(tmp_path):
    done = subprocess.run([sys.executable, "-c", LONG, str(tmp_path / "a.h5")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak, seconds, values = (float(number) for number in done.stdout.split())
    assert values == 2 * 2000 * 20 * 100 * 4
    assert peak < 500e6
    assert seconds < 2
