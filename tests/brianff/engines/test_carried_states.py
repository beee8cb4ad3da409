"""What a presentation leaves in membranes and memristors, the interval after it, and what the next one starts from."""

import numpy as np
import pytest
from brian2 import mV, uA, us
from cases import first_fast
from scipy.integrate import solve_ivp
from scipy.special import expit

from brianff import FrameEncoding, LabelCode, Layer, Network, PulseEncoding, RateEncoding, Simulator
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.protocols.goodness import GOODNESS

SPIKES = GOODNESS["spikes"]
MIF = Layer(neurons=7, current_scale=48 * uA, preset="switching", start="steady", membrane="carried")


def make_network(encoding, layer=MIF, interval=100 * us):
    return Network(pixels=6, classes=3, encoding=encoding, layers=[layer], interval=interval)


@pytest.mark.parametrize(
    ("encoding", "memristors"),
    first_fast(
        [
            (RateEncoding(steps=25), "moving"),
            (PulseEncoding(steps=25), "moving"),
            (FrameEncoding(steps=90, gap=(20 * us, 60 * us)), "moving"),
            (PulseEncoding(steps=25), "undriven"),
        ]
    ),
)
def test_engines_agree_on_carried_memristors(encoding, memristors, numpy_target):
    network = make_network(encoding, MIF.replace(memristors=memristors))
    generator, simulator = np.random.default_rng(1), Simulator(network, seed=2, workers=1)
    weights = generator.normal(0.3, 0.4, (9, 7))
    lanes, reference = LanesEngine(network, SPIKES, lanes=2), ReferenceEngine(network, SPIKES)
    membranes = [np.tile(simulator.layers[0].start, (5, 1))]
    others = [membranes[0].copy()]
    for _ in range(2):
        images = generator.random((5, 6 * encoding.frames))
        inputs = simulator.inputs(images, generator.integers(0, 3, 5))
        before = membranes[0].copy()
        (own,) = lanes.present(inputs, [weights], membranes=membranes)
        (other,) = reference.present(inputs, [weights], membranes=others)
        np.testing.assert_allclose(own.goodness_terms, other.goodness_terms, rtol=1e-9)
        np.testing.assert_allclose(membranes[0], others[0], rtol=1e-9, atol=1e-15)
    assert np.abs(membranes[0] - before).max() > 1e-3


def relaxed(state, duration):
    """State (V, 1, 1) of the published neuron after a time without input, by a stiff ODE solver."""

    def rates(t, state):
        v, x1, x2 = state
        g1, g2 = (x / 1e3 + (1 - x) / 1e5 for x in (x1, x2))
        on_off = [(x, 1e3 * v - e) for x, e in ((x1, 0.0), (x2, 50.0))]
        dx = [((1 - x) * expit((u - 110) / 15) - x * expit((5 - u) / 15)) / 100e-6 for x, u in on_off]
        return [-(g1 * v + g2 * (v - 0.05)) / 100e-12, *dx]

    return solve_ivp(rates, (0, duration), state, "LSODA", rtol=1e-10, atol=1e-14).y[:, -1]


def test_states_relax_through_the_interval_by_the_neurons_own_equations(numpy_target):
    network = make_network(PulseEncoding(steps=1), MIF.replace(neurons=1), interval=300 * us)
    network = network.replace(time_step=0.1 * us)
    nothing = Simulator(network, workers=1).inputs(np.zeros((1, 6)), np.zeros(1, int))
    state = np.array([[60e-3, 0.2, 0.05]])
    expected = relaxed(state[0], 300e-6)
    LanesEngine(network, SPIKES).present(nothing, [np.zeros((9, 1))], membranes=[state])
    np.testing.assert_allclose(state[0], expected, rtol=5e-3)
    assert 0.05 < state[0, 1] < 0.15  # not yet at rest, .0075: it remembers


@pytest.mark.slow
def test_a_carried_memristor_answers_as_within_one_presentation(numpy_target):
    """Two presentations with 260 us between are two frames 360 us apart, the current of the first having decayed."""
    layer, silent = MIF.replace(membrane="reset"), LabelCode(strength=0)
    frames = make_network(FrameEncoding(steps=460, onset_steps=(0, 360)), layer).replace(label=silent)
    single = make_network(PulseEncoding(steps=100), interval=260 * us).replace(label=silent)
    generator = np.random.default_rng(3)
    images, weights, no_label = generator.random((4, 12)), generator.normal(0.5, 0.4, (9, 7)), np.zeros(4, int)
    voltage = {}

    def keep(name):
        def observe(layer, presentations, step, read):
            voltage.setdefault(name, []).append(read("v").copy())

        return observe

    inputs = Simulator(frames, workers=1).inputs(images, no_label)
    LanesEngine(frames, SPIKES).present(inputs, [weights], observe=keep("frames"))
    simulator = Simulator(single, workers=1)
    engine, carried = LanesEngine(single, SPIKES), [simulator.layers[0].carried(4).copy()]
    for part in (images[:, :6], images[:, 6:]):
        engine.present(simulator.inputs(part, no_label), [weights], membranes=carried, observe=keep("single"))
    whole, apart = np.array(voltage["frames"]), np.array(voltage["single"])
    np.testing.assert_allclose(apart[:100], whole[:100], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(apart[100:], whole[360:], rtol=1e-4, atol=1e-7)


def test_a_simulator_carries_memristors_and_evaluates_from_the_start(numpy_target):
    simulator = Simulator(make_network(PulseEncoding(steps=25), interval=None), SPIKES, seed=4, workers=1)
    images, labels = np.random.default_rng(5).random((3, 6)), np.zeros(3, int)
    steady = simulator.layers[0].start.reshape(3, 7)
    np.testing.assert_allclose(steady[:, 0], [18.3144e-3, 0.0075232, 8.5863e-5], rtol=1e-5)
    simulator.layers[0].crossbar.weights[:] = 0.4
    first = simulator.present(images, labels).goodness
    second = simulator.present(images, labels).goodness
    assert (second < first - 0.1).all()  # memristor 1 is on, and responses are smaller
    with simulator.evaluation():
        np.testing.assert_allclose(simulator.present(images, labels).goodness, first, rtol=1e-12)
    voltages = simulator.layers[0].membrane[:, :7]
    simulator.layers[0].restore(voltages)
    np.testing.assert_array_equal(simulator.layers[0].membrane[:, :7], voltages)
    np.testing.assert_array_equal(simulator.layers[0].membrane[:, 7:], np.tile(steady[1:].ravel(), (3, 1)))
    assert MIF.neuron.namespace("switching")["v_on"] == 110 * mV
