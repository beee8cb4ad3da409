"""Two engines with one meaning: `lanes`, fast, and `reference`, ordinary Brian2 objects."""

from brianff.engines.lanes.engine import LanesEngine
from brianff.engines.reference import ReferenceEngine

__all__ = ["ENGINES", "LanesEngine", "ReferenceEngine"]

ENGINES = {"lanes": LanesEngine, "reference": ReferenceEngine}
"""Engines by name."""
