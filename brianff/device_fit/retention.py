"""Drift, from conductances that were read for some time after programming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2, linregress, norm, t

from brianff.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas

__all__ = ["fit_retention"]


def fit_retention(table: pandas.DataFrame, G_on: float) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Return the parameters of drift, G = G_first (t / t_first)^-nu with nu = exponent - slope log(G_first / G_on)."""
    table = table[(table["time_s"] > 0) & (table["conductance"] > 0)].sort_values("time_s")
    start = float(table["time_s"].min())
    exponents, distances, errors = [], [], []
    for _, one in table.groupby(["device", "cycle"], sort=False):
        if len(one) >= 3:
            line = linregress(np.log(one["time_s"] / start), np.log(one["conductance"]))
            exponents.append(-line.slope)
            distances.append(-line.intercept + np.log(G_on))
            errors.append(line.stderr)
    if not exponents:
        raise ConfigurationError("no device of the retention table has three readings at times after programming")
    count, spread, slope = len(exponents), 0.0, 0.0
    intervals: dict[str, tuple[float, float]] = {}
    if count > 2 and np.ptp(distances) > 0.5:
        line = linregress(distances, exponents)
        slope, left = float(line.slope), count - 2
        intervals["drift_slope"] = (slope - t.ppf(0.975, left) * line.stderr, slope + t.ppf(0.975, left) * line.stderr)
    level = np.array(exponents) - slope * np.array(distances)
    mean = float(level.mean())
    if count > 1:
        left = count - 1 - (slope != 0)
        variance = float(level.var(ddof=count - left))
        ends = variance * left / chi2.ppf([0.975, 0.025], left) - np.mean(np.square(errors))
        spread = float(np.sqrt(max(variance - np.mean(np.square(errors)), 0.0)))
        intervals["drift_spread"] = tuple(np.sqrt(np.maximum(ends, 0.0)).tolist())
        error = t.ppf(0.975, left) * np.sqrt(variance / count)
    else:
        error = norm.ppf(0.975) * errors[0]
    intervals["drift_exponent"] = (mean - error, mean + error)
    fitted = {"drift_start": start, "drift_exponent": mean, "drift_slope": slope, "drift_spread": spread}
    return {name: value for name, value in fitted.items() if value}, intervals
