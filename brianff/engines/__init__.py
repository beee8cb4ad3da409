"""Three engines with one meaning.

`response` looks up what was computed once, `lanes` integrates many presentations side by side, and `reference` is
ordinary Brian2 objects, one presentation after the other.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

from brianff.description import Network
from brianff.engines.lanes.engine import LanesEngine
from brianff.engines.reference import ReferenceEngine
from brianff.engines.response.engine import ResponseEngine
from brianff.goodness import Goodness

__all__ = ["ENGINES", "LanesEngine", "ReferenceEngine", "ResponseEngine", "make_engine"]

ENGINES: dict[str, type] = {"response": ResponseEngine, "lanes": LanesEngine, "reference": ReferenceEngine}
"""Engines by name; "auto" takes the first that a network fits."""


def make_engine(name: str, network: Network, goodness: Goodness, **options: Any) -> tuple[Any, str, str]:
    """Return an engine, its name, and why it was taken.

    Parameters
    ----------
    name : str
        One of `ENGINES`, or "auto".
    network : Network
    goodness : Goodness
    **options
        Of the engines; each is given those that it knows.

    Raises
    ------
    ConfigurationError
        If there is no such engine, or the network does not fit it.
    """
    reason = "engine.name asks for it"
    if name == "auto":
        refused = ResponseEngine.refused(network)
        if not refused and network.layers[0].neuron.acts_at_spikes:  # by steps it trains before the table is made
            refused = "what a neuron that is reset answers jumps with the drive: a table would take minutes"
        name, reason = ("lanes", refused) if refused else ("response", "responses are functions of the neurons' drive")
        options["strict"] = False
    kind = ENGINES[name]
    known = signature(kind).parameters
    return kind(network, goodness, **{key: value for key, value in options.items() if key in known}), name, reason
