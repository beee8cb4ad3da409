"""Sweeps: many runs, each in a directory of its own; what is finished is not run again."""

from __future__ import annotations

import builtins
import hashlib
import itertools
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import AfterValidator, Field, PlainValidator, model_validator

from brianff.arguments import explained
from brianff.description import Description
from brianff.description.fields import Count, Instance, Place, Seed, Table, argument, shown
from brianff.description.parts import part
from brianff.errors import BrianffError, ConfigurationError, DataError
from brianff.progress import Progress
from brianff.protocols.cluster import here, name_of
from brianff.protocols.configuration import Protocol, changed, written
from brianff.protocols.distributions import DESIGNS, Distribution, distribution, draw
from brianff.protocols.studies.study import FILES, Map, Point, Study, identity, measure_points, take_files
from brianff.protocols.trainer import Trainer
from brianff.protocols.training import check_same
from brianff.storage.files import make_directory, read_toml
from brianff.storage.locks import locked

if TYPE_CHECKING:
    import pandas

__all__ = ["Sweep", "run_sweep"]

_NOT_IN_TABLE = {"protocol", "dataset", "seed", "peak_memory_bytes", "workers", "commit", "python"}
"""Of a summary: what the point tells, and what differs however often it is measured."""


def _protocol(given: Any) -> Any:
    if not isinstance(given, str | Path | Protocol):
        raise ValueError("must be a name, the path of a TOML file, or a Protocol")
    return given


def _values(given: Any) -> dict[str, Any]:
    """Return the values of each dotted key: a tuple of them, or a distribution."""
    values: dict[str, Any] = {}
    for key, value in Table()(given).items():
        if isinstance(value, Mapping) and "distribution" in value:
            values[key] = distribution(value)
        elif isinstance(value, Mapping):  # a key without quotation marks
            values |= {f"{key}.{inner}": found for inner, found in _values(value).items()}
        elif isinstance(value, Distribution) and not isinstance(value, type):
            values[key] = value
        else:
            values[key] = tuple(value) if isinstance(value, list | tuple | range) or np.ndim(value) == 1 else (value,)
    return values


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("must be different numbers")
    return seeds


class Sweep(Description):
    """A protocol with other values: each combination of those that are listed, with each seed.

    Values that are drawn from distributions make `samples` points more of each combination; all seeds meet the same.

    Parameters
    ----------
    protocol : str, Path or Protocol
        A named protocol, the path of a TOML file, or the protocol itself.
    values : mapping of str to list, mapping or Distribution
        Of each dotted key, such as "learning.epochs", a list of values, parts as objects or names; or a distribution: a
        table such as ``{"distribution": "log-uniform", "low": "10 uA", "high": "90 uA"}`` (also "uniform", "integers",
        "normal" with mean and deviation, "choice" with values), or an object with a method ``ppf``, as of scipy.stats.
    seeds : sequence of int
        Default: the protocol's own.
    samples : int, optional
        How many values are drawn of each distribution.
    design : callable or str
        How these are spread: "latin-hypercube", "random", "halton", "sobol"; see `brianff.protocols.distributions`.
    design_seed : int

    Examples
    --------
    >>> from brianff.protocols import Sweep
    >>> sweep = Sweep(protocol="msnn-digits", values={"learning.epochs": [1, 2]}, seeds=[1, 2, 3])
    >>> len(sweep.points)
    6
    """

    protocol: Annotated[Any, PlainValidator(_protocol)]
    values: Annotated[dict[str, Any], PlainValidator(_values)] = Field(default_factory=dict)
    seeds: Annotated[tuple[Seed, ...], AfterValidator(_distinct)] = ()
    samples: Count | None = None
    design: Annotated[Any, *part(DESIGNS)] = DESIGNS["latin-hypercube"]
    design_seed: Seed = 1

    @explained
    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """Return the sweep of a TOML file, whose keys are the parameters; a protocol's file may lie beside it.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        ConfigurationError
            If a key, name or value is unknown.
        """
        content, beside = read_toml(path), Path(path).parent
        protocol = content.get("protocol")
        if isinstance(protocol, str) and protocol.endswith(".toml") and (beside / protocol).is_file():
            content["protocol"] = beside / protocol
        return cls(**content)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "seed" in self.values:
            raise ValueError("values has the key 'seed': seeds have a list of their own, seeds = [...]")
        if bool(self._distributions) != (self.samples is not None):
            raise ValueError("samples is how many values are drawn of each distribution: give both or none")
        for key, values in self._listed.items():
            if not values:
                raise ValueError(f"values has no value of {key!r}")
            if len({identity([_label(value)]) for value in values}) < len(values):
                raise ValueError(
                    f"two values of {key!r} are written alike, of {shown([_label(one) for one in values])}"
                )
        return self

    @property
    def _distributions(self) -> dict[str, Distribution]:
        return {key: one for key, one in self.values.items() if not isinstance(one, tuple)}

    @property
    def _listed(self) -> dict[str, tuple[Any, ...]]:
        return {key: one for key, one in self.values.items() if isinstance(one, tuple)}

    @cached_property
    def _written(self) -> dict[str, Any]:
        return written(self.protocol)

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """What is measured: the value of each key, as it is written in the table, and the seed."""
        drawn = draw(self._distributions, self.samples, self.design, self.design_seed) if self.samples else [{}]
        labels = [[_label(value) for value in values] for values in self._listed.values()]
        seeds = self.seeds or (Protocol(**self._written).seed,)
        points = []
        for listed, one, seed in itertools.product(itertools.product(*labels), drawn, seeds):
            values = dict(zip(self._listed, listed, strict=True)) | one
            points.append({key: values[key] for key in self.values} | {"seed": seed})
        return tuple({identity(point.values()): point for point in points}.values())  # some may be drawn twice

    @cached_property
    def _meant(self) -> dict[tuple[str, ...], Any]:
        """Listed values, by key and as they are written."""
        return {(key, *identity([_label(one)])): one for key, values in self._listed.items() for one in values}

    @explained
    def protocol_at(self, point: Point) -> Protocol:
        """Return the protocol of a point.

        Parameters
        ----------
        point : dict
        """
        return _protocol_at(self._written, self._meant, argument("point", point, Table()))

    @explained
    def run(
        self,
        directory: str | Path,
        data_dir: str | Path | None = None,
        progress: bool = True,
        map: Map = builtins.map,
        retry_failed: bool = False,
    ) -> pandas.DataFrame:
        """Run the points that are missing, and return the table of all.

        A point that fails is in the table with its error, and does not stop the others.

        Parameters
        ----------
        directory : str or Path
            Receives one run directory for each point, sweep.csv and, where pyarrow is installed, sweep.parquet, which
            grow as points end. A sweep that was stopped here resumes; one that has more points now is extended.
        data_dir : str or Path, optional
            Where the data sets are.
        progress : bool
            Show a progress bar, and say whether the sweep resumes or is extended.
        map : callable
            Makes the runs: a `Cluster`, or another one, see `brianff.protocols.studies.study.measure_points`.
        retry_failed : bool
            Run points again that failed before.

        Returns
        -------
        pandas.DataFrame
            A row for each point: its values, `seed`, `run` (name of its directory), `error`, and the summary's numbers.
            What differs from time to time, such as wall times, is in each run's summary.json only.

        Raises
        ------
        CheckpointError
            If the directory holds a sweep of another protocol, or cannot be read or written.
        ConfigurationError
            If no point has a protocol that is right, or the directory holds points that the sweep has no longer.
        DataError
            If the data are missing.
        """
        if (prepare := getattr(map, "prepare", None)) is None:
            self.check(data_dir)
        study = self.study(directory)
        if progress and study.before:
            print(self._told(study))
        place, data_dir = _places(map, study.directory, data_dir)
        if prepare is not None:
            prepare(partial(_ready, place, partial(self.check, data_dir)))
        known, names = self._known, [*self.points[0]]

        def again(row: Mapping[str, str]) -> bool:
            return bool(row["error"]) and (retry_failed or identity(row[name] for name in names) not in known)

        measure = partial(_measure, self._written, self._meant, place, data_dir)
        return study.fill("sweep", self.points, measure, progress, map, _failed, again)

    @explained
    def check(self, data_dir: str | Path | None = None) -> None:
        """Raise the error of the first point unless some point can be run: the others tell theirs in the table.

        Parameters
        ----------
        data_dir : str or Path, optional
            Directory of the image sets.
        """
        first = None
        for point in self.points:
            try:
                Trainer(self.protocol_at(point), data_dir=data_dir)
                return
            except BrianffError as error:
                first = first or error
        if first:
            raise first

    @explained
    def study(self, directory: str | Path) -> Study:
        """Return the study of the sweep in a directory: its `rows("sweep")` are the points that are done.

        Parameters
        ----------
        directory : str or Path
            Receives the points and their table.

        Raises
        ------
        CheckpointError
            If the directory holds a sweep of another protocol.
        ConfigurationError
            If it holds points that the sweep has no longer, or another study.
        """
        protocol = Protocol(**self._written | {"seed": 1}).model_dump(mode="json")
        settings = {"study": "sweep", "protocol": protocol, "points": self.points}
        study = Study(directory, settings, changing=("protocol", "points"))
        if study.before:
            check_same(protocol, study.before["protocol"], study.directory)
            names, before = [*self.points[0]], study.before["points"][0]
            if set(names) != set(before):
                over, now = ", ".join(sorted(before)), ", ".join(sorted(names))
                raise ConfigurationError(
                    f"{directory} has a sweep over {over}; this one is over {now}: name another directory with --out"
                )
            done = [row for row in study.rows("sweep") if not row["error"]]
            if gone := [row for row in done if identity(row[name] for name in names) not in self._known]:
                point = ", ".join(f"{name}={gone[0][name]}" for name in names)
                raise ConfigurationError(
                    f"{directory} has points that the sweep has no longer, {len(gone)} of them, such as {point}: give "
                    "them back, or name another directory with --out; points may only be added"
                )
        return study

    @cached_property
    def _known(self) -> set[tuple[str, ...]]:
        return {identity(point.values()) for point in self.points}

    def _told(self, study: Study) -> str:
        """Return in a line what a call does in the directory of another one."""
        before = {identity(one[name] for name in self.points[0]) for one in study.before["points"]}
        rows, added = study.rows("sweep"), len(self._known - before)
        failed = sum(bool(row["error"]) for row in rows)
        told = f"extends the sweep in {study.directory} by {added} points" if added else f"resumes {study.directory}"
        return (
            f"{told}: {len(rows)} of {len(self.points)} points are there{f', {failed} of them failed' * bool(failed)}"
        )


def _protocol_at(base: Mapping[str, Any], meant: Mapping[tuple[str, ...], Any], point: Point) -> Protocol:
    return changed(base, {key: meant.get((key, *identity([label])), label) for key, label in point.items()})


def _places(map: Map, directory: Path, data_dir: str | Path | None) -> tuple[Path | None, Path | None]:
    """Return where runs and data are for processes in other working directories; no runs: they come back with rows."""
    shared = getattr(map, "shared_folder", True)
    return directory.resolve() if shared else None, None if data_dir is None else Path(data_dir).resolve()


def _ready(directory: Path | None, check: Callable[[], object]) -> None:
    """Raise an error where points cannot be run."""
    if directory is not None and not directory.is_dir():
        raise ConfigurationError(f"there is no {directory} here: share that folder, or use --no-shared-folder")
    check()


def _measure(
    base: Mapping[str, Any],
    meant: Mapping[tuple[str, ...], Any],
    directory: Path | None,
    data_dir: Path | None,
    /,
    **point: Any,
) -> Iterator[dict[str, Any]]:
    """Run a point, or resume it, and give its row."""
    name = _name(point)
    summary, files = _run(_protocol_at(base, meant, point), name, directory, data_dir)
    told = {key: value for key, value in summary.items() if key not in _NOT_IN_TABLE}
    row = {key: value for key, value in told.items() if not isinstance(value, dict | list)}
    yield {"run": name, "error": "", **row, FILES: files}


def _run(
    protocol: Protocol, name: str, directory: Path | None, data_dir: Path | None, progress: bool = False
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Make a run, or resume it, and return its summary; without a directory, also its files."""
    with ExitStack() as stack:
        if directory is None:
            worker = here()  # its own directory is cleared even when it is killed
            temporary = TemporaryDirectory(prefix="sweep-", dir=worker and worker.local_directory)
            run = Path(stack.enter_context(temporary), name)
        else:
            # A worker that lost its scheduler may still be at it: it ends, and what it made is taken.
            stack.enter_context(locked(directory / f"{name}.lock", wait=True))
            run = directory / name
        summary = Trainer(protocol, data_dir=data_dir).fit(run, progress)
        files = [] if directory else sorted((one for one in run.rglob("*") if one.is_file()), key=_written_at)
        return summary, {file.relative_to(run.parent).as_posix(): file.read_bytes() for file in files}


def _written_at(file: Path) -> int:
    """Files come back in the order in which they were written: a kill leaves the run as one of its own would."""
    return file.stat().st_mtime_ns


def _failed(error: Exception, point: Point) -> list[dict[str, Any]]:
    """Return the row of a point that failed."""
    text = " ".join(str(error).split())
    if isinstance(error, DataError) and (worker := here()):
        text = f"{name_of(worker)}: {text}"
    if not isinstance(error, BrianffError):
        last = traceback.extract_tb(error.__traceback__)[-1:]
        text = f"{type(error).__name__}: {text}" + "".join(f" ({one.filename}, line {one.lineno})" for one in last)
    return [{"run": _name(point), "error": text}]


def _name(point: Point) -> str:
    """Return the name of a point's run directory: its values, in a form that every file system takes."""
    last = [key.rpartition(".")[2] for key in point]
    short = {key: name if last.count(name) == 1 else key for key, name in zip(point, last, strict=True)}
    text = ",".join(f"{short[key]}={point[key]}" for key in [*point][::-1])  # the seed first
    name = re.sub(r"[^\w.+=,-]+", "-", text, flags=re.ASCII)[:100]
    return name if name == text else f"{name[:90]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _label(value: Any) -> Any:
    """Return a value as it is written in a table: numbers and text as they are, parts as their names."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(getattr(value, "name", None) or getattr(value, "__name__", None) or value)


@explained
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
        Show a progress bar for each run, or for all together where they are side by side.
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
    protocols = argument("protocols", protocols, Table())
    for name, protocol in protocols.items():
        argument(f"protocol {name!r}", protocol, Instance(Protocol, "a Protocol"))
    root: Path = argument("directory", directory, Place())
    make_directory(root)
    place, data_dir = _places(map, root, data_dir)
    if prepare := getattr(map, "prepare", None):
        prepare(partial(_ready, place, partial(_check, protocols, data_dir)))
    points = [{"name": name} for name in protocols]
    one_by_one = map is builtins.map
    measure = partial(_measure_one, protocols, place, data_dir, progress and one_by_one)
    summaries = {}
    with Progress(len(points), None, enabled=progress and not one_by_one, unit="runs") as bar:
        for point, row in measure_points(points, measure, map):
            summaries[point["name"]] = take_files(root, row)["summary"]
            bar.advance()
    return {name: summaries[name] for name in protocols}


def _check(protocols: Mapping[str, Protocol], data_dir: Path | None) -> None:
    for protocol in {one.data.dataset: one for one in protocols.values()}.values():
        Trainer(protocol, data_dir=data_dir)


def _measure_one(
    protocols: Mapping[str, Protocol], directory: Path | None, data_dir: Path | None, progress: bool, /, name: str
) -> dict[str, Any]:
    summary, files = _run(protocols[name], name, directory, data_dir, progress)
    return {"summary": summary, FILES: files}
