import random
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from brianff import checkpoint
from brianff.errors import CheckpointError
from brianff.storage.checkpoint import digest, load_checkpoint, previous_path, save_checkpoint, write_atomically

same_directory = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"), min_size=1, max_size=20).filter(
    lambda name: name != "metadata.json"
)
types = st.one_of(st_numpy.scalar_dtypes(), st_numpy.byte_string_dtypes(), st_numpy.unicode_string_dtypes())
arrays_of_all_types = st_numpy.arrays(types, st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def assert_identical(read, written):
    assert read.keys() == written.keys()
    for name, array in written.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint.npz"
    save_checkpoint(path, {"weights/0": np.arange(12.0).reshape(3, 4), "epoch": np.int64(3)}, {"position": [1, 2]})
    return path


@same_directory
@given(st.dictionaries(names, arrays_of_all_types, max_size=4), st.dictionaries(st.text(), json_values, max_size=4))
def test_arrays_and_metadata_survive_exactly(tmp_path, arrays, metadata):
    save_checkpoint(tmp_path / "checkpoint.npz", arrays, metadata)
    read, read_metadata = load_checkpoint(tmp_path / "checkpoint.npz")
    assert_identical(read, arrays)
    assert read_metadata == metadata
    assert digest(read) == digest(arrays)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, ">f8"])
def test_payloads_of_nan_survive(tmp_path, kind):
    integers = np.dtype(kind).str.replace("f", "u")
    bits = np.iinfo(integers).max - np.arange(5, dtype=integers)  # quiet, negative, each with its own payload
    written = {"nan": bits.astype(integers).view(kind)}
    assert np.isnan(written["nan"]).all()
    save_checkpoint(tmp_path / "checkpoint.npz", written, {})
    assert_identical(load_checkpoint(tmp_path / "checkpoint.npz")[0], written)


def test_structured_transposed_and_random_state(tmp_path):
    spikes = np.array([(1.5, 3), (2.5, 4)], dtype=[("time", "<f8"), ("neuron", "<i4")])
    written = {"spikes": spikes, "transposed": np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::-1]}
    state = np.random.default_rng(1).bit_generator.state
    save_checkpoint(tmp_path / "checkpoint.npz", written, {"state": state})
    read, metadata = load_checkpoint(tmp_path / "checkpoint.npz")
    assert_identical(read, written)
    assert metadata["state"] == state


def test_numpy_reads_the_arrays(saved):
    with np.load(saved) as archive:
        np.testing.assert_array_equal(archive["weights/0"], np.arange(12.0).reshape(3, 4))


def test_same_state_gives_the_same_bytes(saved):
    before = saved.read_bytes()
    save_checkpoint(saved, *load_checkpoint(saved))
    assert saved.read_bytes() == before


def test_objects_are_refused_and_leave_no_trace(tmp_path):
    with pytest.raises(ValueError, match="Object"):
        save_checkpoint(tmp_path / "checkpoint.npz", {"objects": np.array([{}, None])}, {})
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_the_metadata_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"'metadata\.json'"):
        save_checkpoint(tmp_path / "checkpoint.npz", {"metadata.json": np.zeros(1)}, {})
    assert list(tmp_path.iterdir()) == []


@same_directory
@given(st.data())
def test_truncated_is_refused(saved, data):
    content = saved.read_bytes()
    damaged = saved.with_name("truncated.npz")
    damaged.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(damaged)


@same_directory
@given(st.data())
def test_one_flipped_bit_is_refused(saved, data):
    content = bytearray(saved.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged = saved.with_name("flipped.npz")
    damaged.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_checkpoint(damaged)


def test_every_byte_is_guarded(saved):
    content = saved.read_bytes()
    for position in range(len(content)):
        damaged = bytearray(content)
        damaged[position] ^= 0x20
        saved.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_checkpoint(saved)


@same_directory
@given(st.binary(max_size=200))
def test_other_files_and_appended_bytes_are_refused(saved, garbage):
    other = saved.with_name("other.npz")
    for content in (garbage, saved.read_bytes() + garbage + b"x"):
        other.write_bytes(content)
        with pytest.raises(CheckpointError):
            load_checkpoint(other)


def test_missing_directory_and_unreadable(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.npz")
    with pytest.raises(CheckpointError, match="cannot read"):
        load_checkpoint(tmp_path)


def test_other_version_is_named(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "_VERSION", 2)
    with pytest.raises(CheckpointError, match="has checkpoint format 1; this brianff reads format 2"):
        load_checkpoint(saved)


def test_previous_is_kept(saved):
    save_checkpoint(saved, {"second": np.ones(2)}, {"number": 2})
    assert load_checkpoint(saved)[1] == {"number": 2}
    assert load_checkpoint(previous_path(saved))[1] == {"position": [1, 2]}
    assert sorted(path.name for path in saved.parent.iterdir()) == ["checkpoint.npz", "checkpoint.npz.previous"]


def test_a_damaged_checkpoint_never_replaces_a_whole_previous_one(saved):
    save_checkpoint(saved, {}, {"number": 2})
    saved.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"the one before it is .*checkpoint\.npz\.previous"):
        load_checkpoint(saved)
    save_checkpoint(saved, {}, {"number": 3})
    assert load_checkpoint(saved)[1] == {"number": 3}
    assert load_checkpoint(previous_path(saved))[1] == {"position": [1, 2]}


def test_failing_to_write_changes_nothing(saved, monkeypatch):
    before = saved.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        write_atomically(saved, b"new")
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["checkpoint.npz"]


def test_writing_into_a_missing_directory(tmp_path):
    with pytest.raises(CheckpointError, match="cannot write"):
        save_checkpoint(tmp_path / "missing" / "checkpoint.npz", {}, {})


_SAVE_FOR_EVER = """
import sys, pathlib, itertools, numpy
from brianff.storage.checkpoint import save_checkpoint
for number in itertools.count():
    save_checkpoint(pathlib.Path(sys.argv[1]), {"weights": numpy.full(100_000, float(number))}, {"number": number})
    if number == 1:
        print("saving", flush=True)
"""


def test_a_kill_while_saving_leaves_a_whole_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.npz"
    waiting = random.Random(1)
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", _SAVE_FOR_EVER, path], stdout=subprocess.PIPE)
        process.stdout.readline()  # two are saved: from here on both files must be whole
        time.sleep(waiting.uniform(0, 0.1))
        process.kill()
        process.wait()
        process.stdout.close()
        for file in (path, previous_path(path)):
            arrays, metadata = load_checkpoint(file)
            assert (arrays["weights"] == metadata["number"]).all()
            assert arrays["weights"].shape == (100_000,)


def test_digest_depends_on_names_types_shapes_and_bytes_not_on_order():
    one, two = np.arange(6, dtype="<i8"), np.ones(2)
    reference = digest({"a": one, "b": two})
    assert digest({"b": two, "a": one}) == reference
    changed = [
        {"a": one, "c": two},
        {"a": one.view("<u8"), "b": two},
        {"a": one.reshape(2, 3), "b": two},
        {"a": one, "b": np.nextafter(two, 2)},
        {"a": one},
        {"a": two, "b": one},
    ]
    assert len({reference, *map(digest, changed)}) == 1 + len(changed)
    assert digest({"a": one.reshape(2, 3)}) == digest({"a": np.asfortranarray(one.reshape(2, 3))})


_SAVE_AND_LOAD = """
import pathlib, sys, numpy
from brianff.storage.checkpoint import load_checkpoint, save_checkpoint
path, number = pathlib.Path(sys.argv[1]), int(sys.argv[2])
for _ in range(100):
    save_checkpoint(path, {"a": numpy.full(100_000, number)}, {"number": number})
    arrays, metadata = load_checkpoint(path)
    assert (arrays["a"] == metadata["number"]).all()
"""


@pytest.mark.slow
def test_two_processes_write_and_read_the_same_file(tmp_path):
    path = tmp_path / "checkpoint.npz"
    processes = [subprocess.Popen([sys.executable, "-c", _SAVE_AND_LOAD, path, str(n)]) for n in (1, 2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, previous_path(path).name]
