"""The fit of a device to measured pulse trains, from tables to a description with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Quantity, get_dimensions

from brianff.acceleration.matrix_products import one_blas_thread
from brianff.arguments import explained
from brianff.description.device import Device
from brianff.description.pulse_table import read_trains
from brianff.description.quantities import parse_like
from brianff.device_fit.choice import candidates, choose
from brianff.device_fit.likelihood import Model
from brianff.device_fit.retention import fit_retention
from brianff.device_fit.trains import Steps, clean
from brianff.equations.devices import IDEAL, DeviceLaw
from brianff.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas

__all__ = ["DeviceFit", "fit_device"]


@explained
@dataclass(frozen=True)
class DeviceFit:
    """A device that was fitted to measurements.

    Parameters
    ----------
    device : Device
    intervals : dict of str to tuple of float
        95 % interval of each fitted parameter, in SI units.
    scores : dict of str to float
        For each law that was compared, by how much (natural logarithm, per reading) it predicts readings that were left
        out worse than the best one.
    law : str
        The chosen one of them; "linear" is linear-step with equal steps.
    residual : float
        Root mean square (siemens) of measured minus mean course over all readings: noise and spread are part of it.
    notes : tuple of str
        What the data lacked, and what was left out.
    trains : pandas.DataFrame
        Readings that were used: device, cycle, direction, pulse, conductance (siemens).
    """

    device: Device
    intervals: dict[str, tuple[float, float]]
    scores: dict[str, float]
    law: str
    residual: float
    notes: tuple[str, ...]
    trains: pandas.DataFrame

    def table(self) -> pandas.DataFrame:
        """Return fitted values and intervals in SI units, one row for each parameter."""
        import pandas

        rows = {name: (self.device.physics[name], *ends) for name, ends in self.intervals.items()}
        return pandas.DataFrame.from_dict(rows, orient="index", columns=["value", "from", "to"])


@explained
def fit_device(
    pulses: str | Path | Mapping[str, Any],
    law: DeviceLaw | str | None = None,
    retention: str | Path | Mapping[str, Any] | None = None,
    columns: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> DeviceFit:
    """Fit a device to measured pulse trains.

    Parameters
    ----------
    pulses : str, Path, pandas.DataFrame or mapping of str to array
        A CSV file, or its columns: `direction` ("up" or "down"), `pulse` (number of pulses so far), `conductance_S` or
        another unit (`conductance_uS`), and, where there are several, `device` and `cycle`. There may be gaps.
    law : DeviceLaw or str, optional
        The law to fit; "table": a mean curve without formula. Default: the simplest that predicts as well as any.
    retention : str, Path, pandas.DataFrame or mapping of str to array, optional
        Conductances after programming, columns `time_s`, conductance and `device`: they give the drift.
    columns : mapping of str to str, optional
        Other names in the table: {"pulse": "n", "conductance_uS": "G"}.
    parameters : mapping of str to quantity or float, optional
        Parameters that are known and not fitted, such as G_on and G_off. Unless given, these are the measured ends,
        and, for laws whose steps vanish there (soft-bounds, power), fitted.

    Raises
    ------
    ConfigurationError
        If a column is missing, a value is no number or negative, or the trains do not suffice.
    """
    given = dict(parameters or {})
    known = _common(given)
    trains, notes = clean(read_trains(pulses, columns))
    steps = Steps.of(trains)
    laws = candidates(law, {name: value for name, value in given.items() if name not in known})
    with one_blas_thread():  # thousands of small systems of equations
        models = {name: Model.of(steps, one, held | known) for name, (one, held) in laws.items()}
        chosen, scores = choose(models)
        model, other = models[chosen], models[chosen].otherwise()
        endless = model.values["cycle_spread"] >= model.bounds["cycle_spread"][1]
        model = other if endless or other.likelihood > model.likelihood else model
        fitted, intervals = model.parameters(), model.intervals()
    if steps.devices == 1:
        notes.append("one device: its spread from device to device is not known")
    for name, value in model.values.items():
        least, most = model.bounds.get(name, (-np.inf, np.inf))
        if name in model.names and name in ("G_on", "G_off") and value in (least, most):
            notes.append(f"{name} is not told by the trains, which end before it: measure more pulses, or give it")
    if retention is not None:
        drift, drift_intervals = fit_retention(read_trains(retention, columns, ["time_s"]), fitted["G_on"])
        fitted, intervals = fitted | drift, intervals | drift_intervals
    defaults = {**IDEAL.parameters, **model.law.parameters}
    units = {name: Quantity(value, dim=get_dimensions(defaults[name].value)) for name, value in fitted.items()}
    device = Device(law=model.fitted_law, parameters=units | given)
    return DeviceFit(device, intervals, scores, chosen, model.residual(), tuple(notes), trains)


def _common(given: dict[str, Any]) -> dict[str, float]:
    """Return those of the given parameters that every device has, in SI units."""
    try:
        return {name: float(parse_like(given[name], one)) for name, one in IDEAL.parameters.items() if name in given}
    except ValueError as error:
        raise ConfigurationError(f"a parameter that is given: {error}") from None
