"""Forward-Forward learning on fully memristive spiking networks, on Brian2."""

from typing import Any

import lazy_loader

from brianff import importing_brian2, renamed

renamed.install()
importing_brian2.install()
# Brian2 takes a second to import: the names in __init__.pyi are imported when they are used.
_lazy, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    return _version() if name == "__version__" else _lazy(name)


def _version() -> str:
    # As long as the rest of importing this package, and few ask.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("brianff")
    except PackageNotFoundError:  # a checkout that was not installed
        return "0+unknown"
