"""Energies of presentations against hand computation, and their balance in both kinds of layer."""

import numpy as np
import pytest
from brian2 import uA, us

from brianff import Device, Layer, Network, PulseEncoding, Simulator
from brianff.crossbar.crossbar import DeviceCrossbar
from brianff.energy import measure, programming_energy, resting_power

pytestmark = pytest.mark.usefixtures("numpy_target")

DEVICE = Device(preset="linear", parameters={"G_on": "4 uS", "G_off": "1 uS", "read_voltage": "0.2 V"})


@pytest.fixture(scope="module")
def network():
    return Network(
        pixels=6,
        classes=2,
        time_step=0.1 * us,
        encoding=PulseEncoding(steps=400),
        layers=[
            Layer(neurons=5, initial_weight_deviation=0.3, weight_bound=1.0, device=DEVICE),
            Layer(neurons=3, current_scale=60 * uA, initial_weight_deviation=0.5, weight_bound=2.0, device=DEVICE),
        ],
    )


def test_energy_balances_and_reading_costs_what_ohms_law_says(network):
    simulator = Simulator(network, seed=1)
    images, labels = np.random.default_rng(1).random((4, 6)), np.array([0, 1, 1, 0])
    before = simulator.layers[0].crossbar.weights.copy(), simulator.streams.state()
    first, second = measure(simulator, images, labels)
    np.testing.assert_array_equal(simulator.layers[0].crossbar.weights, before[0])
    assert simulator.streams.state() == before[1]
    for layer in (first, second):
        np.testing.assert_allclose(layer.delivered, layer.dissipated + layer.stored, rtol=0.01)
        assert (layer.dissipated > 0).all()
    # pairs about the middle of 1 to 4 uS: 5 uS together, whatever the weight, up to the finite levels
    amplitudes = np.hstack([images, np.eye(2)[labels]])
    times = 0.1e-6 * np.arange(400)
    alpha = times / 4e-6 * np.exp(1 - times / 4e-6)
    exposure = np.sum(alpha**2) * 0.1e-6
    expected = 0.2**2 * 5e-6 * 5 * (amplitudes**2).sum(axis=1) * exposure
    np.testing.assert_allclose(first.read, expected, rtol=0.06)
    np.testing.assert_array_equal(first.synaptic_events, 5 * (amplitudes > 0).sum(axis=1))
    raster = simulator.present_layers(images, labels, 1, spikes=True)[0].raster
    np.testing.assert_array_equal(first.spikes, raster.sum(axis=(0, 2)))
    np.testing.assert_array_equal(second.synaptic_events, 3 * first.spikes)


def test_rest_costs_sixteen_nanowatt(network):
    assert resting_power(network.replace(time_step=1 * us), network.layers[0]) == pytest.approx(15.98e-9, rel=2e-3)


def test_programming_costs_voltage_squared_times_conductance_times_width():
    network = Network(pixels=98, classes=2, layers=[Layer(neurons=10, initial_weight_deviation=1e-9, device=DEVICE)])
    crossbar = Simulator(network).layers[0].crossbar
    assert isinstance(crossbar, DeviceCrossbar)
    crossbar.devices.counts[:] = 0
    crossbar.program(np.full((100, 10), 2 * 8 / 64))  # eight pulses up and eight down for each pair
    cost = programming_energy(crossbar)
    assert (cost["pulses_up"], cost["pulses_down"]) == pytest.approx((8e3, 8e3), rel=2e-3)
    # NeuroSim's 2 V and 10 ns; mean conductances 2.5 uS +- 4/64 of 3 uS
    assert cost["pulses_joule"] == pytest.approx(2**2 * 10e-9 * 8e3 * 5.0e-6, rel=5e-3)
    assert cost["verify_joule"] == 0


def test_layers_without_power_or_devices_still_have_reads():
    network = Network(pixels=4, classes=2, encoding=PulseEncoding(steps=20), layers=[Layer(neurons=3, neuron="lif")])
    network = network.replace(layers=[network.layers[0].replace(current="4 nA")])
    (energy,) = measure(Simulator(network, seed=1), np.ones((2, 4)), np.array([0, 1]))
    assert np.isnan(energy.dissipated).all()
    assert (energy.read > 0).all()


def test_a_second_line_for_each_pixel_has_devices_that_cost(network):
    described = network.replace(encoding=PulseEncoding(steps=400, centred="two-lines"), layers=network.layers[:1])
    simulator = Simulator(described, seed=1)
    simulator.mean_image = np.full(6, 0.5)
    assert simulator.layers[0].crossbar.devices.state.size == 2 * (12 + 2) * 5
    # One pixel darker than the mean, the others as bright: one second line and the label's are driven.
    (layer,) = measure(simulator, np.array([[0.1, 0.5, 0.5, 0.5, 0.5, 0.5]]), np.array([0]))
    assert layer.synaptic_events == 2 * 5
    conductance = simulator.layers[0].crossbar.devices.conductances.reshape(2, 14, 5).sum(axis=(0, 2))
    heat = 0.2**2 * layer.exposure * (0.4**2 * conductance[6] + conductance[12])
    assert layer.read == pytest.approx(heat, rel=1e-6)
