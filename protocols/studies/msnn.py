"""The fully memristive network's table of results: mean and spread over seeds beside the published figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianff.protocols.configuration import Protocol
from brianff.protocols.studies.backpropagation import backpropagated_accuracy
from brianff.protocols.studies.msnn_runs import msnn_runs
from brianff.protocols.studies.published import MEMRISTIVE
from brianff.protocols.sweep import run_sweep
from brianff.storage.checkpoint import write_atomically

if TYPE_CHECKING:
    import pandas

__all__ = ["msnn_table", "reproduce_msnn", "runs_table", "write_msnn_tables"]

_TITLE = "Fully memristive network, test accuracy in per cent"

Summaries = Mapping[str, Mapping[str, Any]]


def reproduce_msnn(
    datasets: Iterable[str],
    devices: Iterable[str],
    seeds: Sequence[int],
    quick: bool,
    directory: Path,
    data_dir: Path | None = None,
) -> list[Path]:
    """Make the runs that are missing and write the tables; return the tables' paths, the readable one last.

    On the reduced KMNIST a back-propagated network of the same size learns the same images beside them, since nothing
    published is comparable.

    Raises
    ------
    BrianffError
        Whatever a run raises; what was finished is kept.
    """
    protocols = msnn_runs(datasets, devices, seeds, quick)
    summaries = run_sweep(protocols, directory, data_dir)
    compared = {protocol.seed: protocol for protocol in protocols.values() if protocol.data.dataset == "kmnist-7k"}
    baselines = {}
    if compared:
        accuracies = [_baseline(protocol, Path(directory), quick, data_dir) for protocol in compared.values()]
        baselines["kmnist-7k"] = sum(accuracies) / len(accuracies)
    quick_form = "QUICK FORM (one seed, small networks, few epochs): " if quick else ""
    return write_msnn_tables(summaries, directory, baselines, f"{quick_form}{_TITLE}")


def _baseline(protocol: Protocol, directory: Path, quick: bool, data_dir: Path | None) -> float:
    """Return the accuracy of the back-propagated network, from its file where it was trained before."""
    path = directory / f"backpropagated-{protocol.data.dataset}{'-quick' if quick else ''}-seed{protocol.seed}.json"
    if not path.exists():
        arguments: dict[str, Any] = {
            "dataset": protocol.data.dataset,
            "hidden": [layer.neurons for layer in protocol.network.layers],
            "seed": protocol.seed,
            "shift": protocol.data.shift,
            "epochs": protocol.learning.epochs,
        }
        accuracy = backpropagated_accuracy(**arguments, data_dir=data_dir)
        write_atomically(path, (json.dumps(arguments | {"test_accuracy": accuracy}, indent=2) + "\n").encode())
    return json.loads(path.read_text(encoding="utf-8"))["test_accuracy"]


def runs_table(summaries: Summaries) -> pandas.DataFrame:
    """Return one row per run: what it was, its accuracies, wall time, memory, commit and digest of the weights.

    Parameters
    ----------
    summaries : mapping of str to dict
        Contents of summary.json by the run's name; empty: a table without rows.
    """
    import pandas

    columns = ["run", "dataset", "device", "layers", "seed", "epochs", "test_accuracy", "train_accuracy"]
    columns += ["wall_minutes", "peak_memory_GiB", "commit", "weights_digest"]
    rows = []
    for name, summary in summaries.items():
        row = {column: summary.get(column) for column in columns}
        row |= {"run": name, "layers": " + ".join(str(size) for size in summary["neurons"])}
        row["device"] = ", ".join(sorted(set(summary["devices"])))
        row["wall_minutes"] = round(sum(summary["wall_seconds"].values()) / 60, 1)
        row["peak_memory_GiB"] = round((summary["peak_memory_bytes"] or float("nan")) / 2**30, 2)
        rows.append(row)
    return pandas.DataFrame(rows, columns=columns)


def msnn_table(runs: pandas.DataFrame, baselines: Mapping[str, float] | None = None) -> pandas.DataFrame:
    """Return mean and spread of the test accuracy over seeds, in per cent, beside the published figures.

    Parameters
    ----------
    runs : pandas.DataFrame
        From `runs_table`.
    baselines : mapping of str to float, optional
        Accuracy of a back-propagated network by data set.

    Returns
    -------
    pandas.DataFrame
        One row per data set and device: number of seeds, mean, standard deviation (nan for one seed), lowest, highest.
    """
    accuracy = 100 * runs["test_accuracy"].astype(float)
    groups = accuracy.groupby([runs["dataset"], runs["device"]], sort=False)
    table = groups.agg(["count", "mean", "std", "min", "max"]).round(2).reset_index()
    table = table.rename(columns={"count": "seeds", "std": "standard deviation", "min": "lowest", "max": "highest"})
    table["back-propagated"] = [
        round(100 * (baselines or {}).get(dataset, float("nan")), 2) for dataset in table["dataset"]
    ]
    table["published"] = ["; ".join(_published(dataset)) for dataset in table["dataset"]]
    return table


def _published(dataset: str) -> list[str]:
    return [
        f"{100 * item.accuracy:.2f} ({item.work}; {item.source}{'; ' + item.remark if item.remark else ''})"
        for item in MEMRISTIVE
        if item.dataset == dataset
    ]


def write_msnn_tables(
    summaries: Summaries, directory: Path, baselines: Mapping[str, float] | None = None, title: str = _TITLE
) -> list[Path]:
    """Write runs.csv, table.csv and table.md (both tables, readable) into a directory and return their paths."""
    runs = runs_table(summaries)
    table = msnn_table(runs, baselines)
    text = "\n\n".join([f"# {title}", _markdown(table), "## Runs", _markdown(runs)])
    contents = {"runs.csv": runs.to_csv(index=False), "table.csv": table.to_csv(index=False), "table.md": text + "\n"}
    for name, content in contents.items():
        write_atomically(Path(directory, name), content.encode())
    return [Path(directory, name) for name in contents]


def _markdown(table: pandas.DataFrame) -> str:
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy(dtype=object).tolist()]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None or value != value else str(value)  # nan differs from itself
