"""Which law: the simplest that predicts trains left out of its fit as well as any, within two standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from brianff.description.parts import LAWS
from brianff.device_fit.likelihood import Model
from brianff.equations.devices import EXPONENTIAL_STEP, LINEAR_STEP, POWER, SOFT_BOUNDS, DeviceLaw
from brianff.equations.parameters import SHARE, Parameter
from brianff.equations.pulse_response import SampledCurve
from brianff.errors import ConfigurationError

__all__ = ["candidates", "choose"]

KNOTS = 8
"""Parts of the range in each of which a law without a formula has one step."""


def knots() -> DeviceLaw:
    """Return a law of one step for each of some equal parts of the range."""
    distances = np.linspace(0, 1, KNOTS + 1)

    def response(**step: float) -> SampledCurve:
        pulses = np.append(0.0, np.cumsum(1 / (KNOTS * np.maximum(list(step.values()), 1e-9))))
        return SampledCurve(tuple(pulses), tuple(distances))

    names = (f"step{number}_{way}" for way in ("up", "down") for number in range(KNOTS))
    return DeviceLaw("table", "", {name: Parameter(0.0, "", range=SHARE) for name in names}, response)


def candidates(law: DeviceLaw | str | None, held: dict[str, Any]) -> dict[str, tuple[DeviceLaw, dict[str, float]]]:
    """Return the laws to compare, simple ones first, and their parameters that are known."""
    if law is not None:
        found = knots() if law == "table" else LAWS.find(law)
        if not isinstance(found, DeviceLaw) or found.response is None:
            raise ConfigurationError(f"law {law!r} has no formula to fit; known: {', '.join(LAWS)}")
        laws: dict[str, tuple[DeviceLaw, dict[str, float]]] = {found.name: (found, {})}
    else:
        laws = {"linear": (LINEAR_STEP, {"slope_up": 0.0, "slope_down": 0.0})}
        laws |= {one.name: (one, {}) for one in (SOFT_BOUNDS, LINEAR_STEP, POWER, EXPONENTIAL_STEP, knots())}
        laws = {name: entry for name, entry in laws.items() if held.keys() <= entry[0].parameters.keys()}
    for name in held:
        if not laws or any(name not in one.parameters for one, _ in laws.values()):
            raise ConfigurationError(f"no law has the parameter {name!r}; name the law that has it")
    return {
        name: (one, fixed | {key: float(value) for key, value in held.items()}) for name, (one, fixed) in laws.items()
    }


def choose(models: dict[str, Model]) -> tuple[str, dict[str, float]]:
    """Return the simplest law that predicts what was left out as well as the best, and how much worse each does."""
    if len(models) == 1:
        return next(iter(models)), {}
    scores = {name: model.left_out for name, model in models.items()}
    best = max(scores, key=lambda name: scores[name].sum())
    readings = len(next(iter(models.values())).steps.start)
    deficits = {name: scores[best] - score for name, score in scores.items()}
    as_well = (
        name for name, one in deficits.items() if one.mean() <= 2 * one.std(ddof=1) / np.sqrt(len(one)) or name == best
    )
    return next(as_well), {name: float(one.sum()) / readings for name, one in deficits.items()}
