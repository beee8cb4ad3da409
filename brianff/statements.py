"""Statements in Brian2's language that run over numpy arrays.

Numpy passes through the memory once for each operation; compiled statements do once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import brian2
import numpy as np

from brianff.codegeneration import configure, generating
from brianff.equations.functions import FUNCTIONS
from brianff.stepping import PreparedNetwork

__all__ = ["Statements"]


class Statements:
    """Statements for every element of some arrays, compiled when they are made.

    Parameters
    ----------
    statements : str
        In Brian2's language, without units.
    arrays, numbers : sequence of str
        Names of what has a value for each element, and of what has one for all.
    dtype : dtype
        Of the arrays.
    """

    def __init__(self, statements: str, arrays: Sequence[str], numbers: Sequence[str], dtype: np.dtype):
        configure()
        variables = [f"{name} : 1" for name in arrays] + [f"{name} : 1 (shared)" for name in numbers]
        clock = brian2.Clock(1 * brian2.second, name="statements_clock")
        with generating(dtype.type):
            # Names are part of the generated code: the same names let compiled code be found again.
            group = brian2.NeuronGroup(
                1, "\n".join(variables), dtype=dtype, clock=clock, name="statements", namespace=FUNCTIONS
            )
            runner = group.run_regularly(statements, name="statements_runner")
            PreparedNetwork(group).prepare()
        self._code = runner.codeobj
        self._names = {name: brian2.device.get_array_name(group.variables[name]) for name in (*arrays, *numbers)}
        self._dtype = dtype

    def __call__(self, arrays: Mapping[str, np.ndarray], numbers: Mapping[str, float]) -> None:
        """Run for every element.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Contiguous, of the given type and of one shape; the statements change them in place.
        numbers : mapping of str to float
        """
        given = {name: array.reshape(-1) for name, array in arrays.items()}
        given |= {name: np.array([number], self._dtype) for name, number in numbers.items()}
        self._code.namespace.update({self._names[name]: values for name, values in given.items()})
        self._code.namespace["N"] = next(iter(arrays.values())).size
        self._code()
