"""What a network is: plain, immutable, validated descriptions with units. They build and run nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Annotated, Any, ClassVar, Literal, Self

import brian2
from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, field_validator, model_validator

from brianff.describing import Described, layer_table
from brianff.description.base import Description, FrozenDict
from brianff.description.device import Device
from brianff.description.encodings import Encoding, FrameEncoding, PulseEncoding
from brianff.description.fields import Count, NotNegative, Positive, Share, Table, Text, Whole, between
from brianff.description.parts import Neuron, Synapse
from brianff.description.quantities import Current, Time, as_text, parse_like
from brianff.description.receptive_fields import OptionalField
from brianff.equations import MIF
from brianff.equations.devices import DevicePreset
from brianff.equations.semi_implicit import METHODS
from brianff.equations.synapse import ALPHA
from brianff.errors import ConfigurationError

__all__ = ["LabelCode", "Layer", "Network"]

Course = Literal["moving", "frozen", "undriven"]


def _device(value: Any) -> Any:
    """Let a preset, or the name of one, stand for a device of it."""
    return {"preset": value} if isinstance(value, str | DevicePreset) else value


class LabelCode(Description):
    """How a label enters the input.

    Parameters
    ----------
    placement : {"append", "pixels", "code"}
        `append`: a one-hot code on additional input units; `pixels`: a one-hot code in place of the first pixels;
        `code`: a fixed random binary code per class on additional units.
    strength : float
        Intensity of an active label unit; a white pixel has 1, the read voltage of devices: above 1 there must be none.
        With 0 no label is shown.
    rows : int
        Input units, rows of the crossbar, for each unit of the code: a label that is strong without a larger voltage.
    bits : int
        Units of the random code.
    density : float
        Probability that a bit of the random code is set.
    """

    placement: Literal["append", "pixels", "code"] = "append"
    strength: NotNegative = 1.0
    rows: Count = 1
    bits: Count = 100
    density: Share = 0.3


class Layer(Description):
    """One layer of neurons and the crossbar of synapses that drives it.

    Parameters
    ----------
    neurons : int
        Number of neurons.
    neuron : NeuronModel or str
        A neuron model, or the name of one: see `brianff neurons`.
    preset : str or None
        Name of a parameter preset of that model; None takes the model's default.
    parameters : dict of str to quantity
        Single parameters that replace those of the preset: {"tau": 50 * us}, in TOML as text, "50 us".
    neuron_spread : dict of str to float
        Parameters that differ from neuron to neuron, by their relative standard deviation: {"tau": 0.1}. They are drawn
        once from a log-normal distribution whose mean is the parameter, so that they keep their sign.
    current_scale : quantity
        What a weight of 1 and an intensity of 1 are as a current: an alpha pulse is
        current_scale x weight x intensity x (t / tau_s) exp(-t / tau_s), which peaks at 1 / e of it.
    synapse : SynapseModel or str
        Model of the synaptic current, or the name of one: "alpha", "alpha-as-published", "delta", "normalised-voltage".
        `delta`: an event moves the membrane by R x current_scale x weight at once;
        `normalised-voltage`, for hidden layers: the voltages of the layer below instead of its spikes.
    synapse_time_constant : quantity
        Time constant of the alpha current.
    initial_weight_deviation : float
        Standard deviation of the initial normal weights.
    weight_bound : float or None
        Weights are kept in [-weight_bound, weight_bound]; None: unbounded, or 1 with devices.
    device : Device, DevicePreset, str or None
        What the synapses are made of: each weight is the difference of two such devices, weight_bound at their full
        range. None: ideal weights, plain numbers without devices.
    receptive_field : ReceptiveField, str or None
        Which inputs each neuron is connected to: "patches" of the image, "random", or a table with parameters, {"name":
        "patches", "rows": 10, "columns": 10}. None: all.
    memristors : {"moving", "frozen", "undriven"} or dict of str to these
        What the memristors of the neurons do, or each by the name of its state, {"x2": "frozen"}. `frozen`: they stay
        in the steady state of the undriven neuron; `undriven`: they follow the course that they take without input.
    start : {"preset", "steady"}
        Where a presentation starts: at the neuron model's initial values, or in its steady state without input.
    membrane : {"reset", "carried"}
        Whether a presentation starts from the initial state, or from the membrane voltage and the memristors' states
        that the one before it and the network's `interval` left, as in real devices.
    winners : int or None
        Only so many neurons with the highest membrane voltage may spike in a step; None: all.
    """

    renamed: ClassVar[dict[str, str]] = {"current": "current_scale"}
    neurons: Count = 512
    neuron: Neuron = MIF
    preset: Text | None = None
    parameters: Annotated[dict[str, Any], Table(), PlainSerializer(as_text)] = Field(default_factory=dict)
    neuron_spread: dict[Text, Annotated[float, between(0, 10)]] = Field(default_factory=dict)
    current_scale: Current = 32 * brian2.uA
    synapse: Synapse = ALPHA
    synapse_time_constant: Time = 4 * brian2.us
    initial_weight_deviation: Positive = 0.02
    weight_bound: Positive | None = None
    device: Annotated[Device | None, BeforeValidator(_device)] = None
    receptive_field: OptionalField = None
    memristors: Course | dict[Text, Course] = "moving"
    start: Literal["preset", "steady"] = "preset"
    membrane: Literal["reset", "carried"] = "reset"
    winners: Count | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.winners is not None and self.winners > self.neurons:
            raise ValueError(f"winners is {self.winners}; there are only {self.neurons} neurons")
        return self

    @property
    def courses(self) -> dict[str, str]:
        """What each memristor of a neuron does: the name of its state to the course."""
        known, given = self.neuron.memristors, self.memristors
        return dict.fromkeys(known, given) if isinstance(given, str) else dict.fromkeys(known, "moving") | given

    @model_validator(mode="after")
    def _known_memristors(self) -> Self:
        known, courses = self.neuron.memristors, self.courses
        if not known and self.memristors != "moving":
            raise ValueError(f"memristors: the model of neuron {self.neuron.name!r} declares none; use 'moving'")
        if unknown := courses.keys() - set(known):
            raise ValueError(f"memristors: no state {', '.join(sorted(unknown))}; known: {', '.join(known)}")
        if "undriven" in courses.values() and len(set(courses.values())) > 1:
            raise ValueError("memristors: either all of a neuron's memristors are 'undriven', or none")
        return self

    @model_validator(mode="after")
    def _known_parameters(self) -> Self:
        self.neuron.check()
        self.synapse.check()
        preset = self.neuron.preset(self.preset).parameters
        for field in ("parameters", "neuron_spread"):
            for name in getattr(self, field):
                if name not in preset:
                    raise ValueError(
                        f"{field}: neuron {self.neuron.name!r} has no parameter {name!r}; known: {', '.join(preset)}"
                    )
        parameters = {}
        for name, value in self.parameters.items():
            try:
                parameters[name] = parse_like(value, preset[name])
            except ValueError as error:
                raise ConfigurationError(problems=[(f"parameters.{name}", str(error))]) from None
        vars(self)["parameters"] = FrozenDict(parameters)
        return self


class Network(Described, Description):
    """A feedforward network: encoding of images and labels, and one or more layers.

    Parameters
    ----------
    pixels : int
        Pixels of an image.
    classes : int
        Number of classes.
    encoding : InputEncoding
        PulseEncoding, RateEncoding, LatencyEncoding, or one of your own.
    label : LabelCode
    layers : tuple of Layer
    time_step : quantity
        Simulation time step.
    interval : quantity or None
        Silence before each presentation, through which carried states relax; None: the
        encoding's `rest_steps`, if it has any. It matters where a layer's membrane is carried over.
    method : {"semi_implicit", "exponential_euler", "euler", "rk2", "rk4", "heun"}
        Integration method. The first two need equations that are linear in their own variable; the others (explicit)
        are stable at small time steps only.
    """

    pixels: Count = 784
    classes: Annotated[int, Whole(2)] = 10
    encoding: Encoding = PulseEncoding()
    label: LabelCode = LabelCode()
    layers: Annotated[Sequence[Layer], Field(max_length=1000), AfterValidator(tuple)] = (Layer(),)
    time_step: Time = 1 * brian2.us
    interval: Time | None = None
    method: Text = "semi_implicit"

    @field_validator("method")
    @classmethod
    def _known_method(cls, method: str) -> str:
        if method not in METHODS:
            raise ValueError(f"no integration method; known: {', '.join(sorted(METHODS))}")
        return method

    @field_validator("layers")
    @classmethod
    def _at_least_one(cls, layers: Sequence[Layer]) -> Sequence[Layer]:
        if not layers:
            raise ValueError("a network has at least one layer")
        if layers[0].synapse.analog:
            raise ValueError(f"synapse {layers[0].synapse.name!r} is for hidden layers; use 'alpha' in the first")
        return layers

    @model_validator(mode="after")
    def _frames_fit(self) -> Self:
        if isinstance(self.encoding, FrameEncoding):
            try:
                self.encoding.check(self.time_step)
            except ValueError as error:
                raise ValueError(f"encoding: {error}") from None
        return self

    @model_validator(mode="after")
    def _label_fits(self) -> Self:
        label, taken = self.label, self.classes * self.label.rows
        if label.placement == "pixels" and self.pixels <= taken:
            raise ValueError(f"label.placement 'pixels' needs more than {taken} pixels, there are {self.pixels}")
        if label.strength > 1 and self.layers[0].device is not None:
            rows = f" = {ceil(label.strength) * label.rows}" if label.strength < 1000 else ""
            raise ValueError(
                f"label.strength is {label.strength}, more than the voltage that devices are read with: use a strength "
                f"of 1 and label.rows{rows}"
            )
        return self

    @property
    def inputs(self) -> int:
        """Number of input units: lines of the pixels and appended label units."""
        extra = {"append": self.classes, "pixels": 0, "code": self.label.bits}
        return self.image_units + extra[self.label.placement] * self.label.rows

    @property
    def image_units(self) -> int:
        """Number of input units that the pixels drive; they come first."""
        return self.pixels * self.encoding.lines

    @property
    def shows_labels(self) -> bool:
        """Whether labels are shown at all."""
        return self.label.strength > 0 and self.encoding.labels != "never"

    @property
    def rest_steps(self) -> int:
        """Steps of silence before each presentation: the interval, or the rest of the encoding."""
        if self.interval is not None:
            return round(float(self.interval / self.time_step))
        return getattr(self.encoding, "rest_steps", 0)

    def _facts(self) -> dict[str, Any]:
        layers = " -> ".join(f"{layer.neurons} {layer.neuron.name}" for layer in self.layers)
        encoding = f"{self.encoding.name}, {self.encoding.steps} steps of {self.time_step}"
        return {"inputs": self.inputs, "classes": self.classes, "layers": layers, "encoding": encoding}

    _table = layer_table
