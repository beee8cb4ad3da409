"""Measured pulse trains become a device: law, steps, noise and spreads, with intervals.

Each reading G_i of a train follows from the one before it, k pulses earlier, by the law of the device::

    y_(i+1) = y_i + f covered(y_i, k) + w_i,    G_i = range(y_i) + r_i

y is the distance from the end that the pulses start from, f the factor of the steps of this device and direction (its
spread from device to device), w the noise of the cycles and r that of reads. What a law predicts from a reading
misses the next one by e_i = w_i + r_(i+1) - (1 + covered') r_i: normal, with a tridiagonal covariance. The factors
enter linearly and are integrated out. So the likelihood is in closed form, exactly for laws that are linear in y and
to first order in the read noise for others; scipy.optimize maximises it. Intervals are those of the profile
likelihood, along which the other parameters follow linearly. Laws are compared by the likelihood of trains that were
left out of their fits; a simpler law wins unless a richer one predicts these better by two standard errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import Quantity, get_dimensions
from scipy.linalg.lapack import dpttrf, dpttrs
from scipy.ndimage import median_filter
from scipy.optimize import brentq, least_squares, minimize
from scipy.stats import chi2, linregress, norm, t

from brianff.acceleration.matrix_products import one_blas_thread
from brianff.description.device import Device
from brianff.description.parts import LAWS
from brianff.description.pulse_table import read_trains
from brianff.description.quantities import parse_like
from brianff.equations.devices import EXPONENTIAL_STEP, IDEAL, LINEAR_STEP, POWER, SOFT_BOUNDS, DeviceLaw, TableLaw
from brianff.equations.parameters import SHARE, Parameter
from brianff.equations.pulse_response import SampledCurve
from brianff.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas

__all__ = ["DeviceFit", "fit_device"]

FOLDS, KNOTS = 5, 8
SPREADS = ("device_spread", "asymmetry_spread")


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
    trains, notes = _clean(read_trains(pulses, columns))
    steps = _Steps.of(trains)
    candidates = _candidates(law, {name: value for name, value in given.items() if name not in known})
    with one_blas_thread():  # thousands of small systems of equations
        models = {name: _Model.of(steps, one, held | known) for name, (one, held) in candidates.items()}
        chosen, scores = _choose(models)
        model = max((models[chosen], models[chosen].otherwise()), key=lambda one: one.likelihood)
        fitted, intervals = model.parameters(), model.intervals()
    if steps.devices == 1:
        notes.append("one device: its spread from device to device is not known")
    for name, value in model.values.items():
        least, most = model.bounds.get(name, (-np.inf, np.inf))
        if name in model.names and name in ("G_on", "G_off") and value in (least, most):
            notes.append(f"{name} is not told by the trains, which end before it: measure more pulses, or give it")
    if retention is not None:
        drift, drift_intervals = _fit_retention(read_trains(retention, columns, ["time_s"]), fitted["G_on"])
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


def _clean(trains: pandas.DataFrame) -> tuple[pandas.DataFrame, list[str]]:
    """Return the readings in order without outliers, and what there is to say about them."""
    each = ["device", "cycle", "direction"]
    trains = trains.sort_values([*each, "pulse"], kind="stable").reset_index(drop=True)
    if trains.duplicated([*each, "pulse"]).any() and trains[["device", "cycle"]].nunique().eq(1).all():
        raise ConfigurationError("pulse numbers repeat: tell the trains apart by columns device and cycle")
    notes, groups = [], trains.groupby(each, sort=False)["conductance"]
    off = (trains["conductance"] - groups.transform(lambda one: median_filter(one, 5, mode="nearest"))).abs()
    bound = max(8 * 1.4826 * off.median(), 0.05 * np.ptp(trains["conductance"]))
    if outliers := int((off > bound).sum()):
        notes.append(f"{outliers} of {len(trains)} readings lie far from those around them and are left out")
        trains = trains[off <= bound].reset_index(drop=True)
    gaps = trains.groupby(each, sort=False)["pulse"].diff()
    usual = gaps.median()
    if missing := int((gaps > usual).sum()):
        notes.append(f"{missing} readings come later than the usual {usual:g} pulses after the one before")
    for way, sign in (("up", 1), ("down", -1)):
        of_way = trains[trains["direction"] == way].groupby(["device", "cycle"], sort=False)["conductance"]
        if not len(of_way) or of_way.size().max() < 4:
            raise ConfigurationError(f"no train {way} has four readings: both directions are needed")
        if sign * (of_way.last() - of_way.first()).mean() <= 0:
            change = "rise" if sign > 0 else "fall"
            raise ConfigurationError(f"the conductance does not {change} under pulses {way}; see the column direction")
    return trains, notes


@dataclass(frozen=True)
class _Steps:
    """From each reading to the next one of its train. `unit` is what cross-validation leaves out together."""

    start: np.ndarray
    end: np.ndarray
    pulses: np.ndarray
    down: np.ndarray
    device: np.ndarray
    train: np.ndarray
    unit: np.ndarray

    @classmethod
    def of(cls, trains: pandas.DataFrame) -> _Steps:
        number = trains.groupby(["device", "cycle", "direction"], sort=False).ngroup().to_numpy()
        unit = trains.groupby(["device", "cycle"], sort=False).ngroup().to_numpy()
        place = trains.groupby(["device", "cycle", "direction"], sort=False).cumcount().to_numpy()
        if unit.max() == 0:  # one cycle of one device: pieces of its trains
            unit = place * FOLDS // np.bincount(number)[number]
            number = number * FOLDS + unit
        G, pulse = trains["conductance"].to_numpy(float), trains["pulse"].to_numpy(float)
        first = np.flatnonzero(number[1:] == number[:-1])
        device = np.unique(trains["device"], return_inverse=True)[1]
        down = (trains["direction"] == "down").to_numpy().astype(int)
        whole = (down[first], device[first], number[first], unit[first])
        return cls(G[first], G[first + 1], pulse[first + 1] - pulse[first], *whole)

    def part(self, chosen: np.ndarray) -> _Steps:
        return type(self)(*(getattr(self, column.name)[chosen] for column in fields(self)))

    @cached_property
    def devices(self) -> int:
        return int(self.device.max()) + 1

    @cached_property
    def ends(self) -> tuple[float, float]:
        """Lowest and highest conductance of the trains, at both ends means of a few readings."""
        few = max(1, len(self.start) // (20 * (int(self.train.max()) + 1)))
        ordered = np.sort(np.concatenate([self.start, self.end]))
        return float(ordered[: 2 * few].mean()), float(ordered[-2 * few :].mean())

    def far(self) -> _Steps:
        """Return steps over a quarter of each train, some hundreds: noise weighs little in them."""
        length = np.bincount(self.train)[self.train]
        place = np.arange(len(self.train)) - np.searchsorted(self.train, self.train)
        lag = np.maximum(length // 4, 1)
        first = np.flatnonzero(place + lag <= length)
        first = first[:: max(1, len(first) // 600)]
        last = first + lag[first] - 1
        total = np.append(0.0, np.cumsum(self.pulses))
        far = self.part(first)
        return replace(far, end=self.end[last], pulses=total[last + 1] - total[first])


def _knots() -> DeviceLaw:
    """Return a law of one step for each of some equal parts of the range."""
    distances = np.linspace(0, 1, KNOTS + 1)

    def response(**step: float) -> SampledCurve:
        pulses = np.append(0.0, np.cumsum(1 / (KNOTS * np.maximum(list(step.values()), 1e-9))))
        return SampledCurve(tuple(pulses), tuple(distances))

    names = (f"step{number}_{way}" for way in ("up", "down") for number in range(KNOTS))
    return DeviceLaw("table", "", {name: Parameter(0.0, "", range=SHARE) for name in names}, response)


def _candidates(law: DeviceLaw | str | None, held: dict[str, Any]) -> dict[str, tuple[DeviceLaw, dict[str, float]]]:
    """Return the laws to compare, simple ones first, and their parameters that are known."""
    if law is not None:
        found = _knots() if law == "table" else LAWS.find(law)
        if not isinstance(found, DeviceLaw) or found.response is None:
            raise ConfigurationError(f"law {law!r} has no formula to fit; known: {', '.join(LAWS)}")
        laws: dict[str, tuple[DeviceLaw, dict[str, float]]] = {found.name: (found, {})}
    else:
        laws = {"linear": (LINEAR_STEP, {"slope_up": 0.0, "slope_down": 0.0})}
        laws |= {one.name: (one, {}) for one in (SOFT_BOUNDS, LINEAR_STEP, POWER, EXPONENTIAL_STEP, _knots())}
        laws = {name: entry for name, entry in laws.items() if held.keys() <= entry[0].parameters.keys()}
    for name in held:
        if not laws or any(name not in one.parameters for one, _ in laws.values()):
            raise ConfigurationError(f"no law has the parameter {name!r}; name the law that has it")
    return {
        name: (one, fixed | {key: float(value) for key, value in held.items()}) for name, (one, fixed) in laws.items()
    }


@dataclass(frozen=True)
class _Model:
    """A law, fitted to steps: `values` has all numbers, `names` are those that are free."""

    law: DeviceLaw
    steps: _Steps
    values: dict[str, float]
    names: tuple[str, ...]
    bounds: dict[str, tuple[float, float]]
    factors: np.ndarray
    """Of the steps of each device, up and down, flat."""
    likelihood: float = -np.inf

    @classmethod
    def of(cls, steps: _Steps, law: DeviceLaw, known: dict[str, float]) -> _Model:
        """Fit a law to steps."""
        low, high = steps.ends
        span = high - low
        # A law's own numbers beyond 1e6 would be none; optimisers need finite ends.
        bounds = {name: (max(one.range.least, -1e6), min(one.range.most, 1e6)) for name, one in law.parameters.items()}
        bounds |= {"G_off": (max(low - span / 2, 0.0), low), "G_on": (high, high + span / 2)}
        bounds |= dict.fromkeys(("cycle_spread", "cycle_noise", "read_noise", *SPREADS), (0.0, 30.0))
        values = {"G_off": low, "G_on": high, "cycle_spread": 0.0, "cycle_noise": 0.0, "read_noise_exponent": 0.0}
        values |= dict.fromkeys((*SPREADS, "read_noise"), 0.0) | known
        model = cls(law, steps, values, (), bounds, np.ones(2 * steps.devices))
        model = model._started(known)
        free = ["cycle_noise" if "cycle_noise" in known else "cycle_spread", "read_noise"]
        free += SPREADS if steps.devices > 1 else ()
        free = [name for name in free if name not in known]
        return model._with_noise(free)._fitted()._fitted()

    def _started(self, known: dict[str, float]) -> _Model:
        """Return the model with the law's parameters near the best, by least squares over long steps."""
        names = [name for name in self.law.parameters if name not in known]
        generator, far = np.random.default_rng(0), self.steps.far()
        mean_step = float(
            np.sum(np.abs(far.end - far.start)) / np.sum(far.pulses) / np.subtract(*self.steps.ends[::-1])
        )

        def drawn(name: str) -> float:
            (least, most), default = self.bounds[name], self.law.parameters[name].value
            if name.startswith("step"):
                return mean_step if self.law.name == "table" else mean_step * 10 ** generator.uniform(-0.5, 0.7)
            if most - least < 1e6:
                return generator.uniform(least, most)
            if name.startswith("levels"):
                return 10 ** generator.uniform(-0.3, 0.7) / mean_step
            return max((default or 1.0) * 10 ** generator.uniform(-1, 1), least)

        def miss(theta: np.ndarray) -> np.ndarray:
            return self._replaced(dict(zip(names, theta, strict=True)))._misses(far)

        model = self
        if self.law.name == "table":
            model = self._replaced(self._local_steps(far, mean_step))
        elif names:
            starts = [np.array([drawn(name) for name in names]) for _ in range(200)]
            with np.errstate(all="ignore"):
                best = sorted(starts, key=lambda theta: np.nan_to_num(np.sum(miss(theta) ** 2), nan=np.inf))[:5]
                ends = np.array([self.bounds[name] for name in names]).T
                inside = [np.clip(one, ends[0] + 1e-12, ends[1] - 1e-12) for one in best]
                found = [least_squares(miss, one, bounds=tuple(ends), x_scale="jac") for one in inside]
            values = min(found, key=lambda one: one.cost).x
            model = self._replaced(dict(zip(names, map(float, values), strict=True)))
        vanish = self.law.name != "table" and all(one.single(1.0) < 1e-9 for one in model._responses(model.values))
        names += [name for name in ("G_off", "G_on") if vanish and name not in known]
        return replace(model, names=tuple(names))

    def _local_steps(self, far: _Steps, mean_step: float) -> dict[str, float]:
        """Return the mean step in each part of the range, from long steps with their middle there."""
        steps = self._moved(self.values, far) / far.pulses
        middle = (
            self._predicted(self.values | dict.fromkeys(self.law.parameters, mean_step), far)[0]
            + steps * far.pulses / 2
        )
        place = np.clip((middle * KNOTS).astype(int), 0, KNOTS - 1)
        found: dict[str, float] = {}
        for number, way in enumerate(("up", "down")):
            rows = far.down == number
            count = np.bincount(place[rows], minlength=KNOTS)
            mean = np.bincount(place[rows], steps[rows], KNOTS) / np.maximum(count, 1)
            filled = np.interp(np.arange(KNOTS), np.flatnonzero(count), mean[count > 0])
            found |= {f"step{part}_{way}": max(float(one), 0.01 * mean_step) for part, one in enumerate(filled)}
        return found

    def _with_noise(self, free: list[str]) -> _Model:
        """Return the model with spreads and noises to start from, by moments."""
        e, covered = self._misses(self.steps), self._predicted(self.values, self.steps)[1]
        same = self.steps.train[1:] == self.steps.train[:-1]
        read = max(-np.mean(e[1:][same] * e[:-1][same]), 0.02 * np.var(e), 1e-10)
        cycle = np.sqrt(max(np.var(e) - 2 * read, 0.1 * np.var(e), 1e-10))
        G_on = self.values["G_on"]
        span = G_on - self.values["G_off"]
        relative = np.sqrt(np.mean((self.steps.start / G_on) ** 2)) * G_on / span
        start = {"cycle_spread": cycle / max(np.sqrt(np.mean(covered**2)), 1e-6), "cycle_noise": cycle}
        start |= {"read_noise": np.sqrt(read) / relative, "device_spread": 0.1, "asymmetry_spread": 0.03}
        model = self._replaced({name: min(float(start[name]), 29.0) for name in free})
        return replace(model, names=(*self.names, *free))

    def otherwise(self) -> _Model:
        """Return the fit with noise of the cycles that is the same for all steps, not relative to them."""
        if "cycle_spread" not in self.names:
            return self
        covered = self._predicted(self.values, self.steps)[1]
        noise = self.values["cycle_spread"] * float(np.sqrt(np.mean(covered**2)))
        names = tuple("cycle_noise" if name == "cycle_spread" else name for name in self.names)
        return replace(self._replaced({"cycle_spread": 0.0, "cycle_noise": noise}), names=names)._fitted()

    def _replaced(self, values: Mapping[str, float]) -> _Model:
        return replace(self, values={**self.values, **values})

    def _responses(self, values: Mapping[str, float]) -> Sequence[Any]:
        return self.law.responses(values)

    def _predicted(self, values: Mapping[str, float], steps: _Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return distances before each step, what the mean law covers, and how a wrong distance is passed on."""
        distance = (steps.start - values["G_off"]) / (values["G_on"] - values["G_off"])
        distance = np.where(steps.down == 1, 1 - distance, distance)
        covered, nearby = np.empty_like(distance), np.empty_like(distance)
        for way, response in enumerate(self._responses(values)):
            rows = steps.down == way
            covered[rows] = response.advance(distance[rows], steps.pulses[rows], 1.0)
            nearby[rows] = response.advance(distance[rows] + 1e-4, steps.pulses[rows], 1.0)
        left = np.maximum(1 - distance, 0)
        return distance, np.minimum(covered, left), 1 + np.where(covered < left, (nearby - covered) / 1e-4, -1.0)

    def _misses(self, steps: _Steps) -> np.ndarray:
        """Return by how much the mean law misses each reading, as a share of the range."""
        covered = self._predicted(self.values, steps)[1]
        return self._moved(self.values, steps) - covered

    @staticmethod
    def _moved(values: Mapping[str, float], steps: _Steps) -> np.ndarray:
        moved = (steps.end - steps.start) / (values["G_on"] - values["G_off"])
        return np.where(steps.down == 1, -moved, moved)

    def _sums(self, values: Mapping[str, float], steps: _Steps) -> tuple[np.ndarray, ...]:
        """Return c'V^-1 c and c'V^-1 m for each device and direction, and m'V^-1 m and log |V| in all.

        c is what the mean law covers, m what was moved, V the covariance of the misses (siemens^2 in log |V|).
        """
        _, covered, passed = self._predicted(values, steps)
        moved, group = self._moved(values, steps), 2 * steps.device + steps.down
        pulses = np.maximum(steps.pulses, 1e-9)
        own = values["cycle_spread"] * covered * self.factors[group]
        diagonal = own**2 / pulses + values["cycle_noise"] ** 2 * steps.pulses + 1e-10
        G_on = values["G_on"]
        before, after = (
            (values["read_noise"] * G_on / (G_on - values["G_off"])) ** 2
            * np.maximum(G / G_on, 1e-9) ** (2 - 2 * values["read_noise_exponent"])
            for G in (steps.start, steps.end)
        )
        diagonal += after + passed**2 * before
        beside = -np.where(steps.train[1:] == steps.train[:-1], passed[1:] * before[1:], 0.0)
        d, e, wrong = dpttrf(diagonal, beside)
        if wrong:
            raise FloatingPointError
        by_covered, by_moved = dpttrs(d, e, np.column_stack([covered, moved]))[0].T
        count, span = 2 * self.steps.devices, values["G_on"] - values["G_off"]
        log_det = np.log(d).sum() + 2 * len(d) * np.log(span)
        covered_sum = np.bincount(group, covered * by_covered, count)
        return covered_sum, np.bincount(group, covered * by_moved, count), moved @ by_moved, log_det

    def _loss(self, values: Mapping[str, float]) -> tuple[float, np.ndarray]:
        """Return minus the log-likelihood, and the most probable factors of the devices."""
        A, B, moved, log_det = self._sums(values, self.steps)
        off, weight = (B - A).reshape(-1, 2), A.reshape(-1, 2)
        common, difference = (values[name] ** 2 for name in SPREADS)
        spread = np.array([[common + difference, common - difference], [common - difference, common + difference]])
        widened = np.eye(2) + spread * weight[:, np.newaxis, :]
        gain = np.linalg.solve(widened, np.broadcast_to(spread, widened.shape))
        shift = np.einsum("dij,dj->di", gain, off)
        loss = moved - 2 * B.sum() + A.sum() + log_det + np.log(np.linalg.det(widened)).sum() - (off * shift).sum()
        return 0.5 * float(loss), 1 + shift.ravel()

    def _at(self, theta: np.ndarray, names: Sequence[str]) -> dict[str, float]:
        return {**self.values, **dict(zip(names, theta.tolist(), strict=True))}

    def _safe_loss(self, theta: np.ndarray, names: Sequence[str]) -> float:
        try:
            loss = self._loss(self._at(theta, names))[0]
        except (FloatingPointError, np.linalg.LinAlgError):
            return 1e12
        return loss if np.isfinite(loss) else 1e12

    def _minimised(self, loss: Any, names: Sequence[str]) -> dict[str, float]:
        start = np.array([self.values[name] for name in names])
        scale = np.where(np.abs(start) > 1e-12, np.abs(start), 0.1)
        bounds = [tuple(np.array(self.bounds[name]) / one) for name, one in zip(names, scale, strict=True)]
        found = minimize(
            lambda theta: loss(theta * scale, names),
            start / scale,
            method="L-BFGS-B",
            bounds=bounds,
            options={"eps": 1e-6},
        )
        return dict(zip(names, (found.x * scale).tolist(), strict=True))

    def _fitted(self) -> _Model:
        """Return the model with the most likely values, and the factors of the devices that follow."""
        with np.errstate(all="ignore"):
            model = self._replaced(self._minimised(self._safe_loss, self.names))
            factors = np.maximum(model._loss(model.values)[1], 0.05)
            model = replace(model, factors=factors)
            return replace(model, likelihood=-model._loss(model.values)[0])

    @cached_property
    def left_out(self) -> np.ndarray:
        """Log-likelihood of each unit under the law fitted to the others; noise and factors as fitted to all."""
        steps, names = self.steps, [name for name in self.names if name in self.law.parameters or name[0] == "G"]
        units = np.unique(steps.unit)
        fold = np.argsort(np.random.default_rng(0).permutation(len(units))) % FOLDS
        scores = np.zeros(len(units))

        def known_factors(values: Mapping[str, float], part: _Steps) -> float:
            A, B, moved, log_det = self._sums(values, part)
            return 0.5 * float(moved - 2 * self.factors @ B + self.factors**2 @ A + log_det)

        def fitted_to(kept: _Steps) -> dict[str, float]:
            return self._minimised(lambda theta, names: known_factors(self._at(theta, names), kept), names)

        with np.errstate(all="ignore"):
            for number in range(min(FOLDS, len(units))):
                values = self.values | fitted_to(steps.part(fold[steps.unit] != number))
                for unit in np.flatnonzero(fold == number):
                    scores[unit] = -known_factors(values, steps.part(steps.unit == unit))
        return scores

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return the 95 % interval of each free parameter, by its profile."""
        if self.law.name == "table":
            names = tuple(name for name in self.names if name not in self.law.parameters)
        else:
            names = self.names
        best = np.array([self.values[name] for name in names])
        bounds = np.array([self.bounds[name] for name in names])
        step = np.maximum(1e-3 * np.abs(best), 1e-9)
        inner = (best - 2 * step > bounds[:, 0]) & (best + 2 * step < bounds[:, 1])
        with np.errstate(all="ignore"):
            curvature = _curvature(lambda theta: self._safe_loss(theta, names), best, step)
            return {
                name: self._profile(place, names, best, bounds, inner, curvature) for place, name in enumerate(names)
            }

    def _profile(self, place, names, best, bounds, inner, curvature) -> tuple[float, float]:
        others = np.flatnonzero(inner & (np.arange(len(best)) != place))
        follow = np.zeros(len(best))
        follow[place] = 1.0
        with_others = curvature[np.ix_(others, others)]
        follow[others] = -np.linalg.lstsq(with_others, curvature[others, place], rcond=1e-12)[0]
        between_devices = names[place] in SPREADS
        quantile = t.ppf(0.975, max(self.steps.devices - 1, 1)) if between_devices else norm.ppf(0.975)
        lowest = self._safe_loss(best, names)

        def excess(shift: float) -> float:
            theta = np.clip(best + shift * follow, bounds[:, 0], bounds[:, 1])
            return 2 * (self._safe_loss(theta, names) - lowest) - quantile**2

        bend = curvature[place] @ follow
        width = quantile / np.sqrt(bend) if bend > 0 else max(0.1 * abs(best[place]), 1e-3)

        def end(sign: int, most: float) -> float:
            reach = width
            while reach < most and excess(sign * reach) < 0 and reach < 1e3 * width:
                reach *= 1.6
            reach = min(reach, most)
            if reach == 0 or excess(sign * reach) <= 0:
                return best[place] + sign * reach
            return best[place] + sign * brentq(lambda one: excess(sign * one), 0, reach, xtol=1e-3 * width)

        return float(end(-1, best[place] - bounds[place, 0])), float(end(1, bounds[place, 1] - best[place]))

    def parameters(self) -> dict[str, float]:
        """Return what a device of this law takes, in SI units."""
        law = {} if isinstance(self.fitted_law, TableLaw) else {name: self.values[name] for name in self.law.parameters}
        noise = ("cycle_spread", "cycle_noise", "read_noise", *SPREADS)
        present = ("G_on", "G_off", *(name for name in noise if self.values[name]))
        return law | {name: self.values[name] for name in present}

    @cached_property
    def fitted_law(self) -> DeviceLaw:
        """The law; without a formula its curves, as far as they were measured."""
        if self.law.name != "table":
            return self.law
        distance, *_ = self._predicted(self.values, self.steps)
        points = []
        for way, response in enumerate(self._responses(self.values)):
            reached = np.searchsorted(response.distances, distance[self.steps.down == way].max()) + 1
            points.append(list(zip(response.pulses[:reached], response.distances[:reached], strict=True)))
        try:
            return TableLaw(up=points[0], down=points[1])
        except ValueError as error:
            raise ConfigurationError(str(error)) from None

    def residual(self) -> float:
        """Return the root mean square (siemens) of the readings about the mean courses from the trains' first ones."""
        steps, values = self.steps, self.values
        total = np.append(0.0, np.cumsum(steps.pulses))
        first = np.searchsorted(steps.train, steps.train)
        whole = replace(steps, start=steps.start[first], pulses=total[1:] - total[first])
        missed = self._misses(whole)
        return float(np.sqrt(np.mean(missed**2)) * (values["G_on"] - values["G_off"]))


def _choose(models: dict[str, _Model]) -> tuple[str, dict[str, float]]:
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


def _curvature(function: Any, place: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the second derivatives of a function, by central differences."""
    moves = np.diag(step)
    result = np.empty((len(place), len(place)))
    for i, one in enumerate(moves):
        for j, other in enumerate(moves[: i + 1]):
            corners = (function(place + a * one + b * other) * a * b for a in (1, -1) for b in (1, -1))
            result[i, j] = result[j, i] = sum(corners) / (4 * step[i] * step[j])
    return result


def _fit_retention(table: pandas.DataFrame, G_on: float) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
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
