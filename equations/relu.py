"""Analog rectified unit: the non-spiking counterpart, driven through `delta` synapses in presentations of one step.

::

    v = R current (W^T x)          z = max(v / mV, 0)

Its activity z is the activity of a layer of rectified linear units; a presentation of one step is one forward pass.
"""

from brian2 import Mohm, volt

from brianff.equations.neuron import NeuronModel
from brianff.equations.parameters import POSITIVE, Parameter, Preset

__all__ = ["RELU"]

UNIT = Preset(
    "unit",
    "choice of units",
    {"R": Parameter(1 * Mohm, "resistance: 1 nA through a weight of 1 is an activity of 1", range=POSITIVE)},
)

RELU = NeuronModel(
    name="relu",
    equations="""
v : volt
activity = clip(v/mV, 0, inf) : 1
sensitivity = int(v > 0*volt) : 1
""",
    presets={UNIT.name: UNIT},
    largest_voltage=1e9 * volt,
)
"""The rectified unit; it never spikes."""
