"""A sweep makes what is missing, resumes what was stopped, and leaves alone what is finished."""

import pytest

from brianff.errors import CheckpointError
from brianff.protocols.configuration import load_protocol
from brianff.protocols.sweep import run_sweep
from brianff.protocols.trainer import Trainer

SMALL = ["data.training_images=32", "network.layers.0.neurons=8", "learning.epochs=2"]
SMALL += ["evaluation.epoch_images=10", "evaluation.training_images=10"]


@pytest.fixture
def protocols(numpy_target):
    return {f"seed{seed}": load_protocol("msnn-digits", [*SMALL, f"seed={seed}"]) for seed in (1, 2)}


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
