"""Two engines, one meaning: the same spikes, goodness and postsynaptic factors for the same network and input."""

import subprocess
import sys
from pathlib import Path

import brian2
import numpy as np
import pytest
import small_networks
from brian2 import us
from cases import first_fast
from small_networks import (
    CLASSES,
    FINAL,
    PIXELS,
    PULSES,
    STEPS,
    assert_same,
    make_network,
    make_pulses,
    make_spikes,
    make_weights,
)

from brianff import Goodness, Layer, Network, PulseEncoding, RateEncoding
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.errors import ConfigurationError, NumericalError
from brianff.inputs import PulseInput, SpikeInput


@pytest.mark.parametrize("make_input", [make_pulses, make_spikes])
@pytest.mark.parametrize("layers", first_fast([2, 1]))
@pytest.mark.parametrize("neuron", ["mif", "lif"])
def test_lanes_equal_reference(neuron, layers, make_input, numpy_target):
    generator = np.random.default_rng(3)
    network = make_network(neuron, layers)
    inputs, weights = make_input(generator), make_weights(network, generator)
    lanes = LanesEngine(network, Goodness(), lanes=3).present(inputs, weights, spikes=True)
    assert_same(lanes, ReferenceEngine(network, Goodness()).present(inputs, weights))


@pytest.mark.parametrize(
    "changes",
    first_fast([{"synapse": "alpha-as-published"}, {"synapse": "normalised-voltage"}, {"method": "exponential_euler"}]),
)
def test_lanes_equal_reference_in_other_forms(changes, numpy_target):
    generator = np.random.default_rng(4)
    network = make_network("mif", 2)
    if changes.get("synapse") == "normalised-voltage":
        changes = {"layers": [network.layers[0], network.layers[1].replace(**changes)]}
    elif "synapse" in changes:
        changes = {"layers": [layer.replace(**changes) for layer in network.layers]}
    network = network.replace(**changes)
    inputs, weights = make_pulses(generator), make_weights(network, generator)
    lanes = LanesEngine(network, Goodness(), lanes=4).present(inputs, weights, spikes=True)
    assert_same(lanes, ReferenceEngine(network, Goodness()).present(inputs, weights))


@pytest.mark.parametrize("target", ["numpy", pytest.param("cython", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("neuron", "make_input"),
    first_fast(
        [
            ("mif", make_pulses),
            ("mif", make_spikes),
            ("lif", make_spikes),
            ("lif-leaky-trace", make_pulses),
            ("lif", make_pulses),
            ("lif-leaky-trace", make_spikes),
        ],
        fast=4,
    ),
)
def test_goodness_alone_is_the_same(neuron, make_input, target, numpy_target):
    brian2.prefs.codegen.target = target
    generator = np.random.default_rng(8)
    network = make_network(neuron, 2)
    inputs, weights = make_input(generator), make_weights(network, generator)
    engine = LanesEngine(network, Goodness(), lanes=3)
    whole = engine.present(inputs, weights, spikes=True)
    alone = engine.present(inputs, weights, spikes=True, goodness_only=True)
    for result, other in zip(whole, alone, strict=True):
        # A compiler may contract other products and sums when there are fewer equations.
        rtol = 0 if target == "numpy" else 1e-14
        np.testing.assert_allclose(result.goodness_terms, other.goodness_terms, rtol, 0)
        np.testing.assert_array_equal(result.raster, other.raster)
        assert other.postsynaptic.shape == (7, 0)


SPREAD = {"mif": {"R_on": 0.1, "v_on": 0.05, "tau": 0.2, "C": 0.1, "x_initial": 0.1}, "lif": {"tau": 0.1, "R": 0.2}}


@pytest.mark.parametrize("layers", first_fast([2, 1]))
@pytest.mark.parametrize("make_input", first_fast([make_spikes, make_pulses]))
@pytest.mark.parametrize("trace", ["relu", "leaky", "hard-leaky"])
def test_lanes_equal_reference_with_immediate_events(trace, make_input, layers, numpy_target):
    generator = np.random.default_rng(10)
    network = make_network(f"lif-{trace}-trace", layers)
    inputs, weights = make_input(generator), make_weights(network, generator)
    lanes = LanesEngine(network, FINAL, lanes=3).present(inputs, weights, spikes=True)
    assert_same(lanes, ReferenceEngine(network, FINAL).present(inputs, weights))


def carried_network(**changes):
    """One layer whose membrane is carried over through rests."""
    network = make_network("lif-leaky-trace", 1, encoding=RateEncoding(steps=STEPS, rest_steps=7))
    return network.replace(layers=[network.layers[0].replace(membrane="carried", **changes)])


@pytest.mark.parametrize("changes", first_fast([{"winners": 2}, {}]))
def test_lanes_equal_reference_when_membranes_are_carried_over(changes, numpy_target):
    """The reference simulates every step of the rest; lanes take the closed form where it is exact."""
    generator = np.random.default_rng(11)
    network = carried_network(**changes)
    weights = make_weights(network, generator)
    membranes = [generator.normal(0, 5e-3, (7, 9)).clip(None, 1e-3)]
    others = [membranes[0].copy()]
    lanes, reference = LanesEngine(network, FINAL, lanes=3), ReferenceEngine(network, FINAL)
    for _ in range(2):
        inputs = make_spikes(generator)
        result = lanes.present(inputs, weights, spikes=True, membranes=membranes)
        assert_same(result, reference.present(inputs, weights, membranes=others))
        np.testing.assert_allclose(membranes[0], others[0], rtol=1e-12, atol=1e-18)
    assert np.abs(membranes[0]).max() > 1e-4
    if changes:
        assert result[0].raster.sum(axis=2).max() == changes["winners"]


def test_kicked_neurons_follow_the_published_recurrence(numpy_target):
    """The recurrence v <- 0.85 v + s W with reset, z <- 0.85 z + 0.15 s, written out in numpy."""
    generator = np.random.default_rng(12)
    network = carried_network()
    inputs, (weights,) = make_spikes(generator), make_weights(network, generator)
    membranes = [np.zeros((7, 9))]
    (result,) = LanesEngine(network, FINAL).present(inputs, [weights], spikes=True, membranes=membranes)
    voltage, trace = np.zeros((2, 7, 9))
    for events, spikes in zip(inputs.raster, result.raster, strict=True):
        voltage = 0.85 * voltage + events @ weights
        np.testing.assert_array_equal(voltage > 2.0, spikes)
        voltage[spikes] = 0.0
        trace = 0.85 * trace + 0.15 * spikes
    np.testing.assert_allclose(membranes[0], 1e-3 * voltage, atol=1e-16)
    np.testing.assert_allclose(result.goodness_terms, trace**2, atol=1e-14)
    np.testing.assert_allclose(result.postsynaptic, 2 * trace, atol=1e-14)


@pytest.mark.parametrize("neuron", ["mif", "lif", "lif-leaky-trace"])
def test_goodness_does_not_depend_on_whether_spikes_are_asked_for(neuron, numpy_target):
    generator = np.random.default_rng(14)
    network = make_network(neuron, 1)
    inputs, weights = make_spikes(generator), make_weights(network, generator)
    engine = LanesEngine(network, FINAL)
    (silent,), (spiking,) = (engine.present(inputs, weights, spikes=spikes) for spikes in (False, True))
    assert silent.raster is None
    assert spiking.goodness_terms.any()
    np.testing.assert_array_equal(silent.goodness_terms, spiking.goodness_terms)


def test_the_relu_unit_is_a_rectified_linear_layer(numpy_target):
    generator = np.random.default_rng(13)
    network = make_network("relu", 1, encoding=PulseEncoding(steps=1))
    pulses, (weights,) = make_pulses(generator), make_weights(network, generator)
    inputs = PulseInput(pulses.image_part, pulses.codes, pulses.image, pulses.label, 1, (0,))
    lanes = LanesEngine(network, FINAL).present(inputs, [weights])
    reference = ReferenceEngine(network, FINAL).present(inputs, [weights])
    activity = np.maximum(pulses.amplitudes @ (weights - 0.2), 0)
    assert 0 < (activity > 0).mean() < 1
    shifted = LanesEngine(network, FINAL).present(inputs, [weights - 0.2])[0]
    np.testing.assert_allclose(shifted.goodness_terms, activity**2, atol=1e-12)
    np.testing.assert_allclose(shifted.postsynaptic, 2 * activity, atol=1e-12)
    np.testing.assert_allclose(lanes[0].goodness_terms, reference[0].goodness_terms, atol=1e-12)


def test_immediate_events_need_a_membrane_resistance():
    with pytest.raises(ConfigurationError, match=r"'delta' acts through the membrane resistance R.*'mif'"):
        LanesEngine(Network(layers=[Layer(synapse="delta")]), Goodness())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("neuron", "spread"), [("mif", {}), ("lif", {}), ("lif-leaky-trace", {}), ("mif", SPREAD["mif"])]
)
def test_compiled_lanes_equal_reference(neuron, spread, numpy_target):
    """The vectorised C++ code against Brian2's numpy target."""
    generator = np.random.default_rng(5)
    network = make_network(neuron, 2)
    network = network.replace(layers=[layer.replace(neuron_spread=spread) for layer in network.layers])
    inputs, weights = make_pulses(generator), make_weights(network, generator)
    reference = ReferenceEngine(network, Goodness()).present(inputs, weights)
    brian2.prefs.codegen.target = "cython"
    assert_same(LanesEngine(network, Goodness(), lanes=5).present(inputs, weights, spikes=True), reference)


def test_the_number_of_lanes_does_not_matter(numpy_target):
    generator = np.random.default_rng(6)
    network = make_network("mif", 2)
    inputs, weights = make_pulses(generator, presentations=5), make_weights(network, generator)
    one, *others = (
        LanesEngine(network, Goodness(), lanes=lanes).present(inputs, weights, spikes=True) for lanes in (1, 2, 5, 9)
    )
    for other in others:
        assert_same(other, one)


def test_a_presentation_leaves_no_trace(numpy_target):
    generator = np.random.default_rng(7)
    network = make_network("mif", 2)
    inputs, others, weights = make_pulses(generator), make_spikes(generator), make_weights(network, generator)
    engine = LanesEngine(network, Goodness(), lanes=4)
    first = engine.present(inputs, weights, spikes=True)
    engine.present(others, weights, spikes=True)
    for one, other in zip(first, engine.present(inputs, weights, spikes=True), strict=True):
        np.testing.assert_array_equal(one.goodness_terms, other.goodness_terms)
        np.testing.assert_array_equal(one.raster, other.raster)


def test_postsynaptic_is_the_derivative_of_goodness_while_the_memristors_hold_still(numpy_target):
    network = make_network("mif", 1)
    network = network.replace(layers=[network.layers[0].replace(parameters={"tau": "1e9 s"})])
    generator = np.random.default_rng(8)
    inputs, (weights,) = make_pulses(generator), make_weights(network, generator)
    engine = LanesEngine(network, Goodness())
    # The drive grows by `step` where an additional input of amplitude 1 has that weight.
    step = 1e-4
    wider = PulseInput(
        np.hstack([inputs.image_part, np.ones((len(inputs), 1))]),
        np.hstack([inputs.codes, np.zeros((CLASSES, 1))]),
        inputs.image,
        inputs.label,
        STEPS,
        PULSES,
    )
    up, down = (
        engine.present(wider, [np.vstack([weights, np.full((1, 9), change)])])[0].goodness_terms
        for change in (step, -step)
    )
    postsynaptic = engine.present(inputs, [weights])[0].postsynaptic
    np.testing.assert_allclose(
        postsynaptic, (up - down) / (2 * step), rtol=1e-6, atol=1e-6 * np.abs(postsynaptic).max()
    )


def test_postsynaptic_is_the_derivative_for_units_that_spike_together_while_the_memristors_hold_still(numpy_target):
    network = make_network("mif", 1)
    network = network.replace(layers=[network.layers[0].replace(parameters={"tau": "1e9 s"})])
    generator = np.random.default_rng(15)
    (weights,) = make_weights(network, generator)
    raster = np.zeros((STEPS, 7, PIXELS + CLASSES), dtype=bool)
    raster[[2, 3, 11]] = generator.random(raster.shape[1:]) < 0.4  # the same units at each of these steps
    inputs, engine, step = SpikeInput(raster), LanesEngine(network, Goodness()), 1e-4
    changes = []
    for sign in (1, -1):
        shifted = weights.copy()
        shifted[5] += sign * step
        changes.append(engine.present(inputs, [shifted])[0].goodness_terms)
    derivative = (changes[0] - changes[1]) / (2 * step)
    presynaptic = inputs.presynaptic(engine.populations[0].current.pulse_response)[:, [5]]
    postsynaptic = engine.present(inputs, [weights])[0].postsynaptic
    assert 0 < np.count_nonzero(presynaptic) < 7
    np.testing.assert_allclose(presynaptic * postsynaptic, derivative, rtol=1e-6, atol=1e-6 * np.abs(derivative).max())


def test_alpha_current_is_an_alpha_function(numpy_target):
    """A spike at step 0 gives (t / tau) exp(-t / tau), up to the first-order error of a fine time step."""
    network = make_network("mif", 1, time_step=0.02 * us, encoding=PulseEncoding(steps=1000))
    population = LanesEngine(network, Goodness()).populations[0]
    times = np.arange(1000) * 0.02
    alpha = times / 4 * np.exp(-times / 4)
    np.testing.assert_allclose(population.current.pulse_response, alpha, atol=0.005)


def test_explicit_euler_reports_that_it_diverged(numpy_target):
    network = make_network("mif", 1, method="euler")
    generator = np.random.default_rng(9)
    with pytest.raises(NumericalError, match=r"method 'euler'.*time step of 1\. us.*semi_implicit.*below 100\. ns"):
        LanesEngine(network, Goodness()).present(make_pulses(generator), [3 * make_weights(network, generator)[0]])


def test_explicit_euler_works_below_the_reported_time_step(numpy_target):
    network = make_network("mif", 1, method="euler", time_step=0.05 * us)
    generator = np.random.default_rng(9)
    weights = [3 * make_weights(network, generator)[0]]
    result = LanesEngine(network, Goodness()).present(make_pulses(generator), weights)[0]
    assert np.isfinite(result.goodness_terms).all()


def test_empty_batch_gives_empty_results(numpy_target):
    network = make_network("mif", 1)
    inputs = make_pulses(np.random.default_rng(1)).select(slice(0, 0))
    result = LanesEngine(network, Goodness()).present(inputs, make_weights(network, np.random.default_rng(1)))[0]
    assert result.goodness_terms.shape == (0, 9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"neuron": "hodgkin"}, "no neuron 'hodgkin'; known: mif, mif-clipped, lif"),
        ({"preset": "nothing"}, "no preset 'nothing'; known: kang-2021"),
        ({"parameters": {"taux": "1 us"}}, "no parameter 'taux'; known: R_on"),
        ({"parameters": {"tau": "1 mV"}}, "dimensions"),
    ],
)
def test_wrong_layers_are_refused_before_anything_is_built(change, message):
    with pytest.raises(ConfigurationError, match=message):
        LanesEngine(Network(layers=[Layer(**change)]), Goodness())


STANDALONE = """
import sys
import brian2
import numpy as np
sys.path.insert(0, {folder!r})
import small_networks as small
from brianff import Goodness
from brianff.engines import ReferenceEngine

brian2.set_device("cpp_standalone", build_on_run=False)
generator = np.random.default_rng(5)
network = small.make_network({neuron!r}, 2)
inputs, weights = small.make_pulses(generator), small.make_weights(network, generator)
results = ReferenceEngine(network, Goodness(), standalone_directory={directory!r}).present(inputs, weights)
np.savez({output!r}, *[a for r in results for a in (r.goodness_terms, r.postsynaptic, r.raster)])
"""


@pytest.mark.slow
@pytest.mark.standalone
def test_reference_in_cpp_standalone_equals_lanes(tmp_path, numpy_target):
    output = str(tmp_path / "results.npz")
    folder = str(Path(small_networks.__file__).parent)
    script = STANDALONE.format(folder=folder, neuron="mif", directory=str(tmp_path / "build"), output=output)
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    generator = np.random.default_rng(5)
    network = make_network("mif", 2)
    inputs, weights = make_pulses(generator), make_weights(network, generator)
    lanes = LanesEngine(network, Goodness(), lanes=3).present(inputs, weights, spikes=True)
    with np.load(output) as arrays:
        for number, result in enumerate(lanes):
            goodness, postsynaptic, raster = (arrays[f"arr_{3 * number + part}"] for part in range(3))
            np.testing.assert_array_equal(result.raster, raster)
            np.testing.assert_allclose(result.goodness_terms, goodness, rtol=1e-10)
            scale = np.abs(postsynaptic).max()
            np.testing.assert_allclose(result.postsynaptic, postsynaptic, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize("neuron", first_fast(["mif", "lif"]))
def test_neurons_that_differ_give_the_same_in_both_engines(neuron, numpy_target):
    generator = np.random.default_rng(3)
    network = make_network(neuron, 2)
    network = network.replace(layers=[layer.replace(neuron_spread=SPREAD[neuron]) for layer in network.layers])
    inputs, weights = make_pulses(generator), make_weights(network, generator)
    lanes = LanesEngine(network, Goodness(), lanes=3, seed=5).present(inputs, weights, spikes=True)
    assert_same(lanes, ReferenceEngine(network, Goodness(), seed=5).present(inputs, weights))
    other = LanesEngine(network, Goodness(), seed=6).present(inputs, weights)
    assert (other[0].goodness_terms != lanes[0].goodness_terms).any()


def test_one_neurons_own_parameters_are_those_of_a_network_of_such_neurons(numpy_target):
    generator = np.random.default_rng(3)
    network = make_network("mif", 1)
    differing = network.replace(layers=[network.layers[0].replace(neuron_spread={"C": 0.3, "v_off": 0.5})])
    inputs, weights = make_pulses(generator), make_weights(network, generator)
    engine = LanesEngine(differing, Goodness(), seed=1)
    together = engine.present(inputs, weights)[0].goodness_terms
    own = {name: values[4] for name, values in engine.populations[0].spread.items()}
    texts = {"C": f"{float(own['C'])!r} F", "v_off": f"{float(own['v_off'])!r} V"}
    same = network.replace(layers=[network.layers[0].replace(parameters=texts)])
    alone = LanesEngine(same, Goodness()).present(inputs, weights)[0].goodness_terms
    np.testing.assert_allclose(together[:, 4], alone[:, 4], rtol=1e-10)


def test_spread_is_log_normal_about_the_parameter():
    network = Network(layers=[Layer(neurons=20_000, neuron_spread={"tau": 0.3})])
    (population,) = LanesEngine(network, Goodness(), seed=1).populations
    values = population.spread["tau"]
    assert values.mean() == pytest.approx(100e-6, rel=0.01)
    assert values.std() == pytest.approx(30e-6, rel=0.03)
    assert values.min() > 0


def test_a_spread_of_nothing_is_refused():
    with pytest.raises(ConfigurationError, match=r"neuron_spread: .* no parameter 'taux'; known: R_on, R_off"):
        LanesEngine(Network(layers=[Layer(neuron_spread={"taux": 0.1})]), Goodness())
