"""What of a run's summary.json is of use to brianff must be of its kind; callbacks add to it what they like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from brianff.description.base import Description
from brianff.description.fields import Count, Measured, Text, argument

__all__ = ["Summary"]

Number = Annotated[float, Measured()]


class _Layer(Description):
    """What the neurons of a layer do."""

    model_config = ConfigDict(extra="allow")

    spiking_share: Number
    switched_share: Number | None
    hyperpolarised_share: Number | None
    silent_share: Number
    spikes_per_presentation: Number


class Summary(Description):
    """What may be in a summary, by its name; all accuracies are numbers. Any of it may be missing, as in old runs."""

    model_config = ConfigDict(extra="allow")

    dataset: Text = ""
    neurons: tuple[Count, ...] = ()
    devices: tuple[Text, ...] = ()
    classes: Count | None = None
    decision: Text = ""
    tied_share: Number | None = None
    layers: tuple[_Layer, ...] = ()
    changed_by_freezing: Number | None = None
    wall_seconds: dict[Text, Number] = Field(default_factory=dict)
    peak_memory_bytes: Number | None = None
    digital_support: tuple[Text, ...] = ()
    packages: dict[Text, Text | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _accuracies_are_numbers(self) -> Summary:
        extra: dict[str, Any] = self.model_extra or {}
        for name, value in extra.items():
            if name.endswith("_accuracy") and value is not None:
                argument(name, value, Measured())
        return self
