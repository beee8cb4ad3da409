"""A task in which time matters: the same events in different orders, in noise."""

from itertools import permutations

import numpy as np

__all__ = ["CLASSES", "temporal_patterns"]

EVENTS = 3
CLASSES = len(tuple(permutations(range(EVENTS))))
"""Orders of three events."""


def temporal_patterns(
    labels: np.ndarray,
    generator: np.random.Generator,
    units: int = 20,
    steps: int = 60,
    jitter: float = 2.0,
    noise: float = 0.01,
) -> np.ndarray:
    """Return spikes of three groups of input units whose order of firing is the class.

    In each presentation every unit spikes once, when its group has its turn: at 1/6, 3/6 and 5/6 of the presentation,
    with normal jitter of the group as a whole and of each unit; and at random. Spike counts do not depend on the class.

    Parameters
    ----------
    labels : ndarray of int, shape (presentations,)
        Number of the order, in the lexicographic list of permutations: 0 to 5.
    generator : numpy.random.Generator
    units : int
        Units of each group.
    steps : int
        Length of a presentation.
    jitter : float
        Standard deviation in steps, of group and unit alike.
    noise : float
        Probability of a random spike of each unit at each step.

    Returns
    -------
    ndarray of bool, shape (steps, presentations, 3 units)
        The units of group g are numbers g units to (g + 1) units.
    """
    orders = np.array(list(permutations(range(EVENTS))))
    turn = np.argsort(orders, axis=1)[labels]  # when each group has its turn
    centre = (2 * turn + 1) * steps / (2 * EVENTS) + generator.normal(0, jitter, turn.shape)
    times = np.repeat(centre, units, axis=1) + generator.normal(0, jitter, (len(labels), EVENTS * units))
    times = np.clip(np.rint(times), 0, steps - 1).astype(int)
    raster = generator.random((steps, *times.shape)) < noise
    presentation, unit = np.indices(times.shape)
    raster[times, presentation, unit] = True
    return raster
