"""Checkpoints: arrays and metadata in one file that is whole or refused, written so that a kill cannot damage it.

The file is a plain .npz archive (no pickle) with one more member, metadata.json. Its last bytes, the archive's
comment, name the format, its version and the SHA-256 of everything before them: one flipped bit is noticed.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import secrets
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brianff.errors import CheckpointError
from brianff.storage.files import read, unpack
from brianff.storage.locks import PARTIAL

__all__ = ["append", "check_replaceable", "digest", "load_checkpoint", "previous_path", "save_checkpoint"]
__all__ += ["write_atomically"]

_VERSION = 1
_METADATA = "metadata.json"
_SEAL = re.compile(rb"brianff-checkpoint version (\d{4}) sha256 ([0-9a-f]{64})\Z")
_SEAL_LENGTH = len("brianff-checkpoint version 0001 sha256 ") + 64


def save_checkpoint(path: Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write a checkpoint atomically; the one that was there, if it is whole, is kept as `previous_path(path)`.

    Parameters
    ----------
    path : Path
        The file to write.
    arrays : mapping of str to ndarray
        Arrays of any type but objects, by name.
    metadata : dict
        Whatever JSON can hold.

    Raises
    ------
    CheckpointError
        If an array is named "metadata.json", or the file cannot be written; the checkpoint that was there is then
        unchanged.
    """
    path = Path(path)
    content = _pack(arrays, metadata)
    with contextlib.suppress(CheckpointError):  # missing or damaged: not worth replacing an older one that is whole
        write_atomically(previous_path(path), _read(path))
    write_atomically(path, content)


def load_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a checkpoint and return its arrays and metadata.

    Raises
    ------
    CheckpointError
        If it is missing, truncated, altered or of another format version.
    """
    try:
        arrays = unpack(_read(Path(path)), _METADATA)
        metadata = json.loads(arrays.pop(_METADATA))
        if not isinstance(metadata, dict):
            raise ValueError(f"{_METADATA} is no table of values")
    except (ValueError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path} is whole, but no checkpoint: {error}") from None
    return arrays, metadata


def previous_path(path: Path) -> Path:
    """Return where the checkpoint before the one at `path` is kept."""
    return path.parent / f"{path.name}.previous"


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 (hexadecimal) of the names, types, shapes and bytes of arrays, whatever their order."""
    checksum = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        array = np.asarray(array)
        checksum.update(repr((name, np.lib.format.dtype_to_descr(array.dtype), array.shape)).encode() + b"\n")
        checksum.update(array.tobytes())
    return checksum.hexdigest()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that at every moment `path` is the old file or the new one, never a part.

    Raises
    ------
    CheckpointError
        If the file cannot be written, or what has its name is no file: /dev/null, which root could replace, or a pipe.
    """
    check_replaceable(path)
    partial = path.parent / f"{path.name}.{secrets.token_hex(4)}{PARTIAL}"  # nobody else's, on any machine
    try:
        with partial.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # otherwise a power failure may leave the new name with no content
        os.replace(partial, path)
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror}; free some space or allow writing") from None
    finally:
        with contextlib.suppress(OSError, ValueError):
            partial.unlink(missing_ok=True)


def check_replaceable(path: Path) -> None:
    """Raise a CheckpointError if what has a name is a device, a pipe or a directory: a file would take its place."""
    with contextlib.suppress(OSError, ValueError):
        if not stat.S_ISREG(mode := path.stat().st_mode):
            told = "Is a directory" if stat.S_ISDIR(mode) else "it is no file"
            raise CheckpointError(f"cannot write {path}: {told}; name another file")


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file; a kill may leave a part of what was added, an error leaves nothing of it.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    """
    try:
        with path.open("r+b", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                if file.write(content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(before)
                raise
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror}; free some space or allow writing") from None


def _pack(arrays: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> bytes:
    """Return the content of a checkpoint file."""
    if _METADATA in arrays:
        raise CheckpointError(f"no array of a checkpoint can be named {_METADATA!r}: choose another name")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # ZipInfo without a date: the same state always gives the same bytes.
        archive.writestr(zipfile.ZipInfo(_METADATA), json.dumps(metadata))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        archive.comment = b" " * _SEAL_LENGTH
    sealed = buffer.getvalue()[:-_SEAL_LENGTH] + f"brianff-checkpoint version {_VERSION:04} sha256 ".encode()
    return sealed + hashlib.sha256(sealed).hexdigest().encode()


def _read(path: Path) -> bytes:
    """Return the content of a checkpoint file after checking all of it."""
    if not os.path.lexists(path):
        raise CheckpointError(f"there is no checkpoint {path}")
    content = read(path, CheckpointError)
    seal = _seal(content)
    if seal is None:
        previous, remedy = previous_path(path), ""
        if os.path.lexists(previous):
            whole = False
            with contextlib.suppress(CheckpointError):
                whole = _seal(read(previous, CheckpointError)) is not None
            remedy = "; the one before it is too: train anew"
            remedy = f"; the one before it is {previous}: rename that to {path.name}" if whole else remedy
        raise CheckpointError(f"{path} is damaged or not a brianff checkpoint{remedy}")
    if int(seal[1]) != _VERSION:
        raise CheckpointError(f"{path} has checkpoint format {int(seal[1])}; this brianff reads format {_VERSION}")
    return content


def _seal(content: bytes) -> re.Match[bytes] | None:
    """Return the seal of a checkpoint file; None if it is not whole."""
    seal = _SEAL.search(content[-_SEAL_LENGTH:])
    return seal if seal and hashlib.sha256(content[:-64]).hexdigest().encode() == seal[2] else None
