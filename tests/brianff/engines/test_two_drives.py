"""Tables of two drives: the same physics as direct integration, and kinks where they are."""

import copy

import numpy as np
import pytest
from brian2 import uA, us

from brianff import ConfigurationError, FrameEncoding, Layer, Network, PulseEncoding, Simulator
from brianff.acceleration.lookup import SumsOfRows
from brianff.acceleration.surfaces import SurfaceLookup
from brianff.engines import ResponseEngine, make_engine
from brianff.engines.response import pairs
from brianff.engines.response.pairs import REGION, DrivenByTwo
from brianff.engines.response.surfaces import extrapolated, surfaces
from brianff.errors import NumericalError
from brianff.protocols import Trainer, load_protocol
from brianff.protocols.contrast import Pairs
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import Pair
from brianff.protocols.plasticity import ModulatedHebbian
from brianff.storage.checkpoint import digest


def network(**changes):
    layer = Layer(neurons=20, preset="switching", start="steady", current_scale=48 * uA, initial_weight_deviation=0.5)
    return Network(pixels=12, classes=3, encoding=FrameEncoding.every(40), layers=[layer]).replace(**changes)


def presented(simulator, count=30):
    generator = np.random.default_rng(0)
    return simulator.present(generator.random((count, 24)), generator.integers(0, 3, count))


def bent(first, second):
    """A function with a kink along a curve, which begins where the first drive is 1: known in closed form."""
    smooth, other = np.tanh(first) * np.cos(second / 3), 0.3 * (second - first / 2)
    above = (other > smooth) & (first > 1)
    return {"f": np.where(above, other, smooth) + np.tanh(second), REGION: above.astype(np.int64) + 2 * (first > 1)}


@pytest.fixture(scope="module")
def bent_surface():
    return surfaces([bent], (-4.0, -4.0), (4.0, 4.0), 1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("compiled", [True, False])
def test_kinks_are_kept_along_curves(bent_surface, dtype, compiled):
    generator = np.random.default_rng(1)
    rows = generator.uniform(-1.9, 1.9, (7, 50)).astype(dtype), generator.uniform(-1.9, 1.9, (3, 50)).astype(dtype)
    image, label = generator.integers(0, 7, (2, 40)), generator.integers(0, 3, (2, 40))
    drives = tuple(SumsOfRows(*rows, *which) for which in zip(image, label, strict=True))
    expected = bent(*(rows[0][i] + rows[1][k] for i, k in zip(image, label, strict=True)))["f"]
    lookup = SurfaceLookup([bent_surface.surfaces["f"]], dtype)
    if not compiled:
        lookup._library = None
    values, sums, few = np.empty((40, 50), dtype), np.empty(40), 2e-5 if dtype is np.float32 else 5e-6
    assert lookup.values(drives, values, 2)
    assert lookup.sums(drives, sums, 2)
    np.testing.assert_allclose(values, expected, atol=few)
    np.testing.assert_allclose(sums, expected.sum(axis=1), atol=50 * few)
    weights = generator.normal(size=40).astype(dtype)
    order = np.argsort(image[1], kind="stable")
    by_image, by_label = np.zeros((7, 50), dtype), np.zeros((3, 50), dtype)
    lookup.add(
        drives, 1, slice(0, 7), order, np.searchsorted(image[1][order], np.arange(8)), weights, by_image, by_label
    )
    for found, which in ((by_image, image[1]), (by_label, label[1])):
        wanted = (which == np.arange(len(found))[:, np.newaxis]) @ (weights[:, np.newaxis] * expected)
        np.testing.assert_allclose(found, wanted, atol=40 * few)
    rows[0][2] = 9
    assert not lookup.values(drives, values)  # nothing is clipped


def test_it_answers_as_lanes_at_its_own_step():
    name, options = GOODNESS["mean-square"], {"seed": 1, "credit": "memory"}
    table = Simulator(network(), name, "response", table_step=1 * us, **options)
    found, expected = presented(table), presented(Simulator(network(), name, "lanes", **options))
    for values, wanted in (
        (found.goodness_terms, expected.goodness_terms),
        (found.postsynaptic, expected.postsynaptic),
    ):
        np.testing.assert_allclose(values, wanted, atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_array_equal(found.select(slice(3, 9)).postsynaptic, found.postsynaptic[:, 3:9])
    assert max(table.response.table.usual_errors.values()) < 1e-4


@pytest.mark.slow
def test_a_membrane_that_comes_to_rest_has_a_peak_too():
    """After a long gap, three steps near the peak differ by their rounding: a parabola through them is no number."""
    long = network(encoding=FrameEncoding.every(100))
    simulator = Simulator(long, GOODNESS["spikes"], "response", seed=1, credit="memory")
    functions = DrivenByTwo(simulator.populations[0]).at(4, ("goodness", "postsynaptic_1", "postsynaptic_2"))
    small = np.outer([-1, 1], 10.0 ** np.arange(-9, -3)).ravel()
    first, second = (one.ravel() for one in np.meshgrid(small, small))
    found, silent = functions(first, second), functions(np.zeros(1), np.zeros(1))
    np.testing.assert_allclose(found["goodness"], silent["goodness"][0], rtol=1e-2)
    assert all(np.isfinite(values).all() for values in found.values())


@pytest.mark.slow
def test_longer_steps_where_there_is_no_current_change_no_answer(monkeypatch):
    population = Simulator(
        network(encoding=FrameEncoding.every(300)), GOODNESS["spikes"], "response", seed=1, credit="memory"
    ).populations[0]
    names = "goodness", "postsynaptic_1", "postsynaptic_2"
    drives = np.random.default_rng(0).uniform(-8, 8, (2, 1000))

    def answers(stride):
        monkeypatch.setattr(pairs, "STRIDE", stride)
        levels = [DrivenByTwo(population).at(parts, names)(*drives) for parts in (4, 8, 16)]
        return {name: extrapolated([one[name] for one in levels]) for name in names}, levels[-1][REGION]

    (single, regions), (together, same) = answers(1), answers(16)
    assert (regions == same).mean() > 0.99
    for name in names:
        error = np.abs(together[name] - single[name])[regions == same] / np.abs(single[name]).max()
        assert np.quantile(error, 0.98) < 5e-5, name
    assert np.ptp(single["postsynaptic_1"]) > 0


def test_held_memristors_are_stepped_singly(monkeypatch):
    """A membrane without a memristor that moves comes to rest to its last digits, whose order tells nothing."""
    layers = [network().layers[0].replace(memristors="frozen")]
    long = network(encoding=FrameEncoding.every(150), layers=layers)
    population = Simulator(long, GOODNESS["spikes"], "response", seed=1, credit="memory").populations[0]
    drives, found = np.random.default_rng(0).uniform(-8, 8, (2, 200)), []
    for stride in (1, 16):
        monkeypatch.setattr(pairs, "STRIDE", stride)
        found.append(DrivenByTwo(population).at(1, ("goodness", "postsynaptic_1"))(*drives))
    for name, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][name])


def test_spikes_are_those_of_lanes_at_its_own_step():
    count = GOODNESS["spike-count"]
    table = Simulator(network(), count, "response", seed=1, table_step=0.5 * us)
    fine = network(time_step=0.5 * us, encoding=FrameEncoding.every(80))
    found, expected = presented(table, 300), presented(Simulator(fine, count, "lanes", seed=1), 300)
    assert set(np.unique(expected.goodness_terms)) == {0, 1, 2}
    assert (found.goodness_terms != expected.goodness_terms).mean() < 2e-4  # beside a threshold
    assert (found.goodness == np.rint(found.goodness)).all()


def test_a_change_is_that_of_lanes_and_no_two_threads_change_it():
    changes = []
    for engine, workers in (("lanes", 1), ("response", 1), ("response", 2)):
        simulator = Simulator(
            network(), GOODNESS["mean-square"], engine, seed=1, credit="memory", table_step=1 * us, workers=workers
        )
        responses = presented(simulator, 40)
        pairs = Pairs(responses.select(slice(10)), responses.select(slice(10, None)))
        changes.append(ModulatedHebbian().change(pairs, Pair()))
    np.testing.assert_allclose(changes[1], changes[0], atol=2e-4 * np.abs(changes[0]).max())
    np.testing.assert_array_equal(changes[1], changes[2])


def test_drives_beyond_the_table_let_it_grow_and_change_no_other_answer():
    simulator = Simulator(network(), GOODNESS["mean-square"], "response", seed=1, table_step=1 * us)
    before = np.asarray(presented(simulator).goodness_terms)
    tiles = simulator.response.table._tiles
    assert set(tiles) == {(0, 0)}
    other = copy.deepcopy(simulator)
    weights = other.layers[0].crossbar.weights.copy()
    other.layers[0].crossbar.program(5 * weights)
    lanes = Simulator(network(), GOODNESS["mean-square"], "lanes", seed=1)
    lanes.layers[0].crossbar.program(5 * weights)
    found, expected = presented(other).goodness_terms, presented(lanes).goodness_terms
    assert len(other.response.table._tiles) > 1
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    simulator._engine = other._engine
    np.testing.assert_array_equal(presented(simulator).goodness_terms, before)
    simulator.layers[0].crossbar.weights[:] = np.nan
    with pytest.raises(NumericalError, match="finite"):
        np.asarray(presented(simulator).goodness_terms)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"encoding": FrameEncoding(steps=90, gap=(20 * us, 60 * us))}, "drawn gaps"),
        ({"encoding": FrameEncoding.every(40, frames=3)}, "frames = 3"),
        ({"layers": [Layer(neurons=3, neuron="lif")]}, "change at spikes"),
    ],
)
def test_what_is_no_function_of_two_drives_takes_lanes(changes, reason):
    description = network(**changes)
    assert reason in ResponseEngine.refused(description)
    assert make_engine("auto", description, GOODNESS["mean-square"])[1] == "lanes"
    with pytest.raises(ConfigurationError, match=reason):
        Simulator(description, engine="response")
    assert not ResponseEngine.refused(description.replace(encoding=PulseEncoding()))


@pytest.mark.slow
def test_training_is_the_same_whatever_the_threads_and_after_a_break():
    settings = [
        "data.training_images=70",
        "network.layers.0.neurons=12",
        "learning.epochs=2",
        "evaluation.epoch_images=6",
    ]
    settings += ["data.task.presentations=20", "engine.name=response", "engine.table_step=1 us"]
    settings += ["learning.goodness=mean-square", "evaluation.decision=log-odds"]

    def trainer(workers=1):
        return Trainer(load_protocol("msnn-order-digits", [*settings, f"engine.workers={workers}"]))

    whole, threaded, first, rest = trainer(), trainer(2), trainer(), trainer()
    for one in (whole, threaded):
        one.run_epoch()
        one.run_epoch()
    first.run_epoch()
    rest.restore(*first.state())
    rest.run_epoch()
    assert digest(whole.weights()) == digest(threaded.weights()) == digest(rest.weights())


@pytest.mark.slow
def test_the_order_protocol_answers_as_the_reference_at_the_steps_of_the_table():
    protocol, parts = load_protocol("msnn-order-mnist"), 16
    layer = protocol.network.layers[0].replace(neurons=24, device=None, initial_weight_deviation=0.3)
    small = protocol.network.replace(layers=[layer], pixels=30)
    step, encoding = small.time_step / parts, small.encoding
    onsets = [parts * one for one in encoding.onset_steps]
    fine = small.replace(time_step=step, encoding=FrameEncoding(steps=parts * encoding.steps, onset_steps=onsets))
    generator = np.random.default_rng(0)
    images, labels = generator.random((10, 60)), generator.integers(0, 10, 10)
    options = {"seed": 1, "credit": "memory"}
    found = Simulator(small, protocol.learning.goodness, "response", table_step=step, **options).present(images, labels)
    expected = Simulator(fine, protocol.learning.goodness, "reference", **options).present(images, labels)
    for values, wanted, most in (
        (found.goodness_terms, expected.goodness_terms, 1e-3),
        (found.postsynaptic, expected.postsynaptic, 2e-2),  # a peak is one of the steps: rough by half a step
    ):
        error = np.abs(values - wanted) / np.abs(wanted).max()
        assert error.max() < most
        assert np.quantile(error, 0.9) < most / 10
