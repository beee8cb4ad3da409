import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import brianff
import brianff.analysis
import brianff.equations
import brianff.protocols
from brianff import Device, Layer, Network, RunDirectory, Simulator

FACES = [brianff, brianff.equations, brianff.protocols, brianff.analysis, brianff.register]

RIGHT = """
import numpy as np
from brianff import Device, LabelCode, Layer, Network, RateEncoding, Responses, Simulator, load_dataset, register
from brianff.analysis import figures, hoyer_sparsity, save_figure
from brianff.equations import MIF, NeuronModel
from brianff.protocols import Adam, Modulator, Pair, accuracy, cosine, modulated_hebbian, wrong_labels

model: NeuronModel = register.neuron(MIF, replace=True)


@register.modulator
class Mine(Modulator):
    def log_odds(self, responses: Responses) -> np.ndarray:
        return responses.goodness


digits = load_dataset("digits")
layers = (Layer(neurons=100, neuron=MIF, device=Device(preset="ecram")), Layer(neuron="lif"))
network = Network(pixels=64, encoding=RateEncoding(steps=9), label=LabelCode(strength=2.0), layers=layers)
simulator = Simulator(network, seed=1)
print(simulator.summary().T)
modulator, step, rng = Mine(sharpness=0.1), Adam(5e-3), np.random.default_rng(1)
for batch in digits.train.batches(32, rng):
    positive = simulator.present(batch.images, batch.labels)
    negative = simulator.present(batch.images, wrong_labels(batch.labels, rng))
    change = modulated_hebbian(positive, negative, Pair())
    simulator.layers[0].learn(step(change, cosine(0.5)))
share: float = accuracy(simulator, digits.test)
save_figure(figures.receptive_fields(simulator.layers[0].crossbar.weights, digits.image_shape), "fields.png")
"""

WRONG = """
import brianff
from brianff import Layer, Network, NoSuchName, Responses, Simulator  # wrong: NoSuchName
from brianff.analysis import no_such_figure, save_figure  # wrong: no_such_figure
from brianff.equations import MIF, NO_SUCH_NEURON  # wrong: NO_SUCH_NEURON
from brianff.protocols import Pair, no_such_rule  # wrong: no_such_rule

Layer(nurons=3)  # wrong: nurons
layer = Layer(neurons="many")  # wrong: incompatible type "str"
layer.nurons  # wrong: nurons
Network(layers=(3,))  # wrong: incompatible type
Simulator(Network(), seed="x")  # wrong: incompatible type "str"
brianff.register.neuron(MIF, nme="mine")  # wrong: nme
brianff.register.no_such_kind(MIF)  # wrong: no_such_kind
save_figure(figure=None)  # wrong: figure


def goodness(responses: Responses) -> str:
    responses.no_such_attribute  # wrong: no_such_attribute
    return responses.goodness  # wrong: incompatible return
"""


@pytest.mark.slow
def test_type_checkers_see_the_public_face(tmp_path):
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    root = Path(brianff.__file__).parents[1]
    environment = {"MYPYPATH": str(root)} if (root / "pyproject.toml").exists() else {}  # a checkout, or installed
    # Errors in the package itself are found where its own settings count.
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "right.py", "wrong.py"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    found = dict(re.findall(r"^(\w+\.py:\d+): error: (.*)$", result.stdout, flags=re.MULTILINE))
    marked = [(number, line.partition("# wrong: ")[2]) for number, line in enumerate(WRONG.splitlines(), 1)]
    expected = {f"wrong.py:{number}": fault for number, fault in marked if fault}
    assert found.keys() == expected.keys(), result.stdout + result.stderr
    for place, fault in expected.items():
        assert fault.lower() in found[place].lower()


@pytest.mark.parametrize("module", FACES, ids=lambda module: module.__name__)
def test_every_public_name_resolves_and_no_other_is_shown(module):
    names = dir(module)
    assert len(names) > 5
    assert [name for name in names if name.startswith("_") or name in ("annotations", "lazy_loader", "renamed")] == []
    for name in names:
        getattr(module, name)
    with pytest.raises(AttributeError):
        module.no_such_name  # noqa: B018


def test_importing_the_package_is_quick_and_loads_nothing_heavy():
    script = (
        "import sys, time; start = time.perf_counter(); import brianff, brianff.protocols, brianff.analysis\n"
        "heavy = {'numpy', 'brian2', 'pandas', 'matplotlib', 'pydantic', 'cloudpickle'} & set(sys.modules)\n"
        "print(time.perf_counter() - start, *heavy)"
    )
    seconds, *heavy = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert heavy == []
    assert float(seconds) < 1  # 0.04 s on an idle machine


@pytest.fixture(scope="module")
def simulator():
    layers = (Layer(neurons=3), Layer(neurons=2, neuron="lif", device=Device(preset="ecram")))
    return Simulator(Network(pixels=4, classes=2, layers=layers), seed=7)


def test_descriptions_show_what_differs_from_their_defaults():
    assert repr(Layer()) == str(Layer()) == "Layer()"
    layer = Layer(neurons=2, neuron="lif", device=Device(preset="ecram"))
    assert repr(layer) == "Layer(neurons=2, neuron='lif', device=Device(preset='ecram'))"
    assert eval(repr(layer)) == layer


def test_a_network_shows_its_size(simulator):
    text = repr(simulator.network)
    assert text == "Network(inputs=6, classes=2, layers='3 mif -> 2 lif', encoding='pulses, 20 steps of 1. us')"
    assert str(simulator.network) == text
    assert "ecram" in simulator.network._repr_html_()


def test_the_summary_of_a_simulator_counts_synapses_and_bytes(simulator):
    table = simulator.summary()
    assert table.neurons.tolist() == [3, 2]
    assert table.synapses.tolist() == [6 * 3, 3 * 2]
    assert table.input.tolist() == ["pulses", "layer 0"]
    assert table.neuron.tolist() == ["mif", "lif"]
    assert table.device.tolist() == ["none", "ecram"]
    assert table.weight_bytes.tolist() == [8 * 18, 8 * 6]
    assert (table.state_bytes > 8 * table.neurons).all()
    assert "seed=7" in repr(simulator)
    assert "<table" in simulator._repr_html_()


def test_responses_and_recordings_show_their_shape(simulator):
    images, labels = np.ones((2, 4)), np.zeros(2, dtype=int)
    responses = simulator.present(images, labels, layer=0, spikes=True)
    text = repr(responses)
    assert "\n" not in text
    assert text.startswith("Responses(presentations=2, neurons=3, goodness='")
    assert f"{responses.goodness.mean():.4g} ± " in text
    assert text.endswith(f"spikes={int(responses.spike_counts.sum())})")
    assert "spikes='not kept'" in repr(simulator.present(images, labels, layer=0))
    assert "presentations=0, neurons=3, goodness='none'" in repr(responses.select([]))
    assert "mean-square" in responses._repr_html_()
    recording = simulator.record(images, labels, [0, 1], layer=0)
    assert repr(recording).startswith("Recording(presentations=2, steps=20, spikes=")
    assert "of 2 neurons" in repr(recording)


def test_a_run_directory_shows_how_far_it_came(tmp_path):
    run = RunDirectory(tmp_path / "mine")
    assert repr(run) == f"RunDirectory(path='{run.path}', state='empty')"
    run.make()
    run.write_config({})
    assert "state='started'" in repr(run)
    run.write_summary({"test_accuracy": 0.5, "protocol": "p"})
    assert repr(run).endswith("state='finished', test_accuracy=0.5)")
    (run.path / "summary.json").write_text("damaged")
    assert repr(run).endswith("state='finished')")
