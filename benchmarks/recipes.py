"""The recipe of the first versions, by which speeds are compared: voltages, ideal weights, a strong label."""

from __future__ import annotations

from collections.abc import Sequence

from brianff.protocols.configuration import Protocol, load_protocol

__all__ = ["LARGE_SETTINGS", "by_voltage"]

SETTINGS = (
    "network.layers.0.preset=kang-2021",
    "network.layers.0.current_scale=32 uA",
    "network.label.rows=1",
    "data.augmentation=[]",
    "callbacks=[]",
    "learning.goodness=mean-square",
    "learning.sharpness=0.1",
    "evaluation.decision=log-odds",
)

LARGE_SETTINGS = ("data.shift=2", "network.layers.0.weight_bound=0.6", "learning.threshold=10", "learning.epochs=40")
"""What `msnn-mnist-large` was, besides."""


def by_voltage(name: str, settings: Sequence[str] = ()) -> Protocol:
    """Return a named protocol of one layer that learns and decides by mean square voltage, with ideal weights."""
    protocol = load_protocol(name, [*SETTINGS, *settings]).without_devices()
    network = protocol.network
    layers = [layer.replace(receptive_field=None) for layer in network.layers]
    return protocol.replace(network=network.replace(layers=layers, label=network.label.replace(strength=4.0)))
