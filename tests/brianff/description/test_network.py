"""Descriptions are immutable, validated when they are made, and survive the way through text."""

import copy
import pickle

import brian2
import cloudpickle
import pytest
from brian2 import nA, uA, us
from hypothesis import given
from hypothesis import strategies as st

from brianff import Device, LabelCode, LatencyEncoding, Layer, Network, PulseEncoding, RateEncoding
from brianff.description.quantities import format_quantity, parse_like, parse_quantity
from brianff.equations.parameters import Parameter
from brianff.errors import BrianffError, ConfigurationError
from brianff.random import RandomStreams


@pytest.mark.parametrize("placement", ["append", "pixels", "code"])
@pytest.mark.parametrize("encoding", [PulseEncoding(steps=9, pulse_steps=(0, 4)), RateEncoding(), LatencyEncoding()])
def test_a_network_survives_the_way_through_plain_values(placement, encoding):
    network = Network(
        encoding=encoding,
        label=LabelCode(placement=placement, bits=40),
        layers=[Layer(neurons=3, current_scale=0.1 * uA, parameters={"tau": "50 us"}), Layer(weight_bound=2.0)],
        time_step=0.1 * us,
    )
    assert Network(**network.model_dump(mode="json")) == network


def test_inputs_count_the_units_of_the_label():
    sizes = {"append": 784 + 10, "pixels": 784, "code": 784 + 100}
    for placement, inputs in sizes.items():
        assert Network(label=LabelCode(placement=placement)).inputs == inputs


def test_descriptions_cannot_be_changed_but_replaced():
    layer = Layer(neurons=3)
    with pytest.raises(ValueError, match="frozen"):
        layer.neurons = 4
    assert layer.replace(neurons=4) == Layer(neurons=4)
    with pytest.raises(ConfigurationError, match="neurons"):
        layer.replace(neurons=0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layer": []}, r"unknown key 'layer'; known: pixels, classes, .*layers"),
        ({"layers": []}, "layers: a network has at least one layer"),
        ({"layers": [{"synapse": "normalised-voltage"}]}, "synapse 'normalised-voltage' is for hidden layers"),
        ({"layers": [{"neurons": 0}]}, r"layers\.0\.neurons: must be a whole number from 1 to \d+ \(given: 0\)"),
        ({"layers": [{"current_scale": "3 mV"}]}, r"current_scale: .*dimensions.* such as \"1 uA\""),
        ({"layers": [{"current_scale": "3"}]}, "current_scale: '3' is not a quantity"),
        (
            {"layers": [{"synapse": "exponential"}]},
            "synapse: no synapse 'exponential'; known: alpha, .*normalised-voltage",
        ),
        (
            {"encoding": {"kind": "phase"}},
            "no encoding 'phase'; known: pulses, .*rate, latency",
        ),
        ({"encoding": {"kind": "pulses", "steps": 3, "pulse_steps": [3]}}, "pulse_steps must name .* from 0 to 2"),
        ({"encoding": {"kind": "pulses", "pulse_steps": [4, 4]}}, "rising order"),
        ({"pixels": 9, "label": {"placement": "pixels"}}, "needs more than 10 pixels, there are 9"),
        ({"label": {"strength": -1}}, r"label\.strength: must be finite and not negative \(given: -1\)"),
        ({"time_step": 1}, "time_step: .*dimensions"),
        ({"method": "leapfrog"}, "method: no integration method; known: .*heun.*rk4.*'leapfrog'"),
    ],
)
def test_errors_name_the_field_and_the_remedy(values, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        Network(**values)
    assert isinstance(caught.value, BrianffError)
    assert "\n" not in str(caught.value)


@given(st.floats(min_value=1e-15, max_value=1e6))
def test_quantities_survive_the_way_through_text_exactly(value):
    for unit in (uA, us):
        quantity = value * unit
        assert float(parse_quantity(format_quantity(quantity, unit), unit)) == float(quantity)


def test_quantities_are_read_with_their_units():
    assert parse_quantity("32 uA", uA) == 32 * uA
    assert parse_quantity(" 1.5e3nA ", uA) == 1.5 * uA
    assert parse_quantity(2 * nA, uA) == 2 * nA
    assert parse_like("50 us", Parameter(1 * brian2.second, "")) == 50 * us
    assert parse_like("0.5", Parameter(0.1, "")) == 0.5
    for text in ("uA", "1 2 uA", "1 foo", "one uA", ""):
        with pytest.raises(ValueError, match="not a quantity"):
            parse_quantity(text, uA)
    with pytest.raises(ValueError, match="not a number"):
        parse_like("1 mV", Parameter(0.1, ""))


def test_random_streams_depend_on_seed_and_name_only():
    one, other = RandomStreams(1), RandomStreams(1)
    one["something else"].random(100)
    assert one["weights"].random() == other["weights"].random()
    assert RandomStreams(1)["weights"].random() != RandomStreams(2)["weights"].random()
    assert RandomStreams(1)["weights"].random() != RandomStreams(1)["labels"].random()


def test_random_streams_continue_from_a_saved_state():
    streams = RandomStreams(1)
    streams["a"].random(3)
    state = streams.state()
    expected = streams["a"].random(5).tolist(), streams["b"].random(5).tolist()
    streams.restore(state)
    assert (streams["a"].random(5).tolist(), streams["b"].random(5).tolist()) == expected


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (Layer(parameters={"tau": "50 us"}, neuron_spread={"tau": 0.1}), "parameters"),
        (Layer(parameters={"tau": "50 us"}, neuron_spread={"tau": 0.1}), "neuron_spread"),
        (Device(preset="ecram", parameters={"G_on": "8 uS"}), "parameters"),
        (Network(layers=[{"neuron_spread": {"tau": 0.1}}]).layers[0], "neuron_spread"),
    ],
)
def test_dictionaries_of_a_description_are_immutable_and_travel(made, field):
    values = dict(getattr(made, field))
    for change in (
        lambda held: held.update(values),
        lambda held: held.pop(next(iter(values))),
        lambda held: held.__setitem__("tau", 1),
        lambda held: held.clear(),
    ):
        with pytest.raises(ConfigurationError, match=r"immutable: .*replace"):
            change(getattr(made, field))
    assert getattr(made, field) == values
    for travelled in (
        copy.deepcopy(made),
        pickle.loads(pickle.dumps(made)),
        cloudpickle.loads(cloudpickle.dumps(made)),
        made.replace(),
        type(made)(**made.model_dump(mode="json")),
    ):
        assert travelled == made
        with pytest.raises(ConfigurationError, match="immutable"):
            getattr(travelled, field).clear()


def test_devices_are_read_with_no_more_than_their_voltage():
    with pytest.raises(ConfigurationError, match=r"label.strength is 2.5.*label.rows = 3"):
        Network(label={"strength": 2.5}, layers=[Layer(device="ecram")])
    Network(label={"strength": 2.5})
