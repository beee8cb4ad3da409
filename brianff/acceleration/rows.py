"""Fast C++ of Brian2's standalone mode for few units that spike through synapses that connect everything.

Brian2's code goes from synapse to synapse by lists of indices. Where every unit drives every neuron without delay, the
synapses of a unit are a row of a matrix; with the templates here the same statements run along the rows. Lanes, copies
of units and neurons, can share one matrix of synapses.
"""

from __future__ import annotations

import re
from pathlib import Path

from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

__all__ = ["ALIGNED", "SOURCES", "row_code"]

ALIGNED = Path(__file__).with_name("templates") / "aligned.cpp"
"""File to compile with a program, for its arrays to begin where rows are fast."""

SOURCES = (Path(__file__), *sorted(Path(__file__).with_name("templates").glob("*.cpp")))
"""Files that decide on the generated code."""


def _in_rows(code: str | list[str], sources: str, targets: str) -> str:
    """Let statements for a synapse take its source and target from its place in the matrix."""
    return _in_order(code, sources, "_source").replace(f"{targets}[_idx]", "_target")


def _in_order(code: str | list[str], sources: str, source: str = "_idx") -> str:
    """Let statements for a synapse take its source from its own place."""
    return _text(code).replace(f"{sources}[_idx]", source)


def _arrays(code: str | list[str]) -> list[str]:
    """Return the names of the arrays in statements."""
    return sorted(set(re.findall(r"\b_ptr_array_\w+", _text(code))))


def _text(code: str | list[str]) -> str:
    return code if isinstance(code, str) else "\n".join(code)


def row_code(lanes: int = 1) -> type[CPPStandaloneCodeObject]:
    """Return the class for `codeobj_class` of NeuronGroups without refractoriness, and of Synapses between them.

    The order of the operations is Brian2's own; results agree to rounding, for the compiler may add in another order.
    An event of a NeuronGroup takes its units from the condition, or by another `template` of its thresholder:

    - "given_spikes": spikes from standard input, for each step an int32 that counts them and as many that name units;
    - "threshold_of_spikes": those of the units that spike for which the condition holds.

    Summed variables must come from Synapses in the order of their sources, one for each, and of their targets.

    Parameters
    ----------
    lanes : int
        Source and target of the synapses consist of so many lanes, one after the other. Synapses must be made for the
        first one alone, all to all; they act in every lane.
    """

    class RowCode(CPPStandaloneCodeObject):
        templater = CPPStandaloneCodeObject.templater.derive("brianff.acceleration", env_globals={"lanes": lanes})

    RowCode.templater.env.filters |= {"in_rows": _in_rows, "in_order": _in_order, "arrays": _arrays}
    return RowCode
