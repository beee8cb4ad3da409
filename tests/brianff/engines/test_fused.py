"""Fused presentations: the same bits as step by step, on any number of threads, and only where they can."""

import dataclasses

import brian2
import numpy as np
import pytest
from brian2 import us
from small_networks import make_network, make_pulses, make_weights

from brianff import Goodness, Layer, Network, PulseEncoding
from brianff.engines import LanesEngine
from brianff.engines.lanes import group as lanes_group
from brianff.engines.lanes.fused import FUSED, NEURONS_TOGETHER
from brianff.equations import MIF
from brianff.errors import BrianffError, NumericalError
from brianff.matching import FastPath

NEURONS_OF_A_LANE = NEURONS_TOGETHER + 83


def network(**changes):
    layer = Layer(neurons=NEURONS_OF_A_LANE, neuron_spread={"x_initial": 0.1, "tau": 0.1}, **changes)
    return make_network("mif", 1).replace(layers=[layer])


def arrays(results):
    return [array for result in results for array in (result.goodness_terms, result.postsynaptic)]


def assert_equal(results, others):
    for array, other in zip(arrays(results), arrays(others), strict=True):
        assert array.all()
        np.testing.assert_array_equal(array, other)


@pytest.fixture
def compiled(numpy_target):
    brian2.prefs.codegen.target = "cython"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["double", "single"])
def test_fused_presentations_are_those_step_by_step(precision, compiled):
    generator = np.random.default_rng(1)
    inputs, weights = make_pulses(generator), make_weights(network(), generator)
    weights = [matrix.astype(np.float32) for matrix in weights]  # an observer gets the weights as they are
    engine = LanesEngine(network(), Goodness(), lanes=3, precision=precision)
    steps = []
    watched = engine.present(inputs, weights, observe=lambda layer, lanes, step, read: steps.append(step))
    assert len(steps) == 4 * inputs.steps  # blocks of two, two, two and one presentations
    assert_equal(engine.present(inputs, weights), watched)
    alone = engine.present(inputs, weights, goodness_only=True)[0]
    np.testing.assert_allclose(
        alone.goodness_terms, watched[0].goodness_terms, rtol=1e-14 if precision == "double" else 1e-5
    )


@pytest.mark.slow
def test_a_step_that_is_watched_after_a_fused_presentation_shows_its_own_state(compiled):
    generator = np.random.default_rng(2)
    inputs, weights = make_pulses(generator), make_weights(network(), generator)
    engine, seen = LanesEngine(network(), Goodness(), lanes=7), []
    (whole,) = engine.present(inputs, weights)
    kept = whole.goodness_terms.copy()
    engine.present(inputs, weights, observe=lambda layer, lanes, step, read: seen.append(read("goodness").copy()))
    assert (np.diff(seen, axis=0) >= 0).all()
    np.testing.assert_array_equal(seen[-1], kept)
    np.testing.assert_array_equal(whole.goodness_terms, kept)


@pytest.mark.slow
def test_the_number_of_threads_does_not_matter_and_no_process_is_started(compiled):
    generator = np.random.default_rng(3)
    weights = make_weights(network(), generator)
    one, three = (LanesEngine(network(), Goodness(), lanes=2, workers=workers) for workers in (1, 3))
    three.wait_for_workers()
    batches = [make_pulses(generator) for _ in range(5)]
    kept = [three.present(batch, weights) for batch in batches]  # none is overwritten by the next
    for batch, results in zip(batches, kept, strict=True):
        assert_equal(results, one.present(batch, weights))
    assert three.workers_peak_memory == 0


@pytest.mark.slow
def test_divergence_on_a_thread_reaches_the_user_and_the_next_batch_works(compiled):
    generator = np.random.default_rng(4)
    inputs, weights = make_pulses(generator), make_weights(network(), generator)
    engine = LanesEngine(network(), Goodness(), lanes=1, workers=2)
    with pytest.raises(NumericalError, match="membrane voltage"):
        engine.present(inputs, [np.full_like(weights[0], np.nan)])
    assert_equal(engine.present(inputs, weights), LanesEngine(network(), Goodness(), lanes=1).present(inputs, weights))


@pytest.mark.parametrize(
    ("activity", "possible"),
    [
        ("v/mV : 1", True),
        ("v/mV*cos(v/mV) : 1", True),
        ("clip(v/mV, 0, inf) : 1", False),
        ("v/mV : 1 (constant over dt)", False),
        ("(v/mV) % 2 : 1", False),
    ],
)
def test_only_what_needs_nothing_else_is_fused(activity, possible, numpy_target):
    mif = MIF
    equations = mif.equations.replace("activity = v/mV : 1", f"activity = {activity}")
    changed = dataclasses.replace(mif, name="changed", equations=equations)
    description = Network(encoding=PulseEncoding(steps=5), layers=[Layer(neurons=3, neuron=changed)], time_step=1 * us)
    population = LanesEngine(description, Goodness()).populations[0]
    made = population.equations("I = current_scale*drive : amp\ndrive : 1\n", "time_course : 1 (shared)")
    assert "'numpy'" in FUSED.refused(population.needs(made, False))
    population = dataclasses.replace(population, target="cython")
    assert (not FUSED.refused(population.needs(made, False))) == possible
    assert "events" in FUSED.refused(population.needs(made, True)) or not possible


@pytest.mark.slow
def test_code_that_cannot_be_compiled_is_an_error(compiled, monkeypatch):
    """Brian2 goes on without it, and the results would be whatever the memory held."""
    mif = MIF
    equations = mif.equations.replace("activity = v/mV", "activity = clip(v/mV, 0, inf)")
    clipped = dataclasses.replace(mif, name="clipped", equations=equations)
    description = make_network("mif", 1).replace(layers=[Layer(neurons=3, neuron=clipped)])
    generator = np.random.default_rng(5)
    inputs, weights = make_pulses(generator), make_weights(description, generator)
    assert LanesEngine(description, Goodness()).present(inputs, weights)[0].goodness_terms.any()
    monkeypatch.setattr(lanes_group, "FUSED", FastPath("careless", dict.fromkeys(FUSED.supports, lambda used: True)))
    with pytest.raises(BrianffError, match="'lanes' could not be compiled"):
        LanesEngine(description, Goodness()).present(inputs, weights)
