import json
import logging
import re
import tomllib
from typing import get_args

import numpy as np
import pandas
import pytest
from brian2 import mV
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from brianff.description import LatencyEncoding, Layer, Network
from brianff.errors import CheckpointError, ConfigurationError
from brianff.protocols.configuration import Data, Engine, Evaluation, Protocol
from brianff.storage.run_directory import RunDirectory


@pytest.fixture
def run(tmp_path):
    return RunDirectory.create(tmp_path, "digits", 1)


def test_names_say_protocol_seed_and_time(tmp_path):
    run = RunDirectory.create(tmp_path / "runs", "msnn-digits", 7)
    assert run.path.parent == tmp_path / "runs"
    assert re.fullmatch(r"msnn-digits-seed7-\d{8}-\d{6}", run.path.name)
    assert run.figures.is_dir()


def test_runs_of_one_second_are_distinct(tmp_path):
    assert len({RunDirectory.create(tmp_path, "digits", 1).path for _ in range(5)}) == 5


def test_a_name_cannot_leave_the_parent(tmp_path):
    assert RunDirectory.create(tmp_path / "runs", "../../a b", 1).path.parent == tmp_path / "runs"


@pytest.mark.parametrize("parent", ["file", "file/below"])
def test_a_parent_that_is_a_file(tmp_path, parent):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="directory"):
        RunDirectory.create(tmp_path / parent, "digits", 1)


def test_open(run, tmp_path):
    for path in (run.path, tmp_path / "missing"):
        with pytest.raises(CheckpointError, match="is not a run directory"):
            RunDirectory.open(path)
    run.write_config({"seed": 1})
    opened = RunDirectory.open(run.path)
    assert opened.read_config() == {"seed": 1}
    assert not (run.path / "log.txt").exists()  # to open is not to write


def models(annotation, found):
    for part in get_args(annotation):
        models(part, found)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in found:
        found.add(annotation)
        for field in annotation.model_fields.values():
            models(field.annotation, found)
    return found


def test_only_fields_with_the_default_none_may_be_none():
    """TOML has no null, so None is left out of config.toml; it must read back as None."""
    found = models(Protocol, set())
    assert {Data, Engine, Evaluation, Layer, Network} <= found
    for model in found:
        for name, field in model.model_fields.items():
            if type(None) in get_args(field.annotation):
                assert field.default is None, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    "protocol",
    [
        Protocol(),
        Protocol(
            name='quotes " and \\ and\nlines',
            seed=12,
            data=Data(training_images=100),
            network=Network(
                encoding=LatencyEncoding(steps=7),
                layers=(Layer(parameters={"tau": "50 us"}), Layer(current="0.1 uA", weight_bound=0.1)),
            ),
            evaluation=Evaluation(layers=(0, 1)),
        ),
    ],
)
def test_config_is_complete_and_reads_back(run, protocol):
    run.write_config(protocol.model_dump(mode="json"))
    assert Protocol(**run.read_config()) == protocol
    assert Protocol(**tomllib.loads((run.path / "config.toml").read_text(encoding="utf-8"))) == protocol


def test_summary_takes_numpy_scalars(run):
    run.write_summary({"test_accuracy": np.float64(0.1), "epochs": np.int64(3), "wall_seconds": {"train": 1.5}})
    expected = {"test_accuracy": 0.1, "epochs": 3, "wall_seconds": {"train": 1.5}}
    assert run.read_summary() == expected
    assert json.loads((run.path / "summary.json").read_text()) == expected


@pytest.mark.parametrize("value", [1 * mV, [1 * mV], object(), {1: 2}, {"a": {3}}, 1j, np.array([object()]), b"x"])
def test_what_json_cannot_hold_is_not_written(run, value):
    with pytest.raises(ConfigurationError, match=r"summary\.x.* is .*, which JSON cannot hold"):
        run.write_summary({"x": value})
    assert not run.finished


rows = st.tuples(
    st.integers(0, 1000), st.integers(0, 10), st.sampled_from(["training_loss", "odd, \"name'"]), st.floats(width=64)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=settings().max_examples // 4)
@given(st.lists(rows, max_size=20))
def test_history_reads_back_exactly(run, rows):
    run.write_history(rows)
    table = run.read_history()
    expected = pandas.DataFrame(rows, columns=["epoch", "layer", "quantity", "value"])
    assert list(table.columns) == list(expected.columns)
    assert table["epoch"].dtype == table["layer"].dtype == "int64"
    assert table["value"].dtype == "float64"
    for column in ("epoch", "layer", "quantity"):
        assert list(table[column]) == list(expected[column])
    np.testing.assert_array_equal(table["value"], expected["value"].astype(float))


def test_history_is_tidy_text(run):
    run.write_history([(1, 0, "training_loss", 0.5), (1, 0, "training_accuracy", np.float64(0.9))])
    assert (run.path / "history.csv").read_text() == (
        "epoch,layer,quantity,value\n1,0,training_loss,0.5\n1,0,training_accuracy,0.9\n"
    )


@pytest.mark.parametrize("what", ["config", "summary", "history"])
@pytest.mark.parametrize("content", [b"= {", b"\xff\xfe", b"a,b\n1,2\n", b"epoch,layer,quantity,value\nx,y,z,w\n"])
def test_missing_and_damaged_files(run, what, content):
    read = getattr(run, f"read_{what}")
    with pytest.raises(CheckpointError, match=f"has no {what}"):
        read()
    suffix = {"config": "toml", "summary": "json", "history": "csv"}[what]
    (run.path / f"{what}.{suffix}").write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{what}.{suffix}") as caught:
        read()
    assert "\n" not in str(caught.value)


def test_log_appends_and_stays_with_its_run(tmp_path):
    first, second = (RunDirectory.create(tmp_path, "digits", seed) for seed in (1, 2))
    first.log.info("one")
    second.log.warning("two")
    RunDirectory(first.path).log.info("three")
    lines = (first.path / "log.txt").read_text().splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == ["INFO one", "INFO three"]
    assert (second.path / "log.txt").read_text().endswith("WARNING two\n")
    assert "brianff.run" not in logging.Logger.manager.loggerDict
