"""Networks as graphs of the Neuromorphic Intermediate Representation (NIR), where nothing is lost by it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from brianff.errors import ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    import nir

    from brianff.simulator import Simulator

__all__ = ["nir_graph"]

MEMBRANE = "dv/dt = (R*I - v)/tau"


def nir_graph(simulator: Simulator) -> nir.NIRGraph:
    """Return the network as a NIR graph; see `Simulator.to_nir`."""
    try:
        import nir
    except ImportError:
        raise MissingDependencyError("NIR is missing: pip install 'brianff[spikes]'") from None
    network = simulator.network
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input({"input": np.array([network.inputs])})}
    layers = zip(network.layers, simulator.layers, simulator.populations, strict=True)
    for number, (layer, simulated, population) in enumerate(layers):
        neuron, synapse = population.neuron, population.synapse
        for lossy, what in (
            (MEMBRANE not in neuron.equations, f"the neuron {neuron.name!r}, which is no leaky integrate-and-fire one"),
            (neuron.threshold != "v > v_threshold", f"the threshold {neuron.threshold!r}"),
            (neuron.refractory is not None, "a refractory time"),
            (synapse.name != "delta", f"the synapse {synapse.name!r}: only 'delta' is one"),
            (bool(layer.neuron_spread), "neurons that differ"),
            (layer.winners is not None, "neurons that compete"),
            (
                simulated.crossbar.read(np.random.default_rng(0)) is not simulated.crossbar.weights,
                "synapses whose reads show other weights (noise, wires, converters)",
            ),
        ):
            if lossy:
                raise ConfigurationError(f"layer {number} cannot be exported without loss: NIR does not know {what}")
        values = {name: np.full(layer.neurons, float(population.parameters[name])) for name in _PARAMETERS}
        jump = float(population.parameters["R"] * layer.current_scale)
        nodes[f"synapses_{number}"] = nir.Linear(jump * simulated.crossbar.weights.T)
        # An event is an impulse of area 1 s: with r = tau it moves the voltage by the weight, in volts.
        nodes[f"neurons_{number}"] = nir.LIF(
            tau=values["tau"],
            r=values["tau"],
            v_leak=np.zeros(layer.neurons),
            v_threshold=values["v_threshold"],
            v_reset=values["v_reset"],
        )
    nodes["output"] = nir.Output({"output": np.array([network.layers[-1].neurons])})
    names = list(nodes)
    about = {"time_step": float(network.time_step), "units": "s and V", "made by": "brianff"}
    return nir.NIRGraph(nodes, list(pairwise(names)), metadata=about)


_PARAMETERS = ("tau", "v_threshold", "v_reset")
