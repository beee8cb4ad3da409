"""Receptive fields: neurons see what they say, and what is outside has no weight, no device and no cost."""

import numpy as np
import pytest
from cases import first_fast

from brianff import Device, LabelCode, Layer, Network, Patches, PulseEncoding, ReceptiveField, Simulator
from brianff.crossbar.crossbar import connections
from brianff.description.parts import DEVICES
from brianff.description.receptive_fields import RandomInputs
from brianff.energy import measure, programming_energy
from brianff.errors import ConfigurationError
from brianff.protocols.configuration import load_protocol
from brianff.protocols.trainer import Trainer
from brianff.random import RandomStreams


class Diagonal(ReceptiveField):
    def connected(self, units, neurons, generator):
        return np.eye(units, neurons, dtype=bool)


def network(field, pixels=6, neurons=4, centred=None, placement="append", **layer):
    label = LabelCode(placement=placement)
    layers = [Layer(neurons=neurons, receptive_field=field, initial_weight_deviation=0.3, **layer)]
    return Network(pixels=pixels, classes=2, label=label, encoding=PulseEncoding(centred=centred), layers=layers)


def test_patches_at_given_places_take_turns():
    field = Patches(2, 1, places=[[0, 0], [1, 2]], image_shape=[3, 4])
    seen = field.connected(12, 3, None).T.reshape(3, 3, 4)
    for neuron, (row, column) in enumerate(((0, 0), (1, 2), (0, 0))):
        expected = np.zeros((3, 4), bool)
        expected[row : row + 2, column] = True
        np.testing.assert_array_equal(seen[neuron], expected)


def test_patches_are_drawn_whole_inside_and_pixels_at_the_edges_are_not_seen_less():
    seen = Patches(14, 14).connected(784, 4000, np.random.default_rng(1))
    assert (seen.sum(axis=0) == 196).all()
    corners = np.unique(np.argmax(seen, axis=0))
    assert len(corners) > 210  # of 15 x 15
    share = seen.mean(axis=1).reshape(28, 28)
    # Along an axis of 28 a patch begins at -7 to 21, moved to 0 to 14: 8 of 29 places begin at 0, and one at 7.
    assert share[0, 0] == pytest.approx((8 / 29) ** 2, abs=0.03)
    assert share[13, 13] == pytest.approx((1 - 8 / 29) ** 2, abs=0.03)


def test_random_inputs_are_as_many_for_each_neuron():
    seen = RandomInputs(0.25).connected(40, 30, np.random.default_rng(1))
    assert (seen.sum(axis=0) == 10).all()
    assert len(np.unique(seen, axis=1).T) == 30
    assert RandomInputs(0.001).connected(40, 3, np.random.default_rng(1)).sum() == 3


def test_labels_reach_all_neurons_and_a_second_line_is_connected_as_the_first():
    diagonal, label = np.eye(6, 4, dtype=bool), np.ones((2, 4), bool)
    for described, expected in (
        (network(Diagonal()), [diagonal, label]),
        (network(Diagonal(), centred="two-lines"), [diagonal, diagonal, label]),
        (network(Diagonal(), placement="pixels"), [label, diagonal[2:]]),
    ):
        np.testing.assert_array_equal(connections(described, 0, RandomStreams(1)), np.vstack(expected))
    assert connections(network(None), 0, RandomStreams(1)) is None


def test_a_hidden_layer_is_connected_to_some_neurons_below():
    described = network(None).replace(layers=[Layer(neurons=6), Layer(neurons=4, receptive_field=Diagonal())])
    weights = Simulator(described).layers[1].crossbar.weights
    np.testing.assert_array_equal(weights != 0, np.eye(6, 4, dtype=bool))


@pytest.mark.parametrize("device", [None, *DEVICES])
def test_what_is_outside_has_no_weight_whatever_happens(device):
    crossbar = Simulator(network(Diagonal(), device=device), seed=1).layers[0].crossbar
    outside = ~np.vstack([np.eye(6, 4, dtype=bool), np.ones((2, 4), bool)])
    np.testing.assert_array_equal(crossbar.fan_out, [1, 1, 1, 1, 0, 0, 4, 4])

    def check(matrix):
        assert not matrix[outside].any()
        assert matrix[~outside].any()

    check(crossbar.weights)
    crossbar.program(np.full((8, 4), 0.1))
    crossbar.adopt(np.full((8, 4), 0.2) + crossbar.weights * 0)
    check(crossbar.weights)
    check(crossbar.read(np.random.default_rng(1)))
    if device is not None:
        assert crossbar.devices.state.shape == (2, 12)
        crossbar.drift(1e4)
        crossbar.stick(on=0.3)
        check(crossbar.weights)


def test_pairs_are_where_they_belong():
    crossbar = Simulator(network(Diagonal(), weight_bound=1.0, device="ideal"), seed=1).layers[0].crossbar
    wanted = np.random.default_rng(1).uniform(-0.9, 0.9, (8, 4))
    crossbar.adopt(wanted)
    np.testing.assert_allclose(crossbar.weights, wanted * crossbar.connected, atol=1e-12)
    conductances = crossbar.devices.conductances
    p = crossbar.device.physics
    difference = (conductances[0] - conductances[1]) / (p["G_on"] - p["G_off"])
    np.testing.assert_allclose(crossbar.by_input(difference), (wanted * crossbar.connected).sum(axis=1), atol=1e-9)


def test_devices_that_are_not_there_cost_nothing():
    device = Device(preset="linear", parameters={"G_on": "4 uS", "G_off": "1 uS", "read_voltage": "0.2 V"})
    simulator = Simulator(network(Diagonal(), device=device, weight_bound=1.0), seed=1)
    crossbar = simulator.layers[0].crossbar
    crossbar.devices.counts[:] = 0
    crossbar.program(
        np.full((8, 4), 1 / 32)
    )  # one pulse of 1/64 of the range for each device of a pair, of 2/64 x bound
    assert programming_energy(crossbar)["pulses_up"] == pytest.approx(12, abs=1)
    crossbar.adopt(np.zeros((8, 4)))
    (layer,) = measure(simulator, np.array([[0.5, 0, 0, 0, 1, 0]]), np.array([1]))
    assert layer.synaptic_events == 1 + 0 + 4
    # 1 to 4 uS, in the middle: 5 uS for a pair, one of the pixel and four of the label
    assert layer.read == pytest.approx(0.2**2 * 5e-6 * (0.5**2 + 4) * layer.exposure, rel=0.05)


@pytest.mark.parametrize("engine", first_fast(["lanes", "reference"]))
def test_a_network_learns_alike_on_every_engine_and_resumes(engine, numpy_target):
    settings = [
        "data.training_images=60",
        "network.layers.0.neurons=10",
        "learning.epochs=2",
        "evaluation.epoch_images=1",
        "engine.workers=1",
        "network.layers.0.receptive_field={name='patches', rows=4, columns=5}",
        "network.layers.0.device='ecram'",
    ]
    protocol = load_protocol("msnn-digits", settings)
    assert protocol.network.layers[0].receptive_field == Patches(4, 5)
    assert type(protocol)(**protocol.model_dump(mode="json")) == protocol
    lanes, other = Trainer(protocol), Trainer(protocol.replace(engine=protocol.engine.replace(name=engine)))
    lanes.run_epoch()
    if engine == "lanes":
        other.restore(*lanes.state())
    else:
        other.run_epoch()
    for trainer in (lanes, other):
        trainer.run_epoch()
    ends = [trainer.simulator.layers[0].crossbar for trainer in (lanes, other)]
    np.testing.assert_allclose(ends[0].weights, ends[1].weights, rtol=0, atol=0 if engine == "lanes" else 1e-6)
    assert (ends[0].weights[:64] != 0).sum() <= 10 * 20
    assert np.ptp(ends[0].weights) > 0


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (lambda: Patches(0, 3), "is no field"),
        (lambda: Patches(3, 3, places=[[1.5, 0]]), "is no field"),
        (lambda: Patches(3, 3).connected(10, 2, None), r"10 units are no image of \(3, 3\); give it image_shape"),
        (lambda: Patches(4, 4).connected(9, 2, None), "reaches beyond an image"),
        (lambda: Patches(2, 2, places=[[2, 2]]).connected(9, 2, None), "reaches beyond an image"),
        (lambda: RandomInputs(1.5), "share is 1.5"),
        (lambda: Layer(receptive_field="cone"), "no receptive_field 'cone'; known: patches, random"),
        (lambda: Simulator(network(Transposed())), r"Transposed gave \(4, 6\)"),
    ],
)
def test_what_is_no_field_is_said(field, message):
    with pytest.raises(ConfigurationError, match=message):
        field()


class Transposed(ReceptiveField):
    def connected(self, units, neurons, generator):
        return np.ones((neurons, units), bool)
