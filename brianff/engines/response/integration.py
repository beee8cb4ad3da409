"""What a neuron does under one drive: Brian2's own integration of the population's equations, drives side by side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from brianff.description import FrameEncoding, InputEncoding, Layer, Network, PulseEncoding
from brianff.engines.lanes.drive import Drive
from brianff.engines.lanes.group import LaneGroup
from brianff.engines.population import Population
from brianff.engines.response.interpolation import TooRough, envelope
from brianff.errors import NumericalError
from brianff.goodness import Goodness

__all__ = ["DrivenNeuron", "in_parts"]

ABREAST = 128
"""Drives in each lane of a group."""

SAMPLES = 257
USUAL = 4.0
"""Usual drives: what the step changes is compared with the largest value at these, or at drives up to larger ones."""

MOST_HALVINGS = 16


@dataclass(frozen=True)
class DrivenNeuron:
    """A neuron of a population in a presentation whose input pulses share their times: a function of its drive.

    Of frames, each gives the same drive.

    Parameters
    ----------
    population : Population
        Of the network's own time step.
    """

    population: Population

    def refined(self, parts: int) -> Population:
        """Return the population with so many neurons as are computed together, each step cut into `parts`."""
        own, network = self.population, self.population.network
        layer: Layer = own.layer.replace(neurons=ABREAST, device=None, weight_bound=None, receptive_field=None)
        encoding, time_step = in_parts(network.encoding, parts), network.time_step / parts
        finer: Network = network.replace(layers=[layer], encoding=encoding, time_step=time_step)
        return Population(finer, layer, own.goodness, energy=own.energy, credit=own.credit, target=own.target)

    def at(self, parts: int, names: tuple[str, ...]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Return the function of drives (drives,) that gives variables at the end of a presentation, by name.

        Each time step is cut into `parts`. They are nan where the integration diverged.
        """
        population, count = self.refined(parts), self._counts_outside
        groups: dict[int, LaneGroup] = {}  # by their lanes: to make one takes longer than to run it

        def functions(drives: np.ndarray) -> dict[str, np.ndarray]:
            lanes = -(-len(drives) // ABREAST)
            rows = np.zeros((lanes, ABREAST))
            rows.ravel()[: len(drives)] = drives
            room = min((room for room in groups if room >= lanes), default=lanes)
            if room not in groups:
                groups[room] = LaneGroup(population, room, pulses=True, spiking=count)
            group = groups[room]
            numbers = np.arange(lanes)
            if population.events > 1:
                numbers = np.repeat(numbers[:, np.newaxis], population.events, axis=1)
            drive = Drive(rows, np.zeros((1, ABREAST)), numbers, np.zeros_like(numbers))
            spikes = np.zeros(rows.shape)

            def after_step(step: int) -> None:
                if count:
                    np.add.at(spikes, group.spikes(), 1.0)

            with np.errstate(all="ignore"):
                group.begin(lanes)
                with suppress(NumericalError):  # drives for which it diverges are marked below
                    if group.runs_fused and not count:
                        group.present_fused(drive, {})
                    else:
                        group.present_drive(drive, after_step)
            results = {name: group.read(name).copy() for name in (*names, "v")}
            if count:
                results |= {name: spikes for name in ("goodness", "postsynaptic") if name in results}
            diverged = ~(np.abs(results["v"]) <= float(population.neuron.largest_voltage))
            return {name: np.where(diverged, np.nan, results[name]).ravel()[: len(drives)] for name in names}

        return functions

    @cached_property
    def _counts_outside(self) -> bool:
        """Whether spikes are the goodness, and the equations do not count them."""
        return self.population.goodness.counts_spikes and not self.population.counts_crossings

    def parts(self, names: tuple[str, ...], largest: float, tolerance: float) -> int:
        """Return into how many parts each step must be cut: halving them again would change little.

        That is: by less than `tolerance` of the `envelope` at all but a fiftieth of the drives up to `largest`, for
        spikes appear at some.

        Raises
        ------
        TooRough
            If they would have to be too many.
        """
        drives, neuron = np.linspace(-largest, largest, SAMPLES), self
        if self.population.goodness.counts_spikes:  # a count does not tell how far the time of a spike is off
            neuron = DrivenNeuron(replace(self.population, goodness=Goodness()))
        before = neuron.at(1, names)(drives)
        for halvings in range(1, MOST_HALVINGS + 1):
            values = neuron.at(2**halvings, names)(drives)
            if all(_change(drives, before[name], values[name]) < tolerance for name in names):
                return 2**halvings
            before = values
        step = self.population.network.time_step / 2**MOST_HALVINGS
        raise TooRough(f"goodness still depends on the time step at {step}: set table_step, or tolerance")


def in_parts(encoding: InputEncoding, parts: int) -> InputEncoding:
    """Return an encoding of pulses at the same times, with each time step cut into `parts`."""
    steps = encoding.steps * parts
    if isinstance(encoding, FrameEncoding):
        window = encoding.window_steps and encoding.window_steps * parts
        onsets = tuple(step * parts for step in encoding.onset_steps)
        return encoding.replace(steps=steps, onset_steps=onsets, window_steps=window)
    (pulses,) = encoding.event_steps
    return PulseEncoding(steps=steps, pulse_steps=tuple(step * parts for step in pulses))


def _change(drives: np.ndarray, before: np.ndarray, after: np.ndarray) -> float:
    """Return by how much a function of drives changed, relative to its envelope, at all but a fiftieth of them."""
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return np.inf
    change = np.abs(after - before)[known] / envelope(drives[known], after[known], near=USUAL)
    return float(np.quantile(change, 0.98, method="lower"))
