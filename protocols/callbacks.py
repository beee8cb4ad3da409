"""Callbacks: what happens beside training, after batches, epochs and layers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.description.fields import Whole, argument, between
from brianff.errors import ConfigurationError
from brianff.protocols.modulators import Modulator
from brianff.random import RandomStreams
from brianff.registry import Registry

if TYPE_CHECKING:
    import pandas

    from brianff.protocols.contrast import Contrast
    from brianff.protocols.trainer import Trainer
    from brianff.responses import Recording

__all__ = [
    "CALLBACKS",
    "Callback",
    "EarlyStop",
    "HeldOutAccuracy",
    "RecordGoodness",
    "RecordSpikes",
    "RecordSynapses",
    "WeightAverage",
]


class Callback:
    """Base of the callbacks; one of your own needs only the methods that it uses.

    In `on_batch`, `on_epoch` and `on_layer`, ``trainer.layer`` is the layer that has learned; in the latter two,
    ``trainer.epoch`` counts its epochs, the one that has just ended included.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Training begins, or resumes: before the first batch, and before `restore`.

        Parameters
        ----------
        trainer : Trainer
        """

    def on_batch(self, trainer: Trainer, contrast: Contrast) -> None:
        """A batch was learned.

        Parameters
        ----------
        trainer : Trainer
        contrast : Contrast
        """

    def on_epoch(self, trainer: Trainer) -> None:
        """An epoch has ended; `trainer.note` adds to its history.

        Parameters
        ----------
        trainer : Trainer
        """

    def on_layer(self, trainer: Trainer) -> None:
        """A layer has learned for the last time.

        Parameters
        ----------
        trainer : Trainer
        """

    def on_evaluation(self, trainer: Trainer, summary: dict[str, Any]) -> None:
        """Training has ended and was evaluated; the summary may be added to.

        Parameters
        ----------
        trainer : Trainer
        summary : dict
        """

    def state(self) -> dict[str, np.ndarray]:
        """Return what resuming needs, by name."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Put the callback into a state that `state` returned.

        Parameters
        ----------
        state : dict of str to ndarray
        """

    @property
    def each_batch(self) -> bool:
        """Whether it acts after each batch."""
        return type(self).on_batch is not Callback.on_batch


@dataclass
class EarlyStop(Callback):
    """Ends the training of a layer when a quantity of the history has not grown for some epochs.

    Parameters
    ----------
    quantity : str
        As in the history: "validation_accuracy" (with data.validation_images), "training_accuracy", ...
    patience : int
        Epochs without a new best value.
    least_gain : float
        By how much a new best value must be larger.
    """

    quantity: str = "validation_accuracy"
    patience: int = 5
    least_gain: float = 0.0

    def __post_init__(self) -> None:
        argument("patience", self.patience, Whole(1))

    def on_epoch(self, trainer):
        history = trainer.history
        values = history[(history.layer == trainer.layer) & (history.quantity == self.quantity)].value.to_numpy()
        if not len(values):
            known = ", ".join(history.quantity.unique())
            raise ConfigurationError(f"early stop waits for {self.quantity!r}, which is not measured; known: {known}")
        best = 0
        for epoch, value in enumerate(values):
            best = epoch if value > values[best] + self.least_gain else best
        if len(values) - 1 - best >= self.patience:
            trainer.stop_layer()


@dataclass
class HeldOutAccuracy(Callback):
    """Notes the accuracy on held-out images after each epoch, and the share of ties, in the history.

    The layers trained so far decide as the protocol says. Where voltages decide and the modulator has a probability, as
    in arXiv 2406.16479, all layers decide, by the probability (`test_accuracy`) and by log-odds
    (`test_accuracy_by_log_odds`).

    Parameters
    ----------
    images : int or None
        So many of the first held-out images; None: all.
    """

    images: int | None = None

    def __post_init__(self) -> None:
        if self.images is not None:
            argument("images", self.images, Whole(1))

    def on_epoch(self, trainer):
        from brianff.protocols.inference import label_scores

        split = trainer.held_out if self.images is None else trainer.held_out.first(self.images)
        if trainer.decision == "spikes" or type(trainer.modulator).log_odds is Modulator.log_odds:
            found = trainer.infer(split, layers=trainer.layers_so_far)
            trainer.note("test_accuracy", found.accuracy)
            trainer.note("tied_images", found.tied_share)
            return
        correct, tied = np.zeros(2), 0
        scores, batch = [trainer.modulator.probability, trainer.modulator.log_odds], trainer.protocol.evaluation.batch
        with trainer.simulator.evaluation():
            for start in range(0, len(split), batch):
                rows = slice(start, start + batch)
                found = label_scores(trainer.simulator, split.intensities(rows), None, scores)
                correct += [(score.argmax(axis=1) == split.labels[rows]).sum() for score in found]
                highest = found[0].max(axis=1, keepdims=True)
                tied += int(((found[0] == highest).sum(axis=1) > 1).sum())
        for quantity, count in zip(("test_accuracy", "test_accuracy_by_log_odds"), correct, strict=True):
            trainer.note(quantity, count / len(split))
        trainer.note("tied_images", tied / len(split))


@dataclass
class WeightAverage(Callback):
    """Gives each layer, when it has learned, the running average of its weights: A <- decay A + (1 - decay) W.

    Parameters
    ----------
    decay : float
        Of each batch, in [0, 1).
    """

    decay: float = 0.99

    def __post_init__(self) -> None:
        argument("decay", self.decay, between(0, 1, below=True))
        self.average: np.ndarray | None = None

    def on_start(self, trainer):
        self.average = None

    def on_batch(self, trainer, contrast):
        weights = trainer.simulator.layers[trainer.layer].crossbar.weights
        if self.average is None:
            self.average = weights.copy()
        else:
            self.average += (1 - self.decay) * (weights - self.average)

    def on_layer(self, trainer):
        if self.average is not None:
            trainer.simulator.layers[trainer.layer].crossbar.adopt(self.average)
        self.average = None

    def state(self):
        return {} if self.average is None else {"average": self.average}

    def restore(self, state):
        self.average = state["average"].copy() if "average" in state else None


@dataclass
class RecordSpikes(Callback):
    """Records what some held-out images do after each epoch, in all layers up to the one that learned.

    Parameters
    ----------
    images : int or sequence of int
        So many of the first held-out images, or their indices, with their own labels.
    negatives : bool
        The same images with a wrong label each, too.
    neurons : sequence of int, or mapping of int to sequence of int
        Neurons whose time courses are recorded: of the layer that learned, or of several layers by number.
    variables : sequence of str, optional
        Which time courses; see `Simulator.record`.
    every : int
        Record after every so many-th epoch.
    directory : str or Path, optional
        Receives an HDF5 file of each recording, so that memory holds none; a run that resumes goes on with those there.

    Attributes
    ----------
    recordings : list of Recording
        What was recorded so far, or is in the directory.
    """

    images: int | Sequence[int] = 10
    negatives: bool = False
    neurons: Any = ()
    variables: Sequence[str] | None = None
    every: int = 1
    directory: str | Path | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.images, Sequence) or isinstance(self.images, str):
            argument("images", self.images, Whole(0))
        argument("every", self.every, Whole(1))
        self._kept: list[Recording] = []

    def on_epoch(self, trainer):
        from brianff.protocols.recording import record_held_out

        if trainer.epoch % self.every:
            return
        layer, neurons = trainer.layer, self.neurons
        if isinstance(neurons, Mapping):  # layers above the one that learned are not shown anything
            neurons = {number: places for number, places in neurons.items() if number <= layer}
        name = f"layer-{layer}-epoch-{trainer.epoch:04d}.h5"
        file = None if self.directory is None else Path(self.directory, name)
        options = {"neurons": neurons, "layer": layer, "variables": self.variables, "file": file}
        recording = record_held_out(trainer, self.images, self.negatives, **options)
        if file is None:
            self._kept.append(recording)

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded so far; with a directory, what its files hold."""
        from brianff.responses import Recording

        if self.directory is None:
            return list(self._kept)
        return [Recording.open(path) for path in sorted(Path(self.directory).glob("layer-*-epoch-*.h5"))]

    @property
    def spikes(self) -> pandas.DataFrame:
        """All spikes recorded so far, with the columns epoch and trained_layer; empty before the first epoch."""
        import pandas

        tables = [recording.spikes for recording in self.recordings]
        return pandas.concat(tables, ignore_index=True) if tables else pandas.DataFrame()


@dataclass
class RecordGoodness(Callback):
    """Measures the goodness of held-out images with right and with wrong labels after each epoch.

    A run that resumes begins with an empty table.

    Parameters
    ----------
    images : int or sequence of int
        So many of the first held-out images, or their indices.

    Attributes
    ----------
    table : pandas.DataFrame
        As `brianff.protocols.held_out_goodness` returns it; `brianff.analysis.spikes.discrimination` makes ROCs of it.
    """

    images: int | Sequence[int] = 200

    def __post_init__(self) -> None:
        self._tables: list[pandas.DataFrame] = []

    def on_epoch(self, trainer):
        from brianff.protocols.recording import held_out_goodness

        self._tables.append(held_out_goodness(trainer, self.images))

    @property
    def table(self) -> pandas.DataFrame:
        """What was recorded so far; without columns before anything was."""
        import pandas

        return pandas.concat(self._tables, ignore_index=True) if self._tables else pandas.DataFrame()


@dataclass
class RecordSynapses(Callback):
    """Keeps weights and conductances of some synapses of the layer that learns: at its start, and after each epoch.

    A run that resumes begins with an empty table.

    Parameters
    ----------
    synapses : int
        So many synapses of each layer, drawn at random, the same every time; all, if there are fewer.
    batches : int, optional
        After every so many-th batch, too.

    Attributes
    ----------
    table : pandas.DataFrame
        Columns layer, epoch (ended so far), batch (learned so far by the layer), input, neuron, weight, plus and minus
        (conductances of the pair in siemens, nan without devices).
    """

    synapses: int = 1000
    batches: int | None = None

    def __post_init__(self) -> None:
        argument("synapses", self.synapses, Whole(1))
        if self.batches is not None:
            argument("batches", self.batches, Whole(1))
        self._tables: list[pandas.DataFrame] = []
        self._batch = 0

    @property
    def each_batch(self) -> bool:
        return self.batches is not None

    def on_start(self, trainer):
        self._batch = trainer.epoch * -(-len(trainer.training) // trainer.protocol.learning.batch)
        if not trainer.finished:
            self._keep(trainer, trainer.layer, trainer.epoch, self._batch)

    def on_batch(self, trainer, contrast):
        self._batch += 1
        if self.batches is not None and self._batch % self.batches == 0:
            self._keep(trainer, trainer.layer, trainer.epoch, self._batch)

    def on_epoch(self, trainer):
        learned = trainer.epoch * -(-len(trainer.training) // trainer.protocol.learning.batch)
        if self.batches is None or learned % self.batches:
            self._keep(trainer, trainer.layer, trainer.epoch, learned)
        self._batch = learned

    def on_layer(self, trainer):
        self._batch = 0
        if trainer.layer + 1 < len(trainer.simulator.layers):
            self._keep(trainer, trainer.layer + 1, 0, 0)

    def _keep(self, trainer: Trainer, layer: int, epoch: int, batch: int) -> None:
        import pandas

        crossbar = trainer.simulator.layers[layer].crossbar
        there = np.arange(crossbar.weights.size) if crossbar.connected is None else np.flatnonzero(crossbar.connected)
        generator = RandomStreams(trainer.protocol.seed)[f"synapses {layer}"]
        chosen = np.sort(generator.permutation(len(there))[: self.synapses])
        rows, columns = np.unravel_index(there[chosen], crossbar.weights.shape)
        devices = getattr(crossbar, "devices", None)
        plus, minus = np.full((2, len(chosen)), np.nan) if devices is None else devices.conductances[:, chosen]
        place = {"layer": layer, "epoch": epoch, "batch": batch, "input": rows, "neuron": columns}
        values = {"weight": crossbar.weights[rows, columns], "plus": plus, "minus": minus}
        self._tables.append(pandas.DataFrame(place | values))

    @property
    def table(self) -> pandas.DataFrame:
        """What was recorded so far; without columns before anything was."""
        import pandas

        return pandas.concat(self._tables, ignore_index=True) if self._tables else pandas.DataFrame()


CALLBACKS = Registry(
    "callback",
    Callback,
    {
        "early-stop": EarlyStop,
        "held-out-accuracy": HeldOutAccuracy,
        "record-goodness": RecordGoodness,
        "record-spikes": RecordSpikes,
        "record-synapses": RecordSynapses,
        "weight-average": WeightAverage,
    },
)
"""Callbacks by name."""


def chosen(value: Any) -> tuple[Callback, ...]:
    """Return callbacks: one or several objects, classes, names, or tables of a name and parameters."""
    several = value if isinstance(value, list | tuple) else (value,)
    return tuple(CALLBACKS.make(CALLBACKS.find(one)) for one in several)


def check_methods(callback: Callback) -> None:
    """Refuse methods that cannot be called as they will be, before something is trained."""
    for name in ("on_start", "on_batch", "on_epoch", "on_layer", "on_evaluation", "state", "restore"):
        _, *names = inspect.signature(getattr(Callback, name)).parameters
        try:
            inspect.signature(getattr(callback, name)).bind(*names)
        except (TypeError, ValueError) as error:  # no function, or of other arguments
            call = f"{name}({', '.join(names)})"
            raise ConfigurationError(f"{type(callback).__name__} cannot be called as {call}: {error}") from None


def states(callbacks: Sequence[Callback]) -> dict[str, np.ndarray]:
    """Return the states of callbacks as arrays of one checkpoint."""
    kept = [(number, one, one.state()) for number, one in enumerate(callbacks)]
    for _, one, state in kept:
        if not isinstance(state, dict):
            raise ConfigurationError(f"the state of {type(one).__name__} is {state!r}; it must be arrays by name")
    found = {f"callback_{number}.{name}": array for number, _, state in kept for name, array in state.items()}
    for name, array in found.items():
        if np.asarray(array).dtype == object:
            raise ConfigurationError(f"{name} of a callback's state holds objects; checkpoints hold arrays of numbers")
    return found


def restore(callbacks: Sequence[Callback], arrays: dict[str, np.ndarray]) -> None:
    """Put callbacks into states that `states` returned."""
    for number, callback in enumerate(callbacks):
        prefix = f"callback_{number}."
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        callback.restore(own)
