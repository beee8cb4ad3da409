"""Every read of a user's file, in one place: what is missing, damaged or no file is told in one line with its path."""

from __future__ import annotations

import io
import json
import lzma
import stat
import tomllib
import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.acceleration.memory import available_memory
from brianff.errors import BrianffError, ConfigurationError, DataError

if TYPE_CHECKING:
    import pandas

__all__ = ["make_directory", "parse_toml", "read", "read_arrays", "read_json", "read_table", "read_text", "read_toml"]
__all__ += ["short", "unpack"]

Kind = Callable[[str], BrianffError]
"""Makes the error of a file: a class of `brianff.errors`."""


def read(path: str | Path, kind: Kind = DataError) -> bytes:
    """Return the content of a file.

    Parameters
    ----------
    path : str or Path
    kind : type
        Of the error that is raised where the file is missing, no plain file (a named pipe would be waited for),
        unreadable or larger than the memory that is free.
    """
    try:
        about = Path(path).stat()
        if not stat.S_ISREG(about.st_mode):
            raise kind(f"cannot read {path}: it is no file")
        if about.st_size > (free := available_memory()):
            raise kind(f"{path} is larger ({about.st_size} bytes) than the memory that is free ({free})")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise kind(f"there is no file {short(path)}") from None
    except OSError as error:
        raise kind(f"cannot read {short(path)}: {error.strerror}") from None
    except (ValueError, MemoryError) as error:
        raise kind(f"cannot read {short(path)}: {error}") from None


def read_text(path: str | Path, kind: Kind = DataError) -> str:
    """Return the content of a text file in UTF-8, with the mark that editors of Windows put before it or without.

    Errors are those of `read`.
    """
    try:
        return read(path, kind).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind(f"{path} is damaged, or no text in UTF-8: {error}") from None


def read_toml(path: str | Path, kind: Kind = ConfigurationError) -> dict[str, Any]:
    """Return the content of a TOML file; errors as of `read`."""
    try:
        return parse_toml(read_text(path, kind))
    except ValueError as error:
        if isinstance(error, BrianffError):
            raise
        raise kind(f"{path} is not valid TOML: {error}") from None


def parse_toml(text: str) -> dict[str, Any]:
    """Return the values of TOML text; a ValueError where it has none."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("lists or tables are nested too deep") from None


def read_json(path: str | Path, kind: Kind = DataError) -> Any:
    """Return the content of a JSON file; errors as of `read`."""
    try:
        return json.loads(read_text(path, kind))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BrianffError):
            raise
        raise kind(f"{path} is not valid JSON: {error}") from None


def read_table(path: str | Path, kind: Kind = DataError, whole_lines: bool = False, **options: Any) -> pandas.DataFrame:
    """Return the table of a CSV file; errors as of `read`. Options are those of `pandas.read_csv`.

    With `whole_lines`, a last line that does not end as one is left out.
    """
    import pandas

    content = read_text(path, kind)
    text = io.StringIO(content[: content.rfind("\n") + 1] if whole_lines else content, newline="")
    try:
        return pandas.read_csv(text, **options)
    except (ValueError, OverflowError) as error:  # those of pandas are ValueErrors
        raise kind(f"{path} is no table in CSV: {str(error).splitlines()[0]}") from None


def read_arrays(path: str | Path, kind: Kind = DataError) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name; errors as of `read`, and for all but plain arrays."""
    try:
        return unpack(read(path, kind))
    except ValueError as error:
        if isinstance(error, BrianffError):
            raise
        raise kind(f"{path} is damaged, or no .npz file of plain arrays: {error}") from None


def unpack(content: bytes, *others: str) -> dict[str, Any]:
    """Return the arrays of an .npz archive by name, and other members (bytes) by theirs.

    What headers promise is compared with what is there before memory is taken for it.

    Raises
    ------
    ValueError
        If anything else is in it, twice in it, or damaged.
    """
    members: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            promised = sum(about.file_size for about in archive.infolist())
            if promised > (free := available_memory()):
                raise ValueError(f"it promises {promised} bytes; the memory that is free has {free}")
            for about in archive.infolist():
                name = about.filename.removesuffix(".npy")
                if name in members:
                    raise ValueError(f"{name!r} is in it twice")
                if about.filename in others:
                    members[name] = archive.read(about)
                elif name == about.filename:
                    raise ValueError(f"{name!r} is no array (.npy)")
                else:
                    members[name] = _array(name, archive.read(about))
    except (zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise ValueError(str(error) or type(error).__name__) from None
    except (
        RuntimeError,
        NotImplementedError,
        MemoryError,
        UnicodeError,
        OverflowError,
    ) as error:  # encrypted, unknown methods
        raise ValueError(str(error)) from None
    return members


def _array(name: str, content: bytes) -> np.ndarray:
    """Return the array of a .npy file."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
    except Exception as error:  # headers are Python text: whatever its evaluation raises
        raise ValueError(f"{name!r} is no array: {' '.join(str(error).split())}") from None
    if dtype.hasobject:
        raise ValueError(f"{name!r} holds objects, which are code")
    promised = prod(shape) * dtype.itemsize
    if (held := len(content) - stream.tell()) != promised or dtype.itemsize == 0:
        raise ValueError(f"{name!r} is {shape} of {dtype}, {promised} bytes, and holds {held}")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def make_directory(path: Path, kind: Kind = ConfigurationError) -> None:
    """Make a directory and those above it, where there are none; an error of a kind if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise kind(f"cannot make the directory {short(path)}: {reason}; name another one") from None


def short(path: str | Path) -> str:
    """Return a path as it is told in an error: a long one without its middle."""
    text = str(path)
    return text if len(text) <= 200 else f"{text[:90]}...{text[-90:]} ({len(text)} characters)"
