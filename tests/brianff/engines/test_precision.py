"""Single precision beside double: the same spikes, and goodness to the last of its digits."""

import dataclasses

import brian2
import numpy as np
import pytest
from cases import first_fast
from small_networks import make_network, make_pulses, make_spikes, make_weights

from brianff import Goodness, Simulator
from brianff.engines import LanesEngine
from brianff.errors import ConfigurationError


@pytest.mark.parametrize("target", ["numpy", pytest.param("cython", marks=pytest.mark.slow)])
@pytest.mark.parametrize("make_input", first_fast([make_pulses, make_spikes]))
@pytest.mark.parametrize("neuron", ["mif", "lif", "lif-leaky-trace"])
def test_single_precision_gives_the_same_to_single_precision(neuron, make_input, target, numpy_target):
    brian2.prefs.codegen.target = target
    generator = np.random.default_rng(3)
    network = make_network(neuron, 2)
    inputs, weights = make_input(generator), make_weights(network, generator)
    double, single = (
        LanesEngine(network, Goodness(), lanes=3, precision=precision).present(inputs, weights, spikes=True)
        for precision in ("double", "single")
    )
    for result, other in zip(single, double, strict=True):
        assert result.raster.any()
        np.testing.assert_array_equal(result.raster, other.raster)
        for name in ("goodness_terms", "postsynaptic"):
            assert getattr(result, name).dtype == np.float32
            largest = np.abs(getattr(other, name)).max()
            np.testing.assert_allclose(getattr(result, name), getattr(other, name), rtol=1e-4, atol=1e-5 * largest)


@pytest.mark.parametrize("target", ["numpy", pytest.param("cython", marks=pytest.mark.slow)])
def test_single_precision_bears_voltages_whose_boltzmann_factor_it_cannot_hold(target, numpy_target):
    brian2.prefs.codegen.target = target
    network = make_network("mif", 1)
    weights = [np.linspace(-60, 60, network.inputs)[:, np.newaxis] * np.ones(9)]
    inputs = make_pulses(np.random.default_rng(3))
    inputs = dataclasses.replace(inputs, image_part=np.eye(30)[[0, 1, 2, 10, 17, 18, 19]], codes=np.zeros((10, 30)))
    voltages = {"double": [], "single": []}
    terms = {}
    for precision, seen in voltages.items():
        engine = LanesEngine(network, Goodness(), lanes=7, precision=precision)
        observe = lambda layer, lanes, step, read, seen=seen: seen.append(read("v").copy())  # noqa: E731
        terms[precision] = engine.present(inputs, weights, observe=observe)[0].goodness_terms
    assert np.max(voltages["double"]) > 88 * 15e-3
    assert np.min(voltages["double"]) < -104 * 15e-3  # where even a denormal number cannot hold it
    np.testing.assert_allclose(voltages["single"], voltages["double"], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(terms["single"], terms["double"], rtol=1e-4)


def test_single_precision_leaves_brian2s_preferences_as_they_were(numpy_target):
    def preferences():
        return brian2.prefs.core.default_float_dtype, brian2.prefs.codegen.cpp.extra_compile_args_gcc

    before, network = preferences(), make_network("mif", 1)
    LanesEngine(network, Goodness(), precision="single").present(
        make_pulses(np.random.default_rng(1)), make_weights(network, np.random.default_rng(1))
    )
    assert preferences() == before


def test_thresholds_too_narrow_for_single_precision_are_refused():
    network = make_network("mif", 1)
    narrow = network.replace(layers=[network.layers[0].replace(parameters={"k": "5 mV"})])
    Simulator(narrow)
    with pytest.raises(ConfigurationError, match=r"exp\(32\).*engine.precision = 'double'"):
        Simulator(narrow, precision="single")


def test_precision_that_cannot_be_had_is_refused():
    with pytest.raises(ConfigurationError, match="'half'; known: double, single"):
        Simulator(make_network("mif", 1), precision="half")
    with pytest.raises(ConfigurationError, match="use precision = 'double'"):
        Simulator(make_network("mif", 1), engine="reference", precision="single")
