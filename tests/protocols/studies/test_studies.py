"""Studies resume where they stopped, and those of equivalence and of STDP run through in miniature."""

import errno
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

from brianff.analysis.equivalence import fitted_slope, plot_cosines, plot_rate_limit
from brianff.analysis.equivalence import summarise as summarise_cosines
from brianff.analysis.stdp import plot_accuracies
from brianff.analysis.stdp import summarise as summarise_accuracies
from brianff.data.named import load_dataset
from brianff.errors import CheckpointError, ConfigurationError, NumericalError
from brianff.protocols.studies import equivalence, stdp
from brianff.protocols.studies.rate_limit import measure_rate_limit
from brianff.protocols.studies.study import Study
from brianff.storage.checkpoint import append
from brianff.storage.locks import writing


def test_a_stopped_study_measures_only_what_is_missing(tmp_path):
    points = [{"neuron": neuron, "size": size} for neuron in ("mif", "lif") for size in (1, 2)]
    measured = []

    def measure(neuron, size):
        if len(measured) == 2 and (neuron, size) == ("lif", 1):
            measured.append("stop")
            raise KeyboardInterrupt
        measured.append((neuron, size))
        return [{"value": 0.1 + size, "part": part} for part in "ab"]

    with pytest.raises(KeyboardInterrupt):
        Study(tmp_path / "study", {"seed": 1}).fill("table", points, measure, progress=False)
    table = Study(tmp_path / "study", {"seed": 1}).fill("table", points, measure, progress=False)
    assert measured == [("mif", 1), ("mif", 2), "stop", ("lif", 1), ("lif", 2)]
    assert list(table.columns) == ["neuron", "size", "value", "part"]
    assert len(table) == 8
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "study" / "table.csv"))


def test_other_settings_need_another_directory(tmp_path):
    Study(tmp_path / "study", {"seed": 1})
    with pytest.raises(ConfigurationError, match="other settings; name another directory with --out"):
        Study(tmp_path / "study", {"seed": 2})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="name another with --out"):
        Study(tmp_path / "file", {})


def test_damaged_files_are_named(tmp_path):
    study = Study(tmp_path, {})
    for content in (b'garbage,,,\n"x', b"\xff\xfe", b"", b"value\n1\n"):
        (tmp_path / "table.csv").write_bytes(content)
        with pytest.raises(CheckpointError, match=r"table.csv is not the table of a study.*move it away"):
            study.fill("table", [{"seed": 1}], lambda seed: [{"value": 1}], progress=False)
        assert (tmp_path / "table.csv").read_bytes() == content
    (tmp_path / "settings.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"settings.json"):
        Study(tmp_path, {})


def test_a_line_that_a_kill_cut_short_is_measured_again(tmp_path):
    points = [{"seed": seed} for seed in range(3)]
    path = tmp_path / "table.csv"
    Study(tmp_path, {}).fill("table", points, lambda seed: [{"value": 10 * seed}], progress=False)
    whole = path.read_bytes()
    assert whole == b"seed,value\n0,0\n1,10\n2,20\n"
    measured = []
    for length in range(len(b"seed,value\n"), len(whole)):
        path.write_bytes(whole[:length])
        Study(tmp_path, {}).fill(
            "table", points, lambda seed: measured.append(seed) or [{"value": 10 * seed}], progress=False
        )
        assert measured == list(range(whole[:length].count(b"\n") - 1, 3))
        measured.clear()
        assert path.read_bytes() == whole


def test_a_row_with_more_columns_and_a_full_disk(tmp_path, monkeypatch):
    def measure(seed):
        return [{"value": 1} if seed == 0 else {"value": 2, "more": "a,b"}]

    study = Study(tmp_path, {})
    study.fill("table", [{"seed": seed} for seed in range(3)], measure, progress=False)
    assert study.path("table").read_text() == 'seed,value,more\n0,1,\n1,2,"a,b"\n2,2,"a,b"\n'
    before = study.path("table").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="free some space"):
        append(study.path("table"), b"4,5,6\n")
    assert study.path("table").read_bytes() == before


@pytest.mark.parametrize("value", [4.0, 0.1, 1e-9, 3, "pair", "7", "NA", "", None, True])
def test_points_are_known_again_whatever_their_values(tmp_path, value):
    measured = []
    for _ in range(2):
        Study(tmp_path, {}).fill(
            "table", [{"value": value, "size": 1}], lambda **point: measured.append(point) or [{}], progress=False
        )
    assert measured == [{"value": value, "size": 1}]


def test_no_points_leave_the_table_as_it_is(tmp_path):
    study = Study(tmp_path, {})
    assert study.fill("table", [], None, progress=False).empty
    table = study.fill("table", [{"seed": 1}], lambda seed: [{"value": 2}], progress=False)
    pd.testing.assert_frame_equal(study.fill("table", [], None, progress=False), table)


def square(number):
    yield {"square": number**2}


@pytest.mark.slow
def test_points_are_measured_side_by_side(tmp_path):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        points = [{"number": number} for number in range(5)]
        table = Study(tmp_path, {}).fill("squares", points, square, progress=False, map=pool.map)
    assert table.to_dict("list") == {"number": [0, 1, 2, 3, 4], "square": [0, 1, 4, 9, 16]}


def test_the_spiking_change_approaches_the_analog_one(numpy_target):
    rows = [
        {"steps_per_spike": "sqrt(T)", "steps": steps, **row}
        for steps in (16, 64, 256)
        for row in measure_rate_limit("sqrt(T)", steps)
    ]
    table = pd.DataFrame(rows)
    assert table["relative_error"].is_monotonic_decreasing
    assert table["cosine"].is_monotonic_increasing
    assert -0.6 < fitted_slope(table) < -0.3  # -1/2 for many steps
    assert "T" in plot_rate_limit(table).get_xlabel()


def test_the_grid_of_the_study_of_equivalence():
    points = pd.DataFrame(equivalence._points(False))
    assert not points.duplicated().any()
    assert set(points["neuron"]) == {"relu", "mif", "lif"}
    assert set(points["dataset"]) == {"mnist", "fashion-mnist"}
    assert set(points["probability"]) == {"pair", "sigmoid", "symmetric"}
    left_out = {"final-squared-norm", "rectified-mean-square", "spikes"}
    assert set(points["goodness"]) == set(equivalence.GOODNESS) - left_out
    assert len(equivalence._points(True)) < 12
    costs = pd.DataFrame(equivalence._cost_points(False))
    assert not costs.duplicated().any()
    assert costs.groupby(["neuron", "goodness"])["seed"].agg(set).map(sorted).tolist() == [[1, 2, 3]] * 19


@pytest.fixture
def cosines():
    rows = [
        {
            "neuron": neuron,
            "dataset": "mnist",
            "goodness": goodness,
            "probability": "pair",
            "batches": batches,
            "rule": rule,
            "corrected_cosine": 0.9 if rule == "hebbian" else 1.0,
        }
        for neuron in ("relu", "lif")
        for goodness in ("squared-norm", "l1-norm")
        for batches in (0, 10)
        for rule in ("hebbian", "local rule")
    ]
    return pd.DataFrame(rows)


def test_figure_and_summary_of_cosines(cosines):
    figure = plot_cosines(cosines)
    assert len(figure.axes) == 2
    hebbian = figure.axes[0].get_lines()[1]
    np.testing.assert_allclose(hebbian.get_ydata(), 0.9)
    assert figure.axes[1].get_xlabel() == "training batches"
    summary = summarise_cosines(cosines)
    assert summary.loc["l1-norm", "relu"] == pytest.approx(0.9)


def test_a_training_that_diverges_has_no_accuracy(monkeypatch):
    def diverge(*arguments):
        raise NumericalError("the membrane voltage left its range")

    monkeypatch.setattr(equivalence, "_accuracy", diverge)
    assert np.isnan(equivalence._accuracy_after_training("mif", None, None, "hebbian", {}, 1))


def test_training_is_followed(numpy_target):
    split = _tiny_images()
    settings = {"pairs": 6, "draws": 1, "batches": [0, 2]}
    goodness = equivalence.GOODNESS["squared-norm"]
    rows = list(equivalence._follow_training("relu", split, goodness, "pair", settings, 1))
    assert [(row["batches"], row["rule"]) for row in rows] == [
        (batches, rule) for batches in (0, 2) for rule in ("hebbian", "local rule")
    ]
    assert max(row["relative_error"] for row in rows) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["local rule", "hebbian"])
def test_both_changes_learn(rule, data_directory):
    split = load_dataset("mnist", data_directory).train.first(4200)
    goodness = equivalence.GOODNESS["squared-norm"]
    settings = {"trained": 30, "judged": 200}
    assert equivalence._accuracy_after_training("relu", split, goodness, rule, settings, 1) > 0.5
    settings["trained"] = 1
    assert equivalence._accuracy_after_training("relu", split, goodness, rule, settings, 1) < 0.5


def _tiny_images():
    from brianff.data.split import Split

    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (600, 784)).astype(np.uint8)
    return Split(images, generator.integers(0, 10, 600))


@pytest.mark.slow
def test_rules_on_the_order_of_events(numpy_target, monkeypatch):
    monkeypatch.setattr(stdp, "NEURONS", 12)
    task = stdp.order_task(training=60, test=30, seed=1)
    measured = {rule: list(stdp._measure(task, rule, 1, fit=60)) for rule in stdp.RULES}
    accuracy = {(rule, row["readout"]): row["accuracy"] for rule, rows in measured.items() for row in rows}
    assert accuracy["input in time", "linear"] > 0.6
    assert accuracy["input", "linear"] < 0.4  # counts do not tell: chance is 1/6
    for rule in ("STDP", "Forward-Forward"):
        assert {row["readout"] for row in measured[rule]} >= {"linear", "majority"}
        assert measured[rule][-1]["spikes_per_presentation"] > 0
    table = pd.DataFrame(
        [{"task": "order", "seed": 1, "rule": rule, **row} for rule, rows in measured.items() for row in rows]
    )
    assert summarise_accuracies(table).loc["input in time", ("order", "linear")] > 90
    assert plot_accuracies(table).axes[0].get_xlabel() == "test accuracy (%)"


def test_a_study_that_another_process_fills_is_refused(tmp_path):
    study = Study(tmp_path, {})
    with writing(tmp_path), pytest.raises(ConfigurationError, match="in use"):
        study.fill("table", [{"x": 1}], lambda x: [{"y": x}], progress=False)
    assert not study.path("table").exists()
