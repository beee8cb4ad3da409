"""Files of a user's own data, as parameters of `Dataset.from_arrays` and `Dataset.from_spikes` by name."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from brianff.acceleration.memory import available_memory
from brianff.errors import DataError, MissingDependencyError
from brianff.storage.files import read, read_arrays, read_table

__all__ = ["read_csv", "read_folder", "read_hdf5", "read_npz"]

IMAGES = (".png", ".jpg", ".jpeg")


def read_folder(path: Path) -> dict[str, Any]:
    """Return the images of a folder by class; see `Dataset.from_folder`."""
    parts = {"": path / "train", "test_": path / "test"} if (path / "train").is_dir() else {"": path}
    names, values = _classes(parts[""]), dict[str, Any]()
    size: dict[tuple[int, ...], Path] = {}
    for prefix, part in parts.items():
        if prefix and not part.is_dir():
            continue
        if (found := _classes(part)) != names:
            raise DataError(f"{part} holds the classes {found}, and {parts['']} {names}; both need the same folders")
        images, labels = [], []
        for label, name in enumerate(names):
            files = sorted(file for file in (part / name).iterdir() if file.suffix.lower() in IMAGES)
            if not files:
                raise DataError(f"{part / name} holds no PNG or JPEG image: add some, or remove the folder")
            for file in files:
                images.append(_grey(file))
                size.setdefault(images[-1].shape, file)
                labels.append(label)
        if len(size) > 1:
            told = ", ".join(f"{file} {shape}" for shape, file in size.items())
            raise DataError(f"images differ in their rows and columns: {told}; bring them to one size")
        values |= {f"{prefix}images": np.stack(images), f"{prefix}labels": np.array(labels)}
    return values


def _classes(folder: Path) -> list[str]:
    """Return the names of the classes in order."""
    if not folder.is_dir():
        if not folder.exists():
            raise DataError(f"there is no folder {folder} in {Path.cwd()}")
        raise DataError(f"{folder} is no folder of images; known files: .npz, .h5, .hdf5, .csv")
    names = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if len(names) < 2:
        raise DataError(f"{folder} holds {len(names)} folders; it needs one for each class, 2 or more, with its images")
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _grey(file: Path) -> np.ndarray:
    from PIL import Image

    content = io.BytesIO(read(file))
    try:
        with Image.open(content) as image:
            if image.mode[0] in "IF":
                raise ValueError(
                    f"its pixels have more than 8 bits ({image.mode}); use Dataset.from_arrays with `white`"
                )
            return np.asarray(image.convert("L"))
    except Exception as error:  # damaged images raise what they like
        raise DataError(f"{file} cannot be read: {error}") from None


def read_npz(path: Path) -> dict[str, Any]:
    """Return the arrays of an NPZ file."""
    return {key: _plain(path, key, value) for key, value in read_arrays(path).items()}


def read_hdf5(path: Path) -> dict[str, Any]:
    """Return the arrays of an HDF5 file's root."""
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(f"{path} needs h5py: pip install 'brianff[hdf5]'") from None
    if not path.is_file():  # a named pipe would be waited for
        raise DataError(f"cannot read {path}: it is no file")
    try:
        with h5py.File(path) as file:
            found = {key: item for key, item in file.items() if isinstance(item, h5py.Dataset)}
            promised, free = sum(item.nbytes for item in found.values()), available_memory()
            if promised > free:
                raise ValueError(f"it promises {promised} bytes; the memory that is free has {free}")
            values = {key: item[()] for key, item in found.items()}
    except Exception as error:  # damaged files raise what they like
        raise DataError(f"{path} cannot be read as HDF5: {error}") from None
    return {key: _plain(path, key, value) for key, value in values.items()}


def _plain(path: Path, name: str, value: Any) -> Any:
    """Return an array, or a number or a text as such."""
    value = value if np.ndim(value) else np.asarray(value).item()
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {name} is no text in UTF-8: {error}") from None


def read_csv(path: Path) -> dict[str, Any]:
    """Return the spikes of a table with the columns unit, time, sample and label."""
    table = read_table(path)
    if missing := {"unit", "time", "sample", "label"} - set(table):
        raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}; it has {', '.join(map(str, table))}")
    _, first, sample = np.unique(table["sample"], return_index=True, return_inverse=True)
    label = table["label"].to_numpy()
    if (wrong := label != label[first][sample]).any():
        raise DataError(f"{path}: sample {table['sample'][wrong.argmax()]} has several labels; give it one")
    return {"unit": table["unit"], "time": table["time"], "sample": sample, "labels": label[first]}
