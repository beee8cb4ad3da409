"""Synaptic currents: alpha-shaped responses to presynaptic events.

True alpha current: a presynaptic event adds `current_scale` x weight to `I_rise`, and::

    tau_s dI_rise/dt = -I_rise          tau_s dI/dt = I_rise - I

so that one event gives I(t) = current_scale x weight x (t / tau_s) exp(-t / tau_s). All synapses of a neuron share one
pair (I_rise, I), because the equations are linear.

Delta: a presynaptic event moves the membrane at once by R x `current_scale` x weight, before the threshold of the
same step::

    v <- v + R current_scale w amplitude

Normalised voltage: a layer hands on its membrane voltages v at the end of the step before, divided by their root mean
square over the layer, without spikes::

    I = current_scale sum_i w_i v_i / sqrt(mean_i v_i^2)

It is how the public code of the fully memristive network couples hidden layers (there without the factor of the square
root of the number of units).

"As published": the public code of the fully memristive network steps a <- -a / tau + input instead of
a <- a - a / tau + input for a = I_rise, which makes I nearly a single exponential. It is kept under that name for
comparison.
"""

import re
from dataclasses import dataclass

import sympy
from brian2 import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS, DEFAULT_UNITS, Equations
from brian2.parsing.sympytools import str_to_sympy
from brian2.utils.stringtools import get_identifiers

from brianff.equations.neuron import parsed
from brianff.equations.parameters import as_expression

__all__ = ["FORMS", "SYNAPSES", "SynapseModel"]


@dataclass(frozen=True)
class SynapseModel:
    """A synaptic current as Brian2 text.

    Parameters
    ----------
    name : str
    equations : str
        Equations of the current `I` (ampere), linear in its variables and 0 where they are; they may read the time
        constant `tau_s` and `current_scale`.
    update : str
        Statements carried out at the start of each step, for models that are maps; empty for differential equations.
    target : str
        Variable that a presynaptic event moves: one of the equations, or the neuron's `v` if `immediate`.
    gain : str or quantity
        By how much for a weight and an amplitude of 1.
    immediate : bool
        Events act after the integration and before the threshold of their own step, instead of after it.
    analog : bool
        There are no events: synapses add up voltages of the layer below at each step, by `summed`.
    summed : str
        Brian2 equations of those sums, for `Synapses`.
    """

    name: str
    equations: str
    update: str = ""
    target: str = "I_rise"
    gain: str = "current_scale"
    immediate: bool = False
    analog: bool = False
    summed: str = ""

    def check(self) -> None:
        """Raise a ValueError if the equations are not those of a current that events can move."""
        own = parsed(f"synapse {self.name!r}", self.equations).names
        if "I" not in own or not (self.analog or self.target in ({"v"} if self.immediate else own)):
            raise ValueError(
                f"synapse {self.name!r} must define its current I and its target {self.target!r}; target 'v', the "
                "membrane, goes with immediate = True"
            )
        known = own | {"tau_s", "current_scale", "dt", *DEFAULT_CONSTANTS, *DEFAULT_FUNCTIONS, *DEFAULT_UNITS}
        unknown = (Equations(self.equations).identifiers | get_identifiers(self.update)) - known
        if unknown:
            raise ValueError(
                f"synapse {self.name!r} reads {', '.join(sorted(unknown))}: a current may read its own variables, "
                "tau_s and current_scale"
            )
        if not (self.analog or self.immediate) and (name := self._not_linear()):
            raise ValueError(
                f"synapse {self.name!r}: what is said of {name} is not linear in {', '.join(sorted(own))}, or not 0 "
                "with them: one current stands for all synapses of a neuron and for all pulses of an input, times "
                "their weights, so that responses to events must add up"
            )

    def _not_linear(self) -> str:
        """Return a variable whose equation or update is not a sum of multiples of the synapse's variables."""
        equations = Equations(self.equations)
        substituted = equations.get_substituted_expressions(include_subexpressions=True)
        texts = [(name, one.code) for name, one in substituted if name in {"I", *equations.diff_eq_names}]
        for name, operator, value in re.findall(r"(\w+)\s*([-+*/]?)=\s*([^\n;#]+)", self.update):
            texts.append((name, f"{name} {operator} ({value})" if operator else value))
        variables = [sympy.Symbol(name, real=True) for name in equations.names]
        for name, text in texts:
            try:
                polynomial = sympy.Poly(str_to_sympy(text), *variables)
            except sympy.PolynomialError:
                return name
            if polynomial.total_degree() > 1 or not polynomial.coeff_monomial(1).is_zero:
                return name
        return ""

    def __post_init__(self):
        object.__setattr__(self, "equations", f"\n{self.equations}\n")  # they are put beside others
        object.__setattr__(self, "gain", as_expression(self.gain))

    @property
    def on_pre(self) -> str:
        """What a presynaptic event does, as a Brian2 statement; it reads `weight` and `amplitude_pre`."""
        if self.analog:
            return ""
        return f"{self.target}_post += {self.gain}*weight*amplitude_pre"

    def common(self, text: str) -> str:
        """Return equations or statements of the current with `common_` before the names of their variables."""
        if self.analog:  # its equations tell of the common current themselves
            return ""
        own = "|".join(Equations(self.equations).names)
        return re.sub(rf"\b(d?)({own})(_post)?\b", r"\1common_\2\3", text)

    @property
    def on_pre_common(self) -> str:
        """What a presynaptic event does to the common current: that of all presynaptic units with equal weights.

        It reads `amplitude_pre`; the weights, 1 / `N_pre`, add up to 1.
        """
        return self.common(f"{self.target}_post += {self.gain}*amplitude_pre/N_pre")


ALPHA = SynapseModel(
    "alpha",
    """
dI_rise/dt = -I_rise/tau_s : amp
dI/dt = (I_rise - I)/tau_s : amp
""",
)

ALPHA_AS_PUBLISHED = SynapseModel(
    "alpha-as-published",
    """
I_rise : amp
I : amp
""",
    update="""
I += (I_rise - I)*dt/tau_s
I_rise = -I_rise*dt/tau_s
""",
)

DELTA = SynapseModel("delta", "I = 0*amp : amp\n", target="v", gain="R*current_scale", immediate=True)

NORMALISED_VOLTAGE = SynapseModel(
    "normalised-voltage",
    """
I = current_scale*weighted_sum*scale : amp
common_I = current_scale*plain_sum*scale : amp
scale = sqrt(1/(square_sum + 1e-12)) : 1
weighted_sum : 1
plain_sum : 1
square_sum : 1
""",
    analog=True,
    summed="""
weighted_sum_post = weight*v_pre/mV : 1 (summed)
plain_sum_post = v_pre/mV/N_pre : 1 (summed)
square_sum_post = (v_pre/mV)**2/N_pre : 1 (summed)
""",
)

SYNAPSES = {model.name: model for model in (ALPHA, ALPHA_AS_PUBLISHED, DELTA, NORMALISED_VOLTAGE)}
"""Synaptic currents by name."""

SEPARABLE = """
I = current_scale*time_course*drive : amp
drive : 1
"""
"""Current of input units that all emit the same pulse train: the common `time_course` times the weighted sum `drive` of
the amplitudes. The time course is the full model's response to that train."""

GIVEN_DRIVE = """
I = current_scale*drive : amp
drive : 1
"""
"""Current of a weighted sum `drive` that is given at each step."""

UNIT_CURRENT = """
unit_current = current_scale*time_course : amp
"""
"""Current of a unit drive.

Where input units spike at times of their own, the drive's time course is taken to be that of the common current of all
of them, with a mean of 1 over the presentation: what a neuron can know without a trace in each of its synapses. Models
whose sensitivity does not follow `unit_current` have a `time_course` of 1."""

COMMON_TIME_COURSE = """
time_course = common_I/current_scale : 1
dcommon_mean/dt = time_course/duration : 1
"""
"""Time course of the common current, and its mean over the presentation, by which the sensitivity is still to be
divided: it is known at the end only."""

WINNING_VOLTAGE = "winning_voltage : volt"
"""What a neuron must reach to spike where only few may."""

WEIGHT = "weight : 1"
"""What a synapse has; neurons must not have a variable of that name."""

EVENT_AMPLITUDE = "amplitude : 1 (constant)"
"""Amplitude of the events that neurons send to the next layer."""

FORMS = (SEPARABLE, GIVEN_DRIVE, UNIT_CURRENT, COMMON_TIME_COURSE, WINNING_VOLTAGE, WEIGHT, EVENT_AMPLITUDE)
"""All that is put beside the equations of neurons in some form of a network: its names are taken."""
