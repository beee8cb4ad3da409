"""What this installation consists of and can do: the first thing to look at when something is slow or fails."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from brianff.storage.provenance import version_of

__all__ = ["report", "show_versions"]

_PACKAGES = ("brianff", "brian2", "numpy", "cython", "scipy", "pandas", "scikit-learn", "matplotlib")


def report() -> list[tuple[str, str]]:
    """Return items and their values as text. Nothing raises: what fails is reported as its item's value."""
    return [
        ("python", platform.python_version()),
        ("platform", platform.platform()),
        *((package, version_of(package) or "not installed") for package in _PACKAGES),
        ("compiler", _attempt(_compiler)),
        ("code generation target", _attempt(_target)),
        ("SIMD exp", _attempt(lambda: "yes" if _tools().simd_exponential() else "no")),
        ("cache directory", _attempt(_cache)),
        ("pitfalls", _attempt(_surroundings)),
        *_datasets(),
    ]


def show_versions() -> None:
    """Print what this installation consists of, as ``brianff doctor`` does: what a report of an error should hold."""
    for item, value in report():
        print(f"{item:24}{value}")


def _attempt(probe: Callable[[], Any]) -> str:
    try:
        return str(probe())
    except Exception as error:  # a broken installation is what a doctor is asked about
        return f"failed: {type(error).__name__}: {error}"


def _target() -> str:
    from brianff.acceleration.compiled import code_target

    return code_target()


def _tools() -> Any:
    """Return the module that asks for compilers; its import is part of what may fail."""
    from brianff.acceleration import compiler

    return compiler


def _compiler() -> str:
    path = _tools().compiler()
    if path is None:
        return "none"
    lines = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
    return f"{path} ({lines[0] if lines else 'version unknown'})"


def _cache() -> str:
    directory = _tools().cache_directory()
    there = next(place for place in (directory, *directory.parents) if place.exists())
    writable = there.is_dir() and os.access(there, os.W_OK)
    return str(directory) if writable else f"{directory} (cannot be written: set BRIANFF_CACHE to another directory)"


def _surroundings() -> str:
    """Return what around the process may surprise: compilers, streams, files."""
    from brianff.acceleration.compiled import unusable_compilers

    odd = [f"{name} is {value!r}, which is no program" for name, value in unusable_compilers().items()]
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    odd += [f"standard {name} is closed" for name, stream in streams.items() if stream is None]
    hiding = (path.name for path in Path.cwd().glob("*.py") if path.stem in sys.stdlib_module_names)
    odd += [f"{name} in the working directory hides Python's own, for scripts that lie there" for name in hiding]
    return "; ".join(odd) or "none found"


def _datasets() -> list[tuple[str, str]]:
    try:
        from brianff.data.named import available_datasets

        found = available_datasets()
    except Exception as error:
        return [("data sets", f"failed: {type(error).__name__}: {error}")]
    return [(f"data set {name}", str(path or "not found")) for name, path in found.items()]
