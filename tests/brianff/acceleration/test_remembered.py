"""What is found for a description is found once."""

import numpy as np
import pytest

from brianff import Layer, Network, Simulator
from brianff.acceleration.remembered import Remembered
from brianff.engines import equation_checks


def test_equal_keys_are_found_once_and_errors_are_not_kept():
    asked, found = [], Remembered(size=2)

    def find(key):
        asked.append(key)
        return found.get(key, lambda: len(asked))

    assert [find({"a": 1}), find({"b": 1}), find({"a": 1.0})] == [1, 2, 1]
    found.get({"c": 1}, lambda: 3)  # the first one is forgotten
    assert find({"a": 1}) == 4
    with pytest.raises(ZeroDivisionError):
        found.get("d", lambda: 1 / 0)
    assert found.get("d", lambda: 5) == 5
    array = {"x": np.ones(2)}
    assert [found.get(one, lambda: 6) for one in (array, {"x": np.ones(2)})] == [6, 6]


def test_equations_are_checked_once_for_simulators_that_differ_in_their_seed(monkeypatch, numpy_target):
    checked = []
    problem = equation_checks._problem
    monkeypatch.setattr(equation_checks, "_RIGHT", Remembered())
    monkeypatch.setattr(equation_checks, "_problem", lambda *one: checked.append(1) or problem(*one))

    def simulate(seed, **values):
        Simulator(Network(pixels=4, classes=2, layers=[Layer(neurons=3, **values)]), seed=seed)
        return len(checked)

    first = simulate(1)
    assert first > 0
    assert simulate(2) == first
    assert simulate(2, current_scale="50 uA") > first
