"""Objects show themselves in one short line, and in a notebook as a table or text."""

import pytest

from brianff import Device, Goodness, Layer, check_gradient
from brianff.equations import MIF
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
