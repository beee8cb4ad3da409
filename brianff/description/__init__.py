"""What a network is: plain, immutable, validated descriptions with units. They build and run nothing."""

from brianff.description.base import Description
from brianff.description.device import Device
from brianff.description.network import (
    LabelCode,
    LatencyEncoding,
    Layer,
    Network,
    PulseEncoding,
    RateEncoding,
)

__all__ = [
    "Description",
    "Device",
    "LabelCode",
    "LatencyEncoding",
    "Layer",
    "Network",
    "PulseEncoding",
    "RateEncoding",
]
