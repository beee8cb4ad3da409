"""Which code made a result: packages' versions, and the commit where the code is a checkout."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["commit", "provenance", "version_of"]

_PACKAGES = ("brianff", "brian2", "numpy", "scipy", "Cython")


def provenance() -> dict[str, object]:
    """Return commit (None for an installed package), package versions and the version of Python."""
    return {
        "commit": commit(Path(__file__).parents[2]),
        "packages": {package: version_of(package) for package in _PACKAGES},
        "python": platform.python_version(),
    }


def commit(folder: Path) -> str | None:
    """Return the commit of the checkout in `folder`, with "+changes" if files differ from it; None without one."""
    if not (folder / ".git").exists():  # an installed package may lie inside somebody else's checkout
        return None
    try:
        head = _git(folder, "rev-parse", "--short=12", "HEAD")
        return f"{head}+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.CalledProcessError):  # no git, or none of its commits
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]  # killed, it would leave a lock behind
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None: it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:  # a checkout that was not installed
        return None
