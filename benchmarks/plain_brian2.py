"""Presentations in plain Brian2, as one would write them first: `Synapses`, and one `run()` for each presentation."""

from __future__ import annotations

import time

import brian2
import numpy as np
from brian2 import uA, us

from brianff import Layer
from brianff import Network as Description
from brianff.acceleration.compiled import generating
from brianff.engines.population import Population
from brianff.equations.synapse import WEIGHT
from brianff.goodness import Goodness

PAIRS = 3


class Network:
    """784 pixels and 10 label units, all to all on 512 MIF neurons. Weights stay as they are: learning is left out."""

    def __init__(self):
        with generating():
            self._make()

    def _make(self) -> None:
        description = Description(layers=[Layer(neurons=512)])
        population = Population(description, description.layers[0], Goodness())
        clock = brian2.Clock(description.time_step)
        equations = population.equations(population.synapse.equations, "time_course = 1 : 1")
        self.inputs = brian2.NeuronGroup(
            description.inputs, "amplitude : 1\npulse : boolean", threshold="pulse", reset="pulse = False", clock=clock
        )
        self.neurons = population.group(512, equations, True, "plain_neurons", clock)
        synapses = brian2.Synapses(
            self.inputs,
            self.neurons,
            WEIGHT,
            on_pre=population.synapse.on_pre,
            namespace={"current_scale": 32 * uA},
            clock=clock,
        )
        synapses.connect()
        synapses.weight = "0.02*randn()"
        self.network = brian2.Network(self.inputs, self.neurons, synapses, brian2.SpikeMonitor(self.neurons))
        for name in population.neuron.initial:
            setattr(self.neurons, name, population.neuron.start(name, population.parameters))
        self.network.store()
        self.generator = np.random.default_rng(1)

    def images_per_second(self) -> float:
        """Present pairs and return their number per second."""
        start = time.perf_counter()
        with generating():
            for _ in range(2 * PAIRS):
                self.network.restore()
                self.inputs.amplitude = self.generator.random(len(self.inputs))
                self.inputs.pulse = True
                self.network.run(20 * us, namespace={})
        return PAIRS / (time.perf_counter() - start)
