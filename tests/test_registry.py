import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest

import brianff
from brianff.equations import LIF, MIF, NeuronModel
from brianff.errors import ConfigurationError
from brianff.protocols.goodness import GOODNESS
from brianff.register import KINDS
from brianff.registry import Registry


@pytest.fixture
def neurons():
    return Registry("neuron", NeuronModel, {"mif": MIF})


@pytest.fixture(params=KINDS)
def kind(request):
    """Name of a kind."""
    return request.param


def test_every_kind_is_registered_under_its_own_name(kind, monkeypatch):
    registry = getattr(brianff.register, kind).registry
    assert registry.kind == kind  # the group of entry points, and what errors say
    monkeypatch.setattr(registry, "_parts", dict(registry._parts))
    known = next(iter(registry.values()), print)
    assert getattr(brianff.register, kind)(known, "one-of-my-own") is known
    assert registry["one-of-my-own"] is known
    with pytest.raises(ConfigurationError, match=rf"no {kind} 'missing'.*one-of-my-own.*brianff\.register\.{kind}"):
        registry["missing"]


def test_no_two_kinds_share_a_registry():
    assert len({kind.where for kind in KINDS.values()}) == len(KINDS)


def test_a_class_is_registered_by_a_decorator():
    rules = Registry("rule", None)

    @rules.register
    def mine():
        return 1

    assert mine() == 1
    assert rules["mine"] is mine


def test_a_copy_of_a_known_part_is_written_as_its_name():
    copied = pickle.loads(pickle.dumps(GOODNESS["spikes"]))
    assert copied is not GOODNESS["spikes"]
    assert GOODNESS.describe(copied) == "spikes"
    assert GOODNESS.describe(replace(copied, width=7.0)) == {"name": "spikes", "width": 7.0}


def test_a_name_is_given_once_unless_replaced(neurons):
    with pytest.raises(ConfigurationError, match="a neuron 'mif' already: choose another name, or replace=True"):
        neurons.register(LIF, "mif")
    assert neurons["mif"] is MIF
    neurons.register(LIF, "mif", replace=True)
    assert neurons["mif"] is LIF
    assert neurons.register(LIF, "mif") is LIF  # the same part again is no conflict


@pytest.mark.parametrize(
    ("part", "given"), [(3, r"not 3 \(int\)"), (int, "not the class int"), ("x" * 999, r"not 'xx.*\.\.\.x*' \(str\)")]
)
def test_a_part_of_the_wrong_kind_says_what_was_given_and_what_is_needed(neurons, part, given):
    with pytest.raises(ConfigurationError, match=f"a neuron is a NeuronModel, or a name: mif; {given}$"):
        neurons.register(part, "mine")


def test_a_field_says_the_same_once():
    with pytest.raises(ConfigurationError) as caught:
        brianff.Layer(neuron=3)
    assert str(caught.value).startswith("neuron: a neuron is a NeuronModel, or a name: mif, ")
    assert str(caught.value).count("3") == 1
    with pytest.raises(ConfigurationError, match=r"no neuron 'hh'; known: mif, .*brianff\.register\.neuron.*--import"):
        brianff.Layer(neuron="hh")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package with neurons of its own."""
    (tmp_path / "their_parts.py").write_text(
        "from dataclasses import replace\nfrom brianff.equations import MIF\nTHEIRS = replace(MIF, name='theirs')\n"
    )
    metadata = tmp_path / "their_parts-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-parts\nVersion: 1.0\n")
    points = "theirs = their_parts:THEIRS\nwrong = their_parts:MISSING\ntext = their_parts:__name__\n"
    (metadata / "entry_points.txt").write_text(f"[brianff.neuron]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("installed")
def test_entry_points_of_installed_packages_are_known(neurons):
    import their_parts

    assert set(neurons) == {"mif", "theirs", "wrong", "text"}
    assert neurons["theirs"] is their_parts.THEIRS
    assert neurons.find("theirs").name == "theirs"
    assert neurons.describe(their_parts.THEIRS) == "theirs"
    with pytest.raises(ConfigurationError, match="there is a neuron 'theirs' already"):
        neurons.register(LIF, "theirs")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("name", "reason"), [("wrong", "MISSING"), ("text", "a neuron is a NeuronModel")])
def test_an_entry_point_that_fails_is_named(neurons, name, reason):
    with pytest.raises(ConfigurationError, match=f"neuron '{name}' of 'their_parts:.*' cannot be loaded: .*{reason}"):
        neurons[name]


def test_what_has_no_name_needs_one():
    rules = Registry("rule", SimpleNamespace)
    part = SimpleNamespace()
    rules.register(part, "nameless")
    assert rules.name_of(part) == "nameless"
