"""The recipe of the first versions, by which speeds are compared: voltages, ideal weights, a strong label."""

from __future__ import annotations

from collections.abc import Sequence

from brianff.protocols.configuration import Protocol, load_protocol

__all__ = ["by_voltage"]

SETTINGS = (
    "network.layers.0.preset=kang-2021",
    "network.layers.0.current_scale=32 uA",
    "network.label.rows=1",
    "learning.goodness=mean-square",
    "learning.sharpness=0.1",
    "evaluation.decision=log-odds",
)


def by_voltage(name: str, settings: Sequence[str] = ()) -> Protocol:
    """Return a named protocol of one layer that learns and decides by mean square voltage, with ideal weights."""
    protocol = load_protocol(name, [*SETTINGS, *settings]).without_devices()
    label = protocol.network.label.replace(strength=4.0)
    return protocol.replace(network=protocol.network.replace(label=label))
