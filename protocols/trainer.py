"""The greedy layer-wise Forward-Forward algorithm: only the last active layer learns, those below it are frozen."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.acceleration.matrix_products import one_blas_thread
from brianff.acceleration.memory import check_memory
from brianff.acceleration.threads import Ahead
from brianff.arguments import explained
from brianff.arrays import answer
from brianff.data import SpikeTrains, load_dataset
from brianff.data.split import Dataset, Split
from brianff.describing import Described
from brianff.description import EventEncoding
from brianff.description.fields import Measured, Table, argument
from brianff.encoding import checked_images, image_part
from brianff.engines.lanes.workers import processors
from brianff.equations.parameters import ANY
from brianff.errors import CheckpointError, ConfigurationError, DataError, NumericalError
from brianff.matching import choose
from brianff.protocols import callbacks as hooks
from brianff.protocols.callbacks import Callback
from brianff.protocols.configuration import Protocol
from brianff.protocols.contrast import Contrast
from brianff.protocols.eligibility import InsidePresentations
from brianff.protocols.frozen import KEPT_SPIKES, FrozenLayers, needs_of_frozen_layers
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.inference import Outcome, Score, outcome, total_goodness
from brianff.protocols.optimisers import Plain
from brianff.protocols.plasticity import rule_change
from brianff.protocols.samplers import Shown
from brianff.protocols.schedules import SCHEDULES
from brianff.protocols.schema import check_arrays, position
from brianff.responses import Responses
from brianff.simulator import Simulator

if TYPE_CHECKING:
    import pandas

    from brianff.storage.run_directory import RunDirectory

__all__ = ["Trainer"]

Report = Callable[[int, dict[str, float]], None]


@explained
class Trainer(Described):
    """Trains a protocol's network layer by layer.

    Parameters
    ----------
    protocol : Protocol
        From a TOML file or made in Python, with parts of your own as objects.
    dataset : Dataset, optional
        Default: the one that the protocol names.
    callbacks : sequence of Callback
        In addition to those of the protocol, of which copies are used; their names are written with it.
    data_dir : str or Path, optional
        Where a named data set is looked for first.

    Attributes
    ----------
    simulator : Simulator
    task, modulator, negatives, sampler, rule, optimiser : object
        What the protocol describes, made.
    training, held_out : Split
        Images that are learned, and those that the accuracy is measured on: validation or test images.
    layer, epoch : int
        Position: the layer that learns next, and how many of its epochs are done.

    Examples
    --------
    >>> from brianff.protocols import Trainer, load_protocol
    >>> trainer = Trainer(load_protocol("msnn-digits", ["learning.epochs=1", "data.training_images=100"]))
    >>> trainer.fit(progress=False)["epochs"]
    1
    """

    def __init__(
        self,
        protocol: Protocol,
        dataset: Dataset | None = None,
        callbacks: Sequence[Callback] = (),
        data_dir: str | Path | None = None,
    ):
        if not isinstance(protocol, Protocol):
            raise ConfigurationError(f"a trainer needs a Protocol, such as that of load_protocol; not {protocol!r}")
        # Parts that hold a state are this trainer's own, but for the callbacks that were handed to it.
        own = hooks.chosen(callbacks)
        self.callbacks = (*deepcopy(protocol.callbacks), *own)
        for callback in self.callbacks:
            hooks.check_methods(callback)
        if own:
            protocol = protocol.replace(callbacks=(*protocol.callbacks, *own))
        if dataset is not None:  # the run's configuration names it
            protocol = protocol.replace(data=protocol.data.replace(dataset=dataset))
        self.task = protocol.data.made_task
        dataset = self.task.dataset(load_dataset(protocol.data.dataset, data_dir), protocol.network.encoding.frames)
        protocol = _with_candidates(protocol, dataset)
        _check_fit(protocol, dataset)
        self.protocol, self.dataset = protocol, dataset
        learning = protocol.learning
        self.training, held_out = _split(protocol, dataset)
        frames = protocol.network.encoding.frames
        self.held_out = self.task.split(held_out, frames)
        if len(held_out) and not len(self.held_out):
            raise ConfigurationError(
                f"data.validation_images is {len(held_out)}, and a presentation shows {frames} images: hold more out"
            )
        self.simulator = self.new_simulator()
        self._check_memory()
        self._check_amplitudes()
        _check_goodness(self.simulator)
        self.modulator, self.negatives = learning.made_modulator, learning.made_negatives
        self.sampler, self.rule = learning.made_sampler, learning.made_plasticity
        self.summary: dict[str, Any] | None = None  # what `fit` returned
        self._start_layer(0)
        self._frozen_below: tuple[int, FrozenLayers | None] | None = None
        self._history: list[tuple[int, int, str, float]] = []
        self._inside: InsidePresentations | None = None
        if learning.eligibility is not None:
            self._inside = InsidePresentations(self, learning.eligibility)
        for callback in self.callbacks:
            callback.on_start(self)

    def _check_memory(self) -> None:
        """Refuse batches whose responses are larger than the memory that is free, before one is trained."""
        classes, images = self.protocol.network.classes, max(len(self.training), len(self.held_out))
        batches = {
            "learning.batch": (self.protocol.learning.batch, 1),
            "evaluation.batch": (self.protocol.evaluation.batch, classes),
        }
        for key, (batch, labels) in batches.items():
            for need in self.simulator.needs(min(batch, images) * labels, goodness_only=True):
                check_memory([need._replace(numbers={key: batch})])

    def _check_amplitudes(self) -> None:
        """Refuse a norm that asks for more than devices are read with: some images may not show it."""
        network, generator = self.protocol.network, np.random.default_rng(0)
        encoding, device = network.encoding, network.layers[0].device
        if encoding.norm is None or device is None or encoding.frames > 1 or isinstance(encoding, EventEncoding):
            return
        for split in (self.training, self.held_out):
            for first in range(0, len(split), 1000):
                image_part(network, split.intensities(slice(first, first + 1000)), self._mean_image, generator)

    def new_simulator(self, workers: int | None = None) -> Simulator:
        """Return the protocol's network as it is before it learns.

        Parameters
        ----------
        workers : int, optional
            Processes; default: those of the protocol.
        """
        engine = self.protocol.engine
        inside = self.protocol.learning.eligibility is not None  # changes weights at steps of the presentations
        simulator = Simulator(
            self.protocol.network,
            self.protocol.learning.goodness,
            "lanes" if inside and engine.name == "auto" else engine.name,
            engine.lanes,
            self.protocol.seed,
            engine.memory,
            workers or engine.workers or processors(),
            engine.precision,
            self.protocol.learning.credit,
            engine.table_step,
            engine.tolerance,
        )
        simulator.mean_image = self._mean_image
        return simulator

    @cached_property
    def _mean_image(self) -> np.ndarray | None:
        """Mean of the training images, where the encoding takes it off."""
        return self.training.mean_image if self.protocol.network.encoding.centred else None

    def fit(self, directory: str | Path | RunDirectory | None = None, progress: bool = True) -> dict[str, Any]:
        """Train what is left to train, evaluate, and return the summary; warn of a network that learned nothing.

        Parameters
        ----------
        directory : str, Path or RunDirectory, optional
            A run directory, made if missing: it receives configuration, history, checkpoints, log and summary. A run of
            the same protocol that was stopped there is resumed, bit for bit. Default: nothing is written.
        progress : bool
            Show a progress bar.

        Raises
        ------
        CheckpointError
            If the directory holds another run, or cannot be read or written.
        NumericalError
            If the integration diverges.
        """
        from brianff.protocols.activity import complaints
        from brianff.protocols.training import fit

        summary = fit(self, directory, progress)
        for complaint in complaints(summary):
            warnings.warn(complaint, stacklevel=3)  # `explained` stands between
        return summary

    @property
    def engine(self) -> str:
        """Name of what simulates the training."""
        program = self._inside is not None and self._inside.program is not None
        return "standalone" if program else self.simulator.engine

    @property
    def history(self) -> pandas.DataFrame:
        """What was noted so far, a table with the columns epoch, layer, quantity, value."""
        import pandas

        return pandas.DataFrame(self._history, columns=["epoch", "layer", "quantity", "value"])

    def note(self, quantity: str, value: float) -> None:
        """Add a quantity of the epoch to the history.

        Parameters
        ----------
        quantity : str
        value : float
        """
        self._history.append((self.epoch, self.layer, str(quantity), argument(f"note {quantity!r}", value, Measured())))

    def build(self) -> None:
        """Compile what training needs beside the simulator."""
        if self._inside is None:
            self.optimiser.build(np.dtype(self.simulator.dtype))
        elif self._inside.program is not None:
            self._inside.program.build()

    @property
    def score(self) -> Score:
        """What inference compares between labels."""
        known = {"log-odds": self.modulator.score, "probability": self.modulator.probability, "spikes": total_goodness}
        return known[self.protocol.evaluation.decision]

    @property
    def decision(self) -> str:
        """What decides between labels, in short: "spikes" or "voltage"; trained readouts take what they are given."""
        counted = self.protocol.learning.goodness.counts_spikes
        return "spikes" if counted or self.protocol.evaluation.decision == "spikes" else "voltage"

    @cached_property
    def deciding(self) -> Simulator:
        """What inference presents to: the simulator, or, where spikes decide, the same network counting them."""
        spikes = self.protocol.evaluation.decision == "spikes"
        return self.simulator.measuring(GOODNESS["spike-count"]) if spikes else self.simulator

    @property
    def finished(self) -> bool:
        """Whether every layer has learned for all its epochs."""
        return self.layer == len(self.simulator.layers)

    @property
    def images_left(self) -> int:
        """Images still to be presented, counted once per epoch."""
        epochs = self.protocol.learning.epochs
        return ((len(self.simulator.layers) - self.layer) * epochs - self.epoch) * len(self.training)

    def stop_layer(self) -> None:
        """Let the active layer end its training with this epoch; for callbacks."""
        self._stopped = True

    def run_epoch(self, report: Report = lambda images, figures: None) -> None:
        """Train the active layer for one epoch and move the position on; Ctrl-C leaves the trainer as it was before.

        Parameters
        ----------
        report : callable
            Called after each batch with its number of images and the figures to show.
        """
        before = self.state()
        try:
            with one_blas_thread(), closing(Ahead(self._shown())) as batches:
                self._learn(batches, report)
        except (KeyboardInterrupt, SystemExit):
            self.restore(*before)
            raise

    def _learn(self, batches: Ahead, report: Report) -> None:
        """Learn the batches of an epoch and move the position on."""
        sums: dict[str, float] = {}
        done, ahead = 0, self.sampler.ahead(self)
        idle = self.epoch == 0 and self._inside is None
        for shown, spikes in batches:
            if ahead:
                batches.begin()
            contrast: Contrast
            if self._inside is not None:
                contrast = self._inside.present(shown, spikes, done)
            else:
                responses = self._present(shown)
                if self.simulator.workers > 1:  # not before: presentations keep all threads busy
                    batches.begin()
                contrast = self.sampler.contrast(self, shown, responses)
                if not isinstance(contrast, Contrast):
                    name = type(self.sampler).__name__
                    raise ConfigurationError(f"{name} gave {type(contrast).__name__}; contrast gives Pairs or Mixed")
                change = rule_change(self.rule, contrast, self.modulator)
                idle = idle and not change.any() and _indistinct(contrast)
                step = self.optimiser(change, self.schedule_factor(done))
                if not isinstance(self.optimiser, Plain):  # those of brianff are known to fit
                    step = answer(type(self.optimiser).__name__, step, change.shape, range=ANY)
                try:
                    self.simulator.layers[self.layer].learn(step)
                except DataError as error:
                    where = f"layer {self.layer}, epoch {self.epoch + 1}, image {done}"
                    raise NumericalError(f"{where}: {error}; use a smaller learning rate") from None
            done += len(contrast)
            for quantity, total in contrast.figures(self.modulator).items():
                sums[quantity] = sums.get(quantity, 0.0) + total
            for callback in self.callbacks:
                callback.on_batch(self, contrast)
            first, *_, last = sums
            shown_last = last.replace("_", " ")
            report(len(contrast), {"loss": sums[first] / done, shown_last: sums[last] / done})
        if idle:
            raise ConfigurationError(
                f"layer {self.layer}: goodness {self.simulator.goodness.name!r} was {contrast.positive.goodness[0]:g} "
                "in every presentation of the first epoch, and no weight was to change: nothing would be learned; take "
                "another goodness, more steps, or larger weights or currents"
            )
        self.epoch += 1
        for quantity, total in sums.items():
            self.note(quantity, total / done)
        if not self.protocol.unsupervised:
            self.note(*self._measure_accuracy())
        self.note("weight_deviation", self.simulator.layers[self.layer].crossbar.weights.std())
        for callback in self.callbacks:
            callback.on_epoch(self)
        if self._stopped or self.epoch == self.protocol.learning.epochs:
            for callback in self.callbacks:
                callback.on_layer(self)
            self._start_layer(self.layer + 1)

    def evaluate(
        self,
        split: Split,
        report: Callable[[int], None] = lambda images: None,
        layers: Sequence[int] | None = None,
    ) -> float:
        """Return the accuracy on a split, by some `layers` or those of the protocol; nothing but counters changes.

        Parameters
        ----------
        split : Split
        report : callable
            Called with the number of images after each batch.
        layers : sequence of int, optional
            Whose goodness decides; default: those of the protocol.
        """
        return self.infer(split, report, layers).accuracy

    def infer(
        self,
        split: Split,
        report: Callable[[int], None] = lambda images: None,
        layers: Sequence[int] | None = None,
    ) -> Outcome:
        """Return accuracy, ties and the inferred labels of a split; see `evaluate`.

        Parameters
        ----------
        split, report, layers
            As in `evaluate`.
        """
        evaluation, own, deciding = self.protocol.evaluation, self.simulator, self.deciding
        deciding.presentations, deciding.neuron_steps = own.presentations, own.neuron_steps
        found = outcome(
            deciding, split, evaluation.layers if layers is None else layers, self.score, evaluation.batch, report
        )
        own.presentations, own.neuron_steps = deciding.presentations, deciding.neuron_steps
        return found

    def training_part(self, images: int) -> Split:
        """Return what the accuracy on the first so many training images, or those of one presentation, is measured on.

        Parameters
        ----------
        images : int
        """
        frames = self.protocol.network.encoding.frames
        part = self.training.first(max(images, frames))
        return self.task.split(part, frames, len(part))

    def schedule_factor(self, done: int) -> float:
        """Return what the schedule makes of the learning rate after so many images of the epoch.

        Parameters
        ----------
        done : int
        """
        learning = self.protocol.learning
        factor = learning.schedule((self.epoch + done / len(self.training)) / learning.epochs)
        if not isinstance(factor, int | float | np.number) or not np.isfinite(factor):
            name = SCHEDULES.name_of(learning.schedule)
            raise ConfigurationError(f"schedule {name!r} gave {factor!r}; it must give a finite number")
        return float(factor)

    def _shown(self):
        """Yield what the batches of an epoch show, and the spikes for a program that presents them, if any."""
        inside = self._inside
        size = self.protocol.learning.batch if inside is None else inside.drawn_together
        streams, frames = self.simulator.streams, self.protocol.network.encoding.frames
        drawn = self.training.batches(size, streams["batches"])
        batches = (self.task.batch(batch, self.training, frames, streams["task"]) for batch in drawn)
        shown = (self._checked(self.sampler.shown(self, batch)) for batch in batches)
        return ((one, None) for one in shown) if inside is None else inside.joined(shown)

    def _checked(self, shown: Any) -> Shown:
        if not isinstance(shown, Shown) or not len(shown.positive):
            what = "nothing to present" if isinstance(shown, Shown) else type(shown).__name__
            raise ConfigurationError(
                f"{type(self.sampler).__name__} gave {what}; shown gives a Shown of some presentations"
            )
        return shown

    def _present(self, shown: Shown) -> Responses:
        """Return the active layer's responses to what a batch shows."""
        if self._frozen is None:
            *below, responses = self.simulator.present_inputs(shown.inputs, self.layer + 1)
            goodness_below = np.sum([response.goodness for response in below], axis=0)
        else:
            responses, goodness_below = self._frozen.present(shown.inputs, shown.indices, shown.labels)
        if (weight := self.protocol.learning.collaboration) and self.layer:
            responses = replace(responses, goodness_below=weight * goodness_below)
        if dropout := self.protocol.learning.neuron_dropout:
            responses = responses.dropped(shown.indices, dropout, self.simulator.streams["neuron dropout"])
        return responses

    @property
    def _frozen(self) -> FrozenLayers | None:
        """The frozen layers below the active one, if what they answer can be kept."""
        if self._frozen_below is None or self._frozen_below[0] != self.layer:
            fits = choose([KEPT_SPIKES], needs_of_frozen_layers(self.protocol, self.simulator, self.layer))
            memory = self.protocol.engine.kept_spikes
            kept = FrozenLayers(self.simulator, self.layer, len(self.training), memory) if fits else None
            self._frozen_below = self.layer, kept
        return self._frozen_below[1]

    def _measure_accuracy(self) -> tuple[str, float]:
        """Measure after an epoch, on the layers trained so far; never on test images."""
        if self.protocol.data.validation_images:
            quantity, split = "validation_accuracy", self.held_out
        else:
            quantity, split = "training_accuracy", self.training_part(self.protocol.evaluation.epoch_images)
        return quantity, self.evaluate(split, layers=self.layers_so_far)

    @property
    def layers_so_far(self) -> list[int]:
        """Layers of those that decide that have been trained, or are being trained; if there is none, the last."""
        wanted = self.protocol.evaluation.layers
        return [layer for layer in range(self.layer + 1) if wanted is None or layer in wanted] or [self.layer]

    def _start_layer(self, layer: int) -> None:
        self.layer, self.epoch, self._stopped = layer, 0, False
        self.optimiser = self.protocol.learning.made_optimiser
        self.optimiser.threads = self.simulator.workers

    def last_epoch(self) -> dict[str, float]:
        """Return the quantities of the history's last epoch."""
        position = self._history[-1][:2] if self._history else None
        return {quantity: value for *where, quantity, value in self._history if tuple(where) == position}

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights and device states of all layers by name, and the label codes."""
        weights = {
            f"{name}_{number}": array
            for number, layer in enumerate(self.simulator.layers)
            for name, array in layer.crossbar.state().items()
        }
        return weights | {"codes": self.simulator.codes}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return a copy of everything that resuming needs: arrays and JSON-able values."""
        layers = enumerate(self.simulator.layers)
        arrays = {f"membrane_{number}": layer.membrane for number, layer in layers if layer.membrane is not None}
        for part, state in self._states.items():
            arrays |= {f"{part}.{name}": array for name, array in state.items()}
        arrays |= {} if self._inside is None else {"eligibility": self._inside.trace.value}
        arrays |= hooks.states(self.callbacks)
        return {name: np.array(array) for name, array in (self.weights() | arrays).items()}, {
            "layer": self.layer,
            "epoch": self.epoch,
            "history": list(self._history),
            "streams": self.simulator.streams.state(),
            "presentations": self.simulator.presentations,
            "neuron_steps": self.simulator.neuron_steps,
            "data_digest": self.dataset.digest,
        }

    @property
    def _states(self) -> dict[str, dict[str, np.ndarray]]:
        """What the parts that learn keep from batch to batch: arrays in a dict of theirs that is called `state`."""
        parts = {name: getattr(self, name) for name in ("rule", "modulator", "negatives", "sampler")}
        # In files the optimiser has the name that it had in version 0.1.
        states = {name: getattr(part, "state", None) for name, part in ({"step_rule": self.optimiser} | parts).items()}
        return {name: state for name, state in states.items() if isinstance(state, dict)}

    def restore(self, arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
        """Put the trainer into a state that `state` returned; training then continues bit for bit.

        Parameters
        ----------
        arrays, values : dict
            What `state` returned.

        Raises
        ------
        CheckpointError
            If it is not the state of such a run, or was reached with other data. The trainer is then unchanged.
        """
        given, values = argument("arrays", arrays, Table()), argument("values", values, Table())
        arrays = {re.sub("^optimiser[.]", "step_rule.", name): np.array(array) for name, array in given.items()}
        found, streams = position(self, values)
        now = self.dataset.digest
        if (then := found.data_digest or now) != now:
            raise CheckpointError(
                f"this run learned data of the digest {then[:12]}; those of {self.dataset.name!r} are now {now[:12]}: "
                "give back the data that it learned, or train anew"
            )
        check_arrays(self, arrays, found)
        for number, layer in enumerate(self.simulator.layers):
            layer.crossbar.restore({name: arrays[f"{name}_{number}"] for name in layer.crossbar.state()})
            layer.restore(arrays.get(f"membrane_{number}"))
        self.simulator.codes[:] = arrays["codes"]
        self._start_layer(found.layer)
        self.epoch = found.epoch
        for part, state in self._states.items():
            prefix = f"{part}."
            state.update({name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)})
        if self._inside is not None:
            self._inside.trace.value[:] = arrays["eligibility"]
        hooks.restore(self.callbacks, arrays)
        self._frozen_below = None
        self._history = list(found.history)
        self.simulator.streams.restore(streams.state())
        self.simulator.presentations, self.simulator.neuron_steps = found.presentations, found.neuron_steps

    def _facts(self) -> dict[str, Any]:
        position = {"protocol": self.protocol.name, "layer": self.layer, "epoch": self.epoch}
        return position | self.simulator._facts()


def _with_candidates(protocol: Protocol, dataset: Dataset) -> Protocol:
    """Return the protocol with no more candidates than there are wrong labels, unless their number was given."""
    learning, wrong = protocol.learning, dataset.classes - 1
    if "candidates" in learning.model_fields_set or learning.made_negatives.count <= wrong:
        return protocol
    return protocol.replace(learning=learning.replace(candidates=wrong))


def _check_fit(protocol: Protocol, dataset: Dataset) -> None:
    network, pixels = protocol.network, dataset.image_shape[0] * dataset.image_shape[1]
    negatives = protocol.learning.made_negatives
    for field, given, needed in (("pixels", network.pixels, pixels), ("classes", network.classes, dataset.classes)):
        if given != needed:
            raise ConfigurationError(f"network.{field} is {given}; data set {dataset.name!r} needs {needed}")
    if isinstance(dataset.train.images, SpikeTrains) and (protocol.data.distorts or not negatives.labelled):
        raise ConfigurationError(
            "spike trains are not distorted or mixed: no data.shift, no data.augmentation, and negatives with labels"
        )
    for split in (dataset.train, dataset.test):
        first = split.intensities(slice(1))
        checked_images(network, first if network.encoding.frames == 1 else np.tile(first, network.encoding.frames))
    negatives.check(dataset)


def _indistinct(contrast: Contrast) -> bool:
    """Tell whether all presentations have the same goodness."""
    return not np.ptp(np.concatenate([contrast.positive.goodness, contrast.negative.goodness]))


def _check_goodness(simulator: Simulator) -> None:
    """Refuse a goodness that is known to be zero whatever is shown: nothing would be learned, without a word."""
    goodness = simulator.goodness
    for population in simulator.populations:
        if goodness.counts_spikes and population.neuron.threshold == "False":
            raise ConfigurationError(
                f"goodness {goodness.name!r} counts spikes, and neurons {population.neuron.name!r} have none: take "
                "'mean-square' or 'final-squared-norm'"
            )
    if simulator.engine != "response" and simulator.network.encoding.steps == 1 and goodness.readout == "average":
        raise ConfigurationError(
            f"goodness {goodness.name!r} averages the activity before the events of each step, which is zero in "
            "presentations of one step: take 'final-squared-norm', more steps, or engine.name = 'response'"
        )


def _split(protocol: Protocol, dataset: Dataset) -> tuple[Split, Split]:
    training, data = dataset.train, protocol.data
    if data.validation_images >= len(training):
        raise ConfigurationError(
            f"data.validation_images is {data.validation_images}; there are {len(training)} training images"
        )
    held_out = dataset.test
    if data.validation_images:
        training, held_out = training.without_last(data.validation_images), training.last(data.validation_images)
    if data.training_images is not None:
        training = training.first(data.training_images)
    for part, split in {"training": training, "test": held_out}.items():
        if not len(split) and not (part == "test" and protocol.unsupervised):
            raise DataError(f"data set {dataset.name!r} has no {part} images")
    return training, held_out
