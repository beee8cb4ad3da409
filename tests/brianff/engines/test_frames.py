"""Several images in one presentation: both engines agree, and each event's factor is the derivative it stands for."""

import itertools

import brian2
import numpy as np
import pytest
from brian2 import kohm, mV, nA, pF, uA, us
from cases import first_fast
from scipy.integrate import solve_ivp
from scipy.special import expit

from brianff import (
    ConfigurationError,
    DataError,
    FrameEncoding,
    Goodness,
    LabelCode,
    LatencyEncoding,
    Layer,
    Network,
    PulseEncoding,
    Simulator,
)
from brianff.acceleration.contraction import contract
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.inputs import FrameInput
from brianff.protocols.goodness import GOODNESS

SPIKES = GOODNESS["spikes"]
FINAL = Goodness("final", readout="final")
MIF = Layer(neurons=7, current_scale=48 * uA, preset="switching", start="steady")
KICKED = Layer(neurons=7, neuron="lif-leaky-trace", synapse="delta", current_scale=1 * nA)


def make_network(frames=2, layer=MIF, gap=25, **changes):
    network = Network(pixels=6, classes=3, encoding=FrameEncoding.every(gap, frames), layers=[layer])
    return network.replace(**changes)


def make_input(network, generator, presentations=5):
    images = generator.random((presentations, network.pixels * network.encoding.frames))
    simulator = Simulator(network, seed=3, workers=1)
    labels = generator.integers(0, network.classes, presentations)
    weights = generator.normal(0.3, 0.4, simulator.layers[0].crossbar.weights.shape)
    return simulator.inputs(images, labels), weights


@pytest.mark.parametrize(
    ("credit", "goodness", "frames"),
    first_fast(
        [
            ("held", Goodness(), 2),
            ("memory", SPIKES, 2),
            ("held", SPIKES, 2),
            ("within-event", Goodness(), 2),
            ("within-event", SPIKES, 2),
            ("memory", Goodness(), 2),
            ("memory", FINAL, 2),
            ("memory", SPIKES, 3),
        ],
        fast=2,
    ),
)
def test_lanes_equal_reference(credit, goodness, frames, numpy_target):
    network = make_network(frames)
    inputs, weights = make_input(network, np.random.default_rng(1))
    (lanes,) = LanesEngine(network, goodness, lanes=2, credit=credit).present(inputs, [weights], spikes=True)
    (reference,) = ReferenceEngine(network, goodness, credit=credit).present(inputs, [weights])
    assert lanes.postsynaptic.shape == (frames, 5, 7)
    assert lanes.raster.any()
    np.testing.assert_array_equal(lanes.raster, reference.raster)
    np.testing.assert_allclose(lanes.goodness_terms, reference.goodness_terms, rtol=1e-10)
    scale = np.abs(reference.postsynaptic).max()
    np.testing.assert_allclose(lanes.postsynaptic, reference.postsynaptic, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.parametrize(
    ("layer", "changes"),
    first_fast(
        [
            (KICKED, {}),
            (MIF.replace(synapse="alpha-as-published"), {}),
            (MIF, {"method": "rk4", "time_step": 0.02 * us}),
        ]
    ),
)
def test_lanes_equal_reference_in_other_forms(layer, changes, numpy_target):
    network = make_network(2, layer, **changes)
    inputs, weights = make_input(network, np.random.default_rng(2))
    (lanes,) = LanesEngine(network, FINAL, lanes=2).present(inputs, [weights], spikes=True)
    (reference,) = ReferenceEngine(network, FINAL).present(inputs, [weights])
    np.testing.assert_array_equal(lanes.raster, reference.raster)
    np.testing.assert_allclose(lanes.goodness_terms, reference.goodness_terms, rtol=1e-9)
    np.testing.assert_allclose(lanes.postsynaptic, reference.postsynaptic, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("goodness", "credit"), [(Goodness(), "memory"), (SPIKES, "within-event")])
def test_fused_presentations_equal_those_of_single_steps(goodness, credit):
    network = make_network(2)
    inputs, weights = make_input(network, np.random.default_rng(3))
    engine = LanesEngine(network, goodness, lanes=2, credit=credit)
    (fused,), (stepped,) = (engine.present(inputs, [weights], spikes=spikes) for spikes in (False, True))
    (alone,) = engine.present(inputs, [weights], goodness_only=True)
    np.testing.assert_allclose(fused.goodness_terms, stepped.goodness_terms, rtol=1e-12)
    np.testing.assert_allclose(fused.postsynaptic, stepped.postsynaptic, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(fused.goodness_terms, alone.goodness_terms, rtol=1e-12)
    assert alone.postsynaptic.shape == (2, 5, 0)


def differences(network, goodness, inputs, weights, step=1e-5):
    """Derivatives of the goodness terms with respect to the drive of each event, by an input unit of its own."""
    frames, (presentations, events) = inputs.amplitudes, inputs.image.shape
    engine, slopes = LanesEngine(network, goodness), []
    for event in range(events):
        terms = []
        for shift in (step, -step):
            own = np.zeros((presentations, events, 1))
            own[:, event] = shift
            amplitudes = np.concatenate([frames, own], axis=2).reshape(presentations * events, -1)
            numbers = np.arange(presentations * events).reshape(presentations, events)
            no_code = np.zeros((1, amplitudes.shape[1]))
            shifted = FrameInput(amplitudes, no_code, numbers, 0 * numbers, inputs.steps, inputs.pulse_steps)
            (result,) = engine.present(shifted, [np.vstack([weights, np.ones((1, 7))])])
            terms.append(result.goodness_terms)
        slopes.append((terms[0] - terms[1]) / (2 * step))
    return np.array(slopes)


@pytest.mark.parametrize(
    ("goodness", "method", "frames"),
    first_fast(
        (goodness, *form)
        for goodness in (Goodness(), FINAL, SPIKES)
        for form in (*(("semi_implicit", frames) for frames in (2, 1, 3)), ("euler", 2))
    ),
)
def test_memory_is_the_derivative_of_the_discrete_simulation(goodness, frames, method, numpy_target):
    changes = (
        {"time_step": 0.05 * us, "layers": [MIF.replace(synapse_time_constant=0.2 * us)]} if method == "euler" else {}
    )
    network = make_network(frames, method=method, **changes)
    inputs, weights = make_input(network, np.random.default_rng(4))
    exact = differences(network, goodness, inputs, weights)
    (result,) = LanesEngine(network, goodness, credit="memory").present(inputs, [weights])
    factor = result.postsynaptic.reshape(exact.shape)
    for event in range(frames):
        np.testing.assert_allclose(factor[event], exact[event], atol=1e-6 * np.abs(exact[event]).max())


@pytest.mark.slow
def test_within_event_leaves_out_effects_on_later_events_only(numpy_target):
    network = make_network(2)
    inputs, weights = make_input(network, np.random.default_rng(5))
    exact = differences(network, Goodness(), inputs, weights)
    (result,) = LanesEngine(network, Goodness(), credit="within-event").present(inputs, [weights])
    alone = network.replace(encoding=PulseEncoding(steps=25))
    shown = Simulator(alone, workers=1).inputs(np.zeros((5, 6)), np.zeros(5, int))
    first = inputs.frames[0]
    shown = type(shown)(first.image_part, first.codes, first.image, first.label, 25, (0,))
    (only_first,) = LanesEngine(alone, Goodness(), credit="memory").present(shown, [weights])
    np.testing.assert_allclose(result.postsynaptic[1], exact[1], atol=1e-6 * np.abs(exact[1]).max())
    np.testing.assert_allclose(result.postsynaptic[0], only_first.postsynaptic / 2, rtol=1e-12)  # half of the duration
    assert np.abs(result.postsynaptic[0] - exact[0]).max() > 0.05 * np.abs(exact[0]).max()


def test_a_single_frame_is_a_pulse(numpy_target):
    pulse = make_network(1).replace(encoding=PulseEncoding(steps=25))
    generator = np.random.default_rng(6)
    images, labels, weights = generator.random((5, 6)), generator.integers(0, 3, 5), generator.normal(0.3, 0.4, (9, 7))
    results = [
        LanesEngine(network, Goodness()).present(Simulator(network, workers=1).inputs(images, labels), [weights])[0]
        for network in (make_network(1), pulse)
    ]
    np.testing.assert_array_equal(results[0].goodness_terms, results[1].goodness_terms)
    np.testing.assert_array_equal(results[0].postsynaptic.reshape(5, 7), results[1].postsynaptic)


def mif_peaks(drives, gap, steady):
    """Peaks in each window (mV) of the published neuron under alpha pulses of 48 uA, by a stiff ODE solver."""
    on, off, k, capacity, tau, synapse = 110.0, 5.0, 15.0, 100e-12, 100e-6, 4e-6

    def rates(t, state, drives=drives):
        v, x1, x2 = state
        since = t - gap * np.arange(len(drives))
        pulses = np.where(since > 0, since / synapse * np.exp(-np.maximum(since, 0) / synapse), 0.0)
        current = 48e-6 * float(np.dot(drives, pulses))
        g1, g2 = (x / 1e3 + (1 - x) / 1e5 for x in (x1, x2))
        dv = (current - g1 * v - g2 * (v - 0.05)) / capacity
        dx = [
            ((1 - x) * expit((u - on) / k) - x * expit((off - u) / k)) / tau
            for x, u in ((x1, 1e3 * v), (x2, 1e3 * v - 50.0))
        ]
        return [dv, *dx]

    times = np.linspace(0, gap * len(drives), 2000 * len(drives) + 1)
    found = solve_ivp(rates, times[[0, -1]], steady, "LSODA", times, rtol=1e-9, atol=1e-12, max_step=4e-6)
    return 1e3 * found.y[0][:-1].reshape(len(drives), -1).max(axis=1)


@pytest.mark.slow
def test_the_second_response_and_its_credit_match_a_stiff_solver(numpy_target):
    """The first image turns the memristor on, and the second response is smaller: what remembers is the device."""
    steady, step = (18.3144e-3, 0.0075232, 8.5863e-5), 0.02
    below, peaks, above = (mif_peaks(np.array([1 + shift, 1.0]), 40e-6, steady) for shift in (-step, 0, step))
    assert peaks[1] < 0.6 * peaks[0]
    own, later = (above - below) / (2 * step)
    # A goodness that is the sum of the peaks, each counted from the threshold of 110 mV.
    linear = Goodness("peaks", "activity", "1", "sum", readout="peak")
    layer = MIF.replace(neurons=1, start="steady")
    encoding, no_label = FrameEncoding.every(800), LabelCode(strength=0)
    network = Network(pixels=1, classes=2, encoding=encoding, label=no_label, layers=[layer], time_step=0.05 * us)
    inputs = Simulator(network, workers=1).inputs(np.ones((1, 2)), np.zeros(1, int))
    weights = np.array([[1.0], [0.0], [0.0]])
    (result,) = LanesEngine(network, linear, credit="memory").present(inputs, [weights])
    assert result.goodness_terms[0, 0] + 2 * 110 == pytest.approx(peaks.sum(), rel=0.01)
    assert result.postsynaptic[0, 0, 0] == pytest.approx(own + later, rel=0.03)
    (within,) = LanesEngine(network, linear, credit="within-event").present(inputs, [weights])
    assert within.postsynaptic[0, 0, 0] == pytest.approx(own, rel=0.03)
    assert later < -10  # mV: the effect that only memory credits


def test_the_change_is_the_gradient_of_the_goodness(numpy_target):
    """The sum over frames of presynaptic x postsynaptic factor, against differences of the goodness in each weight."""
    network = make_network(2)
    inputs, weights = make_input(network, np.random.default_rng(7))
    engine = LanesEngine(network, Goodness(), credit="memory")

    def total(weights):
        return Goodness().total(engine.present(inputs, [weights])[0].goodness_terms).sum()

    (result,) = engine.present(inputs, [weights])
    change = contract([inputs], [np.full((1, 1), 1 / 7)], [result.postsynaptic], np.ones(1))
    for unit, neuron in [(0, 0), (3, 5), (5, 2), (7, 6)]:
        shift = np.zeros_like(weights)
        shift[unit, neuron] = 1e-5
        assert change[unit, neuron] == pytest.approx((total(weights + shift) - total(weights - shift)) / 2e-5, rel=1e-5)


def test_only_memristors_tell_the_order(numpy_target):
    generator = np.random.default_rng(8)
    pair, weights = generator.random((1, 2, 6)), generator.normal(0.3, 0.4, (9, 7))
    images = np.concatenate([pair, pair[:, ::-1]]).reshape(2, 12)
    told = {}
    for memristors in ("moving", "frozen"):
        network = make_network(2, MIF.replace(memristors=memristors), gap=60)
        inputs = Simulator(network, workers=1).inputs(images, np.zeros(2, int))
        (result,) = LanesEngine(network, Goodness()).present(inputs, [weights])
        told[memristors] = np.abs(np.diff(result.goodness_terms, axis=0) / result.goodness_terms).max()
    assert told["frozen"] < 1e-4 < 0.02 < told["moving"]


def test_images_are_kept_once_and_pauses_have_no_label():
    network = make_network(3)
    generator = np.random.default_rng(9)
    one, other, pause = generator.random(6), generator.random(6), np.zeros(6)
    images = np.array([np.concatenate([one, other, one]), np.concatenate([other, pause, one])])
    inputs = Simulator(network, workers=1).inputs(images, np.array([[0, 1], [2, 1]]))
    assert len(inputs.image_part) == 3
    np.testing.assert_array_equal(inputs.amplitudes[2, :, :6], images[1].reshape(3, 6))
    np.testing.assert_array_equal(inputs.amplitudes[:, 0, 6:].argmax(axis=1), [0, 1, 2, 1])
    assert not inputs.amplitudes[2:, 1].any()
    first = network.replace(encoding=network.encoding.replace(labels="first"))
    shown = Simulator(first, workers=1).inputs(images, np.array([0, 2])).amplitudes
    assert shown[:, 0, 6:].any(axis=1).all()
    assert not shown[:, 1:, 6:].any()


def test_errors_are_clear():
    with pytest.raises(ConfigurationError, match="onset_steps must be steps from 0 to 19"):
        FrameEncoding(steps=20, onset_steps=(0, 20))
    with pytest.raises(ConfigurationError, match="no credit 'full'; known: held, within-event, memory"):
        Simulator(make_network(2), credit="full")
    with pytest.raises(ConfigurationError, match=r"credit 'memory'.* jump: use learning.credit = 'held'"):
        Simulator(make_network(2, KICKED), credit="memory")
    with pytest.raises(ConfigurationError, match=r"goodness 'final' reads the end.*use learning.credit = 'memory'"):
        Simulator(make_network(2), FINAL, credit="within-event")
    with pytest.raises(DataError, match=r"the network needs \(images, 12\)"):
        Simulator(make_network(2), workers=1).present(np.zeros((1, 6)), np.zeros(1, int))


def test_parameters_of_the_solver_are_those_of_the_preset():
    preset = MIF.neuron.namespace("switching")
    assert (preset["R_on"], preset["R_off"], preset["C"]) == (1 * kohm, 100 * kohm, 100 * pF)
    assert (preset["v_on"], preset["v_off"], preset["k"], preset["E2"]) == (110 * mV, 5 * mV, 15 * mV, 50 * mV)


DRAWN = FrameEncoding(steps=90, onset_steps=(2, 30), gap=(20 * us, 60 * us), window_steps=20)


def drawn_network(layer=MIF, labels="each"):
    return make_network(2, layer).replace(encoding=DRAWN.replace(labels=labels))


@pytest.mark.parametrize(("goodness", "layer"), first_fast(itertools.product([Goodness(), SPIKES], [KICKED, MIF])))
def test_gaps_are_drawn_for_each_presentation(goodness, layer, numpy_target):
    """Both engines agree, and each presentation is the one that would be shown alone with its gap."""
    network, credit = drawn_network(layer), "memory" if layer is MIF else "held"
    inputs, weights = make_input(network, np.random.default_rng(11), 8)
    gaps = np.diff(inputs.onsets, axis=1).ravel()
    assert len(set(gaps)) > 3
    assert gaps.min() >= 20
    assert gaps.max() <= 60
    assert set(inputs.onsets[:, 0]) == {2}
    (lanes,) = LanesEngine(network, goodness, lanes=3, credit=credit).present(inputs, [weights], spikes=True)
    (reference,) = ReferenceEngine(network, goodness, credit=credit).present(inputs, [weights])
    np.testing.assert_array_equal(lanes.raster, reference.raster)
    np.testing.assert_allclose(lanes.goodness_terms, reference.goodness_terms, rtol=1e-10)
    scale = np.abs(reference.postsynaptic).max()
    np.testing.assert_allclose(lanes.postsynaptic, reference.postsynaptic, rtol=1e-9, atol=1e-11 * scale)
    for number in (5,):
        gap = int(gaps[number])
        alone = FrameEncoding(steps=2 + gap + 20, onset_steps=(2, 2 + gap), window_steps=20)
        shown = inputs.select([number])
        shown = FrameInput(shown.image_part, shown.codes, shown.image, shown.label, alone.steps, alone.onset_steps)
        engine = LanesEngine(network.replace(encoding=alone), goodness, credit=credit)
        (result,) = engine.present(shown, [weights])
        np.testing.assert_allclose(result.goodness_terms[0], lanes.goodness_terms[number], rtol=1e-10)
        np.testing.assert_allclose(result.postsynaptic[:, 0], lanes.postsynaptic[:, number], rtol=1e-9, atol=1e-12)


def test_windows_of_equal_length_are_what_is_measured(numpy_target):
    """The mean square over two windows of 20 steps, from the recorded voltage."""
    network = drawn_network()
    inputs, weights = make_input(network, np.random.default_rng(12), 3)
    voltage = np.empty((90, 3, 7))

    def observe(layer, presentations, step, read):
        voltage[step, presentations] = 1e3 * read("v")

    (result,) = LanesEngine(network, Goodness()).present(inputs, [weights], observe=observe)
    for number, onsets in enumerate(inputs.onsets):
        # semi-implicit steps measure the voltage at their end; the goodness follows it
        inside = np.concatenate([voltage[onset : onset + 20, number] for onset in onsets])
        np.testing.assert_allclose(result.goodness_terms[number], (inside**2).mean(axis=0), rtol=1e-12)


def test_gaps_come_from_a_named_stream_and_are_shared_by_the_labels_of_an_image():
    network = drawn_network()
    images, labels = np.random.default_rng(13).random((6, 12)), np.tile([0, 1, 2], (6, 1))
    drawn = [Simulator(network, seed=seed, workers=1) for seed in (1, 1, 2)]
    first, again, other = (simulator.inputs(images, labels).onsets for simulator in drawn)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first.reshape(6, 3, 2) == first.reshape(6, 3, 2)[:, :1]).all()
    assert (drawn[0].inputs(images, labels).onsets != first).any()
    evaluated = []
    for _ in range(2):
        with drawn[0].evaluation():
            evaluated.append(drawn[0].inputs(images, labels).onsets)
    np.testing.assert_array_equal(*evaluated)


@pytest.mark.slow
def test_drawn_gaps_are_the_same_fused_and_step_by_step(numpy_target):
    network = drawn_network()
    inputs, weights = make_input(network, np.random.default_rng(14), 9)
    (reference,) = ReferenceEngine(network, SPIKES, credit="memory").present(inputs, [weights])
    brian2.prefs.codegen.target = "cython"
    engine = LanesEngine(network, SPIKES, lanes=4, credit="memory")
    (fused,), (stepped,) = (engine.present(inputs, [weights], spikes=spikes) for spikes in (False, True))
    for result in (fused, stepped):
        np.testing.assert_allclose(result.goodness_terms, reference.goodness_terms, rtol=1e-10)
        np.testing.assert_allclose(result.postsynaptic, reference.postsynaptic, rtol=1e-8, atol=1e-12)


def test_drawn_gaps_must_fit():
    with pytest.raises(ConfigurationError, match="the longest presentation has 80 steps, and steps is 79"):
        make_network(2, encoding=FrameEncoding(steps=79, gap=(20 * us, 60 * us)))
    with pytest.raises(ConfigurationError, match="windows of 30 steps under gaps from 20 steps"):
        make_network(2, encoding=DRAWN.replace(window_steps=30))
    with pytest.raises(ConfigurationError, match="measure it in windows"):
        Simulator(drawn_network(), FINAL)


def test_responses_of_each_event_match_a_stiff_solver(numpy_target):
    """Peak and first crossing of 110 mV after each of two pulses, with the gap that was drawn."""
    layer = MIF.replace(neurons=1)
    encoding = FrameEncoding(steps=2400, onset_steps=(40, 400), gap=(38 * us, 42 * us), window_steps=700)
    network = Network(
        pixels=1, classes=2, encoding=encoding, label=LabelCode(strength=0), layers=[layer], time_step=0.05 * us
    )
    simulator = Simulator(network, seed=5, workers=1)
    simulator.layers[0].crossbar.weights[:] = [[1.0], [0.0], [0.0]]
    responses = simulator.present(np.ones((1, 2)), np.zeros(1, int), events=True)
    (onsets,) = responses.inputs.onset_steps
    gap = (onsets[1] - onsets[0]) * 0.05e-6
    expected = mif_peaks(np.ones(2), gap, (18.3144e-3, 0.0075232, 8.5863e-5))
    np.testing.assert_allclose(responses.peaks[:, 0, 0], expected, rtol=0.01)
    # 48 uA t / tau_s exp(-t / tau_s) charges 100 pF to 110 mV in about 1.1 us, before the memristors leak much.
    assert 0.5e-6 < responses.latencies[0, 0, 0] < 2e-6
    assert np.isnan(responses.latencies[1, 0, 0]) == (expected[1] < 110)
    assert responses.select([0]).peaks.shape == responses.postsynaptic.shape == (2, 1, 1)
    with pytest.raises(ConfigurationError, match="'pulses' encoding has no events"):
        Simulator(network.replace(encoding=PulseEncoding()), workers=1).present(np.ones((1, 1)), [0], events=True)


@pytest.mark.slow
def test_a_second_layer_learns_from_drawn_gaps_and_volleys(numpy_target):
    for encoding in (DRAWN, LatencyEncoding(steps=60, volley_steps=(0, 20, 40))):
        network = make_network(2, MIF).replace(encoding=encoding, layers=[MIF, MIF.replace(neurons=4)])
        images = np.random.default_rng(15).random((3, 6 * encoding.frames))
        simulator = Simulator(network, SPIKES, workers=1, credit="memory")
        for layer in simulator.layers:
            layer.crossbar.weights[:] = np.abs(layer.crossbar.weights) * 20
        responses = simulator.present(images, np.zeros(3, int), events=True)
        events = len(encoding.event_steps)
        assert responses.peaks.shape == (events, 3, 4)
        assert (responses.peaks > 110).any()
        assert responses.presynaptic.shape == (3, 7)
        assert responses.presynaptic.any()
