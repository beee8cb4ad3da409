"""Plasticity inside the presentations: the eligibility trace that turns changes of the moment into those of weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.engines.population import PRECISIONS
from brianff.errors import ConfigurationError
from brianff.inputs import Momentary, SparseSpikes
from brianff.matching import choose
from brianff.protocols.configuration import Eligibility, Protocol
from brianff.protocols.contrast import Mixed
from brianff.protocols.online_program import ONLINE_PROGRAM, PRESENTATIONS, OnlineProgram, OnlineState
from brianff.protocols.plasticity import rule_change
from brianff.responses import Responses
from brianff.simulator import Simulator

if TYPE_CHECKING:
    from brianff.protocols.samplers import Shown
    from brianff.protocols.trainer import Trainer

__all__ = ["EligibilityTrace", "InsidePresentations", "needs_of_learning_inside"]


def needs_of_learning_inside(protocol: Protocol, simulator: Simulator) -> dict[str, Any]:
    """Return what learning inside the presentations needs."""
    network, learning = protocol.network, protocol.learning
    population, negatives = simulator.populations[0], learning.made_negatives
    return {
        "engine": simulator.engine,
        "compiler": protocol.engine.online,
        "layers": len(network.layers),
        "encoding": type(network.encoding),
        "synapse": population.synapse.name,
        "rest by steps": population.rest_factor is None,
        "refractory neurons": population.neuron.refractory is not None,
        "counted spikes": simulator.goodness.counts_spikes,
        "names": frozenset(population.namespace),
        "readout": simulator.goodness.readout,
        "pooling": type(simulator.goodness.pooled),
        "modulator": type(learning.made_modulator),
        "plasticity": learning.made_plasticity,
        "sampler": type(learning.made_sampler),
        "devices": network.layers[0].device,
        "receptive fields": network.layers[0].receptive_field is not None,
        "carried membranes": population.carries,
        "negatives chosen in batches": negatives.count > 1 and learning.batch > 1,
        "callbacks after each batch": any(callback.each_batch for callback in protocol.callbacks),
    }


class EligibilityTrace:
    """E <- (1 - rate) E + rate D, never reset; the weights move by gain x E at every step of plasticity.

    Source: arXiv 2406.16479.

    Parameters
    ----------
    eligibility : Eligibility
    shape : tuple of int
        (inputs, neurons)
    dtype : type
        Type of the trace.

    Attributes
    ----------
    value : ndarray, shape (inputs, neurons)
        The trace E.
    """

    def __init__(self, eligibility: Eligibility, shape: tuple[int, ...], dtype: type[np.floating] = np.float64):
        self.rate, self.gain = eligibility.rate, eligibility.gain
        self.value: np.ndarray = np.zeros(shape, dtype)

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Take in the change of the moment and return the step of the weights; `factor` scales this step."""
        self.value *= 1.0 - self.rate
        change *= self.rate
        self.value += change.astype(self.value.dtype, copy=False)
        gain = factor * self.gain
        return self.value if gain == 1.0 else gain * self.value


class InsidePresentations:
    """Lets the layer of a trainer learn at some steps of its presentations.

    Parameters
    ----------
    trainer : Trainer
        Of a protocol with an eligibility trace.

    Attributes
    ----------
    trace : EligibilityTrace
    program : OnlineProgram or None
        The C++ program that simulates training; None: training runs step by step.
    """

    def __init__(self, trainer: Trainer, eligibility: Eligibility):
        protocol = trainer.protocol
        self._trainer, self._eligibility = trainer, eligibility
        self.batch = protocol.learning.batch
        needs = needs_of_learning_inside(protocol, trainer.simulator)
        self.program = OnlineProgram(protocol) if choose([ONLINE_PROGRAM], needs) else None
        shape = trainer.simulator.layers[0].crossbar.weights.shape
        self.trace = EligibilityTrace(eligibility, shape, PRECISIONS[protocol.engine.precision])

    @property
    def drawn_together(self) -> int:
        """Images whose presentations are drawn at once; one by one they are, whatever then simulates the learning."""
        return PRESENTATIONS if self.batch == 1 else self.batch

    def joined(self, shown: Iterator[Shown]) -> Iterator[tuple[Shown, np.ndarray | None]]:
        """Yield what batches show, as many together as the program takes, and the spikes as it reads them, if any."""
        if self.program is None:
            yield from ((one, None) for one in shown)
            return
        while parts := list(islice(shown, self.program.presentations // self.drawn_together)):
            one = parts[0].joined(parts)
            assert isinstance(one.inputs, SparseSpikes)
            yield one, self.program.spikes(one.inputs)

    def present(self, shown: Shown, spikes: np.ndarray | None, done: int) -> Mixed:
        """Present and learn; `done` images of the epoch were presented before. Return of the responses the goodness."""
        count, factors = len(shown.positive), self._factors(done, len(shown.positive))
        whole = count - count % self.batch if spikes is not None else 0
        terms = []
        if whole:
            terms.append(self._run_program(spikes, shown.positive[:whole], factors[: whole // self.batch]))
        for start in range(whole, count, self.batch):
            rows = slice(start, start + self.batch)
            learn = self._at_plastic_steps(shown.positive[rows], factors[start // self.batch])
            responses = self._trainer.simulator.present_inputs(shown.inputs.select(rows), observe=learn)[0]
            each = responses.goodness_terms
            terms.append(each if self.program is None else self._by_modulator(each))
        goodness, nothing = np.concatenate(terms), np.empty((count, 0))
        measure = self._trainer.simulator.goodness
        return Mixed(Responses(shown.inputs, goodness, nothing, measure, np.empty(0)), shown.positive)

    def _factors(self, done: int, count: int) -> np.ndarray:
        """Return the factor of the learning rate for each batch of the next presentations; online, one for all."""
        starts = done + np.arange(0, count, self.batch if self.batch > 1 else max(count, 1))
        factors = np.array([self._trainer.schedule_factor(int(start)) for start in starts])
        return np.broadcast_to(factors, -(-count // self.batch))

    def _run_program(self, spikes, positive: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Let the program present and learn whole batches; return the goodness that modulators see."""
        assert self.program is not None
        simulator = self._trainer.simulator
        layer, neurons = simulator.layers[0], simulator.network.layers[0].neurons
        membrane = layer.carried(self.batch)
        membrane = np.zeros((self.batch, neurons)) if membrane is None else membrane
        state = OnlineState(layer.crossbar.weights, self.trace.value, membrane)
        goodness = self.program.run(spikes, positive, state, factors * self.trace.gain)
        simulator.presentations += len(positive)
        simulator.neuron_steps += len(positive) * simulator.network.encoding.steps * neurons
        return goodness

    def _by_modulator(self, terms: np.ndarray) -> np.ndarray:
        """Return goodness terms summed over the neurons that share a modulator, as the program returns them."""
        groups = self._trainer.modulator.groups(terms.shape[1])
        return np.column_stack([terms[:, groups == group].sum(axis=1) for group in np.unique(groups)])

    def _at_plastic_steps(self, positive: np.ndarray, factor: float):
        """Return the observer that changes the weights at the steps of plasticity."""
        described, trainer = self._eligibility, self._trainer
        layer, measure = trainer.simulator.layers[0], trainer.simulator.goodness

        def learn(inputs, number, presentations, step, read):
            if not described.first_step <= step <= described.last_step:
                return
            if presentations != slice(0, len(positive)):
                raise ConfigurationError(
                    f"a batch of {len(positive)} does not run side by side: set engine.lanes = {len(positive)}"
                )
            now = Momentary(inputs.at(step))
            responses = Responses(now, read("goodness"), read("postsynaptic"), measure, np.empty(0))
            change = rule_change(trainer.rule, Mixed(responses, positive), trainer.modulator)
            layer.learn(self.trace(change, factor))

        return learn
