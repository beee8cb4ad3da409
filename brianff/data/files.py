"""Files of a user's own data, as parameters of `Dataset.from_arrays` and `Dataset.from_spikes` by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brianff.errors import DataError, MissingDependencyError

__all__ = ["read_csv", "read_folder", "read_hdf5", "read_npz"]

IMAGES = (".png", ".jpg", ".jpeg")


def read_folder(path: Path) -> dict[str, Any]:
    """Return the images of a folder by class; see `Dataset.from_folder`."""
    parts = {"": path / "train", "test_": path / "test"} if (path / "train").is_dir() else {"": path}
    parts = {prefix: part for prefix, part in parts.items() if not prefix or part.is_dir()}
    names = _classes(parts[""])
    values: dict[str, Any] = {"classes": len(names)}
    size: tuple[Path, tuple[int, ...]] | None = None
    for prefix, part in parts.items():
        if (found := _classes(part)) != names:
            raise DataError(f"{part} holds the classes {found}, and {parts['']} {names}; both need the same folders")
        images, labels = [], []
        for label, name in enumerate(names):
            files = sorted(file for file in (part / name).iterdir() if file.suffix.lower() in IMAGES)
            if not files:
                raise DataError(f"{part / name} holds no PNG or JPEG image: add some, or remove the folder")
            for file in files:
                images.append(_grey(file))
                size = size or (file, images[0].shape)
                if images[-1].shape != size[1]:
                    raise DataError(
                        f"{file} has {images[-1].shape} pixels and {size[0]} {size[1]} (rows, columns); "
                        "bring all images to one size"
                    )
            labels += [label] * len(files)
        values |= {f"{prefix}images": np.stack(images), f"{prefix}labels": np.array(labels)}
    return values


def _classes(folder: Path) -> list[str]:
    """Return the names of the classes in order."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    names = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if len(names) < 2:
        raise DataError(f"{folder} holds {len(names)} folders; it needs one for each class, 2 or more, with its images")
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else sorted(names)


def _grey(file: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ValueError(
                    f"its pixels have more than 8 bits ({image.mode}); use Dataset.from_arrays with `white`"
                )
            return np.asarray(image.convert("L"))
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from None


def read_npz(path: Path) -> dict[str, Any]:
    """Return the arrays of an NPZ file."""
    try:
        with np.load(path) as arrays:
            return _plain(arrays)
    except Exception as error:  # damaged archives raise what they like
        raise DataError(f"{path} cannot be read as NPZ: {error}") from None


def read_hdf5(path: Path) -> dict[str, Any]:
    """Return the arrays of an HDF5 file's root."""
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(f"{path} needs h5py: pip install 'brianff[hdf5]'") from None
    try:
        with h5py.File(path) as file:
            return _plain({key: item[()] for key, item in file.items() if isinstance(item, h5py.Dataset)})
    except OSError as error:
        raise DataError(f"{path} cannot be read as HDF5: {error}") from None


def _plain(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays, and numbers and texts as such."""
    values = {key: np.asarray(value) for key, value in arrays.items()}
    values = {key: value if value.ndim else value.item() for key, value in values.items()}
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in values.items()}


def read_csv(path: Path) -> dict[str, Any]:
    """Return the spikes of a table with the columns unit, time, sample and label."""
    import pandas

    try:
        table = pandas.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from None
    if missing := {"unit", "time", "sample", "label"} - set(table):
        raise DataError(f"{path} lacks the columns {', '.join(sorted(missing))}; it has {', '.join(map(str, table))}")
    labels = table.groupby("sample")["label"]
    if (labels.nunique(dropna=False) > 1).any():
        raise DataError(f"{path}: sample {labels.nunique(dropna=False).idxmax()} has several labels; give it one")
    samples = np.unique(table["sample"], return_inverse=True)[1]
    return {"unit": table["unit"], "time": table["time"], "sample": samples, "labels": labels.first().to_numpy()}
