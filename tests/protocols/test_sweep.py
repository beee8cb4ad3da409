"""A sweep makes what is missing, resumes what was stopped, and leaves alone what is finished."""

import itertools
import json
import subprocess
import sys
import time
from typing import ClassVar

import numpy as np
import pandas
import pytest
import scipy.stats

from brianff.errors import BrianffError, CheckpointError, ConfigurationError, NumericalError
from brianff.protocols import sweep
from brianff.protocols.configuration import load_protocol
from brianff.protocols.modulators import Pair, Sigmoid
from brianff.protocols.sweep import Sweep, run_sweep
from brianff.protocols.trainer import Trainer

SMALL = ["data.training_images=32", "network.layers.0.neurons=8", "learning.epochs=2"]
SMALL += ["evaluation.epoch_images=10", "evaluation.training_images=10", "data.validation_images=10"]


@pytest.fixture
def protocols(numpy_target):
    return {f"seed{seed}": load_protocol("msnn-digits", [*SMALL, f"seed={seed}"]) for seed in (1, 2)}


@pytest.mark.slow
def test_finished_runs_are_kept_and_stopped_ones_resumed(protocols, tmp_path, monkeypatch):
    expected = run_sweep(protocols, tmp_path / "whole", progress=False)
    assert [summary["seed"] for summary in expected.values()] == [1, 2]

    epoch = Trainer.run_epoch

    def stopped(trainer, *arguments):
        if trainer.epoch == 1:
            monkeypatch.undo()
            raise KeyboardInterrupt
        epoch(trainer, *arguments)

    run_sweep({"seed1": protocols["seed1"]}, tmp_path / "parts", progress=False)
    monkeypatch.setattr(Trainer, "run_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(protocols, tmp_path / "parts", progress=False)
    kept = (tmp_path / "parts" / "seed1" / "summary.json").stat().st_mtime_ns
    resumed = run_sweep(protocols, tmp_path / "parts", progress=False)
    assert (tmp_path / "parts" / "seed1" / "summary.json").stat().st_mtime_ns == kept
    for name, summary in expected.items():
        assert resumed[name]["weights_digest"] == summary["weights_digest"]


def test_another_configuration_is_refused(protocols, tmp_path):
    run_sweep({"run": protocols["seed1"]}, tmp_path, progress=False)
    with pytest.raises(CheckpointError, match="another configuration"):
        run_sweep({"run": protocols["seed2"]}, tmp_path, progress=False)


def test_nothing_to_do(tmp_path):
    assert run_sweep({}, tmp_path) == {}


def test_runs_may_be_scheduled(protocols, tmp_path):
    """A scheduler gets a function and all points at once, and may make the runs in any order."""
    made = []

    def backwards(function, points):
        made.extend(points)
        return [function(point) for point in reversed(points)]

    summaries = run_sweep(protocols, tmp_path, progress=False, map=backwards)
    assert made == [{"name": "seed1"}, {"name": "seed2"}]
    assert [summary["seed"] for summary in summaries.values()] == [1, 2]


class Instant:
    """Stands in for training: its accuracy follows from the protocol, and a learning rate of 7 diverges."""

    made: ClassVar[list] = []
    repaired = False

    def __init__(self, protocol, data_dir=None):
        self.protocol = protocol

    def fit(self, directory, progress):
        learning, seed = self.protocol.learning, self.protocol.seed
        if learning.learning_rate == 7 and not self.repaired:
            raise NumericalError("it diverged;\nuse less")
        self.made.append((learning.epochs, learning.learning_rate, seed))
        directory.mkdir()
        digest = "000" if seed == 1 else "1e5"
        return {
            "seed": seed,
            "test_accuracy": 0.1 * learning.epochs + seed / 3,
            "tied_share": None,
            "engine": "lanes",
        } | {
            "weights_digest": digest,
            "peak_memory_bytes": len(self.made),
            "wall_seconds": {"train": len(self.made)},
        }


@pytest.fixture
def instant(monkeypatch):
    monkeypatch.setattr(sweep, "Trainer", Instant)
    monkeypatch.setattr(Instant, "made", [])
    monkeypatch.setattr(Instant, "repaired", False)
    return Instant


def grid(rates=(1e-3, 5e-3), **fields):
    values = {"learning.epochs": [1, 2], "learning.learning_rate": rates}
    return Sweep(**{"protocol": "msnn-digits", "values": values, "seeds": [1, 2]} | fields)


def files(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def test_every_combination_is_run_with_every_seed(instant, tmp_path, capsys):
    table = grid().run(tmp_path, progress=False)
    expected = list(itertools.product((1, 2), (1e-3, 5e-3), (1, 2)))
    assert instant.made == expected
    assert (
        list(table[["learning.epochs", "learning.learning_rate", "seed"]].itertuples(index=False, name=None))
        == expected
    )
    assert list(table.columns[3:]) == ["run", "error", "test_accuracy", "tied_share", "engine", "weights_digest"]
    assert table["run"].is_unique
    assert all((tmp_path / name).is_dir() for name in table["run"])
    assert table["test_accuracy"].tolist() == [0.1 * epochs + seed / 3 for epochs, _, seed in expected]
    assert (tmp_path / "sweep.csv").read_text().splitlines()[2].endswith(",lanes,1e5")
    pandas.testing.assert_frame_equal(pandas.read_parquet(tmp_path / "sweep.parquet"), table)
    assert capsys.readouterr().out == ""


def test_a_stopped_sweep_goes_on_and_ends_with_the_same_files(instant, tmp_path, capsys):
    rates = (1e-3, 7.0)
    grid(rates).run(tmp_path / "whole", progress=False)
    instant.made.clear()
    fit = instant.fit
    for stop in (1, 3):  # the third and the seventh point; those with a rate of 7 fail

        def stopped(self, *arguments, stop=stop, **options):
            if len(self.made) == stop:
                raise KeyboardInterrupt
            return fit(self, *arguments, **options)

        instant.fit = stopped
        try:
            with pytest.raises(KeyboardInterrupt):
                grid(rates).run(tmp_path / "parts")
        finally:
            instant.fit = fit
    assert "resumes" in capsys.readouterr().out
    grid(rates).run(tmp_path / "parts")
    assert instant.made == [(1, 1e-3, 1), (1, 1e-3, 2), (2, 1e-3, 1), (2, 1e-3, 2)]
    assert capsys.readouterr().out == f"resumes {tmp_path / 'parts'}: 5 of 8 points are there, 2 of them failed\n"
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_points_that_fail_are_recorded_and_run_again_on_request(instant, tmp_path):
    table = grid((7.0, 1e-3)).run(tmp_path, progress=False)
    assert (
        table["error"].fillna("").tolist()
        == ["it diverged; use less"] * 2 + [""] * 2 + ["it diverged; use less"] * 2 + [""] * 2
    )
    assert len(instant.made) == 4
    instant.repaired = True
    grid((7.0, 1e-3)).run(tmp_path, progress=False)
    assert len(instant.made) == 4
    table = grid((7.0, 1e-3)).run(tmp_path, progress=False, retry_failed=True)
    assert instant.made[4:] == [(1, 7, 1), (1, 7, 2), (2, 7, 1), (2, 7, 2)]
    assert table["error"].isna().all()
    grid((7.0, 1e-3)).run(tmp_path / "new", progress=False)
    assert files(tmp_path) == files(tmp_path / "new")


def test_a_changed_sweep_extends_or_is_refused(instant, tmp_path, capsys):
    grid((1e-3, 7.0)).run(tmp_path, progress=False)
    before = files(tmp_path)
    for other, message in [
        (grid((5e-3, 7.0)), r"points that the sweep has no longer, 4 of them, such as .*rate=0.001, seed=1.*--out"),
        (grid(values={"learning.epochs": [1, 2]}), "over learning.epochs, learning.learning_rate, seed; this one"),
        (grid(protocol=load_protocol("msnn-digits", ["learning.batch=8"])), "learning.batch was 32, is 8"),
    ]:
        with pytest.raises(BrianffError, match=message):
            other.run(tmp_path, progress=False)
        assert files(tmp_path) == before
    del instant.made[:]
    wider = grid((1e-3, 2e-3), seeds=[1, 2, 3])  # without the rate that failed
    table = wider.run(tmp_path)
    assert (
        capsys.readouterr().out
        == f"extends the sweep in {tmp_path} by 8 points: 8 of 12 points are there, 4 of them failed\n"
    )
    assert len(instant.made) == 8
    assert list(table["seed"]) == [1, 2, 3] * 4
    assert table["error"].isna().all()
    wider.run(tmp_path / "new", progress=False)
    assert files(tmp_path) == files(tmp_path / "new")


def test_points_may_end_in_any_order(instant, tmp_path):
    grid((1e-3, 7.0)).run(tmp_path / "forwards", progress=False)
    grid((1e-3, 7.0)).run(tmp_path / "backwards", progress=False, map=lambda f, points: map(f, [*points][::-1]))
    assert files(tmp_path / "backwards") == files(tmp_path / "forwards")


def test_a_sweep_that_nothing_can_come_of_leaves_nothing(tmp_path):
    for wrong, message in [
        (grid(values={"learning.epochz": [1, 2]}), "learning: unknown key 'epochz'"),
        (grid(values={"learning.epochs": [0]}), "learning.epochs: must be a whole number"),
        (grid(values={"data.dataset": ["nowhere.npz"]}), "nowhere.npz"),
    ]:
        with pytest.raises(BrianffError, match=message):
            wrong.run(tmp_path / "new", tmp_path, progress=False)
        assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"values": {"seed": [1]}}, "seeds have a list of their own"),
        ({"values": {"learning.epochs": []}}, "no value of 'learning.epochs'"),
        ({"values": {"learning.epochs": [1, 1.0]}}, "written alike"),
        ({"values": {"learning.epochs": {"distribution": "uniform", "low": 0, "high": 1}}}, "samples"),
        ({"samples": 3}, "samples"),
        ({"values": {"x": {"distribution": "uniforn"}}}, "no distribution 'uniforn'; known: uniform, log-uniform"),
        ({"values": {"x": {"distribution": "uniform", "low": 1}}}, "distribution 'uniform'.*high"),
        ({"values": {"x": {"distribution": "uniform", "low": "a", "high": 2}}}, "distribution 'uniform'"),
        ({"values": {"x": {"distribution": "uniform", "low": "1 uA", "high": "2 mA"}}}, "one unit"),
        ({"values": {"x": {"distribution": "log-uniform", "low": 0, "high": 2}}}, "0 < low"),
        ({"seeds": [1, 1]}, "seeds: must be different"),
        ({"protocol": 3}, "protocol: must be a name"),
        ({"points": 3}, "unknown key 'points'"),
    ],
)
def test_wrong_sweeps_are_refused_by_their_key(fields, message):
    with pytest.raises(ConfigurationError, match=message):
        grid(**fields)


def test_latin_hypercubes_meet_each_part_of_each_distribution_once():
    values = {
        "network.layers.0.current_scale": {"distribution": "log-uniform", "low": "10 uA", "high": "1000 uA"},
        "learning.learning_rate": {"distribution": "uniform", "low": 0.1, "high": 0.9},
        "learning.epochs": {"distribution": "integers", "low": 3, "high": 10},
        "learning.modulator": ["pair", Sigmoid],
    }
    points = grid(values=values, samples=8, seeds=[5, 6]).points
    assert len(points) == 8 * 2 * 2
    assert [point["seed"] for point in points] == [5, 6] * 16
    assert points[0] | {"seed": 6} == points[1]
    assert [point["learning.modulator"] for point in points] == ["pair"] * 16 + ["sigmoid"] * 16
    currents = [float(point["network.layers.0.current_scale"].removesuffix(" uA")) for point in points[:16:2]]
    assert sorted(np.floor(4 * np.log10(np.array(currents) / 10))) == list(range(8))
    assert sorted(np.floor([10 * (point["learning.learning_rate"] - 0.1) for point in points[:16:2]])) == list(range(8))
    assert sorted(point["learning.epochs"] for point in points[:16:2]) == list(range(3, 11))
    one = grid(values=values, samples=8, seeds=[5, 6]).protocol_at(points[-1])
    assert one.learning.modulator is Sigmoid
    assert one.network.layers[0].current_scale == pytest.approx(currents[-1] * 1e-6)
    assert one.seed == 6


def test_more_random_points_leave_the_first_as_they_are():
    values = {"learning.threshold": scipy.stats.norm(1, 0.1)}
    few, many = (grid(values=values, samples=count, design="random").points for count in (3, 5))
    assert many[: len(few)] == few


def test_a_sweep_of_a_file(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\n[learning]\nepochs = 4\n')
    (tmp_path / "sweep.toml").write_text(
        'protocol = "mine.toml"\n[values]\nlearning.groups = [1, 2]\n"learning.batch" = 8\n'
    )
    sweep = Sweep.from_file(tmp_path / "sweep.toml")
    assert sweep.points == tuple({"learning.groups": n, "learning.batch": 8, "seed": 1} for n in (1, 2))
    learning = sweep.protocol_at(sweep.points[1]).learning
    assert (learning.epochs, learning.groups, learning.batch) == (4, 2, 8)


def test_a_point_is_what_training_alone_gives(protocols, tmp_path):
    values = {"learning.modulator": [Pair(0.2, 1.0)], "learning.epochs": [1]}
    protocol = protocols["seed1"]
    table = Sweep(protocol=protocol, values=values, seeds=[2]).run(tmp_path, progress=False)
    learning = protocol.learning.replace(modulator=Pair(0.2, 1.0), epochs=1)
    alone = Trainer(protocol.replace(learning=learning, seed=2)).fit(progress=False)
    assert table["weights_digest"].tolist() == [alone["weights_digest"]]
    assert table["validation_accuracy"].tolist() == [alone["validation_accuracy"]]
    summary = json.loads((tmp_path / table["run"][0] / "summary.json").read_text())
    assert summary["weights_digest"] == alone["weights_digest"]


@pytest.mark.slow
def test_the_command_is_killed_and_goes_on(tmp_path):
    """Killed anywhere: the same command ends with the files of one that was left alone."""
    values = "\n".join(f'"{key}" = {value}' for key, _, value in (setting.partition("=") for setting in SMALL))
    values += '\n"engine.name" = "lanes"\n"learning.batch" = [8, 16, 0]\n'
    (tmp_path / "few.toml").write_text(f'protocol = "msnn-digits"\n[values]\n{values}')
    command = [sys.executable, "-m", "brianff", "sweep", "few.toml", "--out"]

    def start(out):
        return subprocess.Popen(
            [*command, out], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    whole = start("whole")
    output, errors = whole.communicate(timeout=300)
    assert whole.returncode == 2
    assert "brianff: error: 1 of 3 points failed, the first with: learning.batch: must be a whole number" in errors
    assert "sweep.png" in output
    killed = start("killed")
    while not list(tmp_path.glob("killed/*/checkpoint.npz")):
        assert killed.poll() is None, killed.communicate()
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    again = start("killed")
    assert "resumes killed" in again.communicate(timeout=300)[0]
    assert [
        name for name, content in files(tmp_path / "whole").items() if files(tmp_path / "killed")[name] != content
    ] == []
    for run in (tmp_path / "whole").glob("*/"):
        for name in ("config.toml", "history.csv"):
            assert (tmp_path / "killed" / run.name / name).read_bytes() == (run / name).read_bytes()
