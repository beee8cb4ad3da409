"""A law fitted to measured trains by maximum likelihood, with the noise of cycles and reads and what differs by device.

Each reading G_i of a train follows from the one before it, k pulses earlier, by the law of the device::

    y_(i+1) = y_i + f covered(y_i, k) + w_i,    G_i = range(y_i) + r_i

y is the distance from the end that the pulses start from, f the factor of the steps of this device and direction (its
spread from device to device), w the noise of the cycles and r that of reads. What a law predicts from a reading
misses the next one by e_i = w_i + r_(i+1) - (1 + covered') r_i: normal, with a tridiagonal covariance. The factors
enter linearly and are integrated out. So the likelihood is in closed form, exactly for laws that are linear in y and
to first order in the read noise for others; scipy.optimize maximises it. A device that may have reached an end
is expected where a normal distance that stops there is, with the variance that is left. Intervals are those of the
profile likelihood, along which the other parameters follow linearly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpttrf, dpttrs
from scipy.optimize import brentq, least_squares, minimize
from scipy.special import ndtr
from scipy.stats import norm, t

from brianff.device_fit.trains import FOLDS, Steps
from brianff.equations.devices import DeviceLaw, TableLaw
from brianff.errors import ConfigurationError

__all__ = ["Model"]

SPREADS = ("device_spread", "asymmetry_spread")


@dataclass(frozen=True)
class Model:
    """A law, fitted to steps: `values` has all numbers, `names` are those that are free."""

    law: DeviceLaw
    steps: Steps
    values: dict[str, float]
    names: tuple[str, ...]
    bounds: dict[str, tuple[float, float]]
    factors: np.ndarray
    """Of the steps of each device, up and down, flat."""
    likelihood: float = -np.inf

    @classmethod
    def of(cls, steps: Steps, law: DeviceLaw, known: dict[str, float]) -> Model:
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
        return model._with_noise(free)._fitted()._fitted()._fitted()

    def _started(self, known: dict[str, float]) -> Model:
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

    def _local_steps(self, far: Steps, mean_step: float) -> dict[str, float]:
        """Return the mean step in each part of the range, from long steps with their middle there."""
        steps = self._moved(self.values, far) / far.pulses
        middle = (
            self._predicted(self.values | dict.fromkeys(self.law.parameters, mean_step), far)[0]
            + steps * far.pulses / 2
        )
        knots = len(self.law.parameters) // 2
        place = np.clip((middle * knots).astype(int), 0, knots - 1)
        found: dict[str, float] = {}
        for number, way in enumerate(("up", "down")):
            rows = far.down == number
            count = np.bincount(place[rows], minlength=knots)
            mean = np.bincount(place[rows], steps[rows], knots) / np.maximum(count, 1)
            filled = np.interp(np.arange(knots), np.flatnonzero(count), mean[count > 0])
            found |= {f"step{part}_{way}": max(float(one), 0.01 * mean_step) for part, one in enumerate(filled)}
        return found

    def _with_noise(self, free: list[str]) -> Model:
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

    def otherwise(self) -> Model:
        """Return the fit with noise of the cycles that is the same for all steps, not relative to them."""
        if "cycle_spread" not in self.names:
            return self
        covered = self._predicted(self.values, self.steps)[1]
        noise = self.values["cycle_spread"] * float(np.sqrt(np.mean(covered**2)))
        names = tuple("cycle_noise" if name == "cycle_spread" else name for name in self.names)
        return replace(self._replaced({"cycle_spread": 0.0, "cycle_noise": noise}), names=names)._fitted()

    def _replaced(self, values: Mapping[str, float]) -> Model:
        return replace(self, values={**self.values, **values})

    def _responses(self, values: Mapping[str, float]) -> Sequence[Any]:
        return self.law.responses(values)

    def _predicted(self, values: Mapping[str, float], steps: Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return distances before each step, what the mean law covers, and how a wrong distance is passed on."""
        distance = (steps.start - values["G_off"]) / (values["G_on"] - values["G_off"])
        distance = np.where(steps.down == 1, 1 - distance, distance)
        covered, nearby = np.empty_like(distance), np.empty_like(distance)
        for way, response in enumerate(self._responses(values)):
            rows = steps.down == way
            covered[rows] = response.advance(distance[rows], steps.pulses[rows], 1.0)
            nearby[rows] = response.advance(distance[rows] + 1e-4, steps.pulses[rows], 1.0)
        return distance, covered, 1 + (nearby - covered) / 1e-4

    def _misses(self, steps: Steps) -> np.ndarray:
        """Return by how much the mean law misses each reading, as a share of the range."""
        distance, covered, _ = self._predicted(self.values, steps)
        return self._moved(self.values, steps) - np.minimum(covered, 1 - distance)

    @staticmethod
    def _moved(values: Mapping[str, float], steps: Steps) -> np.ndarray:
        moved = (steps.end - steps.start) / (values["G_on"] - values["G_off"])
        return np.where(steps.down == 1, -moved, moved)

    def _sums(self, values: Mapping[str, float], steps: Steps) -> tuple[np.ndarray, ...]:
        """Return c'V^-1 c and c'V^-1 m for each device and direction, and m'V^-1 m and log |V| in all.

        c is what the mean law covers, m what was moved, V the covariance of the misses (siemens^2 in log |V|).
        """
        distance, covered, passed = self._predicted(values, steps)
        moved, group = self._moved(values, steps), 2 * steps.device + steps.down
        cycle, before, after = self._variances(values, steps)
        # A reading from beyond the near end is one of a device that stands there.
        near, known, unsure = _stopped(1 - distance, before + 1e-12)
        moved, distance = moved + distance - (1 - near), 1 - near
        passed, unsure = known * passed, passed**2 * unsure
        # A device at its end says nothing of the noise that it would have elsewhere: that of the last fit stops there.
        reached, free, kept = _stopped(distance + steps.usual, steps.variance)
        moved -= reached - distance - free * steps.usual  # what the end takes does not depend on the factor
        covered, passed = free * covered, free * passed
        diagonal = np.where(free > 0.99, cycle + free**2 * unsure, np.maximum(kept, free**2 * unsure)) + after + 1e-10
        beside = -np.where(steps.train[1:] == steps.train[:-1], passed[1:] * before[1:], 0.0)
        d, e, wrong = dpttrf(diagonal, beside)
        if wrong:
            raise FloatingPointError
        by_covered, by_moved = dpttrs(d, e, np.column_stack([covered, moved]))[0].T
        count, span = 2 * self.steps.devices, values["G_on"] - values["G_off"]
        log_det = np.log(d).sum() + 2 * len(d) * np.log(span)
        covered_sum = np.bincount(group, covered * by_covered, count)
        return covered_sum, np.bincount(group, covered * by_moved, count), moved @ by_moved, log_det

    def _variances(self, values: Mapping[str, float], steps: Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return variances (shares of the range, squared) of what steps cover, and of reads before and after them."""
        cycle = (values["cycle_spread"] * steps.usual) ** 2 / np.maximum(steps.pulses, 1e-9)
        G_on = values["G_on"]
        before, after = (
            (values["read_noise"] * G_on / (G_on - values["G_off"])) ** 2
            * np.maximum(G / G_on, 1e-9) ** (2 - 2 * values["read_noise_exponent"])
            for G in (steps.start, steps.end)
        )
        return cycle + values["cycle_noise"] ** 2 * steps.pulses, before, after

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

    def _within(self, theta: np.ndarray, names: Sequence[str]) -> dict[str, float]:
        """Return values by name; those that differences or roundings took beyond their bounds are brought back."""
        least, most = np.array([self.bounds[name] for name in names]).reshape(-1, 2).T
        return dict(zip(names, np.clip(theta, least, most).tolist(), strict=True))

    def _at(self, theta: np.ndarray, names: Sequence[str]) -> dict[str, float]:
        return self.values | self._within(theta, names)

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
        return self._within(found.x * scale, names)

    def _fitted(self) -> Model:
        """Return the model with the most likely values, and the factors of the devices that follow."""
        with np.errstate(all="ignore"):
            _, covered, passed = self._predicted(self.values, self.steps)
            steps = replace(self.steps, usual=covered * self.factors[2 * self.steps.device + self.steps.down])
            cycle, before, _ = self._variances(self.values, steps)
            model = replace(self, steps=replace(steps, variance=cycle + passed**2 * before + 1e-12))
            model = model._replaced(model._minimised(model._safe_loss, self.names))
            loss, factors = model._loss(model.values)
            return replace(model, factors=np.maximum(factors, 0.05), likelihood=-loss)

    @cached_property
    def left_out(self) -> np.ndarray:
        """Log-likelihood of each unit under the law fitted to the others; noise and factors as fitted to all."""
        steps, names = self.steps, [name for name in self.names if name in self.law.parameters or name[0] == "G"]
        units = np.unique(steps.unit)
        fold = np.argsort(np.random.default_rng(0).permutation(len(units))) % FOLDS
        scores = np.zeros(len(units))

        def known_factors(values: Mapping[str, float], part: Steps) -> float:
            A, B, moved, log_det = self._sums(values, part)
            return 0.5 * float(moved - 2 * self.factors @ B + self.factors**2 @ A + log_det)

        def fitted_to(kept: Steps) -> dict[str, float]:
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
            inner &= np.diag(curvature) * best**2 > 0.01  # a spread near 0 has no curvature to tell others by
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


FAR = 9.0
"""From so many standard deviations on, an end takes nothing that a double-precision number could show."""


def _stopped(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean of normal distances that stop at 1, its derivative by their mean, and their variance."""
    reached, free, kept = mean.copy(), np.ones_like(mean), variance.copy()
    near = np.flatnonzero(1 - mean < FAR * np.sqrt(variance))
    deviation = np.sqrt(variance[near])
    left = (1 - mean[near]) / deviation
    free[near], density = ndtr(left), np.exp(-0.5 * left**2) / np.sqrt(2 * np.pi)
    lost = density - left * (1 - free[near])
    share = free[near] - left * density + left**2 * (1 - free[near]) - lost**2
    reached[near] -= deviation * lost
    kept[near] *= np.maximum(share, free[near] ** 2)
    return reached, free, kept


def _curvature(function: Any, place: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the second derivatives of a function, by central differences."""
    moves = np.diag(step)
    result = np.empty((len(place), len(place)))
    for i, one in enumerate(moves):
        for j, other in enumerate(moves[: i + 1]):
            corners = (function(place + a * one + b * other) * a * b for a in (1, -1) for b in (1, -1))
            result[i, j] = result[j, i] = sum(corners) / (4 * step[i] * step[j])
    return result
