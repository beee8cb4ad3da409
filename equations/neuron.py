"""What a neuron model is: equations, parameters, events, and which of its variables is its activity."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import brian2
import numpy as np
from brian2 import Equations, volt
from brian2.equations.equations import DIFFERENTIAL_EQUATION, PARAMETER
from brian2.units.fundamentalunits import Quantity, get_dimensions, have_same_dimensions, is_dimensionless

from brianff.equations.parameters import Preset, as_expression, is_number

__all__ = ["NeuronModel", "one_line", "parsed"]


_DEFINED = (
    ("v", volt, "the membrane voltage"),
    ("activity", 1, "from which goodness is measured"),
    ("sensitivity", 1, "the derivative of the activity with respect to the drive"),
)

_KINDS = (
    ("name", str, "text"),
    ("presets", Mapping, "a mapping of names to Presets, or to quantities"),
    ("initial", Mapping, "a mapping of variables to values"),
    *((name, str, "text") for name in ("threshold", "reset", "update", "activity_unit", "spike_activity")),
    ("largest_voltage", Quantity, "a quantity, such as 10*volt"),
)
"""Fields that are not what they seem if they are of another type."""


def one_line(error: BaseException) -> str:
    """Return the reason of an error of Brian2, the innermost one, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = error.args[0] if isinstance(error, KeyError) and error.args else error  # its text would be in quotes
    return " ".join(str(reason).split()) or type(error).__name__


def parsed(whose: str, equations: str) -> Equations:
    """Return parsed equations; a ValueError that says whose they are if Brian2 cannot read them."""
    try:
        return Equations(equations)
    except Exception as error:
        raise ValueError(
            f"{whose} has equations that are not Brian2's: {one_line(error)}; a line is dx/dt = expression : unit, or "
            "x = expression : unit, with 1 as the unit of a plain number"
        ) from None


@dataclass(frozen=True)
class NeuronModel:
    """A neuron model as Brian2 text: a name, equations and parameters, and a threshold and a reset if it spikes.

    Parameters
    ----------
    name : str
    equations : str
        Differential equations in the order of integration. They read `I` (ampere), the synaptic current, and
        `unit_current` (ampere), the current of a unit drive. They define `v` (volt), the membrane voltage, `activity`
        (1), from which goodness is measured, and `sensitivity` (1), the derivative of the activity with respect to the
        drive. They may not name the time `t`.
    presets : mapping of str to Preset, or of str to quantity
        Parameter presets; the first is the default. Parameters by name are one preset, "own".
    initial : mapping of str to str or quantity
        State at the start of a presentation: variable to its value, to the parameter that gives it, or to an expression
        of parameters and units. All others start at 0.
    threshold : str
        Condition of a spike; empty: the neuron never spikes.
    spike_activity : str
        Expression (1) of parameters: the activity from which on a neuron counts as spiking, for goodness by peaks.
    refractory : str, quantity or None
        Time for which, or condition under which, a neuron cannot spike again; a neuron without reset spikes at upward
        crossings only.
    reset : str
        Statements carried out at a spike; may be empty.
    activity_unit : str
        Unit in which the activity is a number; empty: it has none.
    memristors : tuple of str
        States of its memristors, which `Layer.memristors` can freeze.
    traces : tuple of str
        Variables worth recording, the membrane voltage first.
    dissipated_power : str
        Expression of the power (watt) that the neuron turns into heat; empty: the model has no such power.
    delivered_power : str
        Expression of the power (watt) that the synaptic current and batteries deliver to it.
    stored_energy : str
        Expression of the energy (joule) that it stores, of the membrane voltage v and parameters.
    update : str
        Statements, one for each line, carried out in each step as soon as the variables that they assign have their new
        values: limits of the voltage.
    silent_decay : bool
        Without input the membrane of a neuron below threshold decays in proportion to itself and stays below it: a
        rest can be computed at once.
    largest_voltage : brian2.Quantity
        A membrane voltage beyond it shows that the integration diverged.
    largest_explicit_step : str
        Expression of the time step above which explicit integration may diverge; empty: not known.
    largest_exponent : str
        Expression of the largest size of the exponents (1) that must be told apart; empty: there are none.
    """

    name: str
    equations: str
    presets: Mapping[str, Any]
    initial: Mapping[str, str] = field(default_factory=dict)
    threshold: str = "False"
    spike_activity: str = "1"
    refractory: Any = None
    reset: str = ""
    activity_unit: str = ""
    memristors: tuple[str, ...] = ()
    traces: tuple[str, ...] = ("v",)
    dissipated_power: str = ""
    delivered_power: str = ""
    stored_energy: str = ""
    update: str = ""
    silent_decay: bool = False
    largest_voltage: Quantity = field(default_factory=lambda: 10 * volt)
    largest_explicit_step: str = ""
    largest_exponent: str = ""

    def __post_init__(self):
        object.__setattr__(self, "equations", f"\n{self.equations}\n")  # they are put beside others
        object.__setattr__(self, "threshold", self.threshold or "False")
        if isinstance(presets := self.presets, Preset):
            object.__setattr__(self, "presets", {presets.name: presets})
        elif isinstance(presets, Mapping) and not (
            presets and all(isinstance(one, Preset) for one in presets.values())
        ):
            object.__setattr__(self, "presets", {"own": Preset("own", "", presets)})
        object.__setattr__(self, "refractory", as_expression(self.refractory))
        if isinstance(self.initial, Mapping):
            object.__setattr__(self, "initial", {name: as_expression(one) for name, one in self.initial.items()})
        for name in ("memristors", "traces"):
            if isinstance(one := getattr(self, name), str):
                object.__setattr__(self, name, (one,))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}, presets={', '.join(self.presets)!r}, threshold={self.threshold!r})"
        )

    def _repr_html_(self) -> str:
        return f"<b>{escape(repr(self))}</b><pre>{escape(self.equations)}</pre>"

    @cached_property
    def variables(self) -> Equations:
        """The parsed equations."""
        return parsed(f"neuron {self.name!r}", self.equations)

    def check(self) -> None:
        """Raise a ValueError if equations, parameters or initial values are not what they must be."""
        for name, kind, words in _KINDS:
            if not isinstance(value := getattr(self, name), kind):
                raise ValueError(f"{name} of neuron {self.name!r} is {value!r}; it must be {words}")
        variables = self.variables
        for name, unit, meaning in _DEFINED:
            if name not in variables:
                raise ValueError(f"the equations of neuron {self.name!r} must define {name} ({unit}), {meaning}")
            if variables[name].dim is not get_dimensions(unit):
                wanted, given = (
                    one if not is_dimensionless(one) else "1, a plain number" for one in (unit, variables[name].unit)
                )
                raise ValueError(f"{name} of neuron {self.name!r} must be in {wanted}, not in {given}")
        for name, parameter in (item for preset in self.presets.values() for item in preset.parameters.items()):
            value, range = parameter.value, parameter.range
            if not (isinstance(value, Quantity) or is_number(value)) or np.shape(np.asarray(value)):
                raise ValueError(f"parameter {name} of neuron {self.name!r} is {value!r}; it must be one number")
            if float(value) not in range:
                raise ValueError(f"parameter {name} of neuron {self.name!r} is {value}; it must {range.rule}")
        if self.reset and self.threshold == "False":
            raise ValueError(f"neuron {self.name!r} has a reset but no threshold: it never spikes")
        for name in self.traces:
            if name not in variables:
                raise ValueError(
                    f"traces of neuron {self.name!r} names {name!r}; it may name {', '.join(sorted(variables))}"
                )
        for name in self.memristors:
            if name not in variables.diff_eq_names:
                raise ValueError(f"memristors of neuron {self.name!r} names {name!r}, which has no equation d{name}/dt")
        states = [key for key, item in variables.items() if item.type in (DIFFERENTIAL_EQUATION, PARAMETER)]
        if shared := [name for name in states if "shared" in variables[name].flags]:
            raise ValueError(
                f"{shared[0]} of neuron {self.name!r} is (shared), and every neuron has states of its own: leave the "
                "flag out, or make it a parameter"
            )
        for name, expression in self.initial.items():
            if not isinstance(expression, str):
                raise ValueError(f"initial {name} of neuron {self.name!r} is {expression!r}; give a quantity or text")
            if name not in states:
                raise ValueError(f"initial of neuron {self.name!r} names {name!r}; it may name {', '.join(states)}")
            try:
                value = self.start(name, self.namespace())
            except Exception as error:
                raise ValueError(f"initial {expression!r} of neuron {self.name!r}: {one_line(error)}") from None
            if not have_same_dimensions(value, variables[name].unit):
                raise ValueError(f"initial {name} = {expression} of neuron {self.name!r} needs {variables[name].unit}")

    def start(self, variable: str, parameters: Mapping[str, Any]) -> Any:
        """Return a state variable at the start of a presentation, with its unit; `parameters` may be arrays."""
        expression = self.initial.get(variable)
        if expression is None:
            return 0.0 * self.variables[variable].unit
        return eval(expression, {**vars(brian2), **parameters})

    @property
    def acts_at_spikes(self) -> bool:
        """Whether a spike changes what the neuron does next."""
        words = set(self.variables.identifiers).union(*(equation.flags for equation in self.variables.values()))
        return bool(self.reset) or bool(words & {"unless refractory", "not_refractory", "lastspike"})

    @property
    def needs_at_spikes(self) -> dict[str, bool]:
        """What its spikes are beyond upward crossings of the threshold, for a `matching.FastPath`."""
        return {"effects of spikes": self.acts_at_spikes, "refractoriness": self.refractory != self.threshold}

    @property
    def energy(self) -> str:
        """Equations that integrate the energies `dissipated` and `delivered` (joule); may be empty."""
        if not self.dissipated_power:
            return ""
        return f"""
ddissipated/dt = {self.dissipated_power} : joule
ddelivered/dt = {self.delivered_power} : joule
"""

    def preset(self, name: str | None = None) -> Preset:
        """Return a preset by its name (None: the default); a ValueError if it is unknown."""
        name = next(iter(self.presets)) if name is None else name
        if name not in self.presets:
            raise ValueError(f"neuron {self.name!r} has no preset {name!r}; known: {', '.join(self.presets)}")
        return self.presets[name]

    def namespace(self, preset: str | None = None, /, **values) -> dict:
        """Return the parameters of a preset (None: the default) with single values replaced.

        Raises
        ------
        ValueError
            If the preset or a parameter is unknown, or a value has other dimensions than the preset's.
        """
        namespace = self.preset(preset).namespace()
        for key, value in values.items():
            if key not in namespace:
                raise ValueError(f"neuron {self.name!r} has no parameter {key!r}; known: {', '.join(namespace)}")
            if not have_same_dimensions(value, namespace[key]):
                raise ValueError(f"parameter {key} is {value}; it needs the dimensions of {namespace[key]}")
        return namespace | values
