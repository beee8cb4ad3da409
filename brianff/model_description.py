"""A network in words that Brian2 users read: every group, its equations, parameters and the order of what happens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import brian2

    from brianff.simulator import Simulator

__all__ = ["describe"]


def describe(simulator: Simulator) -> str:
    """Return the description of a simulator's network; see `Simulator.describe`."""
    from brianff.engines import ReferenceEngine

    network = simulator.network
    with simulator.evaluation(membranes=True):
        pixels = network.pixels * network.encoding.frames
        inputs = simulator.inputs(np.zeros((1, pixels)), np.zeros(1, dtype=int))
        engine = ReferenceEngine(network, simulator.goodness, seed=simulator.streams.seed)
        objects = engine.build(inputs, simulator.read_weights())
    for one in objects.network.objects:
        one._network = objects.network.name  # else Brian2 warns that it was never run
    steps = network.rest_steps + network.encoding.steps
    rest = f", the first {network.rest_steps} of which are rest" if network.rest_steps else ""
    parts = [
        "# Network",
        f"Brian2 objects of the reference engine. A presentation lasts {steps} steps of {network.time_step}{rest}. "
        f"Integration: {network.method}.",
        *_group(objects.inputs),
    ]
    for group, synapses in zip(objects.layers, objects.synapses, strict=True):
        parts += [*_synapses(synapses), *_group(group)]
    return "\n\n".join(parts) + "\n"


def _group(group: brian2.NeuronGroup) -> Iterator[str]:
    yield f"## {group.name}: {len(group)} units"
    yield _code(_equations(group.equations))
    yield f"Spikes where `{group.events['spike']}`, {_when(group.thresholder['spike'])}."
    if reset := group.event_codes.get("spike"):
        yield f"Reset, {_when(group.resetter['spike'])}:"
        yield _code(reset)
    for runner in group.contained_objects:
        if hasattr(runner, "abstract_code") and runner.name.startswith(f"{group.name}_run_regularly"):
            yield f"Every {runner.clock.dt}, {_when(runner)}:"
            yield _code(runner.abstract_code)
    if parameters := dict(_parameters(group)):
        rows = [f"| {name} | {value!r} |" for name, value in sorted(parameters.items())]
        yield "\n".join(["| parameter | value |", "| --- | --- |", *rows])


def _synapses(synapses: brian2.Synapses) -> Iterator[str]:
    yield f"## {synapses.name}: from {synapses.source.name} to {synapses.target.name}, {len(synapses)} synapses"
    yield _code(_equations(synapses.equations))
    for pathway in synapses._pathways:
        yield f"On a spike of {synapses.source.name}, {_when(pathway)}:"
        yield _code(pathway.code)


def _parameters(group: brian2.NeuronGroup) -> Iterator[tuple[str, Any]]:
    """Yield name and value of the constants that a group's equations and statements name."""
    from brian2.utils.stringtools import get_identifiers

    code = [str(group.equations), *group.events.values(), *group.event_codes.values()]
    code += [runner.abstract_code for runner in group.contained_objects if hasattr(runner, "abstract_code")]
    used = get_identifiers("\n".join(code))
    for name, value in group.namespace.items():
        if name in used and not callable(value):  # tables of time and functions are
            yield name, value if hasattr(value, "dim") else float(value)


def _equations(equations: brian2.Equations) -> str:
    """Return equations as Brian2 reads them (it writes units that it does not read), without those it adds itself."""
    lines = []
    for name, one in equations.items():
        left = f"d{name}/dt" if one.type == "differential equation" else name
        right = f" = {one.expr.code}" if one.expr else ""
        unit = "1" if one.dim.is_dimensionless else repr(one.unit)
        flags = f" ({', '.join(one.flags)})" if one.flags else ""
        lines += [f"{left}{right} : {unit}{flags}"] * (name not in ("lastspike", "not_refractory"))
    return "\n".join(lines)


def _when(one: Any) -> str:
    return f"in slot '{one.when}', order {one.order}"


def _code(text: str) -> str:
    return "```\n" + text.strip().replace("*radian", "") + "\n```"  # Brian2's word for no unit
