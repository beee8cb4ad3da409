"""Accuracy against the gap: the gap is the one thing that points differ in."""

import pandas
import pytest

from brianff.analysis.gap import accuracy_against_gap, serial_position, summarise
from brianff.errors import ConfigurationError
from brianff.protocols import load_protocol
from brianff.protocols.studies import gap


@pytest.mark.parametrize("held_out", ["test", "validation"])
def test_the_gap_is_what_points_differ_in(tmp_path, monkeypatch, held_out):
    trained = []

    class Trainer:
        def __init__(self, protocol, data_dir):
            trained.append(protocol)

        def fit(self, progress):
            return {f"{held_out}_accuracy": 0.5, "tied_share": 0.0, "layers": [{"switched_share": 0.1}]}

    monkeypatch.setattr(gap, "Trainer", Trainer)
    protocol = load_protocol("msnn-sequence-digits", ["seed=7"])
    study = gap.run_study(protocol, tmp_path, seeds=2, gaps=(100, 50), progress=False)
    assert [(one.seed, one.network.encoding.onset_steps, one.network.encoding.steps) for one in trained[::2]] == [
        (seed, onsets, steps) for seed in (7, 8) for onsets, steps in (((0, 100, 200), 300), ((0, 50, 100), 150))
    ]
    assert [one.network.layers[0].memristors for one in trained] == ["moving", "frozen"] * 4
    table = study.table("gap")
    assert summarise(table).to_dict() == {"moving": {50: 50.0, 100: 50.0}, "frozen": {50: 50.0, 100: 50.0}}
    assert accuracy_against_gap(table).get_xlabel() == "gap (µs)"


@pytest.mark.parametrize(
    ("name", "settings", "gaps", "fault"),
    [
        ("msnn-digits", [], (40,), "no gap to change"),
        ("msnn-order-digits", [], (40, 0.1), "0.1 us is less than one time step"),
        ("msnn-order-digits", [], (40, 1e20), "steps: must be a whole number"),
        ("msnn-order-digits", ["evaluation.readout=linear"], (40,), "decided by a readout"),
    ],
)
def test_what_has_no_gap_is_refused(tmp_path, name, settings, gaps, fault):
    with pytest.raises(ConfigurationError, match=fault):
        gap.run_study(load_protocol(name, settings), tmp_path / "study", gaps=gaps)
    assert not (tmp_path / "study").exists()


def test_the_place_of_the_image_is_counted_from_one():
    points = [(asked, how, 1, 0.5 + 0.1 * asked) for asked in (0, 1) for how in ("moving", "frozen")]
    table = pandas.DataFrame(points, columns=["asked", "memristors", "seed", "accuracy"])
    ax = serial_position(table)
    assert [(line.get_xdata().tolist(), line.get_ydata().tolist()) for line in ax.lines[:2]] == 2 * [([1, 2], [50, 60])]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2"]
    with pytest.raises(ConfigurationError, match="no rows"):
        serial_position(table[:0])
