"""The crossbar: weights of a layer, and the devices that hold them."""

from brianff.crossbar.crossbar import Crossbar, DeviceCrossbar, make_crossbar

__all__ = ["Crossbar", "DeviceCrossbar", "make_crossbar"]
