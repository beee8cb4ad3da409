"""Synaptic currents: alpha-shaped responses to presynaptic events.

True alpha current: a presynaptic event adds `current` x weight to `a`, and::

    tau_s da/dt = -a          tau_s dI/dt = a - I

so that one event gives I(t) = current x weight x (t / tau_s) exp(-t / tau_s). All synapses of a neuron share one
pair (a, I), because the equations are linear.

Delta: a presynaptic event moves the membrane at once by R x `current` x weight, before the threshold of the same step::

    v <- v + R current w amplitude

"As published": the public code of the fully memristive network steps a <- -a / tau + input instead of
a <- a - a / tau + input, which makes I nearly a single exponential. It is kept under that name for comparison.
"""

import re
from dataclasses import dataclass

__all__ = ["COMMON_TIME_COURSE", "SEPARABLE", "SYNAPSES", "UNIT_CURRENT", "SynapseModel"]


@dataclass(frozen=True)
class SynapseModel:
    """A synaptic current as Brian2 text.

    Parameters
    ----------
    name : str
    equations : str
        Equations of `a` and `I` (ampere); the time constant is `tau_s`.
    update : str
        Statements carried out at the start of each step, for models that are maps; empty for differential equations.
    target : str
        Variable of the neuron that a presynaptic event moves.
    gain : str
        By how much for a weight and an amplitude of 1.
    immediate : bool
        Events act after the integration and before the threshold of their own step, instead of after it.
    """

    name: str
    equations: str
    update: str = ""
    target: str = "a"
    gain: str = "current"
    immediate: bool = False

    @property
    def on_pre(self) -> str:
        """What a presynaptic event does, as a Brian2 statement; it reads `w` and `amplitude_pre`."""
        return f"{self.target}_post += {self.gain}*w*amplitude_pre"

    def common(self, text: str) -> str:
        """Return equations or statements of the current with `common_` before the names of their variables."""
        return re.sub(r"\b(d?)(a|I)(_post)?\b", r"\1common_\2\3", text)

    @property
    def on_pre_common(self) -> str:
        """What a presynaptic event does to the common current: that of all presynaptic units with equal weights.

        It reads `amplitude_pre`; the weights, 1 / `N_pre`, add up to 1.
        """
        return self.common(f"{self.target}_post += {self.gain}*amplitude_pre/N_pre")


ALPHA = SynapseModel(
    "alpha",
    """
da/dt = -a/tau_s : amp
dI/dt = (a - I)/tau_s : amp
""",
)

ALPHA_AS_PUBLISHED = SynapseModel(
    "alpha-as-published",
    """
a : amp
I : amp
""",
    update="""
I += (a - I)*dt/tau_s
a = -a*dt/tau_s
""",
)

DELTA = SynapseModel("delta", "I = 0*amp : amp\n", target="v", gain="R*current", immediate=True)

SYNAPSES = {model.name: model for model in (ALPHA, ALPHA_AS_PUBLISHED, DELTA)}
"""Synaptic currents by name."""

SEPARABLE = """
I = current*time_course*drive : amp
drive : 1
"""
"""Current of input units that all emit the same pulse train: the common `time_course` times the weighted sum `drive` of
the amplitudes. The time course is the full model's response to that train."""

UNIT_CURRENT = """
unit_current = current*time_course : amp
"""
"""Current of a unit drive.

Where input units spike at times of their own, the drive's time course is taken to be that of the common current of all
of them, with a mean of 1 over the presentation: what a neuron can know without a trace in each of its synapses. Models
whose sensitivity does not follow `unit_current` have a `time_course` of 1."""

COMMON_TIME_COURSE = """
time_course = common_I/current : 1
dcommon_mean/dt = time_course/duration : 1
"""
"""Time course of the common current, and its mean over the presentation, by which the sensitivity is still to be
divided: it is known at the end only."""
