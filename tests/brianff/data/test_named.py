"""Data sets against their published facts, and damaged files refused."""

import gzip
import hashlib
import shutil

import numpy as np
import pytest

from brianff.data.named import DATASETS, FILES, available_datasets, fetch_dataset, load_dataset
from brianff.data.split import Split
from brianff.errors import ConfigurationError, DataError

SIZES = {"mnist": (60_000, 10_000), "fashion-mnist": (60_000, 10_000), "kmnist-7k": (7_011, 10_000)}


def test_digits_are_split_once_and_for_all():
    digits = load_dataset("digits")
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert digits.image_shape == (8, 8)
    intensities = digits.train.intensities(slice(None))
    assert (intensities.min(), intensities.max()) == (0.0, 1.0)
    assert np.bincount(digits.test.labels).min() >= 34  # stratified
    again = load_dataset("digits")
    np.testing.assert_array_equal(digits.test.images, again.test.images)
    train, test = (set(map(bytes, split.images)) for split in (digits.train, digits.test))
    assert not train & test


@pytest.mark.data
@pytest.mark.parametrize("name", SIZES)
def test_image_sets_are_the_published_ones(name, data_directory):
    dataset = load_dataset(name, data_directory)
    assert (len(dataset.train), len(dataset.test)) == SIZES[name]
    assert dataset.image_shape == (28, 28)
    assert dataset.classes == 10
    assert dataset.train.labels.dtype == np.int64
    if name == "mnist":  # published facts: the first labels and the digit counts of the test set
        assert dataset.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert np.bincount(dataset.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
        digest = hashlib.md5(dataset.train.labels.astype(np.uint8).tobytes()).hexdigest()
        header = bytes([0, 0, 8, 1]) + (60_000).to_bytes(4, "big")
        raw = hashlib.md5(header + dataset.train.labels.astype(np.uint8).tobytes()).hexdigest()
        assert raw == "a25bea736e30d166cdddb491f175f624" != digest


@pytest.fixture
def copied(tmp_path, data_directory):
    folder = tmp_path / "kmnist-7k"
    shutil.copytree(data_directory / "kmnist-7k", folder)
    for file in folder.iterdir():
        file.chmod(0o644)
    return folder


@pytest.mark.data
def test_plain_files_and_a_folder_of_its_own_are_found(copied):
    for name in FILES:
        (copied / name).write_bytes(gzip.decompress((copied / f"{name}.gz").read_bytes()))
        (copied / f"{name}.gz").unlink()
    assert len(load_dataset("kmnist-7k", copied).train) == 7_011


@pytest.mark.data
@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "not gzip", "another set"])
def test_damaged_files_are_refused(copied, damage):
    file = copied / f"{FILES[3]}.gz"
    content = file.read_bytes()
    raw = bytearray(gzip.decompress(content))
    raw[100] ^= 1
    damaged = {
        "truncated": content[:-100],
        "altered": gzip.compress(bytes(raw)),
        "empty": b"",
        "not gzip": b"<html>404</html>",
        "another set": (copied / f"{FILES[1]}.gz").read_bytes(),
    }
    file.write_bytes(damaged[damage])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.*again"):
        load_dataset("kmnist-7k", copied.parent)


def test_unknown_and_missing_sets_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("BRIANFF_DATA", raising=False)
    with pytest.raises(ConfigurationError, match=r"no data set 'mnits'; known: digits.*register\.dataset"):
        load_dataset("mnits")
    with pytest.raises(DataError, match=r"'kmnist-7k' was not found in .*it cannot be fetched"):
        load_dataset("kmnist-7k", tmp_path)
    (tmp_path / "own.toml").touch()
    with pytest.raises(DataError, match=r"own\.toml is no folder of images; known files: \.npz"):
        load_dataset(tmp_path / "own.toml")
    with pytest.raises(DataError, match=r"there is no own/data\.npz in .*paths of data sets start at the working dir"):
        load_dataset("own/data.npz")
    with pytest.raises(DataError, match="not published for download"):
        fetch_dataset("kmnist-7k")


def test_a_failed_download_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    import pooch

    def fail(*_arguments, **_options):
        raise OSError("no network\nsecond line")

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(DataError, match=r"cannot fetch .*: no network; try again"):
        fetch_dataset("mnist")


def test_available_datasets_lists_all(tmp_path):
    found = available_datasets(tmp_path)
    assert tuple(found) == tuple(DATASETS)
    assert (found["digits"] / "data" / "digits.csv.gz").is_file()


def test_batches_hold_every_image_once():
    split = Split(np.arange(10, dtype=np.uint8)[:, np.newaxis], np.arange(10))
    batches = list(split.batches(4, np.random.default_rng(1)))
    assert [len(batch.labels) for batch in batches] == [4, 4, 2]
    labels = np.concatenate([batch.labels for batch in batches])
    assert sorted(labels) == list(range(10))
    assert list(labels) != list(range(10))
    np.testing.assert_allclose(np.concatenate([batch.images[:, 0] for batch in batches]), labels / 255)


def test_parts_of_a_split():
    split = Split(np.zeros((10, 1), np.uint8), np.arange(10))
    assert split.first(3).labels.tolist() == [0, 1, 2]
    assert split.last(3).labels.tolist() == [7, 8, 9]
    assert split.without_last(3).labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert len(split.first(99)) == len(split.last(99)) == 10
    assert len(split.without_last(99)) == 0
