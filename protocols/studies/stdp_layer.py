"""A layer that learns by pair-based STDP, as ordinary Brian2 objects: what Forward-Forward is compared with."""

from collections.abc import Callable

import brian2
import numpy as np
from brian2 import ms

from brianff.acceleration.compiled import generating
from brianff.equations import stdp
from brianff.random import RandomStreams

__all__ = ["StdpLayer"]

PRESENTATIONS_PER_RUN = 50
"""A run of Brian2 has a cost of its own; the spikes of so many presentations are handed over at once."""


class StdpLayer:
    """Adaptive neurons with lateral inhibition behind plastic synapses.

    Before each presentation membranes and conductances start afresh and each neuron's weights are normalised to a
    mean of `w_mean`; a rest without input, in which traces decay, ends it.

    Parameters
    ----------
    inputs, neurons : int
    steps, rest_steps : int
        Length of a presentation and of the rest after it, in time steps of 1 ms.
    seed : int
        Seed of the initial weights.
    **parameters
        Values that replace those of the preset `diehl-cook-2015`.
    """

    time_step = 1 * ms

    def __init__(self, inputs: int, neurons: int, steps: int, rest_steps: int = 50, seed: int = 1, **parameters):
        self.inputs, self.neurons, self.steps, self.rest_steps = inputs, neurons, steps, rest_steps
        self._namespace = stdp.DIEHL_COOK_2015.namespace() | parameters
        with generating():
            self._make(seed)

    def _make(self, seed: int) -> None:
        inputs, neurons = self.inputs, self.neurons
        clock = brian2.Clock(self.time_step, name="stdp_clock")
        common = {"namespace": self._namespace, "clock": clock}
        self._source = brian2.SpikeGeneratorGroup(inputs, [], [] * ms, clock=clock, name="stdp_inputs")
        self._group = brian2.NeuronGroup(
            neurons,
            stdp.NEURON,
            threshold=stdp.NEURON_THRESHOLD,
            reset=stdp.NEURON_RESET,
            refractory="refractory_period",
            method="exponential_euler",
            **common,
            name="stdp_neurons",
        )
        self._group.theta = self._namespace["theta_initial"]
        self._synapses = brian2.Synapses(
            self._source,
            self._group,
            stdp.STDP,
            on_pre=stdp.STDP_PRE,
            on_post=stdp.STDP_POST,
            method="exact",
            **common,
            name="stdp_synapses",
        )
        pre, post = np.indices((inputs, neurons)).reshape(2, -1)
        self._synapses.connect(i=pre, j=post)
        initial = RandomStreams(seed)["weights 0"].uniform(0, self._namespace["w_initial"], inputs * neurons)
        self._synapses.w = initial
        inhibition = brian2.Synapses(
            self._group,
            self._group,
            on_pre=stdp.INHIBITION,
            **common,
            name="stdp_inhibition",
        )
        inhibition.connect(condition="i != j")
        start_clock = brian2.Clock((self.steps + self.rest_steps) * self.time_step, name="stdp_start_clock")
        start = self._group.run_regularly(
            "v = v_rest; g_e = 0; g_i = 0", clock=start_clock, when="start", name="stdp_start"
        )
        normalise = brian2.NetworkOperation(lambda: self._normalise(), clock=start_clock, when="start")
        self._spikes = brian2.SpikeMonitor(self._group, name="stdp_spikes")
        self._learns = False
        objects = [self._source, self._group, self._synapses, inhibition, start, normalise, self._spikes]
        self._network = brian2.Network(*objects)

    @property
    def weights(self) -> np.ndarray:
        """Weights, shape (inputs, neurons)."""
        return np.asarray(self._synapses.w).reshape(self.inputs, self.neurons)

    def present(
        self, raster: np.ndarray, learn: bool, report: Callable[[int], None] = lambda presentations: None
    ) -> np.ndarray:
        """Present spikes one presentation after the other and return the spike counts (presentations, neurons).

        Parameters
        ----------
        raster : ndarray of bool, shape (steps, presentations, inputs)
        learn : bool
            False: weights and thresholds stay as they are.
        report : callable
            Called with the number of presentations of each run.
        """
        self._group.plastic = float(learn)
        self._learns = learn
        with generating():
            counts = [
                self._run(raster[:, start : start + PRESENTATIONS_PER_RUN], report)
                for start in range(0, raster.shape[1], PRESENTATIONS_PER_RUN)
            ]
        return np.concatenate(counts) if counts else np.zeros((0, self.neurons))

    def _run(self, raster: np.ndarray, report: Callable[[int], None]) -> np.ndarray:
        presentations, length = raster.shape[1], self.steps + self.rest_steps
        step, presentation, unit = np.nonzero(raster)
        first_step = round(float(self._network.t / self.time_step))
        order = np.lexsort((unit, step, presentation))
        times = (first_step + presentation * length + step)[order] * self.time_step
        self._source.set_spikes(unit[order], times)
        seen = self._spikes.num_spikes
        self._network.run(presentations * length * self.time_step, namespace={})
        neuron = np.asarray(self._spikes.i)[seen:]
        at = np.rint(np.asarray(self._spikes.t)[seen:] / float(self.time_step)).astype(int) - first_step
        counts = np.zeros((presentations, self.neurons))
        np.add.at(counts, (at // length, neuron), 1)
        report(presentations)
        return counts

    def _normalise(self) -> None:
        if self._learns:
            weights = self._synapses.variables["w"].get_value().reshape(self.inputs, self.neurons)
            weights *= self._namespace["w_mean"] / np.maximum(weights.mean(axis=0), 1e-12)
