"""Run directories that were altered by hand: each command works, or refuses in one line that names the file."""

import json
import shutil
import sys

import brian2
import pytest

import brianff.cli
from brianff.cli.common import results
from brianff.errors import CheckpointError, ConfigurationError
from brianff.protocols import Callback, Trainer, load_protocol
from brianff.protocols.activity import activity_rows, complaints, notes
from brianff.storage.run_directory import RunDirectory

SETTINGS = ["data.training_images=10", "network.layers.0.neurons=4", "learning.epochs=1", "learning.batch=5"]
SETTINGS += ["evaluation.epoch_images=5", "evaluation.training_images=5", "engine.workers=1", "engine.name=lanes"]

NONSENSE = ["x", 3, None, [1], {"a": 1}]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    before, brian2.prefs.codegen.target = brian2.prefs.codegen.target, "numpy"
    directory = tmp_path_factory.mktemp("made") / "run"
    trainer = Trainer(load_protocol("msnn-digits", SETTINGS))
    trainer.held_out = trainer.held_out.first(10)
    trainer.fit(directory, progress=False)
    yield RunDirectory(directory)
    brian2.prefs.codegen.target = before


@pytest.fixture
def run(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return RunDirectory(shutil.copytree(made.path, tmp_path / "run"))


def ended(command, monkeypatch, capsys):
    """Return how a command ended and the last line that it told."""
    monkeypatch.setattr(sys, "argv", ["brianff", *command])
    with pytest.raises(SystemExit) as end:
        brianff.cli.main()
    return end.value.code, (capsys.readouterr().err.splitlines() or [""])[-1]


def altered(summary):
    """Yield a summary without each of its entries, and with nonsense in its place."""
    for key in summary:
        without = {name: value for name, value in summary.items() if name != key}
        yield from ((key, one) for one in [without, *(without | {key: value} for value in NONSENSE)])


def test_a_summary_of_any_content_is_told_or_refused(run):
    for key, content in altered(run.read_summary()):
        (run.path / "summary.json").write_text(json.dumps(content))
        try:
            summary, error = run.read_summary(), ""
        except CheckpointError as refused:
            summary, error = {}, str(refused)
        assert f"summary.json is damaged: {key}" in error or summary == content
        assert all(len(row) == 2 for row in [*results(summary), *activity_rows(summary)])
        assert all(isinstance(remark, str) for remark in [*complaints(summary), *notes(summary)])


@pytest.mark.slow
def test_a_summary_of_any_content_is_reported_or_refused(run, monkeypatch, capsys):
    for key, content in altered(run.read_summary()):
        (run.path / "summary.json").write_text(json.dumps(content))
        status, told = ended(["report", "run"], monkeypatch, capsys)
        assert status == 0 or (status, "summary.json" in told, key in told) == (2, True, True), (content, told)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("imports", 3, "imports is 3; it must be a table"),
        ("imports", ["json"], "imports is ['json']"),
        ("imports", {"json": 1}, "made with --import json"),
        ("seed", 5, "seed was 1, is 5"),
        ("network", {"pixels": 64}, "is of another configuration"),
        ("name", "../other", "name was msnn-digits, is ../other"),
    ],
)
def test_another_configuration_is_not_taken_for_the_run_s(run, monkeypatch, capsys, key, value, told):
    run.write_config(run.read_config() | {key: value})
    for command in (["evaluate", "run"], ["report", "run"]):
        status, error = ended(command, monkeypatch, capsys)
        assert (status, told in error) == (2, True), error


def test_a_measured_energy_of_any_content_is_reported_or_refused(run, monkeypatch, capsys):
    assert ended(["energy", "run"], monkeypatch, capsys)[0] == 0
    whole = json.loads((run.path / "energy.json").read_text())
    for content in [
        *NONSENSE,
        *({**whole, key: "x"} for key in ("per_inference", "run", "what_if_read_disturb", "notes")),
    ]:
        (run.path / "energy.json").write_text(json.dumps(content))
        status, told = ended(["report", "run"], monkeypatch, capsys)
        assert status == 0 or (status, "energy.json" in told) == (2, True), (content, told)
    (run.path / "energy.json").unlink()
    (run.path / "energy.json").mkdir()
    assert ended(["report", "run"], monkeypatch, capsys)[0] == 2


def test_a_summary_that_could_not_be_read_again_is_not_written(tmp_path, numpy_target):
    class Spoils(Callback):
        def on_evaluation(self, trainer, summary):
            summary["layers"] = "two"

    trainer = Trainer(load_protocol("msnn-digits", SETTINGS), callbacks=[Spoils()])
    trainer.held_out = trainer.held_out.first(10)
    with pytest.raises(ConfigurationError, match="layers"):
        trainer.fit(tmp_path / "run", progress=False)
    assert not RunDirectory(tmp_path / "run").finished
