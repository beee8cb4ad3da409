"""The engine that looks responses up: converged physics at the cost of a matrix product."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import brian2
import numpy as np

from brianff.acceleration.compiled import code_target
from brianff.acceleration.lookup import SumsOfRows
from brianff.acceleration.memory import DEFAULT_MEMORY
from brianff.description import FrameEncoding, Network, PulseEncoding, RepeatEncoding
from brianff.engines.lanes.batching import Observe
from brianff.engines.lanes.engine import LanesEngine, lanes_of
from brianff.engines.population import (
    PRECISIONS,
    LayerResult,
    Population,
    check_batch,
    populations,
    whole_number,
)
from brianff.engines.response.account import ACCOUNT, account_names, accounting
from brianff.engines.response.answers import Answers, PairAnswers, of_events
from brianff.engines.response.interpolation import TooRough
from brianff.engines.response.pair_table import PairTable
from brianff.engines.response.table import ResponseTable
from brianff.equations.tangent import event_names
from brianff.errors import ConfigurationError
from brianff.goodness import Goodness
from brianff.inputs import FrameInput, PulseInput, SpikeInput
from brianff.matching import FastPath

__all__ = ["RESPONSE", "ResponseEngine", "needs_of_presentations"]

RESPONSE = FastPath(
    "response",
    {
        "code": {"cython"},
        "layers": {1},
        "encoding": lambda kind: issubclass(kind, PulseEncoding | FrameEncoding),
        "frames": {2},
    },
)
"""Neurons that are alike, under input pulses at common times, from a common start: functions of their drive alone, or
of the drives of two frames."""

TOLERANCE = 1e-4
"""What halving the time step may change; see `ResponseTable`."""

_LOG = logging.getLogger("brianff.response")


def needs_of_presentations(network: Network) -> dict[str, Any]:
    """Return what the presentations of a network need, for the matcher."""
    first, encoding = network.layers[0], network.encoding
    frames = len(encoding.event_steps) if isinstance(encoding, FrameEncoding) else None
    repeats = isinstance(encoding, RepeatEncoding)
    return {
        "code": code_target(),  # a table takes a hundred times as many steps as a presentation
        "layers": len(network.layers),
        "encoding": type(encoding),
        "frames": frames,
        "drawn gaps": getattr(encoding, "gap", None) is not None,
        "labels that are shown once, with repeats": repeats and encoding.labels == "once",
        "frames to neurons that change at spikes": frames is not None and first.neuron.acts_at_spikes,
        "neuron_spread": tuple(first.neuron_spread),
        "carried membranes": first.membrane == "carried",
        "winners": first.winners,
        "a synapse that is a map of steps": first.synapse.name if first.synapse.update else None,
    }


class ResponseEngine:
    """Looks up what neurons answer to their drive; its parameters are those of `Simulator`.

    Where spikes of each step, or every step, are asked for, presentations are integrated by a `LanesEngine`.

    Parameters
    ----------
    network, goodness, lanes, memory, workers, seed, precision, credit
        As in `LanesEngine`; the `workers` are threads.
    table_step : quantity, optional
        Time step of the integration, rounded to a part of the network's; default: halved until the `tolerance` is met.
    tolerance : float
        See `ResponseTable`.
    strict : bool
        Whether to refuse functions that are too rough for a table; otherwise a `LanesEngine` takes over.

    Attributes
    ----------
    fallen_back : str
        Why a `LanesEngine` took over; empty if none did.

    Raises
    ------
    ConfigurationError
        If presentations are not functions of the neurons' drive, or those are too rough for a table.
    """

    @staticmethod
    def refused(network: Network) -> str:
        """Return why presentations of a network are no functions of the neurons' drive, in words; empty if they are."""
        return RESPONSE.refused(needs_of_presentations(network))

    def __init__(
        self,
        network: Network,
        goodness: Goodness,
        lanes: int | None = None,
        memory: int = DEFAULT_MEMORY,
        workers: int = 1,
        seed: int = 0,
        precision: str = "double",
        credit: str = "held",
        table_step: brian2.Quantity | None = None,
        tolerance: float = TOLERANCE,
        strict: bool = True,
    ):
        if reason := self.refused(network):
            raise ConfigurationError(f"{reason}: use engine.name = 'auto' or 'lanes'")
        self.populations = populations(network, goodness, seed, False, precision, credit)
        self._dtype, self._threads = PRECISIONS[precision], whole_number("workers", workers, 1)
        self._strict, self.fallen_back = strict, ""
        self._lanes_arguments = (network, goodness, lanes, memory, workers, seed, False, precision, credit)
        lanes_of(self.populations, lanes, memory)  # refused now, and not when a lanes engine is needed
        parts = None
        if table_step is not None:
            parts = max(1, round(float(network.time_step / table_step)))
        self._tolerance, self._parts = tolerance, parts
        self.table = self._tabulated(self.populations[0])
        self._tables = {tuple(steps[0] for steps in network.encoding.event_steps): self.table}

    def _tabulated(self, population: Population) -> ResponseTable:
        """Return the table of a population, in double precision."""
        one_drive = population.events == 1 or isinstance(population.network.encoding, RepeatEncoding)
        names = "goodness", *event_names("postsynaptic", population.events)
        kind: type[ResponseTable] = ResponseTable if one_drive else PairTable
        return kind(replace(population, precision="double"), names, self._tolerance, self._parts)

    def _table_at(self, onsets: tuple[int, ...]) -> ResponseTable:
        """Return the table of presentations that show an image at these steps."""
        if onsets not in self._tables:
            own = self.populations[0]
            encoding = own.network.encoding.replace(onset_steps=onsets)
            self._tables[onsets] = self._tabulated(replace(own, network=own.network.replace(encoding=encoding)))
        return self._tables[onsets]

    @cached_property
    def _lanes(self) -> LanesEngine:
        return LanesEngine(*self._lanes_arguments)

    def present(
        self,
        inputs: PulseInput | SpikeInput,
        weights: Sequence[np.ndarray],
        *,
        spikes: bool = False,
        observe: Observe | None = None,
        membranes: Sequence[np.ndarray | None] = (),
        goodness_only: bool = False,
        first: int = 0,
    ) -> list[LayerResult]:
        """Present a batch to the layer, with the parameters of `LanesEngine.present`."""
        if spikes or observe is not None or self.fallen_back or not isinstance(inputs, PulseInput):
            return self._lanes.present(
                inputs, weights, spikes=spikes, observe=observe, goodness_only=goodness_only, first=first
            )
        drives, (name, *names) = self._drives(inputs, weights), self.table.names
        try:
            if isinstance(inputs, FrameInput) and inputs.onsets is not None:
                return [self._repeated(inputs.onsets, drives[0], goodness_only)]
            self.table.cover(0.0, 0.0)
        except TooRough as error:
            if self._strict:
                raise
            self.fallen_back = str(error)
            _LOG.warning("the lanes engine takes over: %s", error)
            return self.present(inputs, weights, goodness_only=goodness_only)
        terms: Any
        factor: Any
        if isinstance(self.table, PairTable):
            pair = drives[0], drives[1]
            terms = PairAnswers(self.table, name, pair, self._threads)
            factor = of_events(self.table, names, pair, self._threads)
        else:
            terms, factor = (Answers(self.table, one, drives[0], self._threads) for one in self.table.names)
        return [LayerResult(terms, np.empty((len(inputs), 0), self._dtype) if goodness_only else factor)]

    def _repeated(self, onsets: np.ndarray, drives: SumsOfRows, goodness_only: bool) -> LayerResult:
        """Return what neurons answer to the same drive twice, at the steps `onsets` (presentations, 2)."""
        shape, events = (len(drives), drives.of_images.shape[1]), 0 if goodness_only else onsets.shape[1]
        values = np.empty((1 + events, *shape), self._dtype)
        timings, timing = np.unique(onsets, axis=0, return_inverse=True)
        for number, steps in enumerate(timings.tolist()):
            table, which = self._table_at(tuple(steps)), np.flatnonzero(timing.ravel() == number)
            for row, name in zip(values, table.names, strict=False):
                row[which] = Answers(table, name, drives.select(which), self._threads).compute()
        return LayerResult(values[0], values[1:] if events else np.empty((len(drives), 0), self._dtype))

    @cached_property
    def account_table(self) -> ResponseTable | None:
        """What neurons do beside their goodness; None: it is no function of the drive alone, or too rough."""
        population = self.table.population
        if population.events > 1:
            return None
        needs = population.neuron.needs_at_spikes | {"immediate synapse": population.synapse.immediate}
        if self.fallen_back or ACCOUNT.refused(needs):
            return None
        table = ResponseTable(accounting(population), account_names(population), self.table.tolerance, self.table.parts)
        try:
            table.cover(0.0, 0.0)
        except TooRough as error:
            _LOG.warning("energies are integrated by lanes: %s", error)
            return None
        return table

    def account(self, inputs: PulseInput | SpikeInput, weights: Sequence[np.ndarray]) -> dict[str, Answers] | None:
        """Return what neurons do under a batch, by name: spikes ("crossings"), lowest voltage, energies (joule), ...

        None if there is no `account_table`.
        """
        table = self.account_table
        if table is None or not isinstance(inputs, PulseInput):
            return None
        (drives,) = self._drives(inputs, weights)
        return {name: Answers(table, name, drives, self._threads) for name in table.names}

    def _drives(self, inputs: PulseInput, weights: Sequence[np.ndarray]) -> list[SumsOfRows]:
        """Return the drives of a batch, of each event."""
        check_batch(self.populations, inputs, weights)
        of_images, of_labels = (drive.astype(self._dtype, copy=False) for drive in inputs.drives(weights[0]))
        rows = np.ascontiguousarray(of_images), np.ascontiguousarray(of_labels)
        frames = inputs.frames if isinstance(inputs, FrameInput) else [inputs]
        numbers = [[np.ascontiguousarray(which, np.int64) for which in (one.image, one.label)] for one in frames]
        return [SumsOfRows(*rows, image, label) for image, label in numbers]
