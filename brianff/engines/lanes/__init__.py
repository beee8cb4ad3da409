"""The fast engine: many presentations side by side."""

from brianff.engines.lanes.engine import LanesEngine

__all__ = ["LanesEngine"]
