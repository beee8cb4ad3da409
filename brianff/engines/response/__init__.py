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

Two frames with a gap that does not vary are two events with a drive each:

- `pairs` integrates pairs of drives side by side (`DrivenByTwo`), and tells in which region a pair lies.
- `surfaces` finds the curves between regions, where functions have kinks and jumps, maps the strips between them to
  rectangles, extrapolates three time steps to none, and measures the error.
- `pair_table` keeps these by tile, in memory and on disk (`PairTable`); `brianff.acceleration.surfaces` looks them up.

One image shown twice, with a gap of the presentation's own (`RepeatEncoding`), gives the same drive twice: each gap has
a table of one drive.

More events take the lanes engine.
"""

from brianff.engines.response.engine import RESPONSE, ResponseEngine
from brianff.engines.response.pair_table import PairTable
from brianff.engines.response.table import ResponseTable

__all__ = ["RESPONSE", "PairTable", "ResponseEngine", "ResponseTable"]
