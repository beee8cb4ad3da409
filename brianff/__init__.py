"""Forward-Forward learning on fully memristive spiking networks, on Brian2."""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

try:
    __version__ = version("brianff")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"

# In a checkout the floors stand beside this folder, not inside it; an installed package has them inside.
_checkout = Path(__file__).parent.parent
if (_checkout / "pyproject.toml").is_file() and (_checkout / "equations").is_dir():
    __path__.append(str(_checkout))

_PUBLIC = {
    "Device": "brianff.device",
    "Goodness": "brianff.goodness",
    "LabelCode": "brianff.description",
    "LatencyEncoding": "brianff.description",
    "Layer": "brianff.description",
    "Network": "brianff.description",
    "PulseEncoding": "brianff.description",
    "RateEncoding": "brianff.description",
    "Recording": "brianff.responses",
    "Responses": "brianff.responses",
    "Simulator": "brianff.simulator",
    "load_dataset": "brianff.datasets",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    # Brian2 takes a second to import; nothing is imported before it is used.
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
