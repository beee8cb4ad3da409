"""A Brian2 network that is prepared once and then stepped cheaply.

`Network.run` costs about a tenth of a second whatever its duration: it collects garbage and regenerates the code of
every object. Presentations last microseconds and there are hundreds of thousands of them. After one empty run, this
network only calls the objects' own code, in Brian2's order.
"""

import brian2

__all__ = ["PreparedNetwork"]


class PreparedNetwork(brian2.Network):
    """A `brian2.Network` with a single clock that advances step by step without preparing again."""

    def prepare(self) -> None:
        """Generate and compile the code of all objects; call it once, after the last object was added."""
        self.run(0 * brian2.second, namespace={})
        self._stepped = [item for item in self.sorted_objects if item.active]
        clocks = {item.clock for item in self._stepped}
        if len(clocks) != 1:
            raise ValueError(f"a prepared network needs a single clock, not {len(clocks)}")
        variables = clocks.pop().variables
        self._timestep, self._time, self._dt = (variables[name].get_value() for name in ("timestep", "t", "dt"))

    def rewind(self) -> None:
        """Put the clock back to zero; the state of the objects stays."""
        self._timestep[0] = 0
        self._time[0] = 0

    def step(self) -> None:
        """Advance by one time step."""
        for item in self._stepped:
            item.run()
        self._timestep[0] += 1
        self._time[0] = self._timestep[0] * self._dt[0]
