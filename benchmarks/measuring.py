"""How the benchmarks measure, and how they write down what came out."""

from __future__ import annotations

import csv
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brianff.protocols.trainer import Trainer

__all__ = ["Row", "compare", "machine", "of_an_epoch", "seconds", "write_table"]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    what, against : str
    ours, theirs : float
        Medians, in `unit`.
    unit : str
    ratio : float
        Median of the ratios of runs made one right after the other.
    bar : str
        What is aimed at.
    """

    what: str
    against: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    bar: str


def seconds(work: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def of_an_epoch(trainer: Trainer) -> float:
    """Train for an epoch and return the time for each image in microseconds, without the accuracy that follows."""
    times = [time.perf_counter()]
    trainer.run_epoch(lambda images, figures: times.append(time.perf_counter()))
    return 1e6 * (times[-1] - times[1]) / trainer.protocol.learning.batch / (len(times) - 2)


def compare(
    what: str,
    against: str,
    ours: Callable[[], float],
    theirs: Callable[[], float],
    unit: str,
    bar: str,
    runs: int,
    faster: bool = True,
) -> Row:
    """Measure two things alternately and return their row.

    Parameters
    ----------
    ours, theirs : callable
        Make one run and return its figure in `unit`. Both are called once more at first, to warm up.
    faster : bool
        Whether the ratio is theirs / ours (how many times faster, of times) or ours / theirs (their multiple).
    """
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(runs)]
    ratios = [second / first if faster else first / second for first, second in pairs]
    medians = (statistics.median(values) for values in zip(*pairs, strict=True))
    return Row(what, against, *medians, unit, statistics.median(ratios), bar)


def machine() -> dict[str, str]:
    """Describe this machine and what is installed."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        processor = platform.processor()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    packages = ("brianff", "brian2", "numpy", "scipy", "torch")
    return {
        "processor": processor,
        "usable processors": str(usable),
        "load at the start": load,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: _version(package) for package in packages},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def write_table(rows: list[Row], description: dict[str, str], directory: Path) -> None:
    """Write benchmarks.csv and benchmarks.md, anew after each row."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "benchmarks.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "against", "ours", "theirs", "unit", "ratio", "bar"])
        writer.writerows([row.what, row.against, row.ours, row.theirs, row.unit, row.ratio, row.bar] for row in rows)
    lines = [
        "| what | against | ours | theirs | ratio | bar |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.what} | {row.against} | {row.ours:.4g} {row.unit} | {row.theirs:.4g} {row.unit} "
            f"| {row.ratio:.3g} | {row.bar} |"
            for row in rows
        ),
        "",
        *(f"- {item}: {value}" for item, value in description.items()),
    ]
    (directory / "benchmarks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
