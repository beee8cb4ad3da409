"""The fully memristive network's runs, and its table of results: means and spreads, checked by hand."""

import pytest

from brianff.errors import ConfigurationError
from brianff.protocols.studies import msnn
from brianff.protocols.studies.msnn import msnn_runs, msnn_table, runs_table, write_msnn_tables


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


def test_every_combination_is_a_run_of_its_own():
    runs = msnn_runs()
    assert len(runs) == 3 * 2 * 3
    assert len({protocol.model_dump_json() for protocol in runs.values()}) == len(runs)
    protocol = runs["fashion-mnist-large-ecram-seed2"]
    assert (protocol.data.dataset, protocol.seed) == ("fashion-mnist", 2)
    assert all(layer.device.name == "ecram" for layer in protocol.network.layers)
    assert not any(protocol.data.validation_images for protocol in runs.values())  # the test images are evaluated


def test_the_quick_form_is_one_seed():
    runs = msnn_runs(["mnist"], ["ideal"], [4, 5], quick=True)
    assert [protocol.seed for protocol in runs.values()] == [4]


@pytest.mark.parametrize(
    ("arguments", "message"), [((["digits"],), "no data set 'digits'.*mnist"), ((["mnist"], ["gold"]), "'gold'")]
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        msnn_runs(*arguments)


def test_a_backpropagated_network_of_each_seed_is_trained_once(summaries, tmp_path, monkeypatch):
    trained = []

    def accuracy(dataset, hidden, seed, shift, epochs, data_dir, augmentation):
        trained.append((dataset, hidden, seed, epochs))
        return 0.8 + 0.01 * seed

    monkeypatch.setattr(msnn, "run_sweep", lambda *arguments, map: summaries)
    monkeypatch.setattr(msnn, "backpropagated_accuracy", accuracy)
    for seeds in ([1], [1, 2]):
        *_, path = msnn.reproduce_msnn(["kmnist-7k"], ["ideal", "ecram"], seeds, False, tmp_path)
    hidden = [layer.neurons for layer in msnn_runs(["kmnist-7k"])["kmnist-7k-large-ideal-seed1"].network.layers]
    assert [(dataset, sizes, seed) for dataset, sizes, seed, _ in trained] == [
        ("kmnist-7k", hidden, 1),
        ("kmnist-7k", hidden, 2),
    ]
    assert "| 81.5 |" in path.read_text()
