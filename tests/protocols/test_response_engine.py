"""The response engine in training and evaluation: the same as the other engines, whatever the threads."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from brianff import Goodness, Layer, Network, PulseEncoding, Simulator
from brianff.acceleration.deferred import Deferred
from brianff.energy import measure
from brianff.engines import ResponseEngine
from brianff.engines.response.table import ROUGHNESS
from brianff.protocols import Trainer, load_protocol
from brianff.protocols.activity import layer_activity
from brianff.protocols.configuration import named_protocols
from brianff.protocols.contrast import Pairs
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import Pair
from brianff.protocols.plasticity import ModulatedHebbian

PARTS, IMAGES, NEURONS = 4, 200, 24


def accepted():
    """Return the names of protocols that the engine accepts, one for each description of a neuron's responses."""
    found = {}
    for name in named_protocols():
        protocol = load_protocol(name)
        network, layer = protocol.network, protocol.network.layers[0]
        if not ResponseEngine.refused(network) and isinstance(network.encoding, PulseEncoding):
            alike = layer.replace(
                neurons=1, device=None, weight_bound=None, initial_weight_deviation=1, receptive_field=None
            )
            found.setdefault(repr((alike, network.encoding, network.time_step, protocol.learning.goodness)), name)
    return sorted(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", accepted())
def test_a_named_protocol_answers_as_the_reference_at_the_steps_of_the_table(name):
    protocol = load_protocol(name)
    changes = {"device": None, "initial_weight_deviation": 0.3, "receptive_field": None}
    layer = protocol.network.layers[0].replace(neurons=NEURONS, **changes)
    network = protocol.network.replace(layers=[layer], pixels=30)
    step, encoding = network.time_step / PARTS, network.encoding
    fine = network.replace(
        time_step=step,
        encoding=encoding.replace(
            steps=encoding.steps * PARTS, pulse_steps=[PARTS * one for one in encoding.pulse_steps]
        ),
    )
    generator = np.random.default_rng(0)
    images, labels = generator.random((IMAGES, 30)), generator.integers(0, network.classes, IMAGES)
    goodness = protocol.learning.goodness
    response = Simulator(network, goodness, "response", seed=1, table_step=step)
    reference = Simulator(fine, goodness, "reference", seed=1)
    response.mean_image = reference.mean_image = images.mean(axis=0)
    expected = reference.present(images, labels)
    found = response.present(images, labels)
    for values, wanted in (
        (found.goodness, expected.goodness),
        (found.goodness_terms, expected.goodness_terms),
        (found.postsynaptic, expected.postsynaptic),
    ):
        np.testing.assert_allclose(
            values, wanted, atol=ROUGHNESS * response.response.table.tolerance * np.abs(wanted).max()
        )
    counting = response.measuring(GOODNESS["spike-count"])
    counts, raster = counting.present(images, labels).goodness_terms, expected.raster.sum(axis=0)
    table = counting.response.table
    breaks = table.lookup("goodness", np.float64).breaks
    drives = response.inputs(images, labels).amplitudes @ response.layers[0].crossbar.weights
    near = np.abs(drives[..., np.newaxis] - breaks).min(axis=-1, initial=np.inf) < 1e-6
    assert near.mean() < 1e-4
    np.testing.assert_array_equal(counts[~near], raster[~near])


def trained(*settings):
    small = ["data.training_images=100", "evaluation.epoch_images=1", "engine.table_step=1 us"]
    trainer = Trainer(load_protocol("msnn-digits", [*small, *settings]))
    trainer.run_epoch()
    return trainer


@pytest.mark.parametrize("negatives", ["hardest", "all-candidates"])
@pytest.mark.parametrize("precision", ["single", "double"])
def test_weights_do_not_depend_on_the_threads(negatives, precision):
    settings = (f"learning.negatives={negatives}", "learning.candidates=4", f"engine.precision={precision}")
    one, two = (trained(*settings, f"engine.workers={workers}") for workers in (1, 2))
    assert one.simulator.engine == "response"
    np.testing.assert_array_equal(one.simulator.layers[0].crossbar.weights, two.simulator.layers[0].crossbar.weights)


@pytest.fixture(scope="module")
def pairs():
    """Responses to 40 images with their label and three others each, whose elements are not yet computed."""
    generator = np.random.default_rng(2)
    network = Network(pixels=16, classes=4, layers=[Layer(neurons=11, initial_weight_deviation=0.4)])
    simulator = Simulator(network, GOODNESS["mean-square"], seed=3)
    images = generator.random((40, 16))
    labels = np.argsort(generator.random((40, 4)), axis=1)
    order = np.arange(160).reshape(40, 4)
    inputs = simulator.inputs(images, labels).select(np.append(order[:, 0], order[:, 1:]))
    (responses,) = simulator.present_inputs(inputs)
    return Pairs(responses.select(slice(40)), responses.select(slice(40, None)))


def in_full(contrast):
    """Return the same contrast with arrays in place of what computes them."""
    return Pairs(replace(contrast.positive), replace(contrast.negative))


def test_sums_of_what_is_looked_up_are_those_of_the_arrays(pairs):
    full = in_full(pairs)
    for ours, theirs in ((pairs.positive, full.positive), (pairs.negative, full.negative)):
        assert isinstance(ours.held("goodness_terms"), Deferred)
        assert isinstance(theirs.held("goodness_terms"), np.ndarray)
        np.testing.assert_allclose(ours.goodness, theirs.goodness, rtol=1e-12)
    rule, modulator = ModulatedHebbian(), Pair(0.01, 1.0)
    change, expected = (rule.change(one, modulator) for one in (pairs, full))
    np.testing.assert_allclose(change, expected, rtol=1e-10, atol=1e-13 * np.abs(expected).max())
    by_hand = sum(
        (modulated * responses.postsynaptic).T @ responses.presynaptic
        for responses, modulated in full.factors(modulator)
    )
    np.testing.assert_allclose(change, by_hand.T / 40, rtol=1e-9, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("pooling", ["sum", "log-sum", "negentropy", {"name": "largest", "count": 3}])
def test_any_pooling_takes_what_is_not_computed_yet(pairs, pooling):
    measure_ = Goodness("own", "activity**2", pooling=pooling)
    ours, theirs = (replace_measure(one, measure_) for one in (pairs.negative, in_full(pairs).negative))
    np.testing.assert_allclose(ours.goodness, theirs.goodness, rtol=1e-12)
    np.testing.assert_allclose(ours.share, theirs.share, rtol=1e-12)


def test_copies_of_responses_hold_arrays(pairs):
    for copied in (copy.deepcopy(pairs.negative), pickle.loads(pickle.dumps(pairs.negative))):
        for name in ("goodness_terms", "postsynaptic"):
            np.testing.assert_array_equal(getattr(copied, name), getattr(pairs.negative, name))
            assert type(copied.held(name)) is np.ndarray


def replace_measure(responses, measure_):
    held = (responses.held(name) for name in ("goodness_terms", "postsynaptic"))
    return type(responses)(responses.inputs, *held, measure_, responses.pulse_response)


def test_tiny_modulators_are_left_out_within_the_stated_bound(pairs):
    modulator = Pair(0.01, 1.0)
    exact, least = ModulatedHebbian().change(pairs, modulator), 0.3
    without = ModulatedHebbian(least=least).change(pairs, modulator)
    factors = pairs.factors(modulator)
    largest = max(np.abs(modulated).max() for _, modulated in factors)
    bound, left_out = np.zeros_like(exact), 0
    for responses, modulated in factors:
        small = np.abs(modulated[:, 0]) < least * largest
        left_out += small.sum()
        bound += least * largest * np.abs(responses.presynaptic[small]).T @ np.abs(responses.postsynaptic[small]) / 40
    assert 0 < left_out < 160
    assert (np.abs(exact - without) <= bound * (1 + 1e-9)).all()
    assert (exact != without).any()


def test_energies_are_those_of_a_fine_integration():
    network = Network(pixels=16, classes=4, layers=[Layer(neurons=12, initial_weight_deviation=0.4)])
    fine = network.replace(time_step=network.time_step / 32, encoding=PulseEncoding(steps=20 * 32))
    generator = np.random.default_rng(1)
    images, labels = generator.random((10, 16)), generator.integers(0, 4, 10)
    (ours,) = measure(Simulator(network, seed=1, table_step=network.time_step / 32), images, labels)
    (theirs,) = measure(Simulator(fine, seed=1, engine="lanes"), images, labels)
    for name in ("dissipated", "delivered", "stored", "read", "spikes", "synaptic_events", "resting", "exposure"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(ours.delivered, ours.dissipated + ours.stored, rtol=1e-2)


def test_activity_is_that_of_the_lanes_at_a_fine_step():
    setting = ["learning.epochs=1", "data.training_images=200", "engine.table_step=1 us", "evaluation.epoch_images=1"]
    looked_up = Trainer(load_protocol("msnn-digits", setting))
    integrated = Trainer(load_protocol("msnn-digits", [*setting, "engine.name=lanes"]))
    ours, theirs = (layer_activity(one, 50)[0] for one in (looked_up, integrated))
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-3), name
