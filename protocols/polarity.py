"""Training in which each image is positive or negative with probability 1/2, as in arXiv 2406.16479."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from scipy.special import logit

from brianff.acceleration.threads import Ahead
from brianff.data.split import Batch, Dataset
from brianff.engines.population import PRECISIONS
from brianff.errors import ConfigurationError
from brianff.inputs import PulseInput, SparseSpikes, SpikeInput
from brianff.protocols.augmentation import shift_images
from brianff.protocols.configuration import Protocol
from brianff.protocols.eligibility import EligibilityTrace
from brianff.protocols.negatives import hardest, wrong_labels
from brianff.protocols.online_program import PRESENTATIONS, OnlineProgram, OnlineState
from brianff.protocols.trainer import Report, Trainer
from brianff.responses import Responses

__all__ = ["RandomPolarityTrainer"]


class RandomPolarityTrainer(Trainer):
    """Trainer of protocols with learning.polarity = "random".

    Weights change after each batch by the step rule, or, with an eligibility trace, at some steps of the presentation.

    Attributes
    ----------
    eligibility : EligibilityTrace or None
        With it plasticity acts inside the presentations.
    program : OnlineProgram or None
        The C++ program that then simulates training; None: training runs step by step.
    """

    def __init__(self, protocol: Protocol, dataset: Dataset):
        super().__init__(protocol, dataset)
        described = protocol.learning.eligibility
        shape = self.simulator.layers[0].crossbar.weights.shape
        # The hardest labels of a batch are chosen after the batch before it has been learned.
        at_once = protocol.learning.batch == 1 or not protocol.learning.several_negatives
        fast = protocol.engine.online == "fastest" and at_once and OnlineProgram.fits(protocol)
        self.program = OnlineProgram(protocol) if fast else None
        dtype = PRECISIONS[protocol.engine.precision]
        self.eligibility = None if described is None else EligibilityTrace(described, shape, dtype)

    @property
    def engine(self) -> str:
        """Name of what simulates the training."""
        return super().engine if self.program is None else "standalone"

    def build(self) -> None:
        """Compile what training needs."""
        if self.program is not None:
            self.program.build()

    def run_epoch(self, report: Report = lambda images, figures: None) -> None:
        """Train the active layer for one epoch and move the position on; see `Trainer.run_epoch`."""
        sums, done = {"training_loss": 0.0, "right_polarity": 0.0}, 0
        presentations = Ahead(self._presentations())
        for inputs, positive, spikes in presentations:
            if not self.protocol.learning.several_negatives:  # their choice asks what has been learned
                presentations.begin()
            responses = self._present_and_learn(inputs, positive, self._factors(done, len(inputs)), spikes)
            done += len(inputs)
            toward = np.where(positive, 1.0, -1.0) * self.modulator.log_odds(responses)
            sums["training_loss"] += np.logaddexp(0.0, -toward).sum()
            sums["right_polarity"] += (toward > 0).sum()
            means = sums["training_loss"] / done, sums["right_polarity"] / done
            report(len(inputs), dict(zip(("loss", "right polarity"), means, strict=True)))
        self._finish_epoch({quantity: total / done for quantity, total in sums.items()})

    def _presentations(self) -> Iterator[tuple[PulseInput | SpikeInput, np.ndarray, np.ndarray | None]]:
        """Yield input, whether each presentation is positive, and the spikes as the program reads them, if any."""
        size = self.protocol.learning.batch
        if self.eligibility is not None and size == 1:
            size = PRESENTATIONS  # drawn at once, whatever then simulates the learning
        batches = self.training.batches(size, self.simulator.streams["batches"])
        drawn = (
            (self.simulator.inputs(images, labels), positive) for images, labels, positive in map(self._draw, batches)
        )
        if self.program is None:
            yield from ((*batch, None) for batch in drawn)
            return
        while parts := list(islice(drawn, self.program.presentations // size)):
            inputs, positive = zip(*parts, strict=True)
            joined = SparseSpikes.joined(inputs)
            yield joined, np.concatenate(positive), self.program.spikes(joined)

    def _factors(self, done: int, count: int) -> np.ndarray:
        """Return the factor of the step size for each batch of the next presentations; online, one for all."""
        size = self.protocol.learning.batch
        starts = done + np.arange(0, count, size if size > 1 else max(count, 1))
        return np.array([self._step_factor(start / len(self.training)) for start in starts])

    def _draw(self, batch: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return images, the labels to show with them, and whether each is positive."""
        images, labels = batch.images, batch.labels
        streams, shift = self.simulator.streams, self.protocol.data.shift
        images = shift_images(images, self.dataset.image_shape, shift, streams["shifts"])
        positive = streams["polarity"].random(len(labels)) < 0.5
        learning, shown = self.protocol.learning, labels.copy()
        wrong = wrong_labels(labels, streams["negatives"], self.protocol.network.classes, learning.wrong_labels)
        wrong = wrong[~positive]
        shown[~positive] = self._hardest(images[~positive], wrong) if learning.several_negatives else wrong[:, 0]
        return images, shown, positive

    def _hardest(self, images: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Return the candidate label of each image with the highest score, before any of these images is learned."""
        with self.simulator.evaluation():
            responses = self.simulator.present_layers(images, candidates, self.layer + 1, goodness_only=True)
        scores = self.modulator.score(responses[self.layer]).reshape(candidates.shape)
        return candidates[np.arange(len(candidates)), hardest(scores)]

    def _finish_epoch(self, quantities: dict[str, float]) -> None:
        """Note the quantities of an epoch, measure the accuracy and move the position on."""
        for quantity, value in quantities.items():
            self._note(quantity, value)
        self._note(*self._measure_accuracy())
        weights = self.simulator.layers[self.layer].crossbar.weights
        self._note("weight_deviation", float(weights.std()))
        self._advance()

    def _present_and_learn(
        self, inputs, positive: np.ndarray, factors: np.ndarray | float, spikes: np.ndarray | None = None
    ) -> Responses:
        """Present inputs of given polarity and change the weights; `factors` scale the change of each batch.

        `spikes` are those of the whole batches, where a program presents these.
        """
        if self.eligibility is None:
            return self._present_batch(inputs, positive, float(np.squeeze(factors)))
        size, count = self.protocol.learning.batch, len(positive)
        factors = np.broadcast_to(factors, -(-count // size))
        whole = count - count % size if spikes is not None else 0
        terms = []
        if whole:
            terms.append(self._run_program(spikes, positive[:whole], factors[: whole // size]))
        for start in range(whole, count, size):
            rows = slice(start, start + size)
            responses = self._present_batch(inputs.select(rows), positive[rows], factors[start // size])
            each = responses.goodness_terms
            terms.append(each if self.program is None else self._by_modulator(each))
        return self._goodness(inputs, np.concatenate(terms))

    def _run_program(self, spikes, positive, factors: np.ndarray) -> np.ndarray:
        """Let the program present and learn whole batches; return the goodness that modulators see."""
        assert self.eligibility is not None
        assert self.program is not None
        layer, simulator = self.simulator.layers[0], self.simulator
        neurons = layer.crossbar.weights.shape[1]
        membrane = layer.carried(self.protocol.learning.batch)
        membrane = np.zeros((self.protocol.learning.batch, neurons)) if membrane is None else membrane
        state = OnlineState(layer.crossbar.weights, self.eligibility.value, membrane)
        goodness = self.program.run(spikes, positive, state, factors * self.eligibility.gain)
        simulator.presentations += len(positive)
        simulator.neuron_steps += len(positive) * self.protocol.network.encoding.steps * neurons
        return goodness

    def _by_modulator(self, terms: np.ndarray) -> np.ndarray:
        """Return goodness terms summed over the neurons that share a modulator, as the program returns them."""
        parts = np.split(
            terms, [terms.shape[1] // 2] if self.protocol.learning.probability == "symmetric" else [], axis=1
        )
        return np.column_stack([part.sum(axis=1) for part in parts])

    def _goodness(self, inputs, terms: np.ndarray) -> Responses:
        """Return responses of which only the goodness is known."""
        return Responses(inputs, terms, np.empty((len(terms), 0)), self.simulator.goodness, np.empty(0))

    def _present_batch(self, inputs, positive, factor: float) -> Responses:
        if self.eligibility is not None:
            return self.simulator.present_inputs(inputs, observe=self._plasticity(positive, factor))[0]
        responses = self.simulator.present_inputs(inputs, self.layer + 1)[self.layer]
        change = self._change(responses, responses.presynaptic, positive)
        self.simulator.layers[self.layer].learn(self.step_rule(change, factor))
        return responses

    def _plasticity(self, positive: np.ndarray, factor: float):
        """Return the observer that changes the weights at the steps of plasticity."""
        described, eligibility = self.protocol.learning.eligibility, self.eligibility
        layer, measure = self.simulator.layers[0], self.simulator.goodness
        assert described is not None
        assert eligibility is not None

        def learn(inputs, number, presentations, step, read):
            if not described.first_step <= step <= described.last_step:
                return
            if presentations != slice(0, len(positive)):
                raise ConfigurationError(
                    f"a batch of {len(positive)} does not run side by side: set engine.lanes = {len(positive)}"
                )
            responses = Responses(inputs, read("goodness"), read("postsynaptic"), measure, np.empty(0))
            layer.learn(eligibility(self._change(responses, inputs.at(step), positive), factor))

        return learn

    def _change(self, responses: Responses, presynaptic, positive: np.ndarray) -> np.ndarray:
        """Return modulator x presynaptic x postsynaptic, averaged over the batch."""
        modulator = self.modulator.mixed(responses, positive)
        if (clip := self.protocol.learning.clip) is not None:
            modulator = modulator * (np.abs(self.modulator.log_odds(responses)) < -logit(clip))[:, np.newaxis]
        modulated = modulator / max(len(positive), 1) * responses.postsynaptic
        return presynaptic.T @ modulated.astype(responses.postsynaptic.dtype, copy=False)

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return everything that resuming needs; see `Trainer.state`."""
        arrays, values = super().state()
        return arrays | ({} if self.eligibility is None else {"eligibility": self.eligibility.value}), values

    def restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Put the trainer into a state that `state` returned."""
        super().restore(arrays, values)
        if self.eligibility is not None:
            self.eligibility.value[:] = arrays["eligibility"]
