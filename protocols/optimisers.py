"""Optimisers: how a wanted change becomes a step of the weights. Their state is digital, beside the crossbar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from brianff.acceleration.elementwise import Statements
from brianff.crossbar.crossbar import DeviceCrossbar
from brianff.description.device import Device
from brianff.description.fields import Real, Whole, argument
from brianff.equations.parameters import NOT_NEGATIVE, SHARE
from brianff.errors import missing
from brianff.protocols.schedules import cosine
from brianff.random import RandomStreams
from brianff.registry import Registry

__all__ = ["OPTIMISERS", "Adam", "Momentum", "Optimiser", "Plain", "SecondPair", "ThresholdPulses", "cosine"]


class Optimiser:
    """Base of the optimisers; one of your own needs `__call__`, and keeps in `state` what resuming needs.

    Parameters
    ----------
    learning_rate : float

    Attributes
    ----------
    state : dict of str to ndarray
        Goes into checkpoints.
    digital_support : str
        What it needs beside the crossbar, in words; empty: nothing.
    """

    digital_support = ""
    threads = 1

    def __init__(self, learning_rate: float):
        self.learning_rate = argument("learning_rate", learning_rate, Real(NOT_NEGATIVE))
        self.state: dict[str, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(learning_rate={self.learning_rate:g})"

    def start(self, shape: tuple[int, ...], dtype: np.dtype) -> dict[str, np.ndarray] | None:
        """Return what `state` holds before the first change of a shape and type; None: that is not declared."""
        return None

    def build(self, dtype: np.dtype) -> object:
        """Compile what changes of a type need, if anything."""
        return None

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change (inputs, neurons); `factor` scales this step."""
        raise missing(self, "__call__")


class Plain(Optimiser):
    """step = learning_rate x change: purely local, without state.

    Parameters
    ----------
    learning_rate : float
        Size of a step at a factor of 1.
    """

    moments: tuple[str, ...] = ()
    """Which averages are kept for each weight."""
    statements = "step = size*change"
    """What is done for each weight, in Brian2's language."""
    numbers: tuple[str, ...] = ("size",)
    """Numbers that the statements name."""

    def start(self, shape: tuple[int, ...], dtype: np.dtype) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, dtype) for name in self.moments}

    def build(self, dtype: np.dtype) -> Statements:
        """Compile the statements for changes of a type, unless they are; returns them."""
        moments = (f"{name}_moment" for name in self.moments)
        return _compiled(self.statements, ("change", "step", *moments), self.numbers, dtype)

    def __call__(self, change: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """Return the step of the weights for a wanted change; `factor` scales this step."""
        change = np.ascontiguousarray(change)
        if not self.state:
            self.state |= self.start(change.shape, change.dtype)
        step = np.empty_like(change)
        arrays = {"change": change, "step": step} | {f"{name}_moment": self.state[name] for name in self.moments}
        self.build(change.dtype)(arrays, self._numbers(factor * self.learning_rate), self.threads)
        return step

    def _numbers(self, size: float) -> dict[str, float]:
        """Return the numbers that the statements name, for a step of a size."""
        return {"size": size}


class Momentum(Plain):
    """The step is an exponential average of the changes; decay 0.9.

    Parameters
    ----------
    learning_rate : float
        Size of a step at a factor of 1.
    """

    digital_support = "a running average of the change for each weight (momentum)"
    moments = ("first",)
    statements = """
first_moment += (1 - 0.9)*(change - first_moment)
step = size*first_moment
"""


class Adam(Plain):
    """The step of each weight is normalised by its changes' root mean square (Kingma & Ba, arXiv 1412.6980).

    Parameters
    ----------
    learning_rate : float
        Size of a step at a factor of 1.
    """

    digital_support = "two running averages, a root and a division for each weight (Adam)"
    moments = ("first", "second")
    decays = (0.9, 0.999)
    numbers = ("size", "correction")
    statements = f"""
first_moment += (1 - {decays[0]})*(change - first_moment)
second_moment += (1 - {decays[1]})*(change**2 - second_moment)
step = size*first_moment*reciprocal(sqrt(second_moment*correction) + 1e-8)
"""

    def start(self, shape, dtype):
        return {**super().start(shape, dtype), "count": np.zeros((), np.int64)}

    def _numbers(self, size):
        count = self.state["count"]
        count += 1
        first, second = (1.0 - decay ** int(count) for decay in self.decays)
        return {"size": size / first, "correction": 1.0 / second}


@dataclass(eq=False)
class ThresholdPulses(Optimiser):
    """A pulse of one size, up or down, for each weight whose change is beyond a threshold; none for the others.

    Signs of changes need no size of pulses, and what is below the threshold costs no pulse and no noise (sign-based
    updates of devices: Zamanidoost et al., IEEE BioCAS 2015, "Manhattan rule").

    Parameters
    ----------
    learning_rate : float
        By how much a pulse moves a weight; crossbars round it at random to whole pulses of their devices.
    threshold : float
        In the unit of the change.
    """

    learning_rate: float = 1e-3
    threshold: float = 0.0

    def __post_init__(self):
        super().__init__(self.learning_rate)
        self.threshold = argument("threshold", self.threshold, Real(NOT_NEGATIVE))

    def start(self, shape, dtype):
        return {}

    def __call__(self, change, factor=1.0):
        return np.where(np.abs(change) > self.threshold, np.copysign(factor * self.learning_rate, change), 0.0)


@dataclass(eq=False)
class SecondPair(Optimiser):
    """Changes gather in a second pair of devices for each weight, whose signs are passed on, a few inputs at a time.

    After each change, `rows` inputs of the second crossbar are read, one after the other; where a pair holds more than
    the threshold, the weight gets a pulse of that sign. What was read is taken off the pair, but for the share that is
    kept: momentum without a number beside the devices. Source: Tiki-Taka, Gokmen & Haensch, Frontiers in Neuroscience
    14:103 (2020), where the second pair decays by its devices' asymmetry instead.

    Parameters
    ----------
    learning_rate : float
        By how much a pulse moves a weight, as in `ThresholdPulses`.
    gain : float
        What a change of 1 adds to the second pair, in shares of its range.
    threshold : float
        What it must hold, as a share of its range.
    rows : int
        Inputs that are read after each change.
    kept : float
        Share of what was read that stays.
    device : Device or str
        Of the second pair.
    seed : int
        Of what differs between its devices, and of its noise.
    """

    learning_rate: float = 1e-3
    gain: float = 1.0
    threshold: float = 0.0
    rows: int = 4
    kept: float = 0.0
    device: Any = "ecram"
    seed: int = 0
    digital_support = (
        "a second pair of devices for each weight, some inputs of which are read after each image and pulsed back by "
        "what was read"
    )

    def __post_init__(self):
        super().__init__(self.learning_rate)
        for name, kind in {"gain": NOT_NEGATIVE, "threshold": SHARE, "kept": SHARE}.items():
            setattr(self, name, argument(name, getattr(self, name), Real(kind)))
        self.rows = argument("rows", self.rows, Whole(1))
        self.pairs: DeviceCrossbar | None = None

    def __call__(self, change, factor=1.0):
        count, pairs = int(self.state.get("count", 0)), self._at(change.shape)
        read = np.unique(np.arange(count * self.rows, (count + 1) * self.rows) % len(change))
        held, step, gathered = pairs.weights[read], np.zeros_like(change), self.gain * change
        step[read] = factor * self.learning_rate * np.sign(held) * (np.abs(held) > self.threshold)
        gathered[read] -= (1 - self.kept) * held
        pairs.streams = RandomStreams((self.seed << 32) + count + 1)  # resumed, it goes on with the same noise
        pairs.program(gathered)
        self.state["count"] = np.array(count + 1)
        return step

    def _at(self, shape: tuple[int, int]) -> DeviceCrossbar:
        """Return the second crossbar, in the state that a checkpoint may have put into `state`."""
        if self.pairs is None:
            device = Device(**(self.device if isinstance(self.device, Mapping) else {"preset": self.device}))
            self.pairs = DeviceCrossbar(np.zeros(shape), 1.0, device, RandomStreams(self.seed << 32), 0)
        own = self.pairs.arrays
        if self.state.keys() >= own.keys() and any(self.state[name] is not own[name] for name in own):
            self.pairs.restore({name: self.state[name] for name in own})
        self.state |= own
        return self.pairs


@cache
def _compiled(statements: str, arrays: tuple[str, ...], numbers: tuple[str, ...], dtype: np.dtype) -> Statements:
    return Statements(statements, arrays, numbers, dtype)


OPTIMISERS = Registry(
    "optimiser",
    Optimiser,
    {
        "plain": Plain,
        "momentum": Momentum,
        "adam": Adam,
        "threshold-pulses": ThresholdPulses,
        "second-pair": SecondPair,
    },
)
"""Optimisers by name."""
