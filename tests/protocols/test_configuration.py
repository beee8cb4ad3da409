"""Protocols from TOML: named, by path, with settings, and with errors that help."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from brianff.errors import BrianffError, ConfigurationError
from brianff.protocols.configuration import Protocol, load_protocol, named_protocols
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import Sigmoid
from brianff.protocols.sweep import Sweep
from brianff.protocols.trainer import Trainer
from brianff.protocols.training import _flat
from brianff.responses import Responses
from brianff.simulator import Simulator


def without_none(value):
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list) else value


def test_the_promised_protocols_are_there():
    promised = {"msnn-digits", "msnn-mnist", "msnn-fashion-mnist", "msnn-kmnist", "msnn-kmnist-7k"}
    assert promised <= set(named_protocols())


@pytest.mark.parametrize("name", named_protocols())
def test_a_protocol_survives_the_way_through_toml(name, tmp_path):
    protocol = load_protocol(name)
    path = tmp_path / "again.toml"
    path.write_text(tomli_w.dumps(without_none(protocol.model_dump(mode="json"))))
    assert load_protocol(path) == protocol


def test_settings_change_single_values():
    settings = [
        "seed=5",
        "learning.epochs=3",
        "learning.step_size=1e-2",
        "network.layers.0.neurons = 64",
        "network.layers.0.current=16 uA",
        'network.layers.0.synapse="alpha-as-published"',
        "network.encoding.pulse_steps=[0, 4]",
        "evaluation.layers=[0]",
        "learning.probability=sigmoid",
    ]
    protocol = load_protocol("msnn-digits", settings)
    assert protocol.seed == 5
    assert (protocol.learning.epochs, protocol.learning.learning_rate) == (3, 0.01)
    layer = protocol.network.layers[0]
    assert (layer.neurons, layer.synapse.name) == (64, "alpha-as-published")
    assert float(layer.current_scale) == pytest.approx(16e-6)
    assert protocol.network.encoding.pulse_steps == (0, 4)
    assert protocol.evaluation.layers == (0,)
    assert protocol.learning.modulator is Sigmoid


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("learning.epochs", "not of the form key=value"),
        ("learning.epoch=3", r"learning: unknown key 'epoch'; known: goodness, .*; did you mean epochs\\?"),
        ("learnin.epochs=3", "unknown key 'learnin'; known: name, "),
        ("learning.epochs=many", r"learning\.epochs: must be a whole number from 1 to \d+ \(given: 'many'\)"),
        ("learning.epochs=2.5", r"learning\.epochs: .*\(given: 2\.5\)"),
        ("network.layers.1.neurons=3", r"there is no key 'network\.layers\.1\.neurons'"),
        ("network.layers.-1.neurons=3", "there is no key"),
        ("network.layers.first.neurons=3", "there is no key"),
        ("seed.value=3", "there is no key 'seed.value'"),
        ("seed=-1", r"seed: must be a whole number from 0 to \d+ \(given: -1\)"),
        ("learning.goodness=entropy", "no goodness 'entropy'; known: mean-square"),
        ("learning.negatives=hybrid", "negatives without labels need a strength of 0"),
        ("network.label.strength=0", "others one above 0"),
        ("evaluation.layers=[1]", "names layer 1; there are 1"),
        ("evaluation.decision=probability", r"evaluation\.decision is 'probability'.*use 'log-odds'"),
    ],
)
def test_wrong_settings_are_named(setting, message):
    with pytest.raises(ConfigurationError, match=message):
        load_protocol("msnn-digits", [setting])


def test_what_would_train_to_nothing_is_refused():
    """Stepped once, the mean square sees the activity before the events; the response engine integrates finer."""
    settings = [
        "data.dataset=digits",
        "network.pixels=64",
        "network.layers.0.neurons=20",
        "learning.goodness=mean-square",
    ]
    settings = [*settings, "network.label.bits=20"]
    with pytest.raises(ConfigurationError, match="zero in presentations of one step"):
        Trainer(load_protocol("neohebbian-analog-symmetric", [*settings, "engine.name=lanes"]))
    trainer = Trainer(load_protocol("neohebbian-analog-symmetric", settings))
    goodness = {
        name: Simulator(trainer.protocol.network, GOODNESS[name], engine).present(np.full((1, 64), 0.5), [0]).goodness
        for name, engine in (("mean-square", "lanes"), ("final-squared-norm", "lanes"), ("squared-norm", "auto"))
    }
    assert goodness["mean-square"] == 0
    assert goodness["squared-norm"] == pytest.approx(goodness["final-squared-norm"], rel=1e-3)


def test_the_epsilon_of_the_symmetric_probability_is_a_parameter(tmp_path):
    """Without activity P = 1/2; with G+ = 1 and G- = 0, P = (1 + eps) / (1 + 2 eps)."""
    named = load_protocol("neohebbian-online-symmetric").learning.made_modulator
    assert named.epsilon == 0.01
    path = tmp_path / "own.toml"
    path.write_text('[learning]\nmodulator = {name = "symmetric", epsilon = 0.02}\npolarity = "random"\n')
    protocol = load_protocol(path)
    terms = np.array([[1.0, 0.0], [0.0, 0.0]])
    responses = Responses(None, terms, np.empty(0), GOODNESS["squared-norm"], np.empty(0))
    assert protocol.learning.made_modulator.probability(responses) == pytest.approx([1.02 / 1.04, 0.5])
    assert Protocol(**protocol.model_dump(mode="json")).learning.made_modulator.epsilon == 0.02


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"no protocol 'msnn'; known: msnn-digits, .*or the path of a TOML file"
    ):
        load_protocol("msnn")
    broken = tmp_path / "broken.toml"
    broken.write_text("seed = ")
    with pytest.raises(ConfigurationError, match=r"broken\.toml is not valid TOML"):
        load_protocol(broken)
    broken.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"broken\.toml is damaged, or no text in UTF-8"):
        load_protocol(broken)


def test_an_empty_protocol_is_the_defaults(tmp_path):
    empty = tmp_path / "empty.toml"
    empty.write_text("")
    assert load_protocol(empty) == Protocol()


def test_memory_and_workers_of_the_engine():
    engine = load_protocol("msnn-digits", ["engine.memory=2 MiB", "engine.workers=3"]).engine
    assert (engine.memory, engine.workers) == (2 * 1024**2, 3)
    with pytest.raises(ConfigurationError, match="memory: write a number and one of B, kB"):
        load_protocol("msnn-digits", ["engine.memory=much"])


KEYS = sorted(_flat(load_protocol("msnn-digits").model_dump(mode="json")))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.dates()
VALUES = st.recursive(
    LEAVES, lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=9), one, max_size=3)
)


@pytest.mark.slow
@given(st.sampled_from(KEYS), st.booleans(), VALUES, st.text(max_size=20))
def test_any_value_of_any_key_is_taken_or_refused_in_one_line(key, shorter, value, text):
    key = key.rpartition(".")[0] or key if shorter else key
    for wanted in ({key: value}, [f"{key}={text}"]):
        told = "taken"
        try:
            load_protocol("msnn-digits", wanted)
        except BrianffError as error:
            told = str(error)
        assert told
        assert "\n" not in told


NAMES = sorted({*Protocol.model_fields, *(name for key in KEYS for name in key.split("."))})
TREES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.dates(),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.sampled_from(NAMES), one, max_size=3),
)


@given(st.dictionaries(st.sampled_from(NAMES), TREES, max_size=4))
def test_any_tree_of_toml_is_taken_or_refused_in_one_line(tree):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "own.toml")
        path.write_text(tomli_w.dumps(tree), encoding="utf-8")
        for read in (load_protocol, Sweep.from_file):
            told = "taken"
            try:
                read(path)
            except BrianffError as error:
                told = str(error)
            assert told
            assert "\n" not in told
