"""One layer as a function of its input and its weights: simulated by an engine, or analog in plain NumPy.

Analyses that differentiate a layer, or replace its neurons by their analog limit, call these functions.
"""

from collections.abc import Callable

import numpy as np

from brianff.description import Network
from brianff.engines import LanesEngine
from brianff.errors import ConfigurationError
from brianff.expressions import evaluate
from brianff.goodness import Goodness
from brianff.inputs import PulseInput, SpikeInput
from brianff.responses import Responses

__all__ = ["ACTIVITY", "LayerFunction", "analog_layer", "simulated_layer"]

LayerFunction = Callable[[PulseInput | SpikeInput, np.ndarray], Responses]
"""Gives the responses of a layer to an input under weights (inputs, neurons)."""

ACTIVITY = Goodness("activity", "activity", "1", "sum")
"""Measures the mean activity z of each neuron: its goodness terms are z."""


def analog_layer(goodness: Goodness) -> LayerFunction:
    """Return a layer of analog units z = relu(W^T x), x the amplitudes of the pulses.

    Parameters
    ----------
    goodness : Goodness
        Analog units have no spikes: a goodness that counts spikes takes their rate, z.

    Returns
    -------
    LayerFunction
        It raises a ConfigurationError if its input is spikes.
    """
    density, slope = ("activity", "1") if goodness.counts_spikes else (goodness.density, goodness.slope)

    def respond(inputs: PulseInput | SpikeInput, weights: np.ndarray) -> Responses:
        if not isinstance(inputs, PulseInput):
            raise ConfigurationError("analog units take amplitudes, not spikes: describe their input as pulses")
        drive = inputs.amplitudes @ weights
        activity = np.maximum(drive, 0.0)
        terms, derivative = (evaluate(expression, "activity", activity) for expression in (density, slope))
        return Responses(inputs, terms, derivative * (drive > 0), goodness, np.ones(1))

    return respond


def simulated_layer(network: Network, goodness: Goodness, layer: int = 0, seed: int = 0) -> LayerFunction:
    """Return one layer of a network on the lanes engine.

    Parameters
    ----------
    network : Network
    goodness : Goodness
    layer : int
        Layers above the first take spikes as input.
    seed : int
        That of the simulator whose layer it is: with `neuron_spread`, its neurons differ as theirs do.
    """
    engine = LanesEngine(network, goodness, seed=seed)
    response = engine.populations[layer].current.pulse_response

    def respond(inputs: PulseInput | SpikeInput, weights: np.ndarray) -> Responses:
        (result,) = engine.present(inputs, [weights], spikes=goodness.counts_spikes, first=layer)
        return Responses(inputs, *result.measured(goodness), goodness, response, result.raster)

    return respond
