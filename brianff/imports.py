"""Modules of a user's own, which register parts: `--import` runs them, and a run remembers which they were.

A run directory alone never makes code run: whoever resumes or evaluates a run names the same modules again.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from brianff.errors import ConfigurationError

__all__ = ["check", "import_parts"]


def import_parts(names: Iterable[str]) -> dict[str, str]:
    """Import modules, so that they register their parts, and return the SHA-256 of each by its name.

    Parameters
    ----------
    names : iterable of str
        Dotted names of modules, searched for on ``sys.path`` and in the working directory, or paths of ``.py`` files.
        Classes of such a file reach worker processes, which do not run it again. Of a package, all its ``.py`` files
        are hashed.

    Raises
    ------
    ConfigurationError
        If a module is not found, bears the name of another one, or fails.
    """
    return {name: _digest(_from_file(Path(name)) if name.endswith(".py") else _by_name(name)) for name in names}


def check(recorded: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Make sure that the modules with which a run was made were imported again, unchanged; from anywhere.

    Parameters
    ----------
    recorded, given : mapping of str to str
        What `import_parts` returned when the run was made, and now.

    Raises
    ------
    ConfigurationError
        If a module is missing, or its files have changed.
    """
    for name, digest in recorded.items():
        if digest not in given.values():
            if any(Path(other).name == Path(name).name for other in given):
                raise ConfigurationError(f"{name} has changed since this run was made: restore it, or train anew")
            raise ConfigurationError(f"this run was made with --import {name}; give it again")


def _by_name(name: str) -> ModuleType:
    if (directory := str(Path.cwd())) not in sys.path:
        sys.path.append(directory)  # worker processes take over the path
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if not error.name or not f"{name}.".startswith(f"{error.name}."):
            raise _failed(name, error) from error
        message = f"--import {name}: there is no such module; name an installed one, or the path of a .py file"
        raise ConfigurationError(message) from None
    except Exception as error:
        raise _failed(name, error) from error


def _from_file(path: Path) -> ModuleType:
    path, name = path.resolve(), path.stem
    if not path.is_file():
        raise ConfigurationError(f"--import {path}: there is no such file")
    known: Any = sys.modules.get(name) or (find_spec(name) if name.isidentifier() else None)
    origin = getattr(known, "__file__", None) or getattr(known, "origin", None)
    if known is not None and origin != str(path):
        raise ConfigurationError(f"--import {path}: there is another module {name!r}, {origin}: rename the file")
    if isinstance(known, ModuleType):
        return known
    import cloudpickle

    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _failed(str(path), error) from error
    cloudpickle.register_pickle_by_value(module)
    return module


def _failed(name: str, error: Exception) -> ConfigurationError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return ConfigurationError(f"--import {name}: {type(error).__name__}: {error} ({last.filename}, line {last.lineno})")


def _digest(module: ModuleType) -> str:
    if getattr(module, "__file__", None) is None:
        raise ConfigurationError(f"--import {module.__name__}: a module without a file; name one that registers parts")
    file = Path(str(module.__file__))
    files = sorted(file.parent.rglob("*.py")) if hasattr(module, "__path__") else [file]
    return hashlib.sha256(b"".join(part.read_bytes() for part in files)).hexdigest()
