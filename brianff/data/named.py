"""Image data sets: found on disk and checked against their published checksums, or fetched on request."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import PlainSerializer, PlainValidator

from brianff.arguments import explained
from brianff.data.split import Dataset, Split
from brianff.description.fields import shown
from brianff.errors import ConfigurationError, DataError
from brianff.registry import Registry
from brianff.storage.files import read, short

__all__ = ["DATASETS", "DatasetReference", "available_datasets", "fetch_dataset", "load_dataset"]

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


@dataclass(frozen=True)
class Source:
    """Where a data set in IDX files comes from and how to know it.

    Parameters
    ----------
    licence : str
    contents : tuple of str
        MD5 of the uncompressed files, in the order of FILES.
    downloads : tuple of str
        MD5 of the published gzip files; empty: not published as such.
    url : str
        Address of the folder of the published files.
    """

    licence: str
    contents: tuple[str, ...]
    downloads: tuple[str, ...] = ()
    url: str = ""


SOURCES = {
    "mnist": Source(
        "commonly stated CC BY-SA 3.0 (LeCun, Cortes, Burges)",
        (
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ),
    "fashion-mnist": Source(
        "MIT, (c) 2017 Zalando SE",
        (
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "kmnist": Source(
        'CC BY-SA 4.0: "KMNIST Dataset" (created by CODH), adapted from "Kuzushiji Dataset" (created by NIJL and '
        "others), doi:10.20676/00000341",
        (
            "",  # no checksum of the full set's raw training images is known; the gzip file's is
            "949e75301f8813e0dc5800dcc320fc52",
            "bf305b8cd328700fbc17f5acbc2856d2",
            "9f55f451c0988b028eccdf7d5cc265ab",
        ),
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
    "kmnist-7k": Source(
        'CC BY-SA 4.0: reduced from "KMNIST Dataset" (created by CODH), doi:10.20676/00000341: the first 7,011 '
        "training images and the full test set",
        (
            "15bf059efdc879a195dcf42dc0f17707",
            "5d1fa70f6fa71fd027417dd19a4049db",
            "bf305b8cd328700fbc17f5acbc2856d2",
            "9f55f451c0988b028eccdf7d5cc265ab",
        ),
    ),
}

FORMATS = {"folder": Dataset.from_folder, "npz": Dataset.from_npz, "hdf5": Dataset.from_hdf5, "csv": Dataset.from_csv}
"""Readers of files by the name that a table in TOML gives them."""

_REFERENCE = 'a data set is a name, a path, a table such as {name = "folder", path = "..."}, or a Dataset'
_SUFFIXES = {".npz": "npz", ".h5": "hdf5", ".hdf5": "hdf5", ".csv": "csv"}


@explained
def load_dataset(dataset: str | Path | Mapping[str, Any] | Dataset, data_dir: str | Path | None = None) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    dataset : str, Path, mapping or Dataset
        One of DATASETS ("digits" comes with scikit-learn and needs no files); the path of a folder of images or of an
        NPZ, HDF5 or CSV file, from the working directory; a table with `name` ("folder", "npz", "hdf5", "csv", or one
        of DATASETS), `path` and options of the reader, such as `white`; or a data set, which is returned.
    data_dir : str or Path, optional
        Where to look first for named ones: for `data_dir/name/*` or `data_dir/*`. Then come the directory that the
        environment variable BRIANFF_DATA names and the cache of `fetch_dataset`.

    Raises
    ------
    ConfigurationError
        If the name is unknown, or an option.
    DataError
        If files are missing, truncated, altered or not those of this data set.
    """
    if isinstance(dataset, Dataset):
        return dataset
    if not isinstance(dataset, str | Path) and not (isinstance(dataset, Mapping) and "name" in dataset):
        raise ConfigurationError(f"{_REFERENCE}; not {shown(dataset)}")
    if not isinstance(dataset, Mapping):
        text, path = str(dataset), Path(dataset)
        kind = _SUFFIXES.get(path.suffix.lower(), "folder")
        known = text in DATASETS or (kind == "folder" and path.name == text and not path.exists())
        dataset = {"name": text} if known else {"name": kind, "path": text}
    options = {str(key): value for key, value in dataset.items() if key != "name"}
    if dataset["name"] not in {*FORMATS, *DATASETS}:
        raise ConfigurationError(
            f"no data set {dataset['name']!r}; known: {', '.join(DATASETS)}, or a path. One made by a script is given "
            "as an object: Trainer(protocol, dataset), open_trainer(run, dataset=dataset); for the command line a "
            f"module that you --import registers what loads it: brianff.register.dataset(load, {dataset['name']!r})"
        )
    loader = FORMATS.get(dataset["name"]) or DATASETS[dataset["name"]]
    if dataset["name"] in FORMATS and not Path(place := str(options.get("path", "."))).exists():
        raise DataError(f"there is no {place} in {Path.cwd()}: paths of data sets start at the working directory")
    if "data_dir" in signature(loader).parameters:
        options["data_dir"] = data_dir
    try:
        loaded = loader(**options)
    except TypeError as error:
        raise ConfigurationError(f"data set {dataset['name']!r} does not take these parameters: {error}") from error
    if not isinstance(loaded, Dataset):
        raise ConfigurationError(f"the loader of {dataset['name']!r} returned {type(loaded).__name__}, not a Dataset")
    return loaded


def _load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Return a data set of IDX files."""
    folder = _find(name, data_dir)
    if folder is None:
        places = ", ".join(str(place) for place in _places(name, data_dir))
        hint = f"run `brianff data fetch {name}`" if SOURCES[name].downloads else "it cannot be fetched"
        raise DataError(f"data set {name!r} was not found in {places}; name its directory with --data-dir, or {hint}")
    arrays = [
        _read_idx(_file(folder, file), checksum) for file, checksum in zip(FILES, SOURCES[name].contents, strict=True)
    ]
    train, test = (_split(folder, *pair) for pair in (arrays[:2], arrays[2:]))
    return Dataset(name, train, test, arrays[0].shape[1:], 10, SOURCES[name].licence)


def _load_digits() -> Dataset:
    from sklearn.datasets import load_digits

    digits = load_digits()
    licence = "CC BY 4.0 (Alpaydin, Kaynak; UCI), as distributed by scikit-learn"
    return Dataset.from_arrays(
        digits.images.astype(np.uint8), digits.target, name="digits", white=16, test_share=360, licence=licence
    )


DATASETS = Registry("dataset", None, {"digits": _load_digits, **{name: partial(_load, name) for name in SOURCES}})
"""Loaders of data sets by name: functions, of `data_dir` if they name it, that return a `Dataset`."""


def _reference(value: Any) -> Any:
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        from brianff.description.quantities import as_text

        return as_text({str(key): str(item) if isinstance(item, Path) else item for key, item in value.items()})
    if isinstance(value, str | Path | Dataset):
        return str(value) if isinstance(value, Path) else value
    raise ValueError(_REFERENCE)


DatasetReference = Annotated[Any, PlainValidator(_reference), PlainSerializer(lambda one: getattr(one, "name", one))]
"""Field of a description that holds what `load_dataset` takes; a data set itself is written as its name."""


def available_datasets(data_dir: str | Path | None = None) -> dict[str, Path | str | None]:
    """Return where each data set was found, None where not; digits, which needs no files, has scikit-learn's place."""
    sklearn = find_spec("sklearn")  # to import it takes seconds
    folder = Path(str(sklearn and sklearn.origin)).parent / "datasets"
    places: dict[str, Path | str | None] = {"digits": folder}
    return {name: places.get(name, _find(name, data_dir) if name in SOURCES else "registered") for name in DATASETS}


def fetch_dataset(name: str) -> Path:
    """Download a data set's published files into the cache, check them, and return their directory.

    Raises
    ------
    ConfigurationError
        If the name is unknown.
    DataError
        If the data set is not published, or a download fails or is not what was published.
    """
    DATASETS[name]  # says what is known
    if name not in SOURCES:
        raise DataError(f"data set {name!r} comes with its package; there is nothing to fetch")
    source = SOURCES[name]
    if not source.downloads:
        raise DataError(f"data set {name!r} is not published for download; name its directory with --data-dir")
    import pooch

    for file, checksum in zip(FILES, source.downloads, strict=True):
        try:
            pooch.retrieve(f"{source.url}{file}.gz", f"md5:{checksum}", f"{file}.gz", _cache() / name)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"cannot fetch {source.url}{file}.gz: {reason}; try again, or place it yourself") from None
    return _cache() / name


def _cache() -> Path:
    import pooch

    return Path(pooch.os_cache("brianff")) / "data"


def _places(name: str, data_dir: str | Path | None) -> list[Path]:
    roots = {"--data-dir": data_dir, "BRIANFF_DATA": os.environ.get("BRIANFF_DATA") or None}
    for origin, root in roots.items():
        if root is not None and not os.path.isdir(root):
            raise DataError(f"{origin} {short(root)} is no directory: name the one that holds the image sets")
    return [place for root in roots.values() if root for place in (Path(root, name), Path(root))] + [_cache() / name]


def _file(folder: Path, name: str) -> Path:
    compressed = folder / f"{name}.gz"
    return compressed if os.path.isfile(compressed) else folder / name


def _find(name: str, data_dir: str | Path | None) -> Path | None:
    for place in _places(name, data_dir):
        if all(os.path.isfile(_file(place, file)) for file in FILES):
            return place
    return None


def _read_idx(path: Path, checksum: str) -> np.ndarray:
    """Return the array of an IDX file, gzip or plain, after checking its content."""
    content = read(path)
    try:
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error, MemoryError) as error:
        raise DataError(f"{path} cannot be read: {error}; fetch or copy it again") from None
    if checksum and hashlib.md5(content, usedforsecurity=False).hexdigest() != checksum:
        raise DataError(f"{path} is not the published file (its checksum differs); fetch or copy it again")
    try:
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except struct.error:
        raise DataError(f"{path} is too short for an IDX file; fetch or copy it again") from None
    start = 4 + 4 * dimensions
    # Python's product does not overflow; numpy's arrays have up to 32 dimensions, these have at most 3.
    if (zeros, kind) != (0, 8) or dimensions > 3 or len(content) - start != math.prod(shape):
        raise DataError(f"{path} is not an IDX file of bytes of the shape it states; fetch or copy it again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _split(folder: Path, images: np.ndarray, labels: np.ndarray) -> Split:
    if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max(initial=0) > 9:
        raise DataError(f"{folder} holds images {images.shape} and labels {labels.shape} that do not belong together")
    return Split(images.reshape(len(images), -1), labels.astype(np.int64))
