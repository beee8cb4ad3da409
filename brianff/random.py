"""Named, seeded random streams: one seed for a run, one independent generator for each use of randomness."""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from brianff.acceleration.floating_point import error_handling_kept

__all__ = ["RandomStreams"]


class RandomStreams:
    """Independent `numpy.random.Generator` objects, looked up by name and derived from one seed.

    A stream depends on the seed and its own name only: using one more stream never changes the draws of another.

    Parameters
    ----------
    seed : int
        Seed of the run, >= 0.

    Examples
    --------
    >>> streams = RandomStreams(1)
    >>> streams["weights"] is streams["weights"]
    True
    """

    def __init__(self, seed: int):
        self.seed = int(seed)
        self._generators: dict[str, np.random.Generator] = {}

    def __getitem__(self, name: str) -> np.random.Generator:
        if name not in self._generators:
            with error_handling_kept():
                sequence = np.random.SeedSequence(self.seed, spawn_key=(zlib.crc32(name.encode()),))
                self._generators[name] = np.random.Generator(np.random.PCG64(sequence))
        return self._generators[name]

    def state(self) -> dict[str, Any]:
        """Return the state of every stream used so far, as plain numbers and strings (for checkpoints)."""
        return {name: generator.bit_generator.state for name, generator in sorted(self._generators.items())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the streams back to a state returned by `state`; streams that it does not name start afresh."""
        self._generators.clear()
        for name, generator_state in state.items():
            self[name].bit_generator.state = generator_state
