"""What a protocol is: data, network, learning and evaluation, from TOML or Python, validated as a whole."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from brianff.description import Description, Network
from brianff.errors import ConfigurationError
from brianff.memory import DEFAULT_MEMORY, parse_bytes

__all__ = ["Data", "Engine", "Evaluation", "Learning", "Protocol", "load_protocol", "named_protocols"]

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


class Learning(Description):
    """How weights change between presentations.

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
    negatives : {"wrong-label", "hardest"}
        One random wrong label, or the one with the highest goodness of several.
    candidates : int
        Number of random wrong labels to choose from with negatives = "hardest".
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
    negatives: Literal["wrong-label", "hardest"] = "hardest"
    candidates: int = Field(4, ge=1)
    step_rule: Literal["plain", "momentum", "adam"] = "adam"
    step_size: Positive = 2e-3
    step_schedule: Literal["constant", "cosine"] = "cosine"
    epochs: int = Field(10, ge=1)
    batch: int = Field(128, ge=1)


class Evaluation(Description):
    """How the class of an image is inferred.

    Parameters
    ----------
    layers : tuple of int or None
        Layers whose goodness is summed; None: all.
    batch : int
        Images presented together, each with every label.
    training_images : int
        Training images on which the final training accuracy is measured (the first so many).
    epoch_images : int
        Training images on which it is measured after each epoch; with validation images, those are used instead.
    """

    layers: tuple[int, ...] | None = None
    batch: int = Field(100, ge=1)
    training_images: int = Field(10_000, ge=1)
    epoch_images: int = Field(1_000, ge=1)


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
    """

    name: Literal["lanes", "reference"] = "lanes"
    lanes: int | None = Field(None, ge=1)
    memory: Annotated[int, BeforeValidator(parse_bytes)] = DEFAULT_MEMORY
    workers: int | None = Field(None, ge=1)


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

    @model_validator(mode="after")
    def _fits(self) -> Self:
        from brianff.protocols.goodness import GOODNESS

        if self.learning.goodness not in GOODNESS:
            raise ValueError(f"learning.goodness is {self.learning.goodness!r}; known: {', '.join(GOODNESS)}")
        for layer in self.evaluation.layers or ():
            if not 0 <= layer < len(self.network.layers):
                raise ValueError(f"evaluation.layers names layer {layer}; there are {len(self.network.layers)}")
        return self


def named_protocols() -> dict[str, Path]:
    """Return the protocols that come with the package: name to TOML file."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}


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
