"""Files of others: read as what they are, or refused in one line that names the path."""

import csv
import io
import os
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from brianff import Device, Layer, Network, Simulator
from brianff.acceleration.memory import available_memory
from brianff.data import load_dataset
from brianff.data.files import _grey, read_hdf5
from brianff.data.named import _read_idx
from brianff.errors import BrianffError, CheckpointError, ConfigurationError, DataError
from brianff.protocols.configuration import load_protocol
from brianff.storage import files
from brianff.storage.checkpoint import load_checkpoint, save_checkpoint, write_atomically

WEIGHTS = np.arange(12.0).reshape(3, 4)


def npy(array, version=None):
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(array), version)
    return content.getvalue()


def archive(*members, method=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in members:
            file.writestr(name, data)
    return bytearray(content.getvalue())


def promising(shape=(10**13,), dtype="<f8"):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    return header.getvalue() + bytes(100)


def changed(content, *changes):
    for position, bits in changes:
        content[position] ^= bits
    return content


STORED = archive(("w.npy", npy(WEIGHTS)))
ENCRYPTED = (6, 1), (STORED.find(b"PK\x01\x02") + 8, 1)


def test_arrays_are_read_as_they_were_written(tmp_path):
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        for version in ((1, 0), (2, 0)):
            path = tmp_path / "w.npz"
            path.write_bytes(archive(("w.npy", npy(np.asfortranarray(WEIGHTS), version)), method=method))
            np.testing.assert_array_equal(files.read_arrays(path)["w"], WEIGHTS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy(WEIGHTS), "not a zip file"),
        (b"", "not a zip file"),
        (archive(("w.npy", promising())), r"\(10000000000000,\) of float64, 80000000000000 bytes, and holds 100"),
        (archive(("w.npy", promising((-1,)))), "'w' is"),
        (archive(("w.npy", promising(dtype="|O"))), "'w' holds objects"),
        (archive(("w.npy", b"hello")), "'w' is no array"),
        (archive(("w.npy", npy(WEIGHTS)[:-8])), "384|96 bytes, and holds 88"),
        (changed(archive(("w.npy", npy(np.ones(9999))), method=zipfile.ZIP_LZMA), (120, 255)), "damaged"),
        (changed(bytearray(STORED), *ENCRYPTED), "encrypted"),
        (changed(bytearray(STORED), (200, 1)), "Bad CRC-32"),
        (archive(("w", b"hello")), r"'w' is no array \(\.npy\)"),
        (archive(("w.npy", npy(WEIGHTS)), ("w.npy", npy(0 * WEIGHTS))), "'w' is in it twice"),
    ],
)
def test_damaged_archives_are_refused(tmp_path, content, message):
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        files.read_arrays(path)
    assert str(path) in str(caught.value)


READERS = [files.read, files.read_text, files.read_toml, files.read_json, files.read_table, files.read_arrays]


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "missing", tmp_path, tmp_path / ("x" * 5000), "\0"):
        with pytest.raises(CheckpointError) as caught:
            read(path, CheckpointError)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500


def test_a_file_larger_than_the_memory_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "large"
    path.write_bytes(bytes(100))
    assert available_memory() > 0
    monkeypatch.setattr(files, "available_memory", lambda: 99)
    with pytest.raises(DataError, match=r"larger \(100 bytes\) than the memory that is free \(99\)"):
        files.read(path)


def test_the_mark_that_editors_of_windows_put_before_text_is_no_part_of_it(tmp_path):
    path = tmp_path / "file"
    for read, text, value in (
        (files.read_text, "é", "é"),
        (files.read_toml, "a = 1", {"a": 1}),
        (files.read_json, "3", 3),
    ):
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert read(path) == value
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n")
    assert files.read_table(path).to_dict("list") == {"a": [1], "b": [2]}


def test_what_is_no_file_is_not_replaced_by_one(tmp_path, numpy_target):
    """Root could put a file in the place of /dev/null."""
    network = Network(pixels=4, classes=2, layers=[Layer(neurons=2)])
    os.mkfifo(tmp_path / "pipe.h5")
    os.symlink("/dev/null", tmp_path / "null.h5")
    for name in ("pipe.h5", "null.h5"):
        path, before = tmp_path / name, os.stat(tmp_path / name).st_mode
        for write in (
            lambda path=path: write_atomically(path, b"x"),
            lambda path=path: Simulator(network).record(np.zeros((1, 4)), [0], file=path),
        ):
            with pytest.raises(CheckpointError, match=r"cannot write .* it is no file"):
                write()
        assert os.stat(path).st_mode == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["null.h5", "pipe.h5"]


def whole_or_refused(read, content, name="file"):
    """Read a file of this content: an error of brianff in one line that names the file, or some result."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, name)
        path.write_bytes(content)
        try:
            return read(path)
        except BrianffError as error:
            told = str(error)
    assert "\n" not in told
    assert name in told
    return None


@given(st.binary(max_size=300))
def test_any_bytes_as_a_file_are_read_or_refused(content):
    for read in (*READERS[1:], load_checkpoint, lambda path: _read_idx(path, "")):
        whole_or_refused(read, content)
    for suffix in (".npz", ".csv"):
        whole_or_refused(load_dataset, content, f"file{suffix}")
    whole_or_refused(load_protocol, content)


@given(st.lists(st.tuples(st.integers(0, len(STORED) - 1), st.integers(0, 255)), max_size=5), st.integers(0, 300))
def test_any_change_of_an_archive_is_read_or_refused(changes, cut):
    whole_or_refused(files.read_arrays, changed(bytearray(STORED), *changes)[: len(STORED) - cut])


HEADS = [[], ["direction", "pulse", "conductance_uS"], ["label", "p0", "p1"], ["seed", "run", "error"]]
CELLS = st.text(max_size=4) | st.integers().map(str) | st.floats().map(str) | st.sampled_from(["up", "down", "0", "1"])


@given(st.sampled_from(HEADS), st.lists(st.lists(CELLS, max_size=4), max_size=6))
def test_any_table_is_read_or_refused(head, rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([head, *rows] if head else rows)
    for read in (files.read_table, load_dataset, Device.from_table):
        whole_or_refused(read, text.getvalue().encode(), "file.csv")


def image(kind):
    content = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(content, kind)
    return content.getvalue()


def hdf5():
    h5py, content = pytest.importorskip("h5py"), io.BytesIO()
    with h5py.File(content, "w") as file:
        file["images"], file["labels"] = np.arange(64, dtype=np.uint8).reshape(4, 4, 4), [0, 1, 0, 1]
    return content.getvalue()


CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=5)


@given(st.sampled_from([".png", ".jpg", ".h5"]), CHANGES, st.floats(0, 1))
def test_any_change_of_images_and_hdf5_is_read_or_refused(kind, changes, kept):
    if kind == ".h5":
        changes = []  # the library itself crashes on some
    content = bytearray(hdf5() if kind == ".h5" else image({".png": "PNG", ".jpg": "JPEG"}[kind]))
    content = changed(content, *((int(place * len(content)), bits) for place, bits in changes))
    content = content[: int(kept * len(content))]
    read = load_dataset if kind == ".h5" else _grey
    whole_or_refused(read, content, f"file{kind}")


def test_what_is_larger_than_the_memory_or_no_file_is_not_read_as_data(tmp_path, monkeypatch):
    (tmp_path / "large.png").write_bytes(image("PNG"))
    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 20)
        with pytest.raises(DataError, match=r"large\.png cannot be read: Image size \(64 pixels\)"):
            _grey(tmp_path / "large.png")
    (tmp_path / "large.h5").write_bytes(hdf5())
    monkeypatch.setattr("brianff.data.files.available_memory", lambda: 60)
    with pytest.raises(DataError, match=r"large\.h5 .* promises 96 bytes; the memory that is free has 60"):
        load_dataset(tmp_path / "large.h5")
    for read, name in ((load_dataset, "a.csv"), (load_dataset, "a.npz"), (read_hdf5, "a.h5"), (_grey, "a.png")):
        os.mkfifo(tmp_path / name)
        with pytest.raises(DataError, match=name):
            read(tmp_path / name)


IDX = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, *range(6)])


@given(st.lists(st.tuples(st.integers(0, len(IDX) - 1), st.integers(0, 255)), max_size=5), st.integers(0, 9))
def test_any_change_of_an_idx_file_is_read_or_refused(changes, cut):
    whole_or_refused(lambda path: _read_idx(path, ""), changed(bytearray(IDX), *changes)[: len(IDX) - cut])


def test_idx_headers_that_overflow_are_refused(tmp_path):
    path = tmp_path / "idx"
    for header in ([3, *[0, 0, 1, 0] * 3], [65, *[0, 0, 0, 1] * 65], [3, *[255] * 12], [2, *[128, 0, 0, 0] * 2]):
        path.write_bytes(bytes([0, 0, 8, *header]))
        with pytest.raises(DataError, match="of the shape it states"):
            _read_idx(path, "")
    path.write_bytes(IDX)
    np.testing.assert_array_equal(_read_idx(path, ""), np.arange(6).reshape(2, 3))


def test_a_sealed_file_that_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    for metadata in ([1], 3, None):
        save_checkpoint(path, {"w": WEIGHTS}, metadata)
        with pytest.raises(CheckpointError, match="no table of values"):
            load_checkpoint(path)


def test_both_checkpoints_damaged_gives_no_advice_to_take_the_other(tmp_path):
    path = tmp_path / "checkpoint.npz"
    for _ in range(2):
        save_checkpoint(path, {"w": WEIGHTS}, {})
    path.write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"rename that to checkpoint\.npz"):
        load_checkpoint(path)
    path.with_name("checkpoint.npz.previous").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="the one before it is too: train anew"):
        load_checkpoint(path)


def test_toml_that_is_nested_too_deep_is_refused(tmp_path):
    path = tmp_path / "protocol.toml"
    path.write_text("description = " + "[" * 3000 + "]" * 3000)
    with pytest.raises(ConfigurationError, match="nested too deep"):
        load_protocol(path)
