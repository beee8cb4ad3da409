"""What a neuron model is: equations, parameters, events, and which of its variables is its activity."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from brian2 import volt
from brian2.units.fundamentalunits import Quantity, have_same_dimensions

from brianff.equations.parameters import Preset

__all__ = ["NeuronModel"]


@dataclass(frozen=True)
class NeuronModel:
    """A neuron model as Brian2 text.

    Parameters
    ----------
    name : str
    equations : str
        Differential equations in the order of integration. They read `I` (ampere), the synaptic current, and
        `unit_current` (ampere), the current of a unit drive. They define `activity` (1), from which goodness is
        measured, and `sensitivity` (1), the derivative of the activity with respect to the drive.
    presets : mapping of str to Preset
        Parameter presets; the first is the default.
    initial : mapping of str to str
        State at the start of a presentation: variable to the parameter that gives it. All others start at 0.
    threshold : str
        Condition of a spike.
    refractory : str or None
        Condition under which a neuron cannot spike again; a neuron without reset spikes at upward crossings only.
    reset : str
        Statements carried out at a spike; may be empty.
    activity_unit : str
        Unit in which the activity is a number; empty: it has none.
    traces : tuple of str
        Variables worth recording, the membrane voltage first.
    dissipated_power : str
        Expression of the power (watt) that the neuron turns into heat; empty: the model has no such power.
    delivered_power : str
        Expression of the power (watt) that the synaptic current and batteries deliver to it.
    stored_energy : str
        Expression of the energy (joule) that it stores, of the membrane voltage v and parameters.
    silent_decay : bool
        Without input the membrane of a neuron below threshold decays in proportion to itself and stays below it: a
        rest can be computed at once.
    largest_voltage : brian2.Quantity
        A membrane voltage beyond it shows that the integration diverged.
    largest_explicit_step : str
        Expression of the time step above which explicit integration may diverge.
    largest_exponent : str
        Expression of the largest size of the exponents (1) that must be told apart; empty: there are none.
    """

    name: str
    equations: str
    presets: Mapping[str, Preset]
    initial: Mapping[str, str] = field(default_factory=dict)
    threshold: str = ""
    refractory: str | None = None
    reset: str = ""
    activity_unit: str = ""
    traces: tuple[str, ...] = ("v",)
    dissipated_power: str = ""
    delivered_power: str = ""
    stored_energy: str = ""
    silent_decay: bool = False
    largest_voltage: Quantity = field(default_factory=lambda: 10 * volt)
    largest_explicit_step: str = "tau"
    largest_exponent: str = ""

    @property
    def spikes_at_crossings(self) -> bool:
        """Whether a spike is no more than an upward crossing of the threshold, without effect on the neuron."""
        return not self.reset and self.refractory == self.threshold

    @property
    def energy(self) -> str:
        """Equations that integrate the energies `dissipated` and `delivered` (joule); may be empty."""
        if not self.dissipated_power:
            return ""
        return f"""
ddissipated/dt = {self.dissipated_power} : joule
ddelivered/dt = {self.delivered_power} : joule
"""

    def namespace(self, preset: str | None = None, **values) -> dict:
        """Return the parameters of a preset (None: the default) with single values replaced.

        Raises
        ------
        ValueError
            If the preset or a parameter is unknown, or a value has other dimensions than the preset's.
        """
        name = next(iter(self.presets)) if preset is None else preset
        if name not in self.presets:
            raise ValueError(f"neuron {self.name!r} has no preset {name!r}; known: {', '.join(self.presets)}")
        namespace = self.presets[name].namespace()
        for key, value in values.items():
            if key not in namespace:
                raise ValueError(f"neuron {self.name!r} has no parameter {key!r}; known: {', '.join(namespace)}")
            if not have_same_dimensions(value, namespace[key]):
                raise ValueError(f"parameter {key} is {value}; it needs the dimensions of {namespace[key]}")
        return namespace | values
