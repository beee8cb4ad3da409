"""Wires with a resistance: what a crossbar's columns carry, exactly and as a fast approximation.

Rows are driven at their first cell and columns are held at 0 V below their last one; every cell adds one piece of wire
to its row and one to its column. The network is linear, so that there is a matrix T with currents = voltages @ T.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

__all__ = ["exact_transfer", "transfer"]


def transfer(conductances: np.ndarray, resistance: float) -> np.ndarray:
    """Return the conductances (siemens) that the ends of the wires see, approximately.

    Each device is weakened by the drop along its row, as if columns were at 0 V, and by what its column's current
    leaves in other rows, as if these were at 0 V: both are ladder networks, solved exactly. What is left out is of
    second order: rows and columns that lift each other. Of arrays up to 128 x 64, column currents are within .2 % where
    wires take up to 8 % of them, and within 2.5 % where they take 25 %.

    Parameters
    ----------
    conductances : ndarray, shape (rows, columns)
    resistance : float
        Of one piece of wire (ohm).
    """
    along_row = _ladder(conductances, resistance)
    along_column = _ladder(conductances[::-1].T, resistance).T[::-1]
    return conductances * along_row * along_column


def _ladder(conductances: np.ndarray, resistance: float) -> np.ndarray:
    """Return the voltages along rows of conductances to ground that are driven with 1 V from the left."""
    reached = np.empty_like(conductances)
    beyond = np.zeros(len(conductances))
    for column in range(conductances.shape[1] - 1, -1, -1):
        beyond = conductances[:, column] + beyond / (1 + resistance * beyond)
        reached[:, column] = 1 / (1 + resistance * beyond)
    return np.cumprod(reached, axis=1)


def exact_transfer(conductances: np.ndarray, resistance: float) -> np.ndarray:
    """Return the same by Kirchhoff's laws for all nodes: for arrays of some ten thousand devices at most."""
    rows, columns = conductances.shape
    node = np.arange(2 * rows * columns).reshape(2, rows, columns)
    wire = np.full(rows * columns, 1 / resistance)
    edges = [
        (node[0, :, :-1], node[0, :, 1:], wire[: rows * (columns - 1)]),
        (node[1, :-1], node[1, 1:], wire[: (rows - 1) * columns]),
        (node[0], node[1], conductances.ravel()),
    ]
    start, end = (np.concatenate([edge[side].ravel() for edge in edges]) for side in (0, 1))
    value = np.concatenate([edge[2] for edge in edges])
    size = node.size
    between = sparse.coo_array((value, (start, end)), (size, size))
    laplacian = sparse.diags_array(np.asarray((between + between.T).sum(axis=0)).ravel()) - between - between.T
    driven, held = node[0, :, 0], node[1, -1]
    ends = np.zeros(size)
    ends[driven], ends[held] = 1 / resistance, 1 / resistance
    solver = splu(sparse.csc_array(laplacian + sparse.diags_array(ends)))
    inputs = np.zeros((size, rows))
    inputs[driven, np.arange(rows)] = 1 / resistance
    return solver.solve(inputs)[held].T / resistance
