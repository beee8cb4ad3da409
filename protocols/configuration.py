"""What a protocol is: data, network, learning and evaluation, from TOML or Python, validated as a whole."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from brianff.acceleration.memory import DEFAULT_KEPT_SPIKES, DEFAULT_MEMORY
from brianff.arguments import explained
from brianff.data import DatasetReference
from brianff.description import Description, FrameEncoding, Network, PulseEncoding
from brianff.description.fields import (
    Count,
    Finite,
    Index,
    Memory,
    Name,
    NotNegative,
    Place,
    Positive,
    Seed,
    Text,
    Whole,
    argument,
    between,
    shown,
)
from brianff.description.parts import part
from brianff.description.quantities import Time
from brianff.equations.tangent import CREDITS
from brianff.errors import ConfigurationError
from brianff.imports import IMPORTED
from brianff.protocols.augmentation import AUGMENTATIONS, augmented, shift_images
from brianff.protocols.callbacks import CALLBACKS
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import MODULATORS, Grouped, Modulator, Pair
from brianff.protocols.negatives import NEGATIVES, Hardest, Negatives
from brianff.protocols.optimisers import OPTIMISERS, Adam, Optimiser
from brianff.protocols.plasticity import PLASTICITY, ModulatedHebbian
from brianff.protocols.readout import READOUTS, GoodnessReadout, linear_readout
from brianff.protocols.samplers import SAMPLERS, BothPolarities, Sampler
from brianff.protocols.schedules import SCHEDULES, cosine
from brianff.protocols.tasks import TASKS, Task
from brianff.random import RandomStreams
from brianff.registry import Registry
from brianff.storage.files import parse_toml, read_toml

__all__ = ["Data", "Eligibility", "Engine", "Evaluation", "Learning", "Protocol", "load_protocol", "named_protocols"]

LayerNumbers = Annotated[tuple[Index, ...], Field(min_length=1, max_length=1000)]


class Data(Description):
    """Which images are learned.

    Parameters
    ----------
    dataset : str, mapping, Path or Dataset
        Name of a data set (`brianff data`), path of one's own, a table with the name of a reader or loader and its
        parameters, or the data set itself, which is written as its name: see `load_dataset`.
    training_images : int or None
        Use only the first so many training images; None: all.
    validation_images : int
        Hold out the last so many training images; evaluation then uses these instead of the test images.
    shift : int
        Training images are shifted by up to so many pixels in each direction, anew at each presentation.
    augmentation : tuple of Augmentation or str
        What else changes training images anew at each presentation, in this order, after the shift: "flip", "affine",
        "elastic", "cutout", "pixel-dropout", or a table with parameters, {"name": "affine", "rotation": 0.15}.
    task : Task or str
        What a presentation shows, and what its class is: "image"; "sequence": several images one after the other, the
        class is that of the one `asked` for, {"name": "sequence", "asked": 0}; "interval": the same image twice, the
        class is the interval. The latter two need network.encoding.kind = "frames"; for "interval", "repeats" is fast.
    """

    dataset: DatasetReference = "digits"
    training_images: Count | None = None
    validation_images: Index = 0
    shift: Index = 0
    augmentation: tuple[Annotated[Any, *part(AUGMENTATIONS), AfterValidator(AUGMENTATIONS.make)], ...] = ()
    task: Annotated[Any, *part(TASKS)] = Task

    @property
    def made_task(self) -> Task:
        """The task itself."""
        return TASKS.make(self.task)

    @property
    def distorts(self) -> bool:
        """Whether training images are shown otherwise than they are."""
        return bool(self.shift or self.augmentation)

    def distorted(self, images: np.ndarray, image_shape: tuple[int, int], streams: RandomStreams) -> np.ndarray:
        """Return training images (images, pixels) as they are shown; the streams "shifts" and "augmentation" draw."""
        shifted = shift_images(images, image_shape, self.shift, streams["shifts"])
        return augmented(self.augmentation, shifted, image_shape, streams["augmentation"])


class Eligibility(Description):
    """Plasticity inside the presentation, through an eligibility trace E that is never reset.

    At each of its steps, with D the modulated Hebbian change of this step (presynaptic spikes now, activity now)::

        E <- (1 - rate) E + rate D          W <- W + gain E

    Parameters
    ----------
    first_step, last_step : int
        Steps of a presentation, counted from 0, at which weights change.
    rate : float
        Rate of the trace, in (0, 0.9].
    gain : float
        Size of the change of the weights.
    """

    first_step: Index = 16
    last_step: Index = 22
    rate: Annotated[float, between(0, 0.9, above=True)] = 0.1
    gain: Positive = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_step < self.first_step:
            raise ValueError(f"last_step is {self.last_step}, before first_step {self.first_step}")
        return self


class Learning(Description):
    """How weights change, between presentations or inside them.

    Each part is an object, or the name of a registered one: `brianff goodness`, `brianff modulators`. A part that is a
    class is made of those fields that its constructor names, such as `learning_rate`.

    Parameters
    ----------
    goodness : Goodness or str
        What the layer is good at: see `brianff.protocols.goodness`.
    modulator : Modulator or str
        "pair", "sigmoid", "symmetric": the probability that a presentation is positive; it fixes the modulator.
    groups : int
        Blocks of neurons with a modulator of their own; see `brianff.protocols.Grouped`.
    sharpness : float
        Factor of the goodness in the probability.
    threshold : float
        Goodness threshold of the sigmoid form; margin of the pair form.
    plasticity : callable or str
        "modulated-hebbian", or a rule of your own: a function of the positive and the negative responses and the
        modulator that returns the wanted change of the weights.
    credit : {"held", "within-event", "memory"}
        How much of what an input event does its postsynaptic factor holds. "held": its own response, with the
        memristors' conductances as they are; "within-event": also what the event does to the memristors, until the next
        one comes; "memory": until the end, so that the effect on the responses to later events is credited.
    collaboration : float
        Weight with which the goodness of the frozen layers below is added to that of the layer that learns: with 1 it
        learns what those leave undecided, with 0 as if it were alone (layer collaboration: Lorberbom et al., AAAI
        2024, arXiv 2305.12393); sigmoid and pair form.
    neuron_dropout : float
        Probability with which a neuron of the layer that learns takes no part in an image's presentations, in training
        only; see `Responses.dropped`.
    polarity : Sampler or str
        What a batch shows: "both", each image as positive and with its negatives; "random", each as one of the two.
    clip : float or None
        Probabilities outside [clip, 1 - clip] change nothing, as with a loss of the clipped probability.
    eligibility : Eligibility or None
        Plasticity inside the presentation; it takes the place of the optimiser and needs polarity = "random".
    negatives : Negatives or str
        "wrong-label": one random wrong label; "hardest": of several candidates, the one that the network takes most for
        positive; "all-candidates": all of them, in the pair form only; "hybrid", "self-contrastive": without labels
        (network.label.strength = 0), mixtures and means of two images.
    candidates : int
        Number of random wrong labels with negatives = "hardest" or "all-candidates". The default is all of them where
        there are fewer than four.
    optimiser : Optimiser or str
        "plain", "momentum", "adam": turns a change into a step of the weights.
    learning_rate : float
        At the start.
    schedule : callable or str
        Gives the factor of the learning rate at a progress from 0 to 1: "constant"; "cosine": to zero over a layer's
        epochs along half a cosine.
    epochs : int
        Epochs for each layer.
    batch : int
        Images of a batch.
    """

    renamed: ClassVar[dict[str, str]] = {
        "probability": "modulator",
        "step_rule": "optimiser",
        "step_size": "learning_rate",
        "step_schedule": "schedule",
    }
    goodness: Annotated[Any, *part(GOODNESS)] = GOODNESS["mean-square"]
    modulator: Annotated[Any, *part(MODULATORS)] = Pair
    groups: Count = 1
    sharpness: Positive = 0.1
    threshold: Finite = 1.0
    plasticity: Annotated[Any, *part(PLASTICITY)] = ModulatedHebbian
    credit: Literal[CREDITS] = "held"  # type: ignore[valid-type]
    collaboration: NotNegative = 0.0
    neuron_dropout: Annotated[float, between(0, 1, below=True)] = 0.0
    polarity: Annotated[Any, *part(SAMPLERS)] = BothPolarities
    clip: Annotated[float, between(0, 0.5, above=True, below=True)] | None = None
    eligibility: Eligibility | None = None
    negatives: Annotated[Any, *part(NEGATIVES)] = Hardest
    candidates: Count = 4
    optimiser: Annotated[Any, *part(OPTIMISERS)] = Adam
    learning_rate: Positive = 2e-3
    schedule: Annotated[Any, *part(SCHEDULES)] = cosine
    epochs: Count = 10
    batch: Count = 128

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        modulator, negatives, paired = self.made_modulator, self.made_negatives, self.polarity.paired
        if not paired:
            if modulator.paired:
                raise ValueError(
                    f"polarity {SAMPLERS.name_of(self.polarity)!r} has no pairs, which modulator "
                    f"{MODULATORS.name_of(self.modulator)!r} compares: use modulator = 'sigmoid' or 'symmetric'"
                )
            if not negatives.labelled:
                raise ValueError("negatives without labels need pairs: use polarity = 'both'")
        elif self.eligibility is not None or self.clip is not None:
            raise ValueError("eligibility and clip need polarity = 'random'")
        if self.eligibility is not None and self.neuron_dropout:
            raise ValueError("neuron_dropout and eligibility do not go together: use neuron_dropout = 0")
        if self.collaboration and (not paired or modulator.groups(2).any()):
            raise ValueError("collaboration sums goodness: use polarity = 'both' with modulator = 'sigmoid' or 'pair'")
        if negatives.compared and not modulator.paired:
            raise ValueError(
                f"negatives {NEGATIVES.name_of(self.negatives)!r} compare an image's labels, and modulator "
                f"{MODULATORS.name_of(self.modulator)!r} does not: use modulator = 'pair'"
            )
        return self

    def _made(self, registry: Registry, part: Any) -> Any:
        """Return a part itself, one of its own for each who asks: what it learns stays out of the description."""
        names = ("sharpness", "threshold", "candidates", "clip", "learning_rate")
        return deepcopy(registry.make(part, **{name: getattr(self, name) for name in names}))

    @property
    def made_modulator(self) -> Modulator:
        """The modulator itself."""
        form = self._made(MODULATORS, self.modulator)
        return form if self.groups == 1 else Grouped(form, self.groups)

    @property
    def made_negatives(self) -> Negatives:
        """The negatives' sampler itself."""
        return self._made(NEGATIVES, self.negatives)

    @property
    def made_sampler(self) -> Sampler:
        """What a batch shows, the sampler itself."""
        return self._made(SAMPLERS, self.polarity)

    @property
    def made_plasticity(self) -> Any:
        """The rule itself."""
        return self._made(PLASTICITY, self.plasticity)

    @property
    def made_optimiser(self) -> Optimiser:
        """The optimiser itself, without state."""
        return self._made(OPTIMISERS, self.optimiser)


class Evaluation(Description):
    """How the class of an image is inferred.

    Parameters
    ----------
    layers : tuple of int or None
        Layers whose goodness is summed; None: all.
    readout : callable or str
        "goodness": the label whose presentation has the highest score. Others are fitted to the latents of a network
        that sees no label: "linear", "majority", or a function of your own, see `brianff.protocols.readout`.
    decision : {"log-odds", "probability", "spikes"}
        What is compared between labels: log-odds, or the probability in single precision, which saturates, so that
        labels tie and the first of them is taken (as published in arXiv 2406.16479); or the number of spikes of the
        layers, so that nothing analog leaves a neuron: of labels that tie, the lowest is taken.
    batch : int
        Images presented together, each with every label.
    training_images : int
        Training images on which the final training accuracy is measured (the first so many).
    epoch_images : int
        Training images on which it is measured after each epoch; with validation images, those are used instead.
    readout_images : int
        Training images that the linear readout is fitted to where no label is learned (the first so many).
    """

    layers: LayerNumbers | None = None
    readout: Annotated[Any, *part(READOUTS)] = GoodnessReadout
    decision: Literal["log-odds", "probability", "spikes"] = "log-odds"
    batch: Count = 100
    training_images: Count = 10_000
    epoch_images: Count = 1_000
    readout_images: Count = 10_000


class Engine(Description):
    """Which engine simulates, with how much memory.

    Parameters
    ----------
    name : {"auto", "response", "lanes", "reference"}
        `response`: responses are looked up in a table of the neurons' drives, which holds converged physics; `lanes`:
        many presentations are integrated side by side, `reference`: ordinary Brian2 objects, one after the other, both
        at the network's time step. `auto`: the first of them that the network fits.
    lanes : int or None
        Number of presentations side by side; None: as many as `memory` holds.
    memory : int or str
        Memory for the state of the presentations side by side, in each process: bytes, or text such as "2 MiB". More
        than a processor core's second-level cache is slower.
    workers : int or None
        Processes that share the work; None: one for each processor that this process may use. Results do not
        depend on it.
    kept_spikes : int or str
        Memory for spikes of frozen layers, which are kept for the next time that the same image comes with the same
        label instead of being simulated again; as `memory`. Results do not depend on it.
    precision : {"double", "single"}
        Precision of the neurons and matrix products of the lanes engine. Single is about twice as fast.
    table_step : quantity or None
        Time step of the table; None: halved until the tolerance is met.
    tolerance : float
        What halving the table's step again may change, relative to the largest goodness at usual drives.
    online : {"fastest", "steps"}
        Learning inside the presentations (with an eligibility trace; online in batches of one) runs as one C++ program
        where that is possible, or always step by step.
    """

    name: Literal["auto", "response", "lanes", "reference"] = "auto"
    lanes: Count | None = None
    memory: Memory = DEFAULT_MEMORY
    workers: Annotated[int, Whole(1, 1000)] | None = None
    kept_spikes: Memory = DEFAULT_KEPT_SPIKES
    precision: Literal["double", "single"] = "double"
    table_step: Time | None = None
    tolerance: Positive = 1e-4
    online: Literal["fastest", "steps"] = "fastest"


class Protocol(Description):
    """A whole experiment, complete and re-runnable.

    Parameters
    ----------
    name, description : str
    seed : int
        Of every random stream.
    data : Data
    network : Network
    learning : Learning
    evaluation : Evaluation
    engine : Engine
    callbacks : Callback or str, or several
        What happens beside training.
    imports : dict of str to str
        Modules of a user's own parts, which `--import` brought in, and the SHA-256 of their files; those of this
        process by default.
    """

    name: Name = "protocol"
    description: Text = ""
    seed: Seed = 1
    data: Data = Data()
    network: Network = Network()
    learning: Learning = Learning()
    evaluation: Evaluation = Evaluation()
    engine: Engine = Engine()
    callbacks: Annotated[
        tuple[Annotated[Any, *part(CALLBACKS), AfterValidator(CALLBACKS.make)], ...],
        BeforeValidator(lambda value: value if isinstance(value, list | tuple) else (value,)),
    ] = ()
    imports: dict[Text, Text] = Field(default_factory=IMPORTED.copy)

    def without_devices(self) -> Self:
        """Return the protocol with ideal synapses, plain numbers, in place of devices."""
        return self.with_layers(device=None)

    def with_layers(self, **changes: Any) -> Self:
        """Return the protocol with the same values changed in every layer.

        Parameters
        ----------
        **changes
            Fields of `Layer`.
        """
        layers = [layer.replace(**changes) for layer in self.network.layers]
        return self.replace(network=self.network.replace(layers=layers))

    @property
    def unsupervised(self) -> bool:
        """Whether the network never sees a label; its accuracy is then that of a readout of its latents."""
        return not self.learning.made_negatives.labelled

    @property
    def chance(self) -> float:
        """Accuracy of a guess; of the order of images: by a network that knows the images."""
        return self.data.made_task.chance(self.network.classes, self.network.encoding.frames)

    @property
    def readout(self) -> Any:
        """What infers the class: that of the evaluation, or a linear one where goodness cannot, without labels."""
        own = self.evaluation.readout
        return linear_readout if own is GoodnessReadout and self.unsupervised else own

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.unsupervised == self.network.shows_labels:
            raise ValueError(
                f"learning.negatives is {NEGATIVES.name_of(self.learning.negatives)!r} and network.label.strength "
                f"{self.network.label.strength}: negatives without labels need a strength of 0, others one above 0"
            )
        smallest = min(layer.neurons for layer in self.network.layers)
        if self.learning.groups > smallest:
            raise ValueError(f"learning.groups is {self.learning.groups}; a layer has {smallest} neurons")
        if self.evaluation.decision == "probability" and self.learning.made_modulator.paired:
            raise ValueError(
                "evaluation.decision is 'probability', but the pair form gives none to one presentation: use 'log-odds'"
            )
        if self.unsupervised and self.network.encoding.frames > 1:
            raise ValueError(
                "negatives without labels mix single images: give network.encoding one frame, or use wrong labels"
            )
        for layer in self.evaluation.layers or ():
            if not 0 <= layer < len(self.network.layers):
                raise ValueError(f"evaluation.layers names layer {layer}; there are {len(self.network.layers)}")
        if self.learning.eligibility is not None:
            if isinstance(self.network.encoding, PulseEncoding | FrameEncoding):
                raise ValueError("learning.eligibility follows spikes: use network.encoding kind 'rate' or 'latency'")
            if len(self.network.layers) > 1:
                raise ValueError("learning.eligibility is for networks of one layer")
            if self.learning.eligibility.last_step >= self.network.encoding.steps:
                raise ValueError(
                    f"learning.eligibility.last_step is {self.learning.eligibility.last_step}; the last step of a "
                    f"presentation is {self.network.encoding.steps - 1}"
                )
        return self


def named_protocols() -> dict[str, Path]:
    """Return the protocols that come with the package: name to TOML file."""
    return {path.stem: path for path in sorted(Path(__file__).with_name("named").glob("*.toml"))}


@explained
def load_protocol(name: str | Path | Protocol, settings: Iterable[str] | Mapping[str, Any] = ()) -> Protocol:
    """Read a protocol and apply settings to it.

    Parameters
    ----------
    name : str, Path or Protocol
        A named protocol, the path of a TOML file, or a protocol itself.
    settings : iterable of str, or mapping of str to object
        Texts such as ``"learning.epochs=3"`` or ``"network.layers.0.neurons=256"``: TOML values by dotted key. Or the
        values themselves, objects too, by dotted key.

    Raises
    ------
    ConfigurationError
        If the protocol, a key or a value is unknown; the message names it and what is allowed.
    """
    if not isinstance(settings, Mapping):
        if isinstance(settings, str | np.ndarray) or not isinstance(settings, Iterable):
            raise ConfigurationError(f"settings are {shown(settings)}; give them in a list: ['learning.epochs=3']")
        settings = dict(map(_parsed, settings))
    return changed(written(name), settings)


def changed(values: Mapping[str, Any], settings: Mapping[str, Any]) -> Protocol:
    """Return the protocol of what is `written`, with other values by dotted key."""
    values = dict(values)
    for key, value in settings.items():
        _set(values, key, value)
    return Protocol(**values)


def written(name: str | Path | Protocol) -> dict[str, Any]:
    """Return what is written in a protocol, before defaults; of a Protocol, with its objects."""
    if isinstance(name, Protocol):
        return _table(name)
    known = named_protocols()
    path = known.get(str(name)) or argument("a protocol", name, Place())
    if not os.path.isfile(path):  # pathlib's raises where a name is too long
        if path.suffix == ".toml":
            raise ConfigurationError(f"there is no file {shown(str(name))} in {Path.cwd()}")
        raise ConfigurationError(
            f"no protocol {shown(str(name))}; known: {', '.join(known)}, or the path of a TOML file"
        )
    return read_toml(path)


def _table(value: Any) -> Any:
    """Return a value in which others can be set: a table or list of its own."""
    if isinstance(value, Description):
        name = getattr(type(value), "name", None)  # of a part, such as an encoding
        fields = {field: getattr(value, field) for field in value.model_fields_set}
        return {"name": name, **fields} if isinstance(name, str) else fields
    if isinstance(value, list | tuple):
        return list(value)
    return dict(value or {}) if isinstance(value, dict | NoneType) else value


def _parsed(setting: str) -> tuple[str, Any]:
    """Return key and value of a setting in text."""
    key, separator, text = setting.partition("=") if isinstance(setting, str) else ("", "", "")
    key = key.strip()
    if not separator:
        raise ConfigurationError(f"setting {shown(setting)} is not of the form key=value")
    value: Any = text.strip()  # unquoted text, such as 32 uA
    try:
        read = parse_toml(f"value = {text}")
        value = read["value"] if len(read) == 1 else value
    except tomllib.TOMLDecodeError:
        pass
    except ValueError as error:
        raise ConfigurationError(f"setting {key}: {error}") from None
    return key, value


def _set(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a value by its dotted key."""
    *path, last = key.split(".")
    target: Any = values
    try:
        for part in path:
            at: Any = _position(part) if isinstance(target, list) else part
            inner = _table(target.get(at, {}) if isinstance(target, dict) else target[at])
            target[at] = inner
            target = inner
        target[_position(last) if isinstance(target, list) else last] = value
    except (ValueError, IndexError, TypeError, AttributeError):
        raise ConfigurationError(f"setting {shown(key)} = {shown(value)}: there is no key {shown(key)}") from None


def _position(text: str) -> int:
    if not text.isdecimal():  # a negative number would count from the end
        raise ValueError(text)
    return int(text)
