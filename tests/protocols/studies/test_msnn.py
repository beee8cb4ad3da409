"""The table of results: means and spreads, checked by hand."""

import pytest

from brianff.protocols.studies.msnn import msnn_table, runs_table, write_msnn_tables


def summary(dataset, device, seed, accuracy):
    return {
        "dataset": dataset,
        "devices": [device, device],
        "neurons": [1024, 512],
        "seed": seed,
        "epochs": 20,
        "test_accuracy": accuracy,
        "train_accuracy": 1.0,
        "wall_seconds": {"compile": 30.0, "train": 540.0, "evaluate": 30.0},
        "peak_memory_bytes": 2**30,
        "commit": "0123456789ab",
        "weights_digest": "ff",
    }


@pytest.fixture
def summaries():
    return {
        "a": summary("mnist", "ideal", 1, 0.98),
        "b": summary("mnist", "ideal", 2, 0.99),
        "c": summary("kmnist-7k", "ecram", 1, 0.85),
    }


def test_runs(summaries):
    runs = runs_table(summaries)
    assert list(runs["layers"]) == ["1024 + 512"] * 3
    assert list(runs["wall_minutes"]) == [10.0] * 3
    assert list(runs["device"]) == ["ideal", "ideal", "ecram"]
    assert len(runs_table({})) == 0


def test_mean_and_spread(summaries):
    table = msnn_table(runs_table(summaries), {"kmnist-7k": 0.8412}).set_index(["dataset", "device"])
    mnist, kmnist = table.loc[("mnist", "ideal")], table.loc[("kmnist-7k", "ecram")]
    assert (mnist["seeds"], mnist["mean"], mnist["lowest"], mnist["highest"]) == (2, 98.5, 98.0, 99.0)
    assert mnist["standard deviation"] == pytest.approx(0.71)  # 1 / sqrt(2)
    assert kmnist["standard deviation"] != kmnist["standard deviation"]  # one seed has no spread
    assert kmnist["back-propagated"] == 84.12
    assert "unverified" in mnist["published"]


def test_files(summaries, tmp_path):
    paths = write_msnn_tables(summaries, tmp_path)
    assert [path.name for path in paths] == ["runs.csv", "table.csv", "table.md"]
    text = paths[-1].read_text(encoding="utf-8")
    assert "| mnist | ideal | 2 | 98.5 | 0.71 | 98.0 | 99.0 |" in text
    assert "nan" not in text
