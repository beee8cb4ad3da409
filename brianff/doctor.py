"""What this installation consists of and can do: the first thing to look at when something is slow or fails."""

import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

__all__ = ["report"]

_PACKAGES = ("brianff", "brian2", "numpy", "cython", "scipy", "pandas", "scikit-learn", "matplotlib")


def report() -> list[tuple[str, str]]:
    """Return items and their values as text. Nothing raises: what fails is reported as its item's value."""
    return [
        ("python", platform.python_version()),
        ("platform", platform.platform()),
        *((package, _package_version(package)) for package in _PACKAGES),
        ("compiler", _attempt(_compiler)),
        ("code generation target", _attempt(_target)),
        ("SIMD exp", _attempt(_simd_exponential)),
        ("cache directory", _attempt(_cache_directory)),
        *_datasets(),
    ]


def _attempt(probe: Callable[[], str]) -> str:
    try:
        return probe()
    except Exception as error:  # a broken installation is what a doctor is asked about
        return f"failed: {type(error).__name__}: {error}"


def _package_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _compiler() -> str:
    from brianff.acceleration.compiler import compiler

    path = compiler()
    if path is None:
        return "none"
    lines = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()
    return f"{path} ({lines[0] if lines else 'version unknown'})"


def _target() -> str:
    from brianff.acceleration.compiler import configure

    return configure()


def _simd_exponential() -> str:
    from brianff.acceleration.compiler import simd_exponential

    return "yes" if simd_exponential() else "no"


def _cache_directory() -> str:
    from brianff.acceleration.compiler import cache_directory

    return str(cache_directory())


def _datasets() -> list[tuple[str, str]]:
    try:
        from brianff.data.named import available_datasets

        found = available_datasets()
    except Exception as error:
        return [("data sets", f"failed: {type(error).__name__}: {error}")]
    return [(f"data set {name}", str(path or "not found")) for name, path in found.items()]
