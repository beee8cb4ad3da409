"""Values of a sweep that are drawn: from distributions, over which designs spread the points."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from brianff.errors import ConfigurationError
from brianff.registry import Registry

__all__ = ["DESIGNS", "DISTRIBUTIONS", "Distribution", "distribution", "draw"]


@runtime_checkable
class Distribution(Protocol):
    """What gives the value below which a share in [0, 1) of all values lie: those of scipy.stats do, too."""

    def ppf(self, share: float, /) -> Any: ...


@dataclass(frozen=True)
class Uniform:
    """Numbers from `low` to `high`, all alike."""

    low: float
    high: float

    def ppf(self, share):
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True)
class LogUniform:
    """Positive numbers from `low` to `high` whose logarithms are all alike: as many from 1 to 10 as from 10 to 100."""

    low: float
    high: float

    def __post_init__(self):
        if not 0 < self.low <= self.high:
            raise ConfigurationError(f"log-uniform needs 0 < low <= high; not {self.low!r} and {self.high!r}")

    def ppf(self, share):
        return self.low * (self.high / self.low) ** share


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int

    def ppf(self, share):
        return int(self.low + np.floor(share * (self.high - self.low + 1)))


@dataclass(frozen=True)
class Normal:
    """Numbers around a mean with a standard deviation."""

    mean: float
    deviation: float

    def ppf(self, share):
        from scipy.special import ndtri

        return float(self.mean + self.deviation * ndtri(share))


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: Sequence[Any]

    def ppf(self, share):
        return self.values[int(share * len(self.values))]


DISTRIBUTIONS = Registry(
    "distribution",
    None,
    {"uniform": Uniform, "log-uniform": LogUniform, "integers": Integers, "normal": Normal, "choice": Choice},
)
"""Classes, or functions, that make distributions, by name."""


def _quasi_random(engine: str) -> Callable[[int, int, np.random.Generator], np.ndarray]:
    def design(points: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
        from scipy.stats import qmc

        return getattr(qmc, engine)(dimensions, seed=generator).random(points)

    return design


def independent(points: int, dimensions: int, generator: np.random.Generator) -> np.ndarray:
    """Return shares that are drawn one by one: more points leave the first ones as they are."""
    return generator.random((points, dimensions))


DESIGNS = Registry(
    "design",
    None,
    {
        "latin-hypercube": _quasi_random("LatinHypercube"),
        "random": independent,
        "halton": _quasi_random("Halton"),
        "sobol": _quasi_random("Sobol"),
    },
    called_with=("points", "dimensions", "generator"),
)
"""How points are spread: functions that return shares in [0, 1), shape (points, dimensions), by name."""

_QUANTITY = re.compile(r"\s*([-+.\deE]+)\s*([A-Za-z]+)\s*")


@dataclass(frozen=True)
class _WithUnit:
    """A distribution of quantities: numbers, written with their unit."""

    numbers: Distribution
    unit: str

    def ppf(self, share):
        return f"{self.numbers.ppf(share)} {self.unit}"


def distribution(table: Mapping[str, Any]) -> Distribution:
    """Return the distribution of a table: its name as `distribution`, and its parameters, numbers or quantities.

    Raises
    ------
    ConfigurationError
        If the name is unknown, or the parameters are not those of the distribution or have different units.
    """
    parameters = {str(key): value for key, value in table.items() if key != "distribution"}
    texts = {name: _QUANTITY.fullmatch(value) for name, value in parameters.items() if isinstance(value, str)}
    quantities = {name: (float(match[1]), match[2]) for name, match in texts.items() if match}
    units = {unit for _, unit in quantities.values()}
    if units and (len(units) > 1 or len(quantities) < len(parameters)):
        raise ConfigurationError(f"the parameters of a distribution have one unit; not {parameters}")
    make = DISTRIBUTIONS[table["distribution"]]
    try:
        made = make(**parameters | {name: number for name, (number, _) in quantities.items()})
        made.ppf(0.5)
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"distribution {table['distribution']!r}: {error}") from None
    return _WithUnit(made, *units) if units else made


def draw(
    distributions: Mapping[str, Distribution], points: int, design: Callable[..., np.ndarray], seed: int
) -> list[dict[str, Any]]:
    """Return so many points: a value of each distribution by its name, spread by a design.

    Raises
    ------
    ConfigurationError
        If the design does not give shares in [0, 1), shape (points, dimensions).
    """
    shape = points, len(distributions)
    shares = np.asarray(design(*shape, np.random.default_rng(seed)))
    if shares.shape != shape or not ((shares >= 0) & (shares < 1)).all():
        raise ConfigurationError(f"design {DESIGNS.name_of(design)!r} must give shares in [0, 1), shape {shape}")
    values = [
        [one.ppf(share) for one, share in zip(distributions.values(), row, strict=True)] for row in shares.tolist()
    ]
    plain = [[value.item() if isinstance(value, np.generic) else value for value in row] for row in values]
    return [dict(zip(distributions, row, strict=True)) for row in plain]
