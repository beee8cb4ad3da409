"""Memristors that are frozen or follow their undriven course, and the steady start, against scipy's integration."""

from dataclasses import replace

import brian2
import numpy as np
import pytest
from brian2 import mV, uA
from cases import first_fast
from scipy.integrate import solve_ivp
from scipy.special import expit
from small_networks import assert_same, make_network, make_pulses, make_weights

import brianff
from brianff import Goodness, Layer
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.engines.population import populations
from brianff.equations import LIF
from brianff.errors import ConfigurationError

FORMS = {
    "frozen": {"memristors": "frozen"},
    "undriven": {"memristors": "undriven"},
    "x2 frozen": {"memristors": {"x2": "frozen"}},
    "steady": {"start": "steady"},
    "steady, of neurons that differ": {"start": "steady", "memristors": "frozen", "neuron_spread": {"v_on": 0.1}},
}


def with_form(network, form):
    return network.replace(layers=[layer.replace(**FORMS[form]) for layer in network.layers])


def rates(time, state, current=0.0):
    """Return the MIF rates in mV, us and mS, written from the publication."""
    v, *x = state
    conductance = [share / 1.0 + (1 - share) / 100.0 for share in x]
    batteries = 0.0, 50.0
    dv = (current - sum(g * (v - e) for g, e in zip(conductance, batteries, strict=True))) / 0.1
    across = [v - e for e in batteries]
    dx = [
        ((1 - share) * expit((u - 110) / 15) - share * expit((5 - u) / 15)) / 100
        for share, u in zip(x, across, strict=True)
    ]
    return [dv, *dx]


def test_the_steady_state_is_where_the_undriven_neuron_ends():
    network = make_network("mif", 1)
    (population,) = populations(with_form(network, "steady"), Goodness(), 0)
    end = solve_ivp(rates, (0, 20_000), [0, 0.0238, 0.0238], "Radau", rtol=1e-11, atol=1e-14).y[:, -1]
    found = [population.start(name) for name in ("v", "x1", "x2")]
    np.testing.assert_allclose([found[0] * 1e3, *found[1:]], end, rtol=1e-7)
    np.testing.assert_allclose(found, [18.3144e-3, 0.0075232, 8.5863e-5], rtol=1e-5)


def test_neurons_that_differ_have_steady_states_of_their_own():
    layer = Layer(neurons=40, start="steady", neuron_spread={"v_on": 0.2})
    (population,) = populations(make_network("mif", 1).replace(layers=(layer,)), Goodness(), 3)
    for neuron in (0, 7):
        alone = Layer(neurons=1, start="steady", parameters={"v_on": population.spread["v_on"][neuron] * 1e3 * mV})
        (other,) = populations(make_network("mif", 1).replace(layers=(alone,)), Goodness(), 0)
        assert population.start("x1")[neuron] == pytest.approx(other.start("x1"), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", first_fast(["numpy", "default"]))
def test_engines_agree(form, target):
    network, generator = with_form(make_network("mif", 2), form), np.random.default_rng(5)
    weights, inputs = make_weights(network, generator), make_pulses(generator, 3)
    before = brian2.prefs.codegen.target
    try:
        brian2.prefs.codegen.target = "numpy"
        reference = ReferenceEngine(network, Goodness(), seed=2).present(inputs, weights)
        brian2.prefs.codegen.target = before if target == "default" else "numpy"
        lanes = LanesEngine(network, Goodness(), seed=2).present(inputs, weights, spikes=True)
    finally:
        brian2.prefs.codegen.target = before
    assert_same(lanes, reference)


def test_undriven_memristors_take_the_course_of_a_neuron_without_input(numpy_target):
    network = make_network("mif", 1, time_step=0.01 * brian2.us)
    layer = network.layers[0].replace(memristors="undriven", neurons=2)
    network = network.replace(layers=(layer,), encoding=brianff.PulseEncoding(steps=2_000))
    simulator = brianff.Simulator(network)
    recording = simulator.record(np.ones((1, 20)), np.zeros(1, int), [0, 1])
    assert np.ptp(recording.traces["v"][0, -1]) > 1e-4  # driven each in its own way
    course = solve_ivp(rates, (0, 20), [0, 0.0238, 0.0238], "Radau", rtol=1e-10, atol=1e-13).y[:, -1]
    for number, name in ((1, "x1"), (2, "x2")):
        np.testing.assert_allclose(recording.traces[name][0, -1], course[number], rtol=2e-4)


def test_from_the_steady_state_frozen_and_undriven_are_the_same_network(numpy_target):
    network, generator = make_network("mif", 1), np.random.default_rng(5)
    weights, inputs = make_weights(network, generator), make_pulses(generator)

    def terms(**form):
        changed = network.replace(layers=(network.layers[0].replace(**form),))
        return LanesEngine(changed, Goodness()).present(inputs, weights)[0].goodness_terms

    frozen = terms(memristors="frozen", start="steady")
    np.testing.assert_allclose(terms(memristors="undriven", start="steady"), frozen, rtol=1e-9)
    assert np.abs(terms(memristors="undriven") / terms(memristors="frozen") - 1).max() > 1e-2
    assert np.abs(terms(start="steady") / frozen - 1).max() > 1e-2


def test_with_frozen_memristors_the_factor_is_the_whole_derivative(numpy_target):
    frozen = brianff.check_gradient(Layer(memristors="frozen", current_scale=64 * uA))
    assert frozen.exact
    assert not brianff.check_gradient(Layer(current_scale=64 * uA)).exact


def test_what_has_no_memristors_or_no_rest_is_refused():
    with pytest.raises(ConfigurationError, match="memristors: the model of neuron 'lif' declares none"):
        Layer(neuron="lif", memristors="frozen")
    with pytest.raises(ConfigurationError, match="no state x3; known: x1, x2"):
        Layer(memristors={"x3": "frozen"})
    with pytest.raises(ConfigurationError, match="either all"):
        Layer(memristors={"x1": "undriven"})
    with pytest.raises(ConfigurationError, match="memristors of neuron 'lif' names 'w'"):
        Layer(neuron=replace(LIF, memristors=("w",)))
    clock = replace(LIF, name="clock", equations=LIF.equations + "dclock/dt = 1 : second\n")
    with pytest.raises(ConfigurationError, match="'clock' comes to no rest"):
        populations(make_network("lif", 1).replace(layers=(Layer(neuron=clock, start="steady"),)), Goodness(), 0)
    assert populations(make_network("lif", 1).replace(layers=(Layer(neuron="lif", start="steady"),)), Goodness(), 0)
