"""The rate limit: a spiking layer's Hebbian change approaches the analog one as spikes become many.

The analog unit is z = relu(u), u = W^T x. Its spiking counterpart here is a LIF neuron whose leak is slow compared with
the presentation: it integrates, and its spike count is relu(u) times the number of spikes of a unit drive, up to three
errors in a presentation of T steps with n steps per spike of a unit drive:

- Bernoulli input: the number of input spikes fluctuates, relative error ~ T^(-1/2);
- counting: the count is a whole number, relative error ~ n / T;
- reset: what exceeds the threshold at a spike is lost, relative error ~ 1 / (2 n).

With n fixed the error stops at the reset's; with n = sqrt(T) all three fall as T^(-1/2), the expected slope.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from brian2 import ms, nA, uvolt

from brianff.data.named import load_dataset
from brianff.description import LabelCode, Layer, Network, PulseEncoding, RateEncoding
from brianff.equations.lif import LEAK_085
from brianff.inputs import PulseInput, SpikeInput
from brianff.protocols.equivalence import compare, hebbian_change
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import analog_layer, simulated_layer
from brianff.protocols.modulators import Pair
from brianff.protocols.negatives import wrong_labels
from brianff.random import RandomStreams
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = ["measure_rate_limit", "rate_limit_points"]

PROBABILITY = 0.5
"""Of an input spike at each step, for an intensity of 1."""

LEAK = 1000
"""Membrane time constant in presentations: slow enough to be no leak."""

THRESHOLD = 1 * uvolt
"""Only its ratio to the current matters; small, so that inhibited neurons, which integrate too, stay within volts."""

PAIRS = 32
NEURONS = 100
SEED = 1


def rate_limit_points(quick: bool) -> list[dict[str, Any]]:
    """Return the points: steps of a presentation and rule for the steps per spike."""
    steps = (16, 64, 256) if quick else (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192)
    return [{"steps_per_spike": rule, "steps": count} for rule in ("2", "8", "sqrt(T)") for count in steps]


def measure_rate_limit(steps_per_spike: str, steps: int) -> Iterator[dict[str, float]]:
    """Compare the spiking and the analog Hebbian change on the digits: squared norm, pair form, same weights."""
    per_spike = np.sqrt(steps) if steps_per_spike == "sqrt(T)" else float(steps_per_spike)
    network, unit = _network(steps, per_spike)
    simulator = Simulator(network, seed=SEED)
    weights = simulator.layers[0].crossbar.weights
    split = load_dataset("digits").train.first(PAIRS)
    shown = split.labels, wrong_labels(split.labels, RandomStreams(SEED)["negatives"])
    images = split.intensities(slice(None))
    analog_network = network.replace(encoding=PulseEncoding(steps=1))
    analog_inputs = [Simulator(analog_network, seed=SEED).inputs(images, labels) for labels in shown]
    spikes = [simulator.inputs(images, labels) for labels in shown]

    respond = analog_layer(GOODNESS["squared-norm"])
    positive, negative = (respond(inputs, weights) for inputs in analog_inputs)
    modulator = Pair(1.0 / positive.goodness.std(), 1.0)
    activities = np.sqrt(positive.goodness_terms), np.sqrt(negative.goodness_terms)
    expected = hebbian_change(positive, negative, modulator, activities)

    count = simulated_layer(network, GOODNESS["spike-count"])
    rates = [count(inputs, weights).goodness_terms * unit for inputs in spikes]
    positive, negative = (_as_analog(inputs, rate) for inputs, rate in zip(spikes, rates, strict=True))
    comparison = compare(hebbian_change(positive, negative, modulator, (rates[0], rates[1])), expected)
    largest = max(float(rate.max()) for rate in rates) / unit
    yield {
        "relative_error": comparison.relative_error,
        "cosine": comparison.cosine,
        "spikes_of_a_unit_drive": float(1 / unit),
        "largest_count": largest,
    }


def _network(steps: int, per_spike: float) -> tuple[Network, float]:
    """Return the network, and the drive that one spike of its neurons stands for."""
    time_step = 1 * ms
    tau = LEAK * steps * time_step
    # Each input spike lifts the membrane by threshold / (probability x steps per spike) per unit of weight.
    synapse = time_step / 10  # a spike's charge arrives within its step
    current = THRESHOLD / LEAK_085.namespace()["R"] * (tau / synapse) / (PROBABILITY * per_spike)
    network = Network(
        pixels=64,
        time_step=time_step,
        encoding=RateEncoding(steps=steps, maximum_probability=PROBABILITY),
        label=LabelCode(strength=1.0),
        layers=(
            Layer(
                neurons=NEURONS,
                neuron="lif",
                parameters={"tau": f"{float(tau / ms)!r} ms", "v_threshold": f"{THRESHOLD / uvolt} uV"},
                current_scale=float(current / nA) * nA,
                synapse_time_constant=synapse,
                initial_weight_deviation=0.1,
            ),
        ),
    )
    return network, per_spike / steps


def _as_analog(inputs: PulseInput | SpikeInput, rates: np.ndarray) -> Responses:
    """Return counted spikes as responses of analog units: x and z are rates, in the units of the analog network."""
    presentations = np.arange(len(inputs))
    assert isinstance(inputs, SpikeInput)
    intensities = inputs.spike_counts / (PROBABILITY * inputs.steps)
    no_code = np.zeros((1, intensities.shape[1]))
    as_pulses = PulseInput(intensities, no_code, presentations, 0 * presentations, 1, (0,))
    return Responses(as_pulses, rates**2, 2 * rates, GOODNESS["squared-norm"], np.ones(1))
