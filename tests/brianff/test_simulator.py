"""The simulator: building, presenting, learning, recording."""

import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import brian2
import numpy as np
import pytest
from brian2 import Mohm, ms, nA, uA
from cases import first_fast
from scipy.sparse import csr_matrix

from brianff import LabelCode, Layer, Network, PulseEncoding, RateEncoding, Simulator
from brianff.equations import NeuronModel
from brianff.errors import ConfigurationError, DataError
from brianff.inputs import SparseSpikes
from brianff.protocols.modulators import Sigmoid
from brianff.protocols.plasticity import modulated_hebbian

pytestmark = pytest.mark.usefixtures("numpy_target")

NETWORK = Network(
    pixels=12,
    classes=4,
    encoding=PulseEncoding(steps=15),
    label=LabelCode(strength=2.0),
    layers=(
        Layer(neurons=8, initial_weight_deviation=0.5),
        Layer(neurons=5, current_scale=60 * uA, initial_weight_deviation=0.5),
    ),
)


@pytest.fixture
def images():
    return np.random.default_rng(1).random((3, 12))


def test_the_same_seed_gives_the_same_simulator(images):
    first, second, other = (Simulator(NETWORK, seed=seed) for seed in (1, 1, 2))
    labels = np.array([0, 1, 2])
    np.testing.assert_array_equal(first.present(images, labels).goodness, second.present(images, labels).goodness)
    assert (first.layers[0].crossbar.weights != other.layers[0].crossbar.weights).any()


def test_several_labels_per_image_are_the_same_as_one_after_the_other(images):
    simulator = Simulator(NETWORK, seed=1)
    labels = np.array([[0, 1], [2, 3], [1, 0]])
    together = simulator.present(images, labels)
    one_by_one = simulator.present(np.repeat(images, 2, axis=0), labels.ravel())
    np.testing.assert_allclose(together.goodness_terms, one_by_one.goodness_terms, rtol=1e-12)
    np.testing.assert_array_equal(together.presynaptic, one_by_one.presynaptic)
    every = simulator.present_every_label(images)
    assert [response.goodness.shape for response in every] == [(12,), (12,)]
    np.testing.assert_allclose(every[1].goodness.reshape(3, 4)[1, 2:], together.goodness[2:4], rtol=1e-12)
    with pytest.raises(ConfigurationError, match="goodness only"):
        modulated_hebbian(every[1], every[1], Sigmoid())


def test_responses_can_be_selected(images):
    responses = Simulator(NETWORK, seed=1).present(images, np.array([0, 1, 2]), spikes=True)
    part = responses.select(np.array([2, 0]))
    np.testing.assert_array_equal(part.goodness, responses.goodness[[2, 0]])
    np.testing.assert_array_equal(part.presynaptic, responses.presynaptic[[2, 0]])
    np.testing.assert_array_equal(part.spike_counts, responses.spike_counts[[2, 0]])


def test_learning_changes_one_layer_only_within_its_bound(images):
    network = NETWORK.replace(layers=[layer.replace(weight_bound=0.6) for layer in NETWORK.layers])
    simulator = Simulator(network, seed=1)
    below = simulator.layers[0].crossbar.weights.copy()
    simulator.layers[1].learn(np.full((8, 5), 10.0))
    np.testing.assert_array_equal(simulator.layers[0].crossbar.weights, below)
    assert (simulator.layers[1].crossbar.weights == 0.6).all()
    assert np.abs(below).max() <= 0.6


def test_a_layer_is_not_affected_by_those_above_it(images):
    labels = np.array([0, 1, 2])
    simulator = Simulator(NETWORK, seed=1)
    alone = simulator.present(images, labels, layer=0).goodness
    np.testing.assert_allclose(simulator.present_layers(images, labels)[0].goodness, alone, rtol=1e-12)


def test_counters_count_what_was_simulated(images):
    simulator = Simulator(NETWORK, seed=1)
    simulator.present(images, np.array([[0, 1], [1, 2], [2, 3]]), layer=0)
    assert (simulator.presentations, simulator.neuron_steps) == (6, 6 * 15 * 8)
    simulator.present_layers(images, np.array([0, 1, 2]))
    assert (simulator.presentations, simulator.neuron_steps) == (9, 6 * 15 * 8 + 3 * 15 * 13)


def test_engines_agree_through_the_simulator(images):
    labels = np.array([3, 1, 2])
    lanes, reference = (
        Simulator(NETWORK, engine=engine, seed=1).present(images, labels, spikes=True)
        for engine in ("lanes", "reference")
    )
    np.testing.assert_allclose(lanes.goodness, reference.goodness, rtol=1e-10)
    np.testing.assert_array_equal(lanes.raster, reference.raster)


def test_evaluation_draws_do_not_disturb_training(images):
    network = NETWORK.replace(encoding=RateEncoding(steps=15, maximum_probability=0.5))
    disturbed, quiet = Simulator(network, seed=1), Simulator(network, seed=1)
    labels = np.array([0, 1, 2])
    with disturbed.evaluation():
        first = disturbed.present(images, labels).goodness
    with disturbed.evaluation():
        second = disturbed.present(images, labels).goodness
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(disturbed.present(images, labels).goodness, quiet.present(images, labels).goodness)


def test_recording_agrees_with_the_responses(images):
    simulator = Simulator(NETWORK, seed=1)
    labels = np.array([0, 1, 2])
    recording = simulator.record(images, labels, neurons=[0, 4], polarity=["positive", "negative", "positive"])
    about = ["image", "label", "true_label", "polarity", "epoch"]
    assert list(recording.spikes.columns) == ["time", "neuron", "layer", "presentation", *about]
    assert set(recording.traces) == {"I", "v", "x1", "x2"}
    assert recording.traces["v"].shape == (3, 15, 2)
    np.testing.assert_allclose(recording.times, np.arange(1, 16) * 1e-6)
    responses = simulator.present_layers(images, labels, spikes=True)
    for layer, response in enumerate(responses):
        counts = recording.spikes[recording.spikes["layer"] == layer].groupby(["presentation", "neuron"]).size()
        expected = response.spike_counts
        assert counts.sum() == expected.sum() > 0
        for (presentation, neuron), count in counts.items():
            assert expected[presentation, neuron] == count
    # the goodness is the mean of v^2 in mV^2
    mean_square = (recording.traces["v"] * 1e3) ** 2
    np.testing.assert_allclose(mean_square.mean(axis=1), responses[1].goodness_terms[:, [0, 4]], rtol=1e-10)


def test_recorded_current_is_that_of_the_weights(images):
    network = NETWORK.replace(layers=NETWORK.layers[:1])
    simulator = Simulator(network, seed=1)
    recording = simulator.record(images, np.array([0, 1, 2]), neurons=range(8))
    amplitudes = simulator.present(images, np.array([0, 1, 2])).presynaptic
    drive = amplitudes @ simulator.layers[0].crossbar.weights
    h = 1 / 4  # time step over the alpha current's time constant; semi-implicit steps of a and I
    a, current, response = 1.0, 0.0, [0.0]
    for _ in range(14):
        a /= 1 + h
        current = (current + h * a) / (1 + h)
        response.append(current)
    expected = 32e-6 * drive[:, np.newaxis, :] * np.array(response)[np.newaxis, :, np.newaxis]
    np.testing.assert_allclose(recording.traces["I"], expected, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("engine", first_fast(["lanes", "reference"]))
def test_recording_leaves_no_trace_and_starts_where_training_stands(images, engine):
    encoding = RateEncoding(steps=15, maximum_probability=0.5)
    layers = [layer.replace(membrane="carried", neuron_spread={"C": 0.2}) for layer in NETWORK.layers]
    network, labels = NETWORK.replace(encoding=encoding, layers=layers), np.array([0, 1, 2])
    disturbed, quiet = (Simulator(network, seed=1, engine=engine) for _ in range(2))
    recorded = disturbed.record(np.tile(images, (2, 1)), np.tile(labels, 2), neurons=[0])
    assert (disturbed.layers[0].membrane.size, disturbed.presentations) == (0, 0)
    for _ in range(2):
        np.testing.assert_array_equal(
            disturbed.present(images, labels).goodness, quiet.present(images, labels).goodness
        )
    later = disturbed.record(images, labels, neurons=range(5))
    assert (later.traces["v"][0, 0] != recorded.traces["v"][0, 0]).any()
    with disturbed.evaluation(membranes=True):
        shown = disturbed.present(images, labels)
        with disturbed.evaluation():
            pass
        assert disturbed.present(images, labels).goodness.any()  # still outside of training
    mean_square = ((later.traces["v"] * 1e3) ** 2).mean(axis=1)
    np.testing.assert_allclose(mean_square, shown.goodness_terms, rtol=1e-10)
    state = disturbed.streams["encoding"].bit_generator.state
    assert state == quiet.streams["encoding"].bit_generator.state
    for one, other in zip(disturbed.layers, quiet.layers, strict=True):
        np.testing.assert_array_equal(one.membrane, other.membrane)


@pytest.mark.parametrize("engine", ["lanes", "reference"])
def test_spikes_of_the_layer_below_can_be_presented(images, engine):
    simulator = Simulator(NETWORK, seed=1, engine=engine)
    below, wanted = simulator.present_layers(images, np.array([0, 1, 2]), spikes=True)
    matrix = csr_matrix(below.raster.reshape(-1, 8), dtype=float)
    found = simulator.present_spikes(SparseSpikes(matrix, 15), layer=1)
    np.testing.assert_allclose(found.goodness_terms, wanted.goodness_terms, rtol=1e-10)
    np.testing.assert_allclose(found.postsynaptic, wanted.postsynaptic, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0; it must be a whole number from 1"),
        ({"lanes": 0}, "lanes is 0"),
        ({"lanes": 2.5}, "lanes is 2.5"),
        ({"memory": 0}, "memory is 0"),
        ({"seed": -1}, "seed is -1; it must be a whole number of at least 0"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"seed": "one"}, "seed is 'one'"),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Simulator(NETWORK, **options)


def test_layers_that_are_not_there_are_refused(images):
    simulator, labels = Simulator(NETWORK), np.array([0, 1, 2])
    spikes = SparseSpikes(csr_matrix((15, 8)), 15)
    for refused in (
        lambda: simulator.present(images, labels, layer=3),
        lambda: simulator.present_layers(images, labels, 3),
        lambda: simulator.record(images, labels, [0], layer=-3),
        lambda: simulator.present_spikes(spikes, 2),
    ):
        with pytest.raises(ConfigurationError, match=r"there is no layer -?\d: the network has 2"):
            refused()
    with pytest.raises(ConfigurationError, match="count is 0"):
        simulator.present_layers(images, labels, 0)
    with pytest.raises(ConfigurationError, match="layer is 0"):
        simulator.present_spikes(spikes, 0)
    with pytest.raises(ConfigurationError, match=r"labels is .* of the shape"):
        simulator.record(images, np.array([[0, 1], [1, 2], [2, 3]]), [0])


def test_the_reference_engine_says_that_it_has_no_observers(images):
    simulator = Simulator(NETWORK, engine="reference")
    with pytest.raises(ConfigurationError, match="calls no observers: use engine 'lanes'"):
        simulator.present(images, np.array([0, 1, 2]), observe=lambda *arguments: None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((3, 11))}, r"shape \(3, 11\); the network needs \(images, 12\)"),
        ({"images": np.full((3, 12), np.nan)}, "not finite"),
        ({"images": np.full((3, 12), -0.1)}, "negative"),
        ({"labels": np.array([0, 1])}, "there are 3 images"),
        ({"labels": np.array([0, 1, 4])}, "whole numbers from 0 to 3"),
        ({"labels": np.array([0.0, 1.0, 2.0])}, "whole numbers from 0 to 3"),
    ],
)
def test_wrong_data_are_refused(change, message):
    arguments = {"images": np.zeros((3, 12)), "labels": np.array([0, 1, 2])} | change
    with pytest.raises(DataError, match=message):
        Simulator(NETWORK).present(**arguments)


def test_wrong_names_are_refused():
    with pytest.raises(ConfigurationError, match="no engine 'lane'; known: auto, response, lanes, reference"):
        Simulator(NETWORK, engine="lane")
    with pytest.raises(ConfigurationError, match="neurons must lie between 0 and 4"):
        Simulator(NETWORK).record(np.zeros((1, 12)), np.array([0]), neurons=[5])


def test_an_empty_batch_gives_empty_responses():
    responses = Simulator(NETWORK).present(np.zeros((0, 12)), np.zeros(0, dtype=int))
    assert responses.goodness.shape == (0,)
    assert responses.presynaptic.shape == (0, 8)


def test_brian2_units_reach_the_description():
    assert NETWORK.layers[1].current_scale == 60 * brian2.uamp


def test_threads_that_share_a_simulator_take_turns(images):
    simulator, labels = Simulator(NETWORK, seed=1), np.array([0, 1, 2])
    expected = [simulator.present(images[rows], labels[rows]).goodness for rows in ([0, 1], [1, 2])]
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda rows: simulator.present(images[rows], labels[rows]).goodness, [[0, 1], [1, 2]] * 20)
        for number, answer in enumerate(answers):
            np.testing.assert_array_equal(answer, expected[number % 2])


def test_only_the_thread_that_evaluates_may_present_meanwhile(images):
    simulator, labels = Simulator(NETWORK, seed=1), np.array([0, 1, 2])
    with ThreadPoolExecutor(1) as pool:
        with simulator.evaluation(), simulator.evaluation():
            simulator.present(images, labels)
            with pytest.raises(ConfigurationError, match="deepcopy"):
                pool.submit(simulator.present, images, labels).result()
        pool.submit(simulator.present, images, labels).result()


def test_an_observer_cannot_present_with_its_own_simulator(images):
    simulator, labels = Simulator(NETWORK, seed=1), np.array([0, 1, 2])
    expected = simulator.present(images, labels).goodness
    with pytest.raises(ConfigurationError, match="observer"):
        simulator.present(images, labels, observe=lambda *arguments: simulator.present(images, labels))
    np.testing.assert_array_equal(simulator.present(images, labels).goodness, expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda simulator: pickle.loads(pickle.dumps(simulator))])
@pytest.mark.parametrize("engine", first_fast(["lanes", "reference"]))
def test_copies_answer_alike_and_learn_on_their_own(copied, engine, images):
    simulator, labels = Simulator(NETWORK, engine=engine, seed=1), np.array([0, 1, 2])
    expected = simulator.present(images, labels).goodness
    other = copied(simulator)
    np.testing.assert_array_equal(other.present(images, labels).goodness, expected)
    other.layers[0].learn(np.full((16, 8), 0.1))
    np.testing.assert_array_equal(simulator.present(images, labels).goodness, expected)
    assert (other.present(images, labels).goodness != expected).any()


def test_what_the_user_made_is_freed(images):
    class Figure:
        pass

    figure = Figure()
    figure.itself, alive = figure, weakref.ref(figure)
    Simulator(NETWORK, seed=1).present(images, np.array([0, 1, 2]))
    del figure
    gc.collect()
    assert alive() is None


def test_arguments_in_words():
    assert Simulator(NETWORK, memory="1 KiB")._engine.lanes == Simulator(NETWORK, memory=1024)._engine.lanes
    with pytest.raises(ConfigurationError, match="memory is '1 KuB'"):
        Simulator(NETWORK, memory="1 KuB")
    with pytest.raises(ConfigurationError, match="goodness is 'spike-count'; it must be a Goodness"):
        Simulator(NETWORK, "spike-count")


@pytest.mark.parametrize("reset", ["", "v = 0*mV; sensitivity = 0"], ids=["none", "of the sensitivity"])
def test_what_reads_the_sensitivity_is_no_obstacle_to_evaluation(reset):
    equations = """
dv/dt = (R*I - v - w)/tau : volt
dw/dt = (v - w)/tau : volt
dsensitivity/dt = (R*unit_current/mV - sensitivity - adaptation)/tau : 1
dadaptation/dt = (sensitivity - adaptation)/tau : 1
activity = v/mV : 1
"""
    events = {"threshold": "v > 1*mV", "reset": reset} if reset else {}
    neuron = NeuronModel("adapting", equations, {"tau": 5 * ms, "R": 10 * Mohm}, **events)
    layer = Layer(neurons=3, neuron=neuron, current_scale=3 * nA, synapse_time_constant=3 * ms)
    simulator = Simulator(Network(pixels=4, classes=2, layers=[layer], time_step=1 * ms), engine="lanes", seed=1)
    images = np.random.default_rng(1).random((2, 4))
    (every,) = simulator.present_every_label(images)
    one_by_one = [simulator.present(images, np.full(2, label)).goodness for label in range(2)]
    np.testing.assert_allclose(every.goodness.reshape(2, 2), np.transpose(one_by_one), rtol=1e-12)
    assert every.goodness.min() > 0
