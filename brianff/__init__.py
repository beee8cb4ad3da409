"""Forward-Forward learning on fully memristive spiking networks, on Brian2."""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

from brianff import import_anywhere, renamed

try:
    __version__ = version("brianff")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0+unknown"

renamed.install()
import_anywhere.install()
# Brian2 takes a second to import: the names in __init__.pyi are imported when they are used.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
