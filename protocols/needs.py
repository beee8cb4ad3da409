"""What pieces of work need of a fast path that would do them; see `brianff.matching`."""

from __future__ import annotations

from typing import Any

from brianff.protocols.configuration import Protocol
from brianff.simulator import Simulator

__all__ = ["needs_of_frozen_layers", "needs_of_learning_inside"]


def needs_of_frozen_layers(protocol: Protocol, simulator: Simulator, layer: int) -> dict[str, Any]:
    """Return what presenting to the frozen layers below `layer` needs."""
    network = protocol.network
    return {
        "engine": protocol.engine.name,
        "layers below": layer,
        "distorted images": bool(protocol.data.shift),
        "sequences": protocol.data.made_task.sequences,
        "images without labels": not protocol.learning.made_negatives.labelled,
        "drawn encoding": not network.encoding.repeatable,
        "carried membranes": simulator.carries,
        "counted spikes": simulator.goodness.counts_spikes,
        "voltages handed on": any(above.synapse.analog for above in network.layers[1 : layer + 1]),
        "read noise": any(below.crossbar.noisy for below in simulator.layers[:layer]),
    }


def needs_of_learning_inside(protocol: Protocol, simulator: Simulator) -> dict[str, Any]:
    """Return what learning inside the presentations needs."""
    network, learning = protocol.network, protocol.learning
    population, negatives = simulator.populations[0], learning.made_negatives
    return {
        "engine": protocol.engine.name,
        "compiler": protocol.engine.online,
        "layers": len(network.layers),
        "encoding": type(network.encoding),
        "synapse": population.synapse.name,
        "rest by steps": population.rest_factor is None,
        "refractory neurons": population.neuron.refractory is not None,
        "counted spikes": simulator.goodness.counts_spikes,
        "readout": simulator.goodness.readout,
        "pooling": type(simulator.goodness.pooled),
        "modulator": type(learning.made_modulator),
        "plasticity": learning.made_plasticity,
        "sampler": type(learning.made_sampler),
        "devices": network.layers[0].device,
        "carried membranes": population.carries,
        "negatives chosen in batches": negatives.count > 1 and learning.batch > 1,
        "callbacks after each batch": any(callback.each_batch for callback in protocol.callbacks),
    }
