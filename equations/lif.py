"""Leaky integrate-and-fire (LIF) neuron with a spike trace, as the non-memristive counterpart.

::

    tau dv/dt = R I - v            spike and v <- v_reset where v > v_threshold
    tau_trace dz/dt = -z           z <- z + 1 at a spike

The trace z is the activity. A spike does not depend smoothly on the drive; its Hebbian surrogate dz/d(drive) = 1 makes
the modulated change presynaptic x postsynaptic trace.

Source: the discrete form v <- 0.85 v + input, z <- 0.85 z of arXiv 2406.16479; in the semi-implicit form the factor
0.85 = 1 / (1 + dt / tau) at dt = 1 ms gives tau = 5.667 ms.
"""

from brian2 import Mohm, ms, mV

from brianff.equations.neuron import NeuronModel
from brianff.equations.parameters import Parameter, Preset

__all__ = ["LIF"]

LEAK_085 = Preset(
    "leak-0.85",
    "arXiv 2406.16479: factor 0.85 per step, one step = 1 ms (the unit of time is ours)",
    {
        "tau": Parameter(0.85 / 0.15 * ms, "membrane time constant"),
        "tau_trace": Parameter(0.85 / 0.15 * ms, "time constant of the spike trace"),
        "R": Parameter(10 * Mohm, "membrane resistance", "choice: 1 nA is 10 mV"),
        "v_threshold": Parameter(10 * mV, "spike threshold", "choice: the unit of the drive"),
        "v_reset": Parameter(0 * mV, "membrane voltage after a spike"),
    },
)

LIF = NeuronModel(
    name="lif",
    equations="""
dv/dt = (R*I - v)/tau : volt
dtrace/dt = -trace/tau_trace : 1
activity = trace : 1
sensitivity = 1 : 1
""",
    presets={LEAK_085.name: LEAK_085},
    threshold="v > v_threshold",
    reset="v = v_reset; trace += 1",
    traces=("v", "trace"),
)
"""The LIF neuron; its activity is the spike trace."""
