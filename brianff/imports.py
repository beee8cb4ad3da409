"""Modules of a user's own that register parts: `--import` runs them, and a run remembers which they were.

A run directory alone never makes code run: whoever resumes or evaluates a run names the same modules again.
Helper modules that lie beside a module, or below it, and that it imports count as part of it.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

from brianff.errors import ConfigurationError

__all__ = ["IMPORTED", "check", "import_parts"]

IMPORTED: dict[str, str] = {}
"""What `import_parts` brought into this process: SHA-256 of a module's files by the name that was given."""


def import_parts(names: Iterable[str]) -> dict[str, str]:
    """Import modules, so that they register their parts, and return what is now IMPORTED.

    Parameters
    ----------
    names : iterable of str
        Dotted names of modules, searched for on ``sys.path`` and in the working directory, or paths of ``.py`` files.

    Raises
    ------
    ConfigurationError
        If a module is not found, bears the name of another one, or fails.
    """
    for name in names:
        try:
            IMPORTED[name] = _digest(*_import(name))
        except Exception as error:
            frames = reversed(traceback.extract_tb(error.__traceback__))
            own = (frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename)
            place = next((f" ({frame.filename}, line {frame.lineno})" for frame in own), "")
            raise ConfigurationError(f"--import {name}: {type(error).__name__}: {error}{place}") from error
    return IMPORTED


def check(recorded: Mapping[str, str]) -> None:
    """Make sure that the modules with which a run was made are there again and unchanged, wherever they lie now.

    Parameters
    ----------
    recorded : mapping of str to str
        What was IMPORTED when the run was made.

    Raises
    ------
    ConfigurationError
        If a module is missing, its files have changed, or none are told.
    """
    from brianff.description.fields import Table, argument  # imports Brian2: help texts do without

    for name, digest in argument("imports", recorded, Table()).items():
        if digest not in IMPORTED.values():
            if any(Path(other).name == Path(name).name for other in IMPORTED):
                what = f"{name}, or a module beside it that it imports,"
                raise ConfigurationError(f"{what} has changed since this run was made: restore it, or train anew")
            raise ConfigurationError(f"this run was made with --import {name}; give it again")


def _import(name: str) -> tuple[ModuleType, str]:
    """Return a module, and the directory that was searched for it."""
    path = Path(name).resolve() if name.endswith(".py") else None
    directory = str(path.parent if path else Path.cwd())
    if directory not in sys.path:  # at the end: a file hides no other module
        sys.path.append(directory)
    invalidate_caches()
    module = import_module(path.stem if path else name)
    if path and (origin := getattr(module, "__file__", "built in")) != str(path):
        raise ImportError(f"there is another module {path.stem!r}, {origin}: rename the file")
    if path:
        import cloudpickle

        cloudpickle.register_pickle_by_value(module)  # worker processes receive its classes, and do not run it again
    return module, directory


def _digest(module: ModuleType, directory: str) -> str:
    """Return the SHA-256 of a module's files, with those of the modules in the directory that it imports in turn."""
    file = Path(module.__file__ or "")
    files = {file, *(file.parent.rglob("*.py") if hasattr(module, "__path__") else ())}
    if file.is_relative_to(directory):
        from modulefinder import ModuleFinder

        finder = ModuleFinder([directory])
        finder.import_hook(module.__name__)
        files |= {Path(found) for one in finder.modules.values() if (found := getattr(one, "__file__", None))}
    return hashlib.sha256(b"".join(part.read_bytes() for part in sorted(files))).hexdigest()
