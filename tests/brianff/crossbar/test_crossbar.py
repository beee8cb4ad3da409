"""Crossbars of devices: what reaches the weights, with which noise, at which cost, and what checkpoints bring back."""

import numpy as np
import pytest

from brianff import Device, Layer, Network, PulseEncoding, Simulator
from brianff.crossbar.crossbar import Crossbar, make_crossbar
from brianff.errors import ConfigurationError
from brianff.random import RandomStreams

SHAPE = (300, 200)
NOISELESS = {"cycle_spread": 0.0, "device_spread": 0.0, "asymmetry_spread": 0.0, "bound_spread": 0.0}


def make(preset="ideal", bound=2.0, seed=1, shape=SHAPE, deviation=0.1, **device):
    layer = Layer(initial_weight_deviation=deviation, weight_bound=bound, device=Device(preset=preset, **device))
    return make_crossbar(layer, shape, RandomStreams(seed), 0)


def test_ideal_devices_equal_bounded_ideal_weights():
    generator = np.random.default_rng(1)
    devices = make(bound=0.3)
    plain = Crossbar(RandomStreams(1)["weights 0"].normal(0, 0.1, SHAPE), bound=0.3)
    np.testing.assert_allclose(devices.weights, plain.weights, atol=1e-15)
    for scale in (1e-6, 0.05):
        change = generator.normal(0, scale, SHAPE)
        devices.program(change)
        plain.program(change)
        np.testing.assert_allclose(devices.weights, plain.weights, atol=1e-15)


def test_weights_are_differences_of_bounded_conductances():
    for preset in ("ideal", "ecram", "reram-es", "ag-a-si", "pcm"):
        crossbar = make(preset)
        crossbar.program(np.random.default_rng(1).normal(0, 2, SHAPE))
        p = crossbar.device.physics
        plus, minus = crossbar.devices.conductances.reshape(2, *SHAPE)
        assert min(plus.min(), minus.min()) >= 0
        if not p["bound_spread"]:
            assert max(plus.max(), minus.max()) <= p["G_on"] * (1 + 1e-6)
        if not p["write_noise"]:
            expected = 2.0 * (plus - minus) / (p["G_on"] - p["G_off"])
            np.testing.assert_allclose(crossbar.weights, expected, atol=1e-6)


def test_open_loop_pulses_are_right_on_average_far_below_one_step():
    crossbar = make("linear", deviation=1e-9)
    before = crossbar.weights.copy()
    crossbar.program(np.full(SHAPE, 0.004))  # an eighth of a pulse of 1/64 of the range for each device of a pair
    change = crossbar.weights - before
    pulse = 2.0 / 64
    assert set(np.unique(np.rint(change / pulse))) == {0, 1, 2}
    p = 0.004 / 2 / pulse
    deviation = np.sqrt(2 * p * (1 - p)) * pulse
    assert change.mean() == pytest.approx(0.004, abs=5 * deviation / np.sqrt(change.size))
    assert change.std() == pytest.approx(deviation, rel=0.03)


def test_pulses_are_counted_with_the_conductance_they_met():
    crossbar = make("linear", deviation=1e-9, shape=(100, 100))
    crossbar.devices.counts[:] = 0
    crossbar.program(np.full((100, 100), 2.0 * 4 / 64))  # two pulses up and two down for each pair, exactly
    up, down, up_state, down_state, reads = crossbar.devices.counts
    assert (up, down, reads) == pytest.approx((2e4, 2e4, 0), rel=1e-3)
    assert up_state / up == pytest.approx(0.5 + 1 / 64, rel=1e-3)
    assert down_state / down == pytest.approx(0.5 - 1 / 64, rel=1e-3)


def test_cycle_to_cycle_noise_grows_with_the_root_of_the_pulses():
    noisy = make("ag-a-si", parameters={"nonlinearity_up": 0.0, "nonlinearity_down": 0.0, "cycle_noise": 0.01})
    generator = np.random.default_rng(2)
    for pulses in (1, 9):
        noisy.devices.state[:] = 0.5
        noisy.devices.pulse(0, slice(0, 60_000), np.full(60_000, pulses, np.float32), generator)
        moved = noisy.devices.state[0] - 0.5
        assert moved.mean() == pytest.approx(pulses / 97, rel=0.02)
        assert moved.std() == pytest.approx(0.01 * np.sqrt(pulses), rel=0.02)
    relative = make("ecram", parameters=NOISELESS | {"cycle_spread": 0.3})
    for pulses in (1, 9):
        relative.devices.state[:] = 0.5
        relative.devices.pulse(1, slice(0, 60_000), np.full(60_000, pulses, np.float32), generator)
        moved = relative.devices.state[1] - 0.5
        assert moved.std() / moved.mean() == pytest.approx(0.3 / np.sqrt(pulses), rel=0.02)


def test_only_pulsed_devices_change():
    crossbar = make("reram-es")
    before, weights = crossbar.devices.visible.copy(), crossbar.weights.copy()
    change = np.zeros(SHAPE)
    change[7] = 0.5
    crossbar.program(change)
    moved = (crossbar.devices.visible != before).reshape(2, *SHAPE)
    assert moved[:, 7].all()
    assert not np.delete(moved, 7, axis=1).any()
    np.testing.assert_array_equal(np.delete(crossbar.weights, 7, axis=0), np.delete(weights, 7, axis=0))


def test_devices_differ_by_the_given_spread_and_from_seed_to_seed():
    spread = NOISELESS | {"device_spread": 0.1}
    crossbar, again, other = (make("ecram", parameters=spread, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(crossbar.weights, again.weights)
    assert (crossbar.weights != other.weights).any()
    crossbar.devices.state[:] = 0.5
    crossbar.devices.pulse(0, slice(0, 60_000), np.ones(60_000, np.float32), np.random.default_rng(1))
    moved = crossbar.devices.state[0] - 0.5
    assert moved.std() / moved.mean() == pytest.approx(0.1, rel=0.03)


def test_stuck_devices_take_pulses_and_do_not_move():
    crossbar = make("ecram", parameters=NOISELESS, stuck_on=0.1, stuck_off=0.05, stuck_anywhere=0.02)
    state = crossbar.devices.state
    np.testing.assert_allclose([np.mean(state == 1), np.mean(state == 0)], [0.1, 0.05], atol=0.005)
    before = state.copy()
    crossbar.devices.counts[:] = 0
    crossbar.program(np.full(SHAPE, 0.1))
    assert np.mean(state == before) == pytest.approx(0.17, abs=0.005)
    assert crossbar.devices.counts[:2].sum() == pytest.approx(2 * state[0].size * 25, rel=0.1)
    stuck, place = state == before, state.copy()
    crossbar.stick(off=1.0)
    np.testing.assert_array_equal(state, np.where(stuck, place, 0))


def test_program_and_verify_arrives_where_open_loop_does_not():
    change = np.random.default_rng(3).normal(0, 0.2, SHAPE)
    errors = {}
    for programming in ("open-loop", "program-and-verify"):
        crossbar = make("ag-a-si", programming=programming, verify_rounds=10, deviation=1e-9)
        target = crossbar.weights + change
        crossbar.program(change)
        errors[programming] = np.sqrt(np.mean((crossbar.weights - target) ** 2))
    assert errors["program-and-verify"] < 0.3 * errors["open-loop"]
    assert crossbar.devices.counts[4] >= 2 * change.size  # reads are counted
    assert any("comparing" in text for text in crossbar.digital_support)
    assert not any("comparing" in text for text in make("ag-a-si").digital_support)


def test_compensation_removes_the_mean_nonlinearity():
    # Mean steps at x = .85 are .02363 (1 - .8651 x) up and .04903 (1 - .9932 (1 - x)) down; at .5 their mean is .01905.
    for compensation, arriving in (("none", (0.00625 + 0.04172) / 2 / 0.01905), ("nonlinearity", 1.0)):
        crossbar = make("ag-a-si", parameters={"cycle_noise": 0.0}, compensation=compensation, deviation=1e-9)
        crossbar.devices.state[:] = 0.85
        crossbar.program(np.zeros(SHAPE))
        before = crossbar.weights.mean()
        crossbar.program(np.full(SHAPE, 0.02))
        assert (crossbar.weights.mean() - before) / 0.02 == pytest.approx(arriving, rel=0.04)


def test_read_noise_is_drawn_for_each_read_and_leaves_the_devices_alone():
    crossbar = make(parameters={"read_noise": 0.05, "G_off": "0 nS"})
    before = crossbar.devices.state.copy()
    generator = np.random.default_rng(1)
    first, second = crossbar.read(generator), crossbar.read(generator)
    np.testing.assert_array_equal(crossbar.devices.state, before)
    # each conductance reads with 5 % of itself: sqrt(.5^2 + .5^2) x .05 of the range
    noise = (first - crossbar.weights) / 2.0
    assert noise.std() == pytest.approx(0.05 * np.sqrt(0.5), rel=0.03)
    assert abs(np.corrcoef(noise.ravel(), (second - crossbar.weights).ravel())[0, 1]) < 0.02
    assert make().read(generator) is not None


def test_drift_is_the_power_law():
    parameters = {"drift_exponent": 0.05, "drift_start": "20 s", "G_off": "0 nS"}
    crossbar = make(parameters=parameters)
    before = crossbar.devices.conductances
    crossbar.drift(86_400.0)
    np.testing.assert_allclose(crossbar.devices.conductances, before * (1 + 86_400 / 20) ** -0.05, rtol=1e-9)


@pytest.mark.parametrize(
    ("relative", "mean", "spread"), [(0.02, 0.0850, 0.0430), (0.1, 0.0601, 0.0229), (1, 0.049, 0.008)]
)
def test_drift_exponents_of_pcm_are_those_of_the_source(relative, mean, spread):
    """PCMLikeNoiseModel: nu = |clip(-.0155 ln g + .0244, .049, .1) + clip(-.0125 ln g - .0059, .008, .045) N|."""
    crossbar = make("pcm")
    crossbar.devices.state[:] = relative
    crossbar.drift(20 * (np.e - 1))
    exponent = -np.log(crossbar.devices.conductances / (25e-6 * relative))
    drawn = np.abs(mean + spread * np.random.default_rng(1).standard_normal(1_000_000))
    assert exponent.mean() == pytest.approx(drawn.mean(), rel=0.01)
    assert exponent.std() == pytest.approx(drawn.std(), rel=0.01)


def test_programming_error_of_pcm_is_that_of_the_source():
    crossbar = make("pcm")
    generator = np.random.default_rng(1)
    for pulses, g in ((2, 0.25), (16, 0.5 + 0.1875)):
        crossbar.devices.state[:] = g - pulses / 32
        crossbar.devices.pulse(0, slice(0, 60_000), np.full(60_000, pulses, np.float32), generator)
        deviation = 25 * crossbar.devices.state[0].std()  # uS
        assert deviation == pytest.approx(0.26348 + 1.965 * g - 1.1731 * g**2, rel=0.02)


@pytest.mark.parametrize(
    "preset", ["ideal", "linear", "ecram", "ecram-mo", "reram-array-om", "ag-a-si", "pcm", "pcm-training"]
)
def test_a_restored_crossbar_continues_bit_for_bit(preset):
    changes = np.random.default_rng(1).normal(0, 0.02, (4, *SHAPE))
    streams, others = RandomStreams(1), RandomStreams(1)
    layer = Layer(weight_bound=0.5, device=Device(preset=preset))
    whole, resumed = make_crossbar(layer, SHAPE, streams, 0), make_crossbar(layer, SHAPE, others, 0)
    for change in changes[:2]:
        whole.program(change)
    saved = {name: array.copy() for name, array in whole.state().items()}
    position = streams.state()
    for change in changes[2:]:
        whole.program(change)
    resumed.program(changes[3])  # another history
    resumed.restore(saved)
    others.restore(position)
    for change in changes[2:]:
        resumed.program(change)
    for name, array in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[name], array)


def test_the_simulator_reads_devices_with_their_noise(numpy_target):
    layer = Layer(neurons=4, weight_bound=1.0, device=Device(parameters={"read_noise": 0.1}))
    network = Network(pixels=6, classes=2, encoding=PulseEncoding(steps=10), layers=[layer])
    simulator = Simulator(network, seed=1)
    images, labels = np.ones((2, 6)), np.array([0, 1])
    assert (simulator.present(images, labels).goodness != simulator.present(images, labels).goodness).all()
    with simulator.evaluation():
        first = simulator.present(images, labels).goodness
    with simulator.evaluation():
        np.testing.assert_array_equal(simulator.present(images, labels).goodness, first)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"preset": "memtransistor"}, "no device 'memtransistor'; known: ideal, linear, ecram"),
        ({"parameters": {"cycle": 1.0}}, "device 'ideal' has no parameter 'cycle'; known: G_on, G_off"),
        ({"parameters": {"G_on": "1 mV"}}, "G_on: 1. mV has the dimensions"),
        ({"parameters": {"read_noise": "high"}}, "read_noise: 'high' is not a number"),
        ({"parameters": {"read_noise": -0.1}}, "read_noise: is -0.1; it must be finite and not negative"),
        ({"preset": "linear", "parameters": {"levels_up": 0}}, "levels_up: is 0; it must be positive"),
        ({"preset": "linear", "parameters": {"nonlinearity_up": 11}}, "between -9.5 and 9.5"),
        ({"parameters": {"G_off": "6 uS"}}, "G_on must be larger than G_off"),
        ({"stuck_on": 0.6, "stuck_off": 0.6}, "together exceed 1"),
        ({"programming": "closed-loop"}, "programming: .*'open-loop' or 'program-and-verify'"),
        ({"verify": 3}, "unknown key 'verify'; known: preset, law, parameters, programming"),
    ],
)
def test_wrong_devices_are_named_in_one_line(device, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        Device(**device)
    assert "\n" not in str(caught.value)


def test_a_description_of_devices_survives_the_way_through_plain_values():
    layer = Layer(device=Device(preset="ecram", parameters={"G_on": "10 uS", "cycle_spread": 0.5}, stuck_off=0.1))
    network = Network(layers=[layer])
    assert Network(**network.model_dump(mode="json")) == network
    assert layer.device.physics["G_on"] == pytest.approx(10e-6)


@pytest.mark.parametrize(("device", "step"), [(None, "_limit"), ({"preset": "ecram"}, "_refresh")])
def test_weights_after_ctrl_c_are_possible_ones(device, step, monkeypatch):
    layer = Layer(neurons=7, device=device, weight_bound=0.5)
    crossbar = make_crossbar(layer, (30, 7), RandomStreams(1), 0)
    known = getattr(crossbar, step)
    steps = iter([None])

    def interrupted(part):
        if next(steps, part) is None:
            raise KeyboardInterrupt
        known(part)

    monkeypatch.setattr(crossbar, step, interrupted)
    before = crossbar.weights.copy()
    with pytest.raises(KeyboardInterrupt):
        crossbar.program(np.full((30, 7), 2.0))
    assert (crossbar.weights != before).any()
    if device is None:
        assert np.abs(crossbar.weights).max() <= 0.5
    else:
        plus, minus = crossbar.devices.state
        np.testing.assert_allclose(crossbar.weights.ravel(), 0.5 * (plus - minus), rtol=1e-6)


@pytest.mark.parametrize("crossbar", [make(shape=(4, 3)), Crossbar(np.zeros((4, 3)), 1.0)])
def test_a_state_is_a_copy(crossbar):
    best, weights = crossbar.state(), crossbar.weights.copy()
    crossbar.program(np.full(weights.shape, 0.1))
    assert (crossbar.weights != weights).any()
    crossbar.restore(best)
    np.testing.assert_array_equal(crossbar.weights, weights)
