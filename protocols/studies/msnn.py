"""The fully memristive network's table of results: mean and spread over seeds beside the published figures."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from brianff.errors import ConfigurationError
from brianff.protocols.configuration import Protocol, load_protocol
from brianff.protocols.studies.backpropagation import backpropagated_accuracy
from brianff.protocols.studies.study import Map, Study
from brianff.protocols.sweep import run_sweep
from brianff.storage.checkpoint import write_atomically

if TYPE_CHECKING:
    import pandas

__all__ = ["msnn_runs", "msnn_table", "reproduce_msnn", "runs_table", "write_msnn_tables"]

DATASETS = ("mnist", "fashion-mnist", "kmnist-7k")
DEVICES = ("ideal", "ecram")
SEEDS = (1, 2, 3)

_QUICK_EPOCHS = {"mnist": 2, "fashion-mnist": 2, "kmnist-7k": 10}

_TITLE = "Fully memristive network, test accuracy in per cent"

Summaries = Mapping[str, Mapping[str, Any]]


class Published(NamedTuple):
    """A published test accuracy in [0, 1]; the remark says what makes the comparison unequal or uncertain."""

    dataset: str
    accuracy: float
    work: str
    source: str
    remark: str = ""


MEMRISTIVE = (
    Published("mnist", 0.9821, "MIF and Forward-Forward, two layers of 512", "a comment in public code", "unverified"),
    Published("mnist", 0.9758, "SPICEprop, fully memristive, back-propagation through the circuit", "arXiv 2203.01426"),
    Published("mnist", 0.9864, "Forward-Forward, four layers of 2,000 relu units", "arXiv 2212.13345"),
    Published(
        "fashion-mnist", 0.7526, "SPICEprop, fully memristive, back-propagation through the circuit", "arXiv 2203.01426"
    ),
    Published("fashion-mnist", 0.903, "spiking Forward-Forward, 10 steps", "Ghader et al. 2025", "not Hebbian"),
    Published(
        "kmnist-7k", 0.916, "Polar-FFA, two layers of 1,000", "its paper", "on all 60,000 training images of KMNIST"
    ),
)
"""Test accuracies beside which the fully memristive network's are put."""


def msnn_runs(
    datasets: Iterable[str] = DATASETS,
    devices: Iterable[str] = DEVICES,
    seeds: Sequence[int] = SEEDS,
    quick: bool = False,
) -> dict[str, Protocol]:
    """Return the protocols of a table: name of the run's directory to protocol.

    Parameters
    ----------
    datasets : iterable of str
        Some of DATASETS.
    devices : iterable of str
        Presets of synaptic devices.
    seeds : sequence of int
    quick : bool
        The small form: the first seed only, one layer of 512 neurons, few epochs.

    Raises
    ------
    ConfigurationError
        If a data set or a device is unknown.
    """
    runs = {}
    for dataset in datasets:
        if dataset not in DATASETS:
            raise ConfigurationError(f"no data set {dataset!r} to reproduce; known: {', '.join(DATASETS)}")
        name = f"msnn-{dataset}" if quick else f"msnn-{dataset}-large"
        settings = [f"learning.epochs={_QUICK_EPOCHS[dataset]}", "evaluation.training_images=1000"] if quick else []
        for device in devices:
            for seed in seeds[:1] if quick else seeds:
                protocol = load_protocol(name, [*settings, f"seed={seed}"])
                runs[f"{name.removeprefix('msnn-')}-{device}-seed{seed}"] = _with_device(protocol, device)
    return runs


def _with_device(protocol: Protocol, preset: str) -> Protocol:
    layers = [layer.replace(device={"preset": preset}) for layer in protocol.network.layers]
    return protocol.replace(network=protocol.network.replace(layers=layers))


def reproduce_msnn(
    datasets: Iterable[str],
    devices: Iterable[str],
    seeds: Sequence[int],
    quick: bool,
    directory: Path,
    data_dir: Path | None = None,
    map: Map = builtins.map,
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
    summaries = run_sweep(protocols, directory, data_dir, map=map)
    compared = {one.seed: one for one in protocols.values() if one.data.dataset == "kmnist-7k"}

    def measure(seed: int) -> Iterator[dict[str, Any]]:
        data, epochs = compared[seed].data, compared[seed].learning.epochs
        hidden = [layer.neurons for layer in compared[seed].network.layers]
        accuracy = backpropagated_accuracy(
            data.dataset, hidden, seed, data.shift, epochs, data_dir=data_dir, augmentation=data.augmentation
        )
        yield {"test_accuracy": accuracy}

    baselines = {}
    if compared:
        study, name = Study(directory, {"study": "msnn"}), f"backpropagated{'-quick' if quick else ''}"
        table = study.fill(name, [{"seed": seed} for seed in compared], measure, map=map)
        baselines["kmnist-7k"] = table["test_accuracy"][table["seed"].isin(compared)].mean()
    quick_form = "QUICK FORM (one seed, small networks, few epochs): " if quick else ""
    return write_msnn_tables(summaries, directory, baselines, f"{quick_form}{_TITLE}")


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
