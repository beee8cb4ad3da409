"""Leaky integrate-and-fire (LIF) neuron with a spike trace, as the non-memristive counterpart.

::

    tau dv/dt = R I - v            spike and v <- v_reset where v > v_threshold
    tau_trace dz/dt = -z           z <- z + 1 at a spike

The trace z is the activity. A spike does not depend smoothly on the drive; its Hebbian surrogate dz/d(drive) = 1 makes
the modulated change presynaptic x postsynaptic trace.

Source: the discrete form v <- 0.85 v + input, z <- 0.85 z of arXiv 2406.16479; in the semi-implicit form the factor
0.85 = 1 / (1 + dt / tau) at dt = 1 ms gives tau = 5.667 ms.

The three models "lif-...-trace" are the neurons of that study to the letter: `delta` synapses, and a trace z that at a
spike grows by trace_step (relu: no decay; leaky) or is set to it (hard-leaky)::

    v <- 0.85 v + s W       z <- 0.85 z       spike: v <- 0, z <- z + 0.15
"""

from brian2 import Mohm, ms, mV, volt

from brianff.equations.neuron import NeuronModel
from brianff.equations.parameters import NOT_NEGATIVE, POSITIVE, Parameter, Preset

__all__ = ["LIF", "LIF_HARD_LEAKY_TRACE", "LIF_LEAKY_TRACE", "LIF_RELU_TRACE"]

LEAK_085 = Preset(
    "leak-0.85",
    "arXiv 2406.16479: factor 0.85 per step, one step = 1 ms (the unit of time is ours)",
    {
        "tau": Parameter(0.85 / 0.15 * ms, "membrane time constant", range=POSITIVE),
        "tau_trace": Parameter(0.85 / 0.15 * ms, "time constant of the spike trace", range=POSITIVE),
        "R": Parameter(10 * Mohm, "membrane resistance", "choice: 1 nA is 10 mV", range=POSITIVE),
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
    largest_explicit_step="tau",
)
"""The LIF neuron; its activity is the spike trace."""

KICKED = Preset(
    "arxiv-2406.16479",
    "arXiv 2406.16479 and its authors' notebook: factor 0.85 per step, one step = 1 ms (the unit of time is ours)",
    {
        "tau": Parameter(0.85 / 0.15 * ms, "membrane time constant", range=POSITIVE),
        "tau_trace": Parameter(0.85 / 0.15 * ms, "time constant of the spike trace", range=POSITIVE),
        "trace_step": Parameter(0.15, "growth of the trace at a spike", range=NOT_NEGATIVE),
        "R": Parameter(1 * Mohm, "membrane resistance", "choice: 1 nA through a weight of 1 is 1 mV", range=POSITIVE),
        "v_threshold": Parameter(2 * mV, "spike threshold", "declared in the notebook, where it is without effect"),
        "v_reset": Parameter(0 * mV, "membrane voltage after a spike"),
    },
)

KICKED_AS_PUBLISHED = KICKED.derive(
    "arxiv-2406.16479-as-published", "the threshold that the notebook's code applies", v_threshold=0.001 * mV
)


def _with_trace(name: str, trace: str, at_spike: str) -> NeuronModel:
    """Return a LIF neuron for `delta` synapses whose activity is a spike trace of some kind."""
    return NeuronModel(
        name=name,
        equations=f"""
dv/dt = (R*I - v)/tau : volt
{trace}
activity = trace : 1
sensitivity = 1 : 1
""",
        presets={preset.name: preset for preset in (KICKED, KICKED_AS_PUBLISHED)},
        threshold="v > v_threshold",
        reset=f"v = v_reset; {at_spike}",
        traces=("v", "trace"),
        silent_decay=True,
        # The published rule bounds no weight, and a linear membrane cannot diverge by itself.
        largest_voltage=1e9 * volt,
        largest_explicit_step="tau",
    )


_DECAYING = "dtrace/dt = -trace/tau_trace : 1"

LIF_RELU_TRACE = _with_trace("lif-relu-trace", "trace : 1", "trace += trace_step")
"""LIF neuron whose trace is its number of spikes x trace_step."""

LIF_LEAKY_TRACE = _with_trace("lif-leaky-trace", _DECAYING, "trace += trace_step")
"""LIF neuron whose trace decays, and grows by trace_step at a spike."""

LIF_HARD_LEAKY_TRACE = _with_trace("lif-hard-leaky-trace", _DECAYING, "trace = trace_step")
"""LIF neuron whose trace decays, and is set to trace_step at a spike."""
