"""Description of synaptic devices: a preset or law, what differs from it, faults, and how devices are programmed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from brianff.arguments import explained
from brianff.description.base import Description, FrozenDict
from brianff.description.fields import Count, Share, Table, shown
from brianff.description.parts import DEVICES, LAWS, part
from brianff.description.pulse_table import read_pulses
from brianff.description.quantities import as_text, parse_like
from brianff.equations.devices import IDEAL, DeviceLaw, DevicePreset
from brianff.equations.pulse_response import PulseResponse
from brianff.errors import ConfigurationError
from brianff.storage.files import read_toml

__all__ = ["Device"]


def _law(value: Any) -> DeviceLaw | None:
    if value is None:
        return None
    found = LAWS.find(value)
    try:
        return LAWS.make(found)
    except ConfigurationError:
        raise ValueError(f"law {value!r} is more than its name: a table of pulses is read by `file`") from None


class Device(Description):
    """The synaptic devices of a layer.

    Parameters
    ----------
    preset : DevicePreset or str
        A device, or the name of one: see `brianff devices`.
    law : DeviceLaw, str or None
        A law of pulses, or the name of one, in place of a preset: all parameters start from the law's defaults.
    parameters : dict of str to quantity or float
        Single parameters that replace those of the preset: {"G_on": 10 * uS, "cycle_spread": 0.1}, in TOML as text,
        "10 uS".
    programming : {"open-loop", "program-and-verify"}
        `open-loop`: pulses in proportion to the wanted change, their number rounded at random. `program-and-verify`:
        after that each weight is read and corrected, up to `verify_rounds` times.
    verify_rounds : int
        Largest number of corrections.
    compensation : {"none", "nonlinearity"}
        `nonlinearity`: each device is read first, and the number of pulses allows for the mean law's step there.
    stuck_on, stuck_off, stuck_anywhere : float
        Share of devices that are stuck at the upper end, the lower end, or at a random state of their range.
    file : str or Path, optional
        A file that is read once, in place of a preset and a law: measured pulse trains (see `from_table`), or TOML
        (`*.toml`) with keys of a device. What was read becomes part of the description.
    """

    preset: Annotated[Any, *part(DEVICES)] = IDEAL
    law: Annotated[Any, PlainValidator(_law), PlainSerializer(lambda law: law and LAWS.describe(law))] = None
    parameters: Annotated[dict[str, Any], Table(), PlainSerializer(as_text)] = Field(default_factory=dict)
    programming: Literal["open-loop", "program-and-verify"] = "open-loop"
    verify_rounds: Count = 5
    compensation: Literal["none", "nonlinearity"] = "none"
    stuck_on: Share = 0.0
    stuck_off: Share = 0.0
    stuck_anywhere: Share = 0.0

    @classmethod
    def from_table(cls, pulses: str | Path | Mapping[str, Any], **fields: Any) -> Self:
        """Return devices that follow measured pulse trains, without a formula.

        Parameters
        ----------
        pulses : str, Path, pandas.DataFrame or mapping of str to array
            A CSV file, or its columns: `direction` ("up" or "down"), `pulse` (number of pulses so far) and
            `conductance_S` (or another unit: `conductance_uS`), numbers in that unit or quantities. Rows of the same
            direction and pulse, of several devices and cycles, are averaged; their spread is not taken over: give it as
            a parameter.
        **fields
            Other fields of the description.

        Raises
        ------
        ConfigurationError
            If a column is missing, a value is no number or negative, or a train has no course to follow.
        """
        law, ends = read_pulses(pulses)
        return cls(law=law, parameters=ends | fields.pop("parameters", {}), **fields)

    @classmethod
    def fit(cls, pulses: str | Path | Mapping[str, Any], **options: Any) -> Device:
        """Return the device that measured pulse trains tell: law, steps, noise, spreads and, with `retention`, drift.

        Takes what `brianff.fit_device` takes, which also tells the intervals of what it found.
        """
        from brianff.device_fit import fit_device

        return fit_device(pulses, **options).device

    @model_validator(mode="before")
    @classmethod
    def _read_file(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("file") is None:
            return values
        values = dict(values)
        given = values.pop("file")
        if not isinstance(given, str | Path):
            raise ValueError(f"file is {shown(given)}; it must be the path of a file")
        path = Path(given)
        if path.suffix == ".toml":
            content = read_toml(path)
        else:
            law, ends = read_pulses(path)
            content = {"law": law, "parameters": ends}
        parameters = {**content.get("parameters", {}), **values.get("parameters", {})}
        return {**values, "preset": IDEAL, "law": None, **content, "parameters": parameters}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        defaults = self.base.parameters
        parameters = {}
        for name, value in self.parameters.items():
            if name not in defaults:
                raise ValueError(f"device {self.name!r} has no parameter {name!r}; known: {', '.join(defaults)}")
            try:
                parameters[name] = parse_like(value, defaults[name])
            except ValueError as error:
                raise ConfigurationError(problems=[(f"parameters.{name}", str(error))]) from None
        vars(self)["parameters"] = FrozenDict(parameters)
        for name, value in self.physics.items():
            if value not in defaults[name].range:
                raise ValueError(f"parameters.{name} is {value:g}; it must {defaults[name].range.rule}")
        if self.physics["G_on"] <= self.physics["G_off"]:
            raise ValueError("parameters.G_on must be larger than G_off")
        if 0 < self.physics["read_levels"] < 2:
            raise ValueError(f"parameters.read_levels is {self.physics['read_levels']:g}; it must be 0 or at least 2")
        needy = [name for name in ("reference", "one_sided", "endurance") if self.physics[name]]
        if needy and not self.responses:
            raise ValueError(f"device {self.name!r} takes any change in one pulse; {needy[0]} needs a law of pulses")
        _ = self.responses  # a law that does not work is told now
        if self.stuck_on + self.stuck_off + self.stuck_anywhere > 1:
            raise ValueError("stuck_on, stuck_off and stuck_anywhere together exceed 1")
        return self

    @property
    def base(self) -> DevicePreset:
        """The preset; that of a law has the law's default parameters."""
        return self.preset if self.law is None else self.law.preset(self.law.name, "parameters of one's own")

    @property
    def name(self) -> str:
        """Name of the preset or law."""
        return self.base.name

    @cached_property
    def physics(self) -> dict[str, float]:
        """Parameters of the device in SI units: those of the preset with the description's own values."""
        return {name: float(value) for name, value in (self.base.namespace() | self.parameters).items()}

    @cached_property
    def responses(self) -> tuple[PulseResponse, ...]:
        """Responses of the mean device to pulses up and down; none: any change in one pulse."""
        law = self.base.law
        try:
            return law.responses(self.physics)
        except TypeError as error:
            raise ValueError(f"law {law.name!r}: its parameters are no arguments of its response: {error}") from None

    @explained
    def pulse_energy(self, direction: Literal["up", "down"]) -> float:
        """Return the energy (joule) of a pulse in the middle of the range."""
        p = self.physics
        heat = p[f"write_voltage_{direction}"] ** 2 * p[f"write_time_{direction}"] * (p["G_on"] + p["G_off"]) / 2
        return p["write_energy"] or heat
