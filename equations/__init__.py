"""The physics: Brian2 equations with units and cited parameter presets, nothing else."""

from brianff.equations.devices import DEVICES
from brianff.equations.lif import LIF, LIF_HARD_LEAKY_TRACE, LIF_LEAKY_TRACE, LIF_RELU_TRACE
from brianff.equations.mif import MIF, MIF_CLIPPED
from brianff.equations.neuron import NeuronModel
from brianff.equations.parameters import Parameter, Preset
from brianff.equations.relu import RELU
from brianff.equations.synapse import SYNAPSES, SynapseModel

__all__ = ["DEVICES", "LIF", "MIF", "NEURONS", "RELU", "SYNAPSES", "NeuronModel", "Parameter", "Preset", "SynapseModel"]

NEURONS = {
    model.name: model for model in (MIF, MIF_CLIPPED, LIF, LIF_RELU_TRACE, LIF_LEAKY_TRACE, LIF_HARD_LEAKY_TRACE, RELU)
}
"""Neuron models by name."""


def __dir__() -> list[str]:
    return __all__
