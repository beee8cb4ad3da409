"""What neurons do beside their goodness: spikes, energies, switched memristors, as functions of the drive too."""

from __future__ import annotations

from dataclasses import dataclass, replace

from brianff.engines.population import Population
from brianff.goodness import COUNT, CROSSINGS, Goodness
from brianff.matching import FastPath

__all__ = ["ACCOUNT", "account_names", "accounting"]

ACCOUNT = FastPath("account", {})
"""Spikes that the equations count: upward crossings of the threshold, and nothing else."""

EXTREMES = """
dlowest_voltage/dt = 0*volt/second : volt
"""
SWITCHED = """
dlargest_state/dt = 0/second : 1
"""


@dataclass(frozen=True)
class _Account(Goodness):
    """A measurement of more than goodness.

    Parameters
    ----------
    threshold : str
        Condition of a spike.
    memristor : str
        State of the first memristor; empty: there is none.
    stored_energy : str
        Expression of the energy (joule) that the neuron stores; empty: the model has none.
    """

    threshold: str = "False"
    memristor: str = ""
    stored_energy: str = ""

    @property
    def equations(self) -> str:
        stored = f"stored = {self.stored_energy} : joule\n" if self.stored_energy else ""
        return CROSSINGS + EXTREMES + (SWITCHED if self.memristor else "") + stored

    @property
    def update(self) -> str:
        state = self.memristor
        return COUNT.format(threshold=self.threshold) + (
            "lowest_voltage = chosen(v < lowest_voltage, v, lowest_voltage)\n"
            + (f"largest_state = chosen({state} > largest_state, {state}, largest_state)\n" if state else "")
        )


def accounting(population: Population) -> Population:
    """Return a population with the same neurons, which measures what `account_names` names."""
    neuron = population.neuron
    account = _Account(
        threshold=neuron.threshold,
        memristor=next(iter(neuron.memristors), ""),
        stored_energy=neuron.stored_energy if neuron.energy else "",
    )
    return replace(population, goodness=account, energy=bool(neuron.energy), precision="double")


def account_names(population: Population) -> tuple[str, ...]:
    """Return the variables that `accounting` measures."""
    neuron = population.neuron
    energies = ("dissipated", "delivered", "stored") if neuron.energy else ()
    return ("crossings", "lowest_voltage", *(("largest_state",) if neuron.memristors else ()), *energies)
