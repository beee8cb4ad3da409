"""What a protocol is: data, network, learning and evaluation, from TOML or Python, validated as a whole."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from brianff.acceleration.memory import DEFAULT_KEPT_SPIKES, DEFAULT_MEMORY, parse_bytes
from brianff.description import Description, Network
from brianff.errors import ConfigurationError

__all__ = ["Data", "Eligibility", "Engine", "Evaluation", "Learning", "Protocol", "load_protocol", "named_protocols"]

Positive = Annotated[float, Field(gt=0)]


class Data(Description):
    """Which images are learned.

    Parameters
    ----------
    dataset : str
        Name of a data set: see `brianff data`.
    training_images : int or None
        Use only the first so many training images; None: all.
    validation_images : int
        Hold out the last so many training images; evaluation then uses these instead of the test images.
    shift : int
        Training images are shifted by up to so many pixels in each direction, anew at each presentation.
    """

    dataset: str = "digits"
    training_images: int | None = Field(None, ge=1)
    validation_images: int = Field(0, ge=0)
    shift: int = Field(0, ge=0)


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

    first_step: int = Field(16, ge=0)
    last_step: int = Field(22, ge=0)
    rate: float = Field(0.1, gt=0, le=0.9)
    gain: Positive = 1.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_step < self.first_step:
            raise ValueError(f"last_step is {self.last_step}, before first_step {self.first_step}")
        return self


class Learning(Description):
    """How weights change, between presentations or inside them.

    Parameters
    ----------
    goodness : str
        Name of a goodness function in `brianff.protocols.goodness`.
    probability : {"pair", "sigmoid", "symmetric"}
        Form of the probability that a presentation is positive; it fixes the modulator.
    sharpness : float
        Factor of the goodness in the probability.
    threshold : float
        Goodness threshold of the sigmoid form; margin of the pair form.
    collaboration : float
        Weight with which the goodness of the frozen layers below is added to that of the layer that learns: with 1 it
        learns what those leave undecided, with 0 as if it were alone (layer collaboration: Lorberbom et al., AAAI
        2024, arXiv 2305.12393); sigmoid and pair form.
    polarity : {"both", "random"}
        Each image of a batch is presented as positive and as negative, or as one of the two with probability 1/2.
    clip : float or None
        Probabilities outside [clip, 1 - clip] change nothing, as with a loss of the clipped probability.
    eligibility : Eligibility or None
        Plasticity inside the presentation; it takes the place of the step rule and needs polarity = "random".
    negatives : {"wrong-label", "hardest", "all-candidates", "hybrid"}
        One random wrong label; or, of several candidates, the one that the network takes most for positive; or all
        candidates, in the pair form only; or, without labels (network.label.strength = 0), mixtures of two images.
    candidates : int
        Number of random wrong labels with negatives = "hardest" or "all-candidates".
    step_rule : {"plain", "momentum", "adam"}
        Rule that turns a change into a step of the weights.
    step_size : float
        Step size at the start.
    step_schedule : {"constant", "cosine"}
        `cosine`: the step size falls to zero over a layer's epochs along half a cosine.
    epochs : int
        Epochs for each layer.
    batch : int
        Images of a batch.
    """

    goodness: str = "mean-square"
    probability: Literal["pair", "sigmoid", "symmetric"] = "pair"
    sharpness: Positive = 0.1
    threshold: float = 1.0
    collaboration: float = Field(0.0, ge=0)
    polarity: Literal["both", "random"] = "both"
    clip: float | None = Field(None, gt=0, lt=0.5)
    eligibility: Eligibility | None = None
    negatives: Literal["wrong-label", "hardest", "all-candidates", "hybrid"] = "hardest"
    candidates: int = Field(4, ge=1)
    step_rule: Literal["plain", "momentum", "adam"] = "adam"
    step_size: Positive = 2e-3
    step_schedule: Literal["constant", "cosine"] = "cosine"
    epochs: int = Field(10, ge=1)
    batch: int = Field(128, ge=1)

    @model_validator(mode="after")
    def _polarity_fits(self) -> Self:
        if self.polarity == "random":
            if self.probability == "pair":
                raise ValueError("polarity 'random' has no pairs: use probability = 'sigmoid' or 'symmetric'")
            if self.negatives == "hybrid":
                raise ValueError("polarity 'random' needs labels: use negatives = 'wrong-label' or 'hardest'")
        elif self.eligibility is not None or self.clip is not None:
            raise ValueError("eligibility and clip need polarity = 'random'")
        if self.collaboration and (self.probability == "symmetric" or self.polarity == "random"):
            raise ValueError(
                "collaboration sums goodness: use polarity = 'both' with probability = 'sigmoid' or 'pair'"
            )
        if self.negatives == "all-candidates" and self.probability != "pair":
            raise ValueError(
                f"negatives 'all-candidates' compares an image's labels, and probability {self.probability!r} does "
                "not: use probability = 'pair'"
            )
        return self

    @property
    def several_negatives(self) -> bool:
        """Whether each image is presented with several wrong labels."""
        return self.negatives in ("hardest", "all-candidates")

    @property
    def wrong_labels(self) -> int:
        """How many wrong labels are drawn for each image."""
        return self.candidates if self.several_negatives else 1


class Evaluation(Description):
    """How the class of an image is inferred.

    Parameters
    ----------
    layers : tuple of int or None
        Layers whose goodness is summed; None: all.
    decision : {"log-odds", "probability"}
        What is compared between labels: log-odds, or the probability in single precision, which saturates, so that
        labels tie and the first of them is taken (as published in arXiv 2406.16479).
    batch : int
        Images presented together, each with every label.
    training_images : int
        Training images on which the final training accuracy is measured (the first so many).
    epoch_images : int
        Training images on which it is measured after each epoch; with validation images, those are used instead.
    readout_images : int
        Training images that the linear readout is fitted to where no label is learned (the first so many).
    """

    layers: tuple[int, ...] | None = None
    decision: Literal["log-odds", "probability"] = "log-odds"
    batch: int = Field(100, ge=1)
    training_images: int = Field(10_000, ge=1)
    epoch_images: int = Field(1_000, ge=1)
    readout_images: int = Field(10_000, ge=1)


class Engine(Description):
    """Which engine simulates, with how much memory.

    Parameters
    ----------
    name : {"lanes", "reference"}
        `lanes`: many presentations side by side; `reference`: ordinary Brian2 objects, one after the other.
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
    online : {"fastest", "steps"}
        Learning inside the presentations (with an eligibility trace; online in batches of one) runs as one C++ program
        where that is possible, or always step by step.
    """

    name: Literal["lanes", "reference"] = "lanes"
    lanes: int | None = Field(None, ge=1)
    memory: Annotated[int, BeforeValidator(parse_bytes)] = DEFAULT_MEMORY
    workers: int | None = Field(None, ge=1)
    kept_spikes: Annotated[int, BeforeValidator(parse_bytes)] = DEFAULT_KEPT_SPIKES
    precision: Literal["double", "single"] = "double"
    online: Literal["fastest", "steps"] = "fastest"


class Protocol(Description):
    """A whole experiment, complete and re-runnable."""

    name: str = "protocol"
    description: str = ""
    seed: int = Field(1, ge=0)
    data: Data = Data()
    network: Network = Network()
    learning: Learning = Learning()
    evaluation: Evaluation = Evaluation()
    engine: Engine = Engine()

    @property
    def unsupervised(self) -> bool:
        """Whether the network never sees a label; its accuracy is then that of a linear readout."""
        return self.learning.negatives == "hybrid"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        from brianff.protocols.goodness import GOODNESS

        if self.learning.goodness not in GOODNESS:
            raise ValueError(f"learning.goodness is {self.learning.goodness!r}; known: {', '.join(GOODNESS)}")
        if self.unsupervised != (self.network.label.strength == 0):
            raise ValueError(
                f"learning.negatives is {self.learning.negatives!r} and network.label.strength "
                f"{self.network.label.strength}: hybrid negatives need a strength of 0, wrong labels one above 0"
            )
        if self.evaluation.decision == "probability" and self.learning.probability == "pair":
            raise ValueError(
                "evaluation.decision is 'probability', but the pair form gives none to one presentation: use 'log-odds'"
            )
        for layer in self.evaluation.layers or ():
            if not 0 <= layer < len(self.network.layers):
                raise ValueError(f"evaluation.layers names layer {layer}; there are {len(self.network.layers)}")
        if self.learning.eligibility is not None:
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


def load_protocol(name: str | Path, settings: Iterable[str] = ()) -> Protocol:
    """Read a protocol and apply settings to it.

    Parameters
    ----------
    name : str or Path
        A named protocol or the path of a TOML file.
    settings : iterable of str
        Texts such as ``"learning.epochs=3"`` or ``"network.layers.0.neurons=256"``: TOML values by dotted key.

    Raises
    ------
    ConfigurationError
        If the protocol, a key or a value is unknown; the message names it and what is allowed.
    """
    known = named_protocols()
    path = known.get(str(name), Path(name))
    if not path.is_file():
        raise ConfigurationError(f"no protocol {str(name)!r}; known: {', '.join(known)}, or the path of a TOML file")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    for setting in settings:
        _apply(values, setting)
    return Protocol(**values)


def _apply(values: dict[str, Any], setting: str) -> None:
    key, separator, text = setting.partition("=")
    if not separator:
        raise ConfigurationError(f"setting {setting!r} is not of the form key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()  # unquoted text, such as 32 uA
    *path, last = key.strip().split(".")
    target: Any = values
    try:
        for part in path:
            target = target[_position(part)] if isinstance(target, list) else target.setdefault(part, {})
        if isinstance(target, list):
            target[_position(last)] = value
        else:
            target[last] = value
    except (ValueError, IndexError, TypeError, AttributeError):
        raise ConfigurationError(f"setting {setting!r}: there is no key {key.strip()!r}") from None


def _position(text: str) -> int:
    if not text.isdecimal():  # a negative number would count from the end
        raise ValueError(text)
    return int(text)
