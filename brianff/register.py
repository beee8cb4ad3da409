"""Names for parts of one's own: ``brianff.register.KIND(part)`` lets files and the command line know the part.

Each kind is a decorator too: ``@brianff.register.modulator`` above a class. Part of the front door: it looks up to the
floors that hold the registries, and imports them when they are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TypeVar

from brianff.registry import Registry

T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """A kind of parts; `where`, below ``brianff``, is the registry that knows them by name."""

    where: str

    def __call__(self, part: T, name: str | None = None, replace: bool = False) -> T:
        """Give a part a name, its own by default, and return the part; see `Registry.register`."""
        return self.registry.register(part, name, replace)

    @property
    def registry(self) -> Registry:
        """The parts of this kind by name."""
        module, _, name = self.where.partition(":")
        return getattr(import_module(f"brianff.{module}"), name)


neuron = Kind("description.parts:NEURONS")
synapse = Kind("description.parts:SYNAPSES")
device = Kind("description.device:DEVICES")
law = Kind("description.device:LAWS")
encoding = Kind("description.encodings:ENCODINGS")
receptive_field = Kind("description.receptive_fields:RECEPTIVE_FIELDS")
dataset = Kind("data:DATASETS")
pooling = Kind("goodness:POOLINGS")
goodness = Kind("protocols.goodness:GOODNESS")
modulator = Kind("protocols.modulators:MODULATORS")
augmentation = Kind("protocols.augmentation:AUGMENTATIONS")
negatives = Kind("protocols.negatives:NEGATIVES")
sampler = Kind("protocols.samplers:SAMPLERS")
plasticity = Kind("protocols.plasticity:PLASTICITY")
optimiser = Kind("protocols.optimisers:OPTIMISERS")
schedule = Kind("protocols.schedules:SCHEDULES")
callback = Kind("protocols.callbacks:CALLBACKS")
readout = Kind("protocols.readout:READOUTS")
distribution = Kind("protocols.distributions:DISTRIBUTIONS")
design = Kind("protocols.distributions:DESIGNS")

KINDS = {name: value for name, value in globals().items() if isinstance(value, Kind)}
"""Every kind by name; the entry points of installed packages are in the group ``brianff.<name>``."""


def __dir__() -> list[str]:
    return ["KINDS", *KINDS]
