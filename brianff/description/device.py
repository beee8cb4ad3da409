"""Description of synaptic devices: a preset, what differs from it, faults, and how devices are programmed."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from brianff.description.base import Description
from brianff.description.quantities import parse_like
from brianff.equations.devices import DEVICES

__all__ = ["Device"]

Share = Annotated[float, Field(ge=0, le=1)]

_OF_EITHER_SIGN = ("nonlinearity_up", "nonlinearity_down", "programming_error_linear", "programming_error_square")


class Device(Description):
    """The synaptic devices of a layer.

    Parameters
    ----------
    preset : str
        Name of a device in `brianff.equations.devices`: "ideal", "linear", "ecram", "reram-es", "ag-a-si", "pcm".
    parameters : dict of str to str or float
        Single parameters that replace those of the preset, with units as text: {"G_on": "10 uS", "cycle_spread": 0.1}.
    programming : {"open-loop", "program-and-verify"}
        `open-loop`: pulses in proportion to the wanted change, their number rounded at random. `program-and-verify`:
        after that each weight is read and corrected, up to `verify_rounds` times.
    verify_rounds : int
        Largest number of corrections.
    compensation : {"none", "nonlinearity"}
        `nonlinearity`: each device is read first, and the number of pulses allows for the mean law's step there.
    stuck_on, stuck_off, stuck_anywhere : float
        Share of devices that are stuck at the upper end, the lower end, or at a random state of their range.
    """

    preset: str = "ideal"
    parameters: dict[str, str | float] = Field(default_factory=dict)
    programming: Literal["open-loop", "program-and-verify"] = "open-loop"
    verify_rounds: int = Field(default=5, ge=1)
    compensation: Literal["none", "nonlinearity"] = "none"
    stuck_on: Share = 0.0
    stuck_off: Share = 0.0
    stuck_anywhere: Share = 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.preset not in DEVICES:
            raise ValueError(f"preset is {self.preset!r}; known: {', '.join(DEVICES)}")
        physics = self.physics
        for name, value in physics.items():
            if not math.isfinite(value) or (value < 0 and name not in _OF_EITHER_SIGN):
                raise ValueError(f"parameters.{name} is {value:g}; it must be finite and not negative")
            if name.startswith(("levels", "decay")) and value <= 0:
                raise ValueError(f"parameters.{name} is {value:g}; it must be positive")
            if name.startswith("nonlinearity") and abs(value) > 9.5:
                raise ValueError(f"parameters.{name} is {value:g}; it must lie between -9.5 and 9.5")
            if name.startswith(("slope", "step")) and value > 1:
                raise ValueError(f"parameters.{name} is {value:g}; it must lie between 0 and 1")
        if physics["G_on"] <= physics["G_off"]:
            raise ValueError("parameters.G_on must be larger than G_off")
        if self.stuck_on + self.stuck_off + self.stuck_anywhere > 1:
            raise ValueError("stuck_on, stuck_off and stuck_anywhere together exceed 1")
        return self

    @cached_property
    def physics(self) -> dict[str, float]:
        """Parameters of the device in SI units: the preset with the description's own values."""
        values = DEVICES[self.preset].namespace()
        for name, value in self.parameters.items():
            if name not in values:
                raise ValueError(f"device {self.preset!r} has no parameter {name!r}; known: {', '.join(values)}")
            try:
                values[name] = parse_like(str(value), values[name])
            except ValueError as error:
                raise ValueError(f"parameters.{name}: {error}") from None
        return {name: float(value) for name, value in values.items()}
