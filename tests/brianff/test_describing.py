"""Objects show themselves in one short line, and in a notebook as a table or text."""

import brian2
import numpy as np
import pytest

from brianff import Device, Goodness, Layer, Network, PulseEncoding, Simulator, check_gradient
from brianff.equations import MIF
from brianff.equations.functions import FUNCTIONS
from brianff.protocols import Adam, Momentum, load_protocol


def test_one_line_tells_what_differs():
    assert repr(Adam(2e-3)) == "Adam(learning_rate=0.002)"
    assert repr(Momentum(1)) == "Momentum(learning_rate=1)"
    assert repr(Layer(neurons=3)) == "Layer(neurons=3)"
    assert repr(MIF).startswith("NeuronModel('mif', presets='kang-2021")
    assert len(repr(MIF)) < 200


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda: load_protocol("msnn-digits"), ["msnn-digits", "learning", "epochs=", "seed"]),
        (lambda: Layer(neurons=3, neuron="lif"), ["<td>3</td>", "<td>lif</td>", "current_scale"]),
        (lambda: Device(preset="ecram"), ["ecram", "stuck_on"]),
        (lambda: MIF, ["dv/dt", "&gt;"]),
        (lambda: check_gradient("relu", Goodness()), ["exact", "derivative", "<table"]),
    ],
    ids=["protocol", "layer", "device", "neuron", "gradient"],
)
def test_notebooks_show_tables(make, seen, numpy_target):
    html = make()._repr_html_()
    assert [text for text in seen if text not in html] == []


def test_a_description_of_a_network_is_enough_to_build_it_again(numpy_target):
    """A neuron that is built from the text, with another's parameters nowhere, has the same course."""
    layer = Layer(neurons=1, neuron="mif", initial_weight_deviation=0.5)
    network = Network(
        pixels=3, classes=2, time_step="0.05 us", encoding=PulseEncoding(steps=400, pulse_steps=[0]), layers=[layer]
    )
    simulator = Simulator(network, seed=2, engine="lanes")
    text = simulator.describe()
    part = text.partition("## layer_1: 1 units")[2]
    equations = part.split("```")[1]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]
    parameters = {name: eval(value, vars(brian2)) for name, value in rows}
    shown = np.ones((1, 3)), np.array([0])
    expected = simulator.record(*shown, [0], every=20)
    drive = float((simulator.inputs(*shown).amplitudes @ simulator.layers[0].crossbar.weights).item())
    group = brian2.NeuronGroup(1, equations, method="rk4", namespace=parameters | FUNCTIONS, dt=0.05 * brian2.us)
    group.x1 = group.x2 = parameters["x_initial"]
    group.v = parameters["v_initial"]
    group.I_rise = drive * parameters["current_scale"]
    monitor = brian2.StateMonitor(group, "v", record=True)  # from the pulse on, at the end of the first step
    brian2.Network(group, monitor).run(20 * brian2.us)
    np.testing.assert_allclose(np.asarray(monitor.v)[0, 19::20], expected.traces["v"][0, :, 0], rtol=0.01, atol=1e-3)
    assert np.ptp(expected.traces["v"]) > 5e-3
    assert "On a spike of inputs" in text
    assert "Spikes where `v > v_spike`" in part
