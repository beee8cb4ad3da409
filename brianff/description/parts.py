"""Fields of descriptions that hold a replaceable part: an object, or a name that its registry knows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from brianff.equations import NEURONS as _NEURONS
from brianff.equations import SYNAPSES as _SYNAPSES
from brianff.equations import NeuronModel, SynapseModel
from brianff.equations.devices import DEVICES as _DEVICES
from brianff.equations.devices import LAWS as _LAWS
from brianff.equations.devices import DeviceLaw, DevicePreset
from brianff.registry import Registry

__all__ = ["DEVICES", "LAWS", "NEURONS", "SYNAPSES", "Neuron", "Synapse", "part"]

NEURONS = Registry("neuron", NeuronModel, _NEURONS, classes=False)
SYNAPSES = Registry("synapse", SynapseModel, _SYNAPSES, classes=False)
LAWS = Registry("law", DeviceLaw, _LAWS)
DEVICES = Registry("device", DevicePreset, _DEVICES)


def part(registry: Registry) -> Any:
    """Return what a field of a description is annotated with: it holds the part, and is written as its name."""
    return PlainValidator(registry.find), PlainSerializer(registry.describe)


Neuron = Annotated[Any, *part(NEURONS)]
Synapse = Annotated[Any, *part(SYNAPSES)]
