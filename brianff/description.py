"""What a network is: plain, immutable, validated descriptions with units. They build and run nothing."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import brian2
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from brianff.errors import ConfigurationError
from brianff.quantities import Current, Time

__all__ = [
    "Description",
    "LabelCode",
    "LatencyEncoding",
    "Layer",
    "Network",
    "PulseEncoding",
    "RateEncoding",
]

Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Description(BaseModel):
    """Base of all descriptions: immutable, no unknown fields, errors that name the field and the remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, **values: Any):
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigurationError(describe_errors(error, type(self))) from None

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, validated again."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(fields | changes))


def describe_errors(error: ValidationError, model: type[BaseModel]) -> str:
    """Return one line for a pydantic error: each field, what was given, what is allowed."""
    lines = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or model.__name__
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {field!r}; known: {', '.join(model.model_fields)}")
        elif item["type"] == "missing":
            lines.append(f"{field} is missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            given = "" if isinstance(item["input"], dict) else f" (given: {item['input']!r})"
            lines.append(f"{field}: {message}{given}")
    return "; ".join(lines)


class PulseEncoding(Description):
    """Every input unit emits the same train of alpha pulses; the amplitude of its pulses is its intensity.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    pulse_steps : tuple of int
        Steps at which the pulses arrive, in [0, steps).
    """

    kind: Literal["pulses"] = "pulses"
    steps: int = Field(20, ge=1)
    pulse_steps: tuple[int, ...] = (0,)

    @model_validator(mode="after")
    def _pulses_inside(self) -> Self:
        if not self.pulse_steps or not all(0 <= step < self.steps for step in self.pulse_steps):
            raise ValueError(f"pulse_steps must name at least one step from 0 to {self.steps - 1}")
        if list(self.pulse_steps) != sorted(set(self.pulse_steps)):
            raise ValueError("pulse_steps must be in rising order, each step once")
        return self


class RateEncoding(Description):
    """Bernoulli rate coding: an input unit spikes at each step with probability `maximum_probability` x intensity."""

    kind: Literal["rate"] = "rate"
    steps: int = Field(23, ge=1)
    maximum_probability: Probability = 0.25


class LatencyEncoding(Description):
    """Latency coding: an input unit spikes once, the earlier the higher its intensity; zero intensity: no spike."""

    kind: Literal["latency"] = "latency"
    steps: int = Field(20, ge=1)


Encoding = Annotated[PulseEncoding | RateEncoding | LatencyEncoding, Field(discriminator="kind")]


class LabelCode(Description):
    """How a label enters the input.

    Parameters
    ----------
    placement : {"append", "pixels", "code"}
        `append`: a one-hot code on additional input units; `pixels`: a one-hot code in place of the first pixels;
        `code`: a fixed random binary code per class on additional units.
    strength : float
        Intensity of an active label unit; a white pixel has 1. With 0 no label is shown.
    bits : int
        Units of the random code.
    density : float
        Probability that a bit of the random code is set.
    """

    placement: Literal["append", "pixels", "code"] = "append"
    strength: float = Field(1.0, ge=0)
    bits: int = Field(100, ge=1)
    density: Probability = 0.3


class Layer(Description):
    """One layer of neurons and the crossbar of synapses that drives it.

    Parameters
    ----------
    neurons : int
        Number of neurons.
    neuron : str
        Name of a neuron model in `brianff.equations`: "mif", "lif".
    preset : str or None
        Name of a parameter preset of that model; None takes the model's default.
    parameters : dict of str
        Single parameters that replace those of the preset, with units as text: {"tau": "50 us"}.
    current : quantity
        Current of one input unit of intensity 1 through a weight of 1, at the height of an alpha pulse's `a`.
    synapse : {"alpha", "alpha-as-published"}
        Model of the synaptic current.
    synapse_time_constant : quantity
        Time constant of the alpha current.
    initial_weight_deviation : float
        Standard deviation of the initial normal weights.
    weight_bound : float or None
        Weights are kept in [-weight_bound, weight_bound]; None: unbounded.
    """

    neurons: int = Field(512, ge=1)
    neuron: str = "mif"
    preset: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    current: Current = 32 * brian2.uA
    synapse: Literal["alpha", "alpha-as-published"] = "alpha"
    synapse_time_constant: Time = 4 * brian2.us
    initial_weight_deviation: Positive = 0.02
    weight_bound: Positive | None = None


class Network(Description):
    """A feedforward network: encoding of images and labels, and one or more layers.

    Parameters
    ----------
    pixels : int
        Pixels of an image.
    classes : int
        Number of classes.
    encoding : PulseEncoding, RateEncoding or LatencyEncoding
    label : LabelCode
    layers : tuple of Layer
    time_step : quantity
        Simulation time step.
    method : {"semi_implicit", "exponential_euler", "euler"}
        Integration method; `euler` (explicit) is stable at small time steps only.
    """

    pixels: int = Field(784, ge=1)
    classes: int = Field(10, ge=2)
    encoding: Encoding = PulseEncoding()
    label: LabelCode = LabelCode()
    layers: tuple[Layer, ...] = (Layer(),)
    time_step: Time = 1 * brian2.us
    method: Literal["semi_implicit", "exponential_euler", "euler"] = "semi_implicit"

    @field_validator("layers")
    @classmethod
    def _at_least_one(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        if not layers:
            raise ValueError("a network has at least one layer")
        return layers

    @model_validator(mode="after")
    def _label_fits(self) -> Self:
        if self.label.placement == "pixels" and self.pixels <= self.classes:
            raise ValueError(f"label.placement 'pixels' needs more than {self.classes} pixels, there are {self.pixels}")
        return self

    @property
    def inputs(self) -> int:
        """Number of input units: pixels and appended label units."""
        extra = {"append": self.classes, "pixels": 0, "code": self.label.bits}
        return self.pixels + extra[self.label.placement]
