"""The physics: Brian2 equations with units and cited parameter presets, nothing else."""

from brianff.equations.lif import LIF
from brianff.equations.mif import MIF
from brianff.equations.neuron import NeuronModel
from brianff.equations.parameters import Parameter, Preset
from brianff.equations.synapse import SYNAPSES, SynapseModel

__all__ = ["LIF", "MIF", "NEURONS", "SYNAPSES", "NeuronModel", "Parameter", "Preset", "SynapseModel"]

NEURONS = {model.name: model for model in (MIF, LIF)}
"""Neuron models by name."""
