"""What a network is: plain, immutable, validated descriptions with units. They build and run nothing."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import brian2
from pydantic import Field, field_validator, model_validator

from brianff.description.device import Device
from brianff.description.quantities import Current, Time
from brianff.description.base import Description

__all__ = [
    "Description",
    "Device",
    "LabelCode",
    "LatencyEncoding",
    "Layer",
    "Network",
    "PulseEncoding",
    "RateEncoding",
]

Positive = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]


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
    """Bernoulli rate coding: an input unit spikes at each step with probability `maximum_probability` x intensity.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    maximum_probability : float
    rest_steps : int
        Steps of silence before each presentation; they matter where a layer's membrane is carried over.
    """

    kind: Literal["rate"] = "rate"
    steps: int = Field(23, ge=1)
    maximum_probability: Probability = 0.25
    rest_steps: int = Field(0, ge=0)


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
    neuron_spread : dict of str to float
        Parameters that differ from neuron to neuron, by their relative standard deviation: {"tau": 0.1}. They are drawn
        once from a log-normal distribution whose mean is the parameter, so that they keep their sign.
    current : quantity
        Current of one input unit of intensity 1 through a weight of 1, at the height of an alpha pulse's `a`.
    synapse : {"alpha", "alpha-as-published", "delta", "normalised-voltage"}
        Model of the synaptic current; `delta`: an event moves the membrane by R x `current` x weight at once;
        `normalised-voltage`, for hidden layers: the voltages of the layer below instead of its spikes.
    synapse_time_constant : quantity
        Time constant of the alpha current.
    initial_weight_deviation : float
        Standard deviation of the initial normal weights.
    weight_bound : float or None
        Weights are kept in [-weight_bound, weight_bound]; None: unbounded, or 1 with devices.
    device : Device or None
        What the synapses are made of: each weight is the difference of two such devices, weight_bound at their full
        range. None: ideal weights, plain numbers without devices.
    membrane : {"reset", "carried"}
        Whether a presentation starts from the initial membrane voltage or from that at the end of the one before it.
    winners : int or None
        Only so many neurons with the highest membrane voltage may spike in a step; None: all.
    """

    neurons: int = Field(512, ge=1)
    neuron: str = "mif"
    preset: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    neuron_spread: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    current: Current = 32 * brian2.uA
    synapse: Literal["alpha", "alpha-as-published", "delta", "normalised-voltage"] = "alpha"
    synapse_time_constant: Time = 4 * brian2.us
    initial_weight_deviation: Positive = 0.02
    weight_bound: Positive | None = None
    device: Device | None = None
    membrane: Literal["reset", "carried"] = "reset"
    winners: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _few_winners(self) -> Self:
        if self.winners is not None and self.winners > self.neurons:
            raise ValueError(f"winners is {self.winners}; there are only {self.neurons} neurons")
        return self


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
        if layers[0].synapse == "normalised-voltage":
            raise ValueError("synapse 'normalised-voltage' is for hidden layers; use 'alpha' in the first")
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

    @property
    def rest_steps(self) -> int:
        """Steps of silence before each presentation."""
        return self.encoding.rest_steps if isinstance(self.encoding, RateEncoding) else 0
