"""What a neuron does under two events with a drive each: Brian2's own integration, pairs of drives side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields

import numpy as np

from brianff.description import Layer, Network
from brianff.engines.lanes.drive import Drive
from brianff.engines.lanes.group import LaneGroup
from brianff.engines.population import Population
from brianff.engines.response.integration import ABREAST, in_parts
from brianff.engines.response.interpolation import TooRough
from brianff.equations.tangent import event_names
from brianff.errors import NumericalError
from brianff.goodness import Goodness

__all__ = ["REGION", "DrivenByTwo", "PairFunctions"]

REGION = "region"
"""Name of a whole number that differs where a function of two drives has a kink or a jump in between."""

PairFunctions = Callable[[np.ndarray, np.ndarray], Mapping[str, np.ndarray]]
"""Gives functions of pairs of drives (pairs,), (pairs,), by name, the `REGION` too."""

LANES = 128

STRIDE = 16
"""Steps that are made in one while a neuron gets no current and comes to rest: its memristors are slow then."""

NO_CURRENT = 1e-7
"""As a part of an event's largest."""

FOLLOWED = """
dpeak/dt = 0/second : 1
dpeak_new/dt = 0/second : 1
dpeak_first/dt = 0/second : 1
dpeak_window/dt = 0/second : 1
dpeak_place/dt = 0/second : 1
dpeak_sensitivity/dt = 0/second : 1
dlast_activity/dt = 0/second : 1
dearlier_activity/dt = 0/second : 1
dlast_sensitivity/dt = 0/second : 1
dearlier_sensitivity/dt = 0/second : 1
above_threshold = peak - spike_activity : 1
now = activity : 1
bend = 2*last_activity - activity - earlier_activity : 1
"""
HIGHER = """
peak_new = chosen(now*window > peak, window, peak_new*(1 - window))
peak_first = chosen(now*window > peak, 1 - peak_window, peak_first)
peak_sensitivity = chosen(now*window > peak, sensitivity, peak_sensitivity)
peak = chosen(now*window > peak, now, peak)
peak_window = window + 0*peak
"""
VERTEX = """
peak_place = peak_new*(1 - peak_first)*window*chosen(now*window > peak, 0.0, 0.5)*(now - earlier_activity)\
*reciprocal(chosen(bend > 1e-9, bend, 1.0))
peak_sensitivity = peak_sensitivity + 0.5*peak_place*(sensitivity - earlier_sensitivity\
 + peak_place*(sensitivity - 2*last_sensitivity + earlier_sensitivity))
peak = peak + 0.25*peak_place*(now - earlier_activity)
"""
"""When the activity falls for the first time after a new peak: the vertex of the parabola through three steps.

Where these differ by their rounding only, as a membrane at rest does, the peak is the highest of them."""

REMEMBERED = """
earlier_activity = last_activity
last_activity = now
earlier_sensitivity = last_sensitivity
last_sensitivity = sensitivity
"""


@dataclass(frozen=True)
class _FollowedPeak(Goodness):
    """The same goodness of peaks, which also tells where in its window a peak lies.

    Parameters
    ----------
    vertex : bool
        Whether a peak lies between the steps: the highest step depends on the drive by jumps.
    """

    vertex: bool = True

    @property
    def equations(self) -> str:
        density, slope = (re.sub(r"\bactivity\b", "above_threshold", text) for text in (self.density, self.slope))
        return f"{FOLLOWED}goodness = {density} : 1\npostsynaptic = ({slope})*peak_sensitivity : 1\n"

    @property
    def update(self) -> str:
        return (VERTEX if self.vertex else "") + HIGHER + REMEMBERED


@dataclass(frozen=True)
class DrivenByTwo:
    """A neuron of a population in a presentation of two events: a function of the drive of each.

    Parameters
    ----------
    population : Population
        Of the network's own time step.
    vertex : bool
        See `_FollowedPeak`.
    """

    population: Population
    vertex: bool = True

    def refined(self, parts: int) -> Population:
        """Return the population with so many neurons as are computed together, each step cut into `parts`."""
        own, network = self.population, self.population.network
        layer: Layer = own.layer.replace(neurons=ABREAST, device=None, weight_bound=None, receptive_field=None)
        encoding, time_step = in_parts(network.encoding, parts), network.time_step / parts
        finest: Network = network.replace(layers=[layer], encoding=encoding, time_step=time_step)
        goodness = own.goodness
        if self._peaks:
            known = {field.name: getattr(goodness, field.name) for field in fields(Goodness)}
            goodness = _FollowedPeak(**known, vertex=self.vertex)
        return Population(finest, layer, goodness, energy=own.energy, credit=own.credit, target=own.target)

    @property
    def _peaks(self) -> bool:
        return self.population.goodness.readout == "peak" and not self.population.goodness.counts_spikes

    def at(self, parts: int, names: tuple[str, ...]) -> PairFunctions:
        """Return the functions of pairs of drives; each time step is cut into `parts`.

        They are nan where the integration diverged; a TooRough is raised if they are not finite elsewhere.
        """
        population = self.refined(parts)
        group = LaneGroup(population, LANES, pulses=True, spiking=False)
        together, strides = LANES * ABREAST, self._strides(population)
        told = [*event_names("peak_new", 2), *event_names("peak_first", 2), *event_names("peak", 2)] * self._peaks
        told += ["crossings"] * population.counts_crossings

        def integrated(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
            lanes = -(-len(first) // ABREAST)
            rows = np.zeros((2 * lanes, ABREAST))
            rows[:lanes].ravel()[: len(first)] = first
            rows[lanes:].ravel()[: len(first)] = second
            numbers = np.stack([np.arange(lanes), np.arange(lanes, 2 * lanes)], axis=1)
            drive = Drive(rows, np.zeros((1, ABREAST)), numbers, np.zeros_like(numbers))
            with np.errstate(all="ignore"):
                group.begin(lanes)
                with suppress(NumericalError):  # drives for which it diverges are marked below
                    if group.runs_fused:
                        group.present_fused(drive, {}, strides)
                    else:
                        group.present_drive(drive, lambda step: None)
                values = {name: group.read(name).ravel()[: len(first)].copy() for name in (*names, "v", *told)}
            diverged = ~(np.abs(values["v"]) <= float(population.neuron.largest_voltage))
            for name in names:
                if not np.isfinite(values[name][~diverged]).all():
                    raise TooRough(f"{name} of two drives is no finite number where the membrane has a voltage")
            found = {name: np.where(diverged, np.nan, values[name]) for name in names}
            return found | {REGION: np.where(diverged, -1, self._region(values))}

        def functions(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
            starts = range(0, max(len(first), 1), together)
            found = [integrated(first[one : one + together], second[one : one + together]) for one in starts]
            return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

        return functions

    def _strides(self, population: Population) -> list[tuple[int, int]] | None:
        """Return how many steps there are with and without current, and how many are made in one; None: each by itself.

        Only peaks that lie between steps allow it: other goodness counts steps, and a step that was asked for is kept.
        Memristors that are held leave nothing slow behind, and the membrane is at rest to its last digits: whether it
        still rises by one of these would then differ between steps of other lengths.
        """
        if not (self._peaks and self.vertex and population.layer.memristors == "moving"):
            return None
        encoding, strides = population.network.encoding, list[tuple[int, int]]()
        starts = [steps[0] for steps in encoding.event_steps]
        for start, end in zip([0, *starts[1:]], [*starts[1:], encoding.steps], strict=True):
            current = np.abs(population.current.event_responses).sum(axis=0)[start:end]
            driven = np.flatnonzero(current > NO_CURRENT * current.max(initial=0))
            alone = end - start - (driven[-1] + 1 if len(driven) else 0)
            at_once = alone // STRIDE * STRIDE
            strides += [(end - start - at_once, 1), (at_once, STRIDE)]
        return [(count, stride) for count, stride in strides if count]

    def _region(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the region: how many spikes there were, or whether each peak is where its window begins or ends."""
        if "crossings" in values:
            return np.round(values["crossings"]).astype(np.int64)
        region = np.zeros(len(values["v"]), np.int64)
        for event in (1, 2) if self._peaks else ():
            new, first, peak = (values[f"{name}_{event}"] for name in ("peak_new", "peak_first", "peak"))
            region = 4 * region + np.where(peak == 0, 0, np.where(first > 0, 1, np.where(new > 0, 2, 3)))
        return region
