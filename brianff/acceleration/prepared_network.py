"""A Brian2 network that is prepared once and then stepped cheaply.

`Network.run` costs about a tenth of a second whatever its duration: it collects garbage and regenerates the code of
every object. Presentations last microseconds and there are hundreds of thousands of them. After one empty run, this
network only calls the objects' own code, in Brian2's order.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import brian2
import numpy as np
from brian2.core.base import BrianObject, BrianObjectException

from brianff.equations.neuron import one_line
from brianff.errors import BrianffError, NumericalError

__all__ = ["PreparedNetwork"]


class PreparedNetwork(brian2.Network):
    """A `brian2.Network` with a single clock that advances step by step without preparing again."""

    def prepare(self) -> None:
        """Generate and compile the code of all objects; call it once, after the last object was added.

        Raises
        ------
        BrianffError
            If the code of an object could not be compiled.
        """
        try:
            self.run(0 * brian2.second, namespace={})
        except BrianObjectException as error:
            if isinstance(error.__cause__, BrianffError):
                raise error.__cause__ from None
            raise
        active = [item for item in self.sorted_objects if item.active]
        clocks = {item.clock for item in active}
        if len(clocks) != 1:
            raise ValueError(f"a prepared network needs a single clock, not {len(clocks)}")
        variables = clocks.pop().variables
        self._timestep, self._time, self._dt = (variables[name].get_value() for name in ("timestep", "t", "dt"))
        self._runs: list[Callable[[], None]] = [item.run for item in active if not _idle(item)]

    def restrict(self, group: brian2.NeuronGroup) -> Callable[[int], None]:
        """Return the function ``use(neurons)``: from then on only the first so many neurons of `group` are advanced.

        All objects of the network belong to that group. Generated code takes its arrays and the number of neurons
        from a namespace; there they are replaced by shorter views.
        """
        size = len(group)
        namespaces = [code.namespace for item in self.sorted_objects for code in item.code_objects]
        arrays = [
            (namespace, name, value)
            for namespace in namespaces
            for name, value in namespace.items()
            if isinstance(value, np.ndarray) and len(value) in (size, size + 1)  # the list of spikes ends in its length
        ]

        def use(neurons: int) -> None:
            for namespace in namespaces:
                if "N" in namespace:
                    namespace["N"] = neurons
            for namespace, name, value in arrays:
                namespace[name] = value[: neurons + len(value) - size]

        return use

    def rewind(self) -> None:
        """Put the clock back to zero; the state of the objects stays."""
        self._timestep[0] = 0
        self._time[0] = 0

    @contextmanager
    def steps_of(self, count: int) -> Iterator[None]:
        """Let a step be as long as so many."""
        before = self._dt[0]
        self._dt[0] = count * before
        try:
            yield
        finally:
            self._dt[0] = before

    def step(self) -> None:
        """Advance by one time step; a NumericalError if its arithmetic has no result."""
        try:
            for run in self._runs:
                run()
        except (ArithmeticError, BrianObjectException) as error:
            raise NumericalError(f"a time step could not be computed: {one_line(error)}") from error
        self._timestep[0] += 1
        self._time[0] = self._timestep[0] * self._dt[0]


def _idle(item: BrianObject) -> bool:
    """Tell whether an object does nothing in a step, as a group without monitors of its own."""
    return not item.code_objects and type(item).run is BrianObject.run
