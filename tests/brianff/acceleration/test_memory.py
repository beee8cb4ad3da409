"""Amounts of memory."""

import numpy as np
import pytest

from brianff import Layer, Network, Simulator
from brianff.acceleration import memory
from brianff.acceleration.memory import Need, check_memory, parse_bytes, peak_memory
from brianff.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "size"), [(17, 17), ("17 B", 17), ("1.5 kB", 1500), ("2 MiB", 2 * 1024**2), ("3GB", 3 * 10**9)]
)
def test_text_and_numbers(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["2", "2 mb", "MiB", "-2 MiB", "", 0, -1])
def test_wrong_amounts_are_refused(text):
    with pytest.raises(ValueError, match=r"write a number and one of B, kB|at least one byte"):
        parse_bytes(text)


def test_peak_memory_grows_with_what_is_used():
    before = peak_memory()
    assert np.ones(before // 8 + 2**20).sum() > 0
    assert peak_memory() >= before + 2**23


@pytest.fixture
def free(monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 2**30)


def test_the_largest_number_of_the_largest_need_is_named(free):
    half = Need("one", 2**29, {"a": 5})
    check_memory([half, half])
    with pytest.raises(ConfigurationError, match=r"^c is 7; another would need 1\.5 GiB of memory, and 1 GiB are free"):
        check_memory([half, Need("another", 3 * 2**29, {"b": 3, "c": 7})])


def test_what_is_needed_is_what_is_made(numpy_target):
    """The least that is estimated is the size of the arrays themselves."""
    simulator = Simulator(Network(pixels=6, classes=2, layers=(Layer(neurons=5), Layer(neurons=3))), engine="lanes")
    responses = simulator.present_layers(np.full((4, 6), 0.5), np.zeros(4, int), spikes=True)
    needs = {need.what: need.size for need in simulator.needs(4, spikes=True)}
    for number, one in enumerate(responses):
        terms = np.asarray(one.goodness_terms)
        assert needs[f"the responses of layer {number}"] == 2 * terms.nbytes
        assert needs[f"the spikes of layer {number}"] == np.asarray(one.raster).nbytes


def test_presentations_that_do_not_fit_are_refused(free, numpy_target):
    simulator = Simulator(Network(pixels=1, classes=2, layers=(Layer(neurons=10_000),)), engine="lanes")
    with pytest.raises(ConfigurationError, match=r"10000; the responses of layer 0 would need 1\.\d+ GiB"):
        simulator.present(np.zeros((10_000, 1)), np.zeros(10_000, int))
