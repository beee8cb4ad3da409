"""What this installation consists of and can do: the first thing to look at when something is slow or fails."""

import platform
import subprocess
from collections.abc import Callable
from typing import Any

from brianff.storage.provenance import version_of

__all__ = ["report"]

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
        ("cache directory", _attempt(lambda: _tools().cache_directory())),
        *_datasets(),
    ]


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


def _datasets() -> list[tuple[str, str]]:
    try:
        from brianff.data.named import available_datasets

        found = available_datasets()
    except Exception as error:
        return [("data sets", f"failed: {type(error).__name__}: {error}")]
    return [(f"data set {name}", str(path or "not found")) for name, path in found.items()]
