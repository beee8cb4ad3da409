"""Studies: tables that grow point by point, are kept on disk, and resume where they were stopped.

A study is a module with a function ``run_study(directory, quick, data_dir, progress, map)``. It measures what is
missing and returns the `Study` of the directory, in which one that was stopped resumes; with `quick` a small part of
it. Data sets are looked for in `data_dir` first. Points are measured by `map`: one after the other, or by a `Cluster`.
"""

from __future__ import annotations

import builtins
import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianff.arguments import explained
from brianff.data.named import load_dataset
from brianff.data.split import Dataset
from brianff.description.fields import NAME, Place, argument, shown
from brianff.engines.lanes.workers import one_processor
from brianff.errors import CheckpointError, ConfigurationError
from brianff.progress import Progress
from brianff.storage.checkpoint import append, write_atomically
from brianff.storage.files import make_directory, read_json, read_table
from brianff.storage.locks import PARTIAL, writing

if TYPE_CHECKING:
    import pandas

__all__ = ["FILES", "Map", "Point", "Study", "identity", "loaded", "measure_points", "take_files"]

Point = Mapping[str, Any]
"""What identifies a measurement, e.g. {"neuron": "mif", "dataset": "mnist"}."""

Map = Callable[[Callable[[Point], tuple[Point, Any]], Iterable[Point]], Iterable[tuple[Point, Any]]]
"""Calls a function with each point and gives what it returns, in any order: `map`, or that of a pool of processes.

The function returns the point and what was measured there. Of a point whose process was lost, give it and an exception.
"""

Failed = Callable[[Exception, Point], Any]
"""Gives what stands for the measurement of a point that raised an error."""


FILES = "files"
"""Of a row on its way: the content of files by their path in the study's directory, which the process that measured
need not see."""


@lru_cache(1)
def loaded(name: str, data_dir: Path | None) -> Dataset:
    """Return what `load_dataset` does; the last one is kept for the next point."""
    return load_dataset(name, data_dir)


def measure_points(
    points: Iterable[Point],
    measure: Callable[..., Any],
    map: Map = builtins.map,
    failed: Failed | None = None,
) -> Iterator[tuple[Point, Any]]:
    """Yield each point with what is measured there: one after the other, unless `map` schedules otherwise.

    All but `map` itself let each point have one processor only, unless its protocol says how many workers there are.

    Parameters
    ----------
    points : iterable of mapping
    measure : callable
        Called with a point's values by keyword.
    map : callable
        The place for processes or machines side by side.
    failed : callable, optional
        Gives what stands for the measurement of a point that raised an error; None: the error stops all.
    """
    for point, result in map(partial(_measured, measure, failed, map is not builtins.map), points):
        if isinstance(result, Exception):
            if failed is None:
                raise result
            result = failed(result, point)
        yield point, result


def _measured(
    measure: Callable[..., Any], failed: Failed | None, side_by_side: bool, point: Point
) -> tuple[Point, Any]:
    try:
        with one_processor() if side_by_side else nullcontext():
            result = measure(**point)
            return point, list(result) if isinstance(result, Iterator) else result  # what a generator does is done here
    except Exception as error:
        if failed is None:
            raise
        return point, failed(error, point)


def take_files(directory: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    """Write the files that came with a row into a directory, and return the row without them.

    Raises
    ------
    CheckpointError
        If they cannot be written.
    """
    for name, content in row.get(FILES, {}).items():
        path = directory / name
        make_directory(path.parent, CheckpointError)
        for left_over in path.parent.glob(f"{path.name}.*{PARTIAL}"):
            left_over.unlink(missing_ok=True)
        write_atomically(path, content)
    return {key: value for key, value in row.items() if key != FILES}


@explained
class Study:
    """A directory of tidy tables, one row per measurement: <name>.csv, and <name>.parquet where pyarrow is installed.

    A table may have grown by a part of a line when its process was killed: that point is measured again.

    Parameters
    ----------
    directory : str or Path
        Made if missing. A study that was stopped here resumes, if its settings are the same.
    settings : mapping
        Everything that the results depend on, as far as JSON can hold it.
    changing : sequence of str
        Names of settings that may differ from those of before: whoever made the study compares them with `before`.

    Attributes
    ----------
    before : dict
        The settings that were there; empty in a new directory.

    Raises
    ------
    ConfigurationError
        If the directory cannot be made, or holds a study with other or damaged settings.
    """

    def __init__(self, directory: str | Path, settings: Mapping[str, Any], changing: Sequence[str] = ()):
        self.directory = argument("directory", directory, Place())
        try:
            self._settings = json.dumps(dict(settings), indent=2, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"settings must be a table of what JSON can hold: {error}") from None
        path = self.directory / "settings.json"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.before: dict[str, Any] = read_json(path, ConfigurationError) if path.exists() else {}
        except OSError as error:
            message = f"cannot use {directory} for a study: {error.strerror}; name another with --out"
            raise ConfigurationError(message) from None
        if not isinstance(self.before, dict):
            raise ConfigurationError(f"{path} is damaged: it holds no table of values")
        if path.exists():
            then, now = (
                {name: value for name, value in one.items() if name not in changing}
                for one in (self.before, json.loads(self._settings))
            )
            if then != now:
                message = f"{path} tells of a study with other settings; name another directory with --out"
                raise ConfigurationError(message)
        else:
            self._write_settings()

    def _write_settings(self) -> None:
        write_atomically(self.directory / "settings.json", self._settings.encode())

    def path(self, name: str) -> Path:
        """Return the file of a table."""
        return self.directory / f"{argument('name', name, NAME)}.csv"

    def table(self, name: str) -> pandas.DataFrame:
        """Return a table as far as it is done; empty if it was not begun.

        Raises
        ------
        CheckpointError
            If its file cannot be read.
        """
        return self._read(name)

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a table as they are in its file, text by column; errors as of `table`."""
        text = self._read(name, dtype=str).fillna("")
        return [dict(zip(text.columns, row, strict=True)) for row in text.itertuples(index=False, name=None)]

    def _read(self, name: str, **options: Any) -> pandas.DataFrame:
        import pandas

        path = self.path(name)
        if not path.exists():
            return pandas.DataFrame()
        options |= {"whole_lines": True}  # a kill may have cut the last one short
        try:  # a text such as "NA" stays one
            return read_table(path, CheckpointError, keep_default_na=False, na_values=[""], low_memory=False, **options)
        except CheckpointError as error:
            raise CheckpointError(_damaged(path, str(error))) from None

    def fill(
        self,
        name: str,
        points: Sequence[Point],
        measure: Callable[..., Iterable[Mapping[str, Any]]],
        progress: bool = True,
        map: Map = builtins.map,
        failed: Failed | None = None,
        again: Callable[[Mapping[str, str]], bool] = lambda row: False,
    ) -> pandas.DataFrame:
        """Measure the points that a table still lacks and return the whole table.

        Parameters
        ----------
        name : str
            Name of the table: <name>.csv, to which each point's rows are added; <name>.parquet follows.
        points : sequence of mapping
            All with the same keys: the first columns of the table. None: the table stays as it is.
        measure : callable
            Called with a point's values by keyword; gives its rows, without the columns of the point, and with `FILES`
            where there are any.
        progress : bool
            Show a progress bar.
        map : callable
            Measures the points, see `measure_points`. In the end rows stand in the order of the points.
        failed : callable
            Gives the rows of a point that raised an error, see `measure_points`.
        again : callable
            Tells of a row that is there, text by column, whether it is dropped and its point measured again.

        Raises
        ------
        CheckpointError
            If the table cannot be read or written.
        ConfigurationError
            If another process fills a table of this study.
        """
        tables = isinstance(points, Sequence) and all(isinstance(point, Mapping) for point in points)
        if not tables or any(point.keys() != points[0].keys() for point in points):
            raise ConfigurationError(f"points are {shown(points)}; give a list of tables with the same keys")
        with writing(self.directory):
            if json.loads(self._settings) != self.before:
                self._write_settings()
            self._fill(name, points, measure, progress, map, failed, again)
        return self.table(name)

    def _fill(self, name, points, measure, progress, map, failed, again) -> None:
        keys = list(points[0]) if points else []
        if self.path(name).exists() and not set(keys) <= set(self._read(name, dtype=str)):
            raise CheckpointError(_damaged(self.path(name), f"it has no columns {', '.join(keys)}"))
        there = self.rows(name)
        table = [row for row in there if not again(row)]
        done = {identity(row[key] for key in keys) for row in table}
        missing = [point for point in points if identity(point.values()) not in done]
        with Progress(len(points), None, enabled=progress, unit="points", initial=len(points) - len(missing)) as bar:

            def announced() -> Iterator[Point]:
                for point in missing:
                    bar.stage(f"{name}: {', '.join(str(value) for value in point.values())}")
                    yield point

            columns: list[str] = []  # of the file as this call has written it
            due = 0.0
            for point, rows in measure_points(announced(), measure, map, failed):
                plain = [take_files(self.directory, row) for row in rows]
                new = [{key: _cell(value) for key, value in {**point, **row}.items()} for row in plain]
                table += new
                if columns and all(row.keys() <= set(columns) for row in new):
                    append(self.path(name), _text_of(columns, new))
                else:
                    columns = self._write(name, table)
                if (start := time.monotonic()) >= due:  # it is written anew: let that take a part of the time only
                    self._write_parquet(name)
                    due = start + 20 * (time.monotonic() - start)
                bar.advance()
        order = {identity(point.values()): number for number, point in enumerate(points)}
        ordered = sorted(table, key=lambda row: order.get(identity(row[key] for key in keys), -1))
        if ordered != there:
            self._write(name, ordered)
        table_path = self.path(name)
        parquet = table_path.with_suffix(".parquet")
        if table_path.exists() and not (
            parquet.exists() and parquet.stat().st_mtime_ns >= table_path.stat().st_mtime_ns
        ):
            self._write_parquet(name)  # also where a kill came between the two

    def write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a table that is derived from others, in the place of the one that is there."""
        self._write(name, [{key: _cell(value) for key, value in row.items()} for row in rows])

    def _write(self, name: str, table: Sequence[Mapping[str, str]]) -> list[str]:
        """Write a table anew and return its columns."""
        columns = list(dict.fromkeys(key for row in table for key in row))
        header = dict(zip(columns, columns, strict=True))
        write_atomically(self.path(name), _text_of(columns, [header, *table]))
        return columns

    def _write_parquet(self, name: str) -> None:
        with suppress(ImportError):
            import pyarrow  # noqa: F401

            content = io.BytesIO()
            self.table(name).to_parquet(content, index=False)
            write_atomically(self.path(name).with_suffix(".parquet"), content.getvalue())


def _text_of(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.DictWriter(text, columns, restval="", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _damaged(path: Path, reason: str) -> str:
    return f"{path} is not the table of a study: {reason}; move it away, and its points are measured again"


def _cell(value: Any) -> str:
    """Return a value as it is written: whatever else is in its column, and read back as the same."""
    return "" if value is None or value != value else str(value)


def identity(values: Iterable[Any]) -> tuple[str, ...]:
    """Return values as they compare after being written and read: numbers by value, all else as text."""
    return tuple(_text(_cell(value)) for value in values)


def _text(value: str) -> str:
    try:
        return repr(float(value))
    except ValueError:
        return value
