"""Measured trains in order, without outliers, and the steps from each reading to the next."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import median_filter

from brianff.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas

__all__ = ["FOLDS", "Steps", "clean"]

FOLDS = 5
"""Parts of the trains of which cross-validation leaves out one after the other."""


def clean(trains: pandas.DataFrame) -> tuple[pandas.DataFrame, list[str]]:
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
class Steps:
    """From each reading to the next one of its train.

    `unit` is what cross-validation leaves out together. `usual` is what each step is expected to cover, as a share of
    the range, and `variance` that of where it leads, told from the reading before it.
    """

    start: np.ndarray
    end: np.ndarray
    pulses: np.ndarray
    down: np.ndarray
    device: np.ndarray
    train: np.ndarray
    unit: np.ndarray
    usual: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, trains: pandas.DataFrame) -> Steps:
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
        whole = (down[first], device[first], number[first], unit[first], *np.zeros((2, len(first))))
        return cls(G[first], G[first + 1], pulse[first + 1] - pulse[first], *whole)

    def part(self, chosen: np.ndarray) -> Steps:
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

    def far(self) -> Steps:
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
