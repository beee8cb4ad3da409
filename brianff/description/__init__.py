"""What a network is: plain, immutable, validated descriptions with units. They build and run nothing."""

from brianff.description.base import Description
from brianff.description.device import Device
from brianff.description.encodings import (
    EventEncoding,
    FrameEncoding,
    InputEncoding,
    LatencyEncoding,
    PulseEncoding,
    RateEncoding,
    RepeatEncoding,
)
from brianff.description.network import LabelCode, Layer, Network
from brianff.description.receptive_fields import Patches, ReceptiveField

__all__ = [
    "Description",
    "Device",
    "EventEncoding",
    "FrameEncoding",
    "InputEncoding",
    "LabelCode",
    "LatencyEncoding",
    "Layer",
    "Network",
    "Patches",
    "PulseEncoding",
    "RateEncoding",
    "ReceptiveField",
    "RepeatEncoding",
]
