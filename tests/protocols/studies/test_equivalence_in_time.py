"""Rules that learn from several events: windows and truncated credit against numbers obtained otherwise."""

import numpy as np
import pandas
import pytest
from brian2 import uA
from scipy.integrate import solve_ivp
from scipy.special import expit

from brianff import FrameEncoding, Goodness, Layer, Network, Simulator
from brianff.acceleration.contraction import contract
from brianff.analysis.equivalence_in_time import summarise
from brianff.engines import LanesEngine
from brianff.protocols.equivalence import compare, numerical_gradient
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.layers import simulated_layer
from brianff.protocols.modulators import MODULATORS
from brianff.protocols.studies import equivalence_in_time
from brianff.protocols.studies.equivalence_in_time import (
    exponential_window,
    implied_window,
    truncated_changes,
)


def test_the_exponential_window_is_that_of_song_miller_and_abbott():
    np.testing.assert_allclose(exponential_window(np.array([0.0, 20.0, 40.0])), np.exp([0, -1, -2]))
    np.testing.assert_allclose(exponential_window(np.array([-20.0])), [-1.05 * np.exp(-1)])


def mif_energy(pulses, until):
    """Integral of v^2 (mV^2 us) of the published neuron under alpha pulses (time, drive) of 48 uA."""
    steady = (18.3144e-3, 0.0075232, 8.5863e-5, 0.0)

    def rates(t, state):
        v, x1, x2, _ = state
        since = t - np.array([onset for onset, _ in pulses])
        alpha = np.where(since > 0, since / 4 * np.exp(-np.maximum(since, 0) / 4), 0.0)
        current = 48e-6 * float(alpha @ [drive for _, drive in pulses])
        g1, g2 = (x / 1e3 + (1 - x) / 1e5 for x in (x1, x2))
        dx = [
            ((1 - x) * expit((u - 110) / 15) - x * expit((5 - u) / 15)) / 100
            for x, u in ((x1, 1e3 * v), (x2, 1e3 * v - 50))
        ]
        return [1e-6 * (current - g1 * v - g2 * (v - 0.05)) / 100e-12, *dx, 1e6 * v**2]

    return solve_ivp(rates, (0, until), steady, "LSODA", rtol=1e-10, atol=1e-13, max_step=2.0).y[3, -1]


@pytest.mark.slow
def test_the_implied_window_matches_a_stiff_solver(monkeypatch):
    """An event before the teacher turns the memristor on and takes the teacher's response away."""
    monkeypatch.setattr(equivalence_in_time, "AFTERWARDS", 60)
    drive, step, lags = 0.3, 0.01, (20, 60)
    rows = {(row["lag"], row["drive"]): row for row in implied_window("MIF", "voltage", lags)}
    assert len(rows) == 8
    for lag in (60, -20):
        event, teacher = (0, lag) if lag > 0 else (-lag, 0)
        slopes = []
        for strength in (1.0, 0.0):
            pulses = [[(event, drive + shift), (teacher, strength)] for shift in (-step, step)]
            below, above = (mif_energy(one, 120) for one in pulses)
            slopes.append((above - below) / (2 * step))
        found = rows[lag, drive]
        assert found["alone"] == pytest.approx(slopes[1], rel=0.03)
        assert found["change"] == pytest.approx(slopes[0] - slopes[1], rel=0.05)
        assert found["change"] < 0


@pytest.mark.slow
@pytest.mark.parametrize("goodness", [Goodness(), GOODNESS["spikes"]])
def test_truncated_credit_begins_within_the_event_and_ends_with_the_whole(goodness, numpy_target):
    generator = np.random.default_rng(1)
    images, weights = generator.random((4, 2, 6)), generator.normal(0.3, 0.4, (16, 5))
    first, whole = truncated_changes(goodness, images, weights)
    layer = Layer(neurons=5, preset="switching", start="steady", current_scale=48 * uA)
    network = Network(pixels=6, encoding=FrameEncoding.every(40, 2, labels="never"), layers=[layer])
    inputs = Simulator(network, workers=1).inputs(images.reshape(4, -1), np.zeros(4, int))
    for change, credit in ((first, "within-event"), (whole, "memory")):
        (result,) = LanesEngine(network, goodness, credit=credit).present(inputs, [weights])
        expected = contract([inputs], [np.ones((1, 1))], [result.postsynaptic], np.ones(1))
        np.testing.assert_allclose(change, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max())
    assert np.abs(first - whole).max() > 0.01 * np.abs(whole).max()


def test_the_gradient_of_frames_is_that_of_single_weights(numpy_target):
    generator, goodness = np.random.default_rng(2), Goodness(pooling="sum")
    layer = Layer(neurons=4, preset="switching", start="steady", current_scale=48 * uA)
    network = Network(pixels=5, classes=3, encoding=FrameEncoding.every(30), layers=[layer])
    simulator, images = Simulator(network, workers=1), generator.random((6, 10))
    positive, negative = (simulator.inputs(images, generator.integers(0, 3, 6)) for _ in range(2))
    weights, modulator = generator.normal(0.3, 0.4, (8, 4)), MODULATORS["pair"](1e-3, 1.0)
    respond = simulated_layer(network, goodness)
    gradient = numerical_gradient(respond, positive, negative, weights, modulator)

    def loss(shifted):
        return modulator.loss(respond(positive, shifted), respond(negative, shifted)).mean()

    for unit, neuron in ((0, 0), (4, 3), (6, 1)):
        shift = np.zeros_like(weights)
        shift[unit, neuron] = 1e-4
        slope = (loss(weights + shift) - loss(weights - shift)) / 2e-4
        assert gradient[unit, neuron] == pytest.approx(-slope, rel=1e-5, abs=1e-9)
    assert compare(gradient, gradient).cosine == pytest.approx(1)


def test_intervals_are_those_of_student():
    rows = [
        {"task": "order", "goodness": "spikes", "epochs": 0, "rule": "held", "cosine": one} for one in (0.4, 0.5, 0.6)
    ]
    (row,) = summarise(pandas.DataFrame(rows)).itertuples()
    assert (row.seeds, row.cosine) == (3, pytest.approx(0.5))
    assert row.high - row.cosine == pytest.approx(4.302653 * 0.1 / np.sqrt(3), rel=1e-6)  # t(2), 97.5 %
