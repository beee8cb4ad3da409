"""Arrays that do not fit each other are refused before compiled code reads beyond them."""

import dataclasses

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from small_networks import STEPS, make_network, make_pulses, make_spikes, make_weights

from brianff import Goodness, RateEncoding
from brianff.engines import ENGINES
from brianff.errors import DataError
from brianff.inputs import SparseSpikes, SpikeInput

GENERATOR = np.random.default_rng(1)
NETWORK = make_network("mif", 2)
WEIGHTS = make_weights(NETWORK, GENERATOR)
PULSES, SPIKES = make_pulses(GENERATOR), make_spikes(GENERATOR)


def beyond(spikes):
    """Spikes of a unit that is not there, which scipy lets pass."""
    matrix = csr_matrix(spikes.raster.reshape(-1, 30), dtype=float)
    matrix.indices[3] = 100_000
    return SparseSpikes(matrix, STEPS)


WRONG = {
    "units": (SpikeInput(np.ones((STEPS, 2, 100_000), bool)), WEIGHTS, r"shape \(30, 9\); 100000 inputs of 9 neurons"),
    "few units": (SpikeInput(SPIKES.raster[:, :, :29]), WEIGHTS, r"\(30, 9\); 29 inputs"),
    "sparse units": (beyond(SPIKES), WEIGHTS, r"there are 30 units; .* 0 to 100000"),
    "sparse rows": (
        SparseSpikes(csr_matrix((STEPS + 1, 30)), STEPS),
        WEIGHTS,
        r"of a SparseSpikes do not fit together.*\(25, 30\)",
    ),
    "steps": (SpikeInput(SPIKES.raster[1:]), WEIGHTS, "the input has 23 steps"),
    "raster": (SpikeInput(SPIKES.raster[0]), WEIGHTS, r"of a SpikeInput do not fit together.*\(7, 30\)"),
    "pulse steps": (dataclasses.replace(PULSES, pulse_steps=(0,)), WEIGHTS, "pulses, other than"),
    "images": (
        dataclasses.replace(PULSES, image=PULSES.image + 1),
        WEIGHTS,
        "there are 7 images; .* 1 to 7",
    ),
    "labels": (dataclasses.replace(PULSES, label=PULSES.label - 10), WEIGHTS, "there are 10 labels; .* -"),
    "lengths": (dataclasses.replace(PULSES, label=PULSES.label[1:]), WEIGHTS, "do not fit together"),
    "codes": (dataclasses.replace(PULSES, codes=np.eye(10)), WEIGHTS, "do not fit together"),
    "second layer": (PULSES, [WEIGHTS[0], WEIGHTS[1][1:]], r"shape \(8, 6\); 9 inputs of 6 neurons need \(9, 6\)"),
    "neurons": (SPIKES, [WEIGHTS[0][:, 1:]], r"shape \(30, 8\)"),
    "layers": (PULSES, [*WEIGHTS, WEIGHTS[1]], "weights of 3 layers; there are 2"),
    "no layer": (PULSES, [], "weights of 0 layers"),
}


@pytest.mark.parametrize("engine", ["lanes", "reference"])
@pytest.mark.parametrize(("inputs", "weights", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(engine, inputs, weights, message, numpy_target):
    with pytest.raises(DataError, match=message):
        ENGINES[engine](NETWORK, Goodness()).present(inputs, weights)


@pytest.mark.parametrize("engine", ["lanes", "reference"])
def test_membranes_and_kinds_of_input_that_do_not_fit_are_refused(engine, numpy_target):
    carried = NETWORK.replace(layers=[NETWORK.layers[0].replace(membrane="carried")])
    with pytest.raises(DataError, match=r"membranes have the shape \(6, 9\); they need \(7, 27\)"):
        ENGINES[engine](carried, Goodness()).present(SPIKES, WEIGHTS[:1], membranes=[np.zeros((6, 9))])
    rates = NETWORK.replace(encoding=RateEncoding(steps=STEPS))
    with pytest.raises(DataError, match="other than"):
        ENGINES[engine](rates, Goodness()).present(PULSES, WEIGHTS)
    analog = NETWORK.replace(layers=[NETWORK.layers[0], NETWORK.layers[1].replace(synapse="normalised-voltage")])
    raster = np.zeros((STEPS, 7, 9), bool)
    with pytest.raises(DataError, match="voltages of the layer below"):
        ENGINES[engine](analog, Goodness()).present(SpikeInput(raster), WEIGHTS[1:], first=1)


@pytest.mark.parametrize("name", ["steps", "pulse steps", "images", "labels", "lengths", "codes"])
def test_the_response_engine_refuses_the_same(name):
    inputs, weights, message = WRONG[name]
    engine = ENGINES["response"](make_network("mif", 1), Goodness(), table_step=NETWORK.time_step)
    with pytest.raises(DataError, match=message):
        engine.present(inputs, weights[:1])
