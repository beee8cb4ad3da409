"""Imperfections that are off by default: wires, devices that wear out, reads that push devices, converters."""

import numpy as np
import pytest
from brian2 import ohm

from brianff import ConfigurationError, DataError, Device, Layer
from brianff.crossbar import make_crossbar
from brianff.crossbar.wires import exact_transfer, transfer
from brianff.random import RandomStreams


def crossbar(shape=(24, 6), **parameters):
    layer = Layer(neurons=shape[1], weight_bound=1.0, device=Device(preset="linear", parameters=parameters))
    return make_crossbar(layer, shape, RandomStreams(1), 0)


def test_one_device_is_in_series_with_its_two_pieces_of_wire():
    assert exact_transfer(np.array([[1e-3]]), 100.0) == pytest.approx(1 / (1000 + 200), rel=1e-9)
    assert transfer(np.array([[1e-3]]), 100.0) == pytest.approx(1 / (1000 + 200), rel=(100 / 1000) ** 2)


def test_a_square_of_devices_obeys_kirchhoff():
    """Two rows and columns, nodes written out by hand: 0 1 / 2 3 of rows, 4 5 / 6 7 of columns; G = 1, wires r."""
    r, G = 0.3, 1.0
    resistors = [(0, 1, r), (2, 3, r), (4, 6, r), (5, 7, r), (0, 4, 1 / G), (1, 5, 1 / G), (2, 6, 1 / G), (3, 7, 1 / G)]
    matrix, source = np.zeros((8, 8)), np.zeros(8)
    for a, b, ohms in resistors:
        matrix[[a, b], [a, b]] += 1 / ohms
        matrix[[a, b], [b, a]] -= 1 / ohms
    matrix[[0, 2, 6, 7], [0, 2, 6, 7]] += 1 / r
    source[0] = 1 / r  # 1 V on the first row
    voltages = np.linalg.solve(matrix, source)
    assert exact_transfer(np.full((2, 2), G), r)[0] == pytest.approx(voltages[[6, 7]] / r, rel=1e-9)


@pytest.mark.parametrize(("resistance", "lost", "error"), [(13.0, (0.02, 0.05), 0.001), (50.0, (0.1, 0.15), 0.01)])
def test_the_fast_approximation_of_wires_keeps_to_its_error(resistance, lost, error):
    generator = np.random.default_rng(1)
    G, volts = generator.uniform(0.1e-6, 5e-6, (40, 40)), generator.random(40)
    exact = volts @ exact_transfer(G, resistance)
    assert lost[0] < 1 - exact.sum() / (volts @ G).sum() < lost[1]
    np.testing.assert_allclose(volts @ transfer(G, resistance), exact, rtol=error)


def test_weights_are_read_through_the_wires():
    straight, wired = crossbar(), crossbar(wire_resistance=50 * ohm)
    np.testing.assert_array_equal(straight.weights, wired.weights)
    span, (plus, minus) = 4.9e-6, wired.devices.conductances.reshape(2, 24, 6)
    exact = (exact_transfer(plus, 50.0) - exact_transfer(minus, 50.0)) / span
    read = wired.read(np.random.default_rng(1))
    np.testing.assert_allclose(read, exact, atol=1e-3 * np.abs(exact).max())
    assert np.abs(read - wired.weights).max() > 5e-3 * np.abs(exact).max()


def test_devices_stick_after_the_number_of_pulses_that_they_endure():
    worn = crossbar(endurance=40.0, endurance_log_spread=0.5)
    worn.devices.counts[:] = 0
    for sign in np.tile([1, -1], 60):
        worn.program(np.full((24, 6), 2 * sign / 64))  # one pulse each
    before = worn.devices.state.copy()
    assert worn.devices.counts[:2].sum() == pytest.approx(2 * 144 * 120, rel=0.02)  # in vain ones too
    saved = worn.state()
    worn.program(np.full((24, 6), 10 / 64))
    moved = worn.devices.state != before
    # Log-normal: a share Phi(log(40 / pulses) / .5) has failed after about 125 pulses: 98.9 %.
    assert 0 < moved.mean() < 0.05
    worn.restore(saved)
    np.testing.assert_array_equal(worn.devices.pulsed, saved["pulsed"])
    np.testing.assert_array_equal(worn.devices.state, before)


def test_what_needs_pulses_is_refused_without_them():
    for name in ("endurance", "reference", "one_sided"):
        with pytest.raises(ConfigurationError, match=f"{name} needs a law of pulses"):
            Device(preset="ideal", parameters={name: 1.0})


def test_reads_push_devices_toward_the_end_of_their_range():
    pushed = crossbar(read_disturb=0.5)
    pushed.stick(off=0.25)
    before, stuck = pushed.devices.state.copy(), np.equal(*pushed.devices.bounds)
    rows = np.where(np.arange(24) < 12, 1e6, 0)
    pushed.disturb(rows)
    pushed.disturb(rows)
    # A million pulses leave exp(-.5) of the way to the upper end, two millions exp(-1).
    expected = np.where(stuck | (np.arange(144) >= 72), before, 1 - (1 - before) * np.exp(-1))
    np.testing.assert_allclose(pushed.devices.state, expected, rtol=1e-6)
    plus, minus = expected.reshape(2, 24, 6)
    np.testing.assert_allclose(pushed.weights, plus - minus, atol=1e-6)
    either = crossbar((300, 100), read_disturb_spread=0.1)
    either.devices.state[:] = 0.5
    either.disturb(1e6)
    # The share of the way left is exp(-|creep|), to the upper end for half of the devices.
    creep = -np.log(2 * np.minimum(either.devices.state, 1 - either.devices.state))
    assert (either.devices.state > 0.5).mean() == pytest.approx(0.5, abs=0.01)
    assert np.sqrt((creep**2).mean()) == pytest.approx(0.1, rel=0.02)
    with pytest.raises(DataError, match="pulses"):
        pushed.disturb(np.ones(5))


def test_a_converter_shows_states_in_its_levels():
    plain, read = crossbar((200, 40)), crossbar((200, 40), read_levels=5.0)
    np.testing.assert_array_equal(plain.weights, read.weights)
    shown = read.read(np.random.default_rng(1))
    plus, minus = (0.25 * np.floor(4 * state.reshape(200, 40) + 0.5) for state in read.devices.state.astype(float))
    np.testing.assert_allclose(shown, plus - minus, atol=1e-12)
    noisy = crossbar((200, 40), read_levels=5.0, read_noise=0.5)
    noisy.devices.state[:] = 0.5
    seen = noisy.read(np.random.default_rng(1))
    assert set(np.unique(4 * seen)) <= set(range(-4, 5))
    assert seen.std() > 0.25
    with pytest.raises(ConfigurationError, match=r"read_levels is 1; it must be 0 or at least 2"):
        crossbar(read_levels=1.0)
