"""Responses as functions of the drive: computed once from the same equations, kept on disk, and looked up.

Where all inputs of a layer share the times of their pulses and presentations start from one common state, the current
of neuron j is (its drive d_j) x (one time course), d_j = sum_i w_ij x_i. Its goodness and postsynaptic factor are then
functions of the one number d_j.

- `integration` runs Brian2's own code of the population's equations with drives side by side, at a step that is halved
  until it hardly matters (`DrivenNeuron`). The postsynaptic factor is that of the sensitivity equation, as in the other
  engines; it is not the slope of the table, which would also hold what the memristors' motion does.
- `interpolation` makes piecewise cubics of them, refined where they bend and broken where they do.
- `table` keeps these by segment of drives, in memory and on disk (`ResponseTable`), and grows by segments.
- `engine` is the engine: its presentations are one product, and a lookup for each neuron (`ResponseEngine`).
- `brianff.acceleration.lookup` is the compiled inner loop.

A table of two drives, for two pulses with different inputs, plugs in here: `DrivenNeuron.at` is then a function of
pairs of drives (the group already has `drive_1` and `drive_2`), the table answers `lookup(name, dtype)` with something
that has the method `values` for two `SumsOfRows`, and `ResponseEngine` takes the drives of each event from
`FrameInput.frames`, and one postsynaptic factor for each of them. Which of the tables there is follows from
`Population.events`; `RESPONSE` declares up to how many.
"""

from brianff.engines.response.engine import RESPONSE, ResponseEngine
from brianff.engines.response.table import ResponseTable

__all__ = ["RESPONSE", "ResponseEngine", "ResponseTable"]
