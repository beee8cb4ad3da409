"""Statements in Brian2's language that run over numpy arrays.

Numpy passes through the memory once for each operation; compiled statements do once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import brian2
import numpy as np

from brianff.acceleration.compiled import CompiledCode, code_target, generating
from brianff.acceleration.prepared_network import PreparedNetwork
from brianff.acceleration.threads import share
from brianff.equations.functions import FUNCTIONS

__all__ = ["Statements"]

PART = 65_536
"""Elements that a thread takes at a time."""


class _UnlockedCode(CompiledCode):
    """Code that runs without Python's lock."""

    templater = CompiledCode.templater.derive("brianff.acceleration")


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
        target = code_target()
        code_class = _UnlockedCode if target == "cython" else None
        variables = [f"{name} : 1" for name in arrays] + [f"{name} : 1 (shared)" for name in numbers]
        with generating(dtype.type, target):
            clock = brian2.Clock(1 * brian2.second, name="statements_clock")
            # Names are part of the generated code: the same names let compiled code be found again.
            group = brian2.NeuronGroup(
                1, "\n".join(variables), dtype=dtype, clock=clock, name="statements", namespace=FUNCTIONS
            )
            runner = group.run_regularly(statements, name="statements_runner", codeobj_class=code_class)
            PreparedNetwork(group).prepare()
            self._names = {name: brian2.device.get_array_name(group.variables[name]) for name in (*arrays, *numbers)}
        self._namespace = runner.codeobj.namespace
        compiled = runner.codeobj.compiled_code["run"]
        self._run: Callable[[dict], object] = compiled.main if code_class else partial(exec, compiled)
        self._dtype = dtype

    def __call__(self, arrays: Mapping[str, np.ndarray], numbers: Mapping[str, float], threads: int = 1) -> None:
        """Run for every element.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Contiguous, of the given type and of one shape; the statements change them in place.
        numbers : mapping of str to float
        threads : int
            Threads that share the elements.
        """
        flat = {self._names[name]: array.reshape(-1) for name, array in arrays.items()}
        shared = {self._names[name]: np.array([number], self._dtype) for name, number in numbers.items()}
        size = next(iter(flat.values())).size

        def run(first: int) -> None:
            part = {name: array[first : first + PART] for name, array in flat.items()}
            self._run(self._namespace | shared | part | {"N": min(PART, size - first)})

        share(run, range(0, size, PART), threads)
