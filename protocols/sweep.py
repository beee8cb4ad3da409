"""Sweeps: many runs, each in a directory of its own; what is finished is not run again."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from brianff.protocols.configuration import Protocol
from brianff.protocols.studies.study import Map, measure_points
from brianff.protocols.trainer import Trainer

__all__ = ["run_sweep"]


def run_sweep(
    protocols: Mapping[str, Protocol],
    directory: str | Path,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> dict[str, dict[str, Any]]:
    """Make every run that is missing, resume those that were stopped, and return all summaries.

    Parameters
    ----------
    protocols : mapping of str to Protocol
        Name of each run's directory below `directory`, and what it runs.
    directory : str or Path
    data_dir : Path, optional
        Where the data sets are.
    progress : bool
        Show a progress bar for each run.
    map : callable
        Makes the runs, see `brianff.protocols.studies.study.measure_points`.

    Returns
    -------
    dict of str to dict
        The content of each run's summary.json; empty without protocols.

    Raises
    ------
    CheckpointError
        If a directory holds a run of another configuration.
    BrianffError
        Whatever a run raises; the runs before it are kept.
    """
    points = [{"name": name} for name in protocols]
    fit = partial(_fit, protocols, Path(directory), data_dir, progress)
    summaries = {point["name"]: summary for point, summary in measure_points(points, fit, map)}
    return {name: summaries[name] for name in protocols}


def _fit(protocols: Mapping[str, Protocol], directory: Path, data_dir, progress: bool, name: str) -> dict[str, Any]:
    return Trainer(protocols[name], data_dir=data_dir).fit(directory / name, progress)
