"""Studies: tables that grow point by point, are kept on disk, and resume where they were stopped.

A study is a module with a function ``run_study(directory, quick, data_dir, progress)``. It measures what is missing
and returns the `Study` of the directory, in which one that was stopped resumes; with `quick` a small part of it. Data
sets are looked for in `data_dir` first.
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brianff.errors import CheckpointError, ConfigurationError
from brianff.progress import Progress
from brianff.storage.checkpoint import write_atomically
from brianff.storage.locks import writing

if TYPE_CHECKING:
    import pandas

__all__ = ["Map", "Point", "Study", "measure_points"]

Point = Mapping[str, Any]
"""What identifies a measurement, e.g. {"neuron": "mif", "dataset": "mnist"}."""

Map = Callable[[Callable[[Point], Any], Iterable[Point]], Iterable[Any]]
"""Calls a function with each point and gives the results, in any order: `map`, or that of a pool of processes."""


def measure_points(
    points: Iterable[Point], measure: Callable[..., Any], map: Map = builtins.map
) -> Iterator[tuple[Point, Any]]:
    """Yield each point with what is measured there: one after the other, unless `map` schedules otherwise.

    Parameters
    ----------
    points : iterable of mapping
    measure : callable
        Called with a point's values by keyword.
    map : callable
        The place for processes or machines side by side.
    """
    return iter(map(partial(_measured, measure), points))


def _measured(measure: Callable[..., Any], point: Point) -> tuple[Point, Any]:
    result = measure(**point)
    return point, list(result) if isinstance(result, Iterator) else result  # what a generator does is done here


class Study:
    """A directory of tidy tables, one row per measurement.

    Parameters
    ----------
    directory : str or Path
        Made if missing. A study that was stopped here resumes, if its settings are the same.
    settings : mapping
        Everything that the results depend on, as far as JSON can hold it.

    Raises
    ------
    ConfigurationError
        If the directory cannot be made, or holds a study with other settings.
    """

    def __init__(self, directory: str | Path, settings: Mapping[str, Any]):
        self.directory = Path(directory)
        content = json.dumps(settings, indent=2, sort_keys=True).encode()
        path = self.directory / "settings.json"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            other = path.exists() and path.read_bytes() != content
        except OSError as error:
            message = f"cannot use {directory} for a study: {error.strerror}; name another with --out"
            raise ConfigurationError(message) from None
        if other:
            raise ConfigurationError(f"{path} tells of a study with other settings; name another directory with --out")
        write_atomically(path, content)

    def path(self, name: str) -> Path:
        """Return the file of a table."""
        return self.directory / f"{name}.csv"

    def table(self, name: str) -> pandas.DataFrame:
        """Return a table as far as it is done; empty if it was not begun.

        Raises
        ------
        CheckpointError
            If its file cannot be read.
        """
        import pandas

        path = self.path(name)
        if not path.exists():
            return pandas.DataFrame()
        try:
            return pandas.read_csv(path, keep_default_na=False, na_values=[""])  # a text such as "NA" stays one
        except (OSError, ValueError) as error:  # those of pandas and of decoding are ValueErrors
            raise CheckpointError(_damaged(path, str(error).splitlines()[0])) from None

    def fill(
        self,
        name: str,
        points: Sequence[Point],
        measure: Callable[..., Iterable[Mapping[str, Any]]],
        progress: bool = True,
        map: Map = builtins.map,
    ) -> pandas.DataFrame:
        """Measure the points that a table still lacks and return the whole table.

        Parameters
        ----------
        name : str
            Name of the table: <name>.csv, written anew after each point.
        points : sequence of mapping
            All with the same keys: the first columns of the table. None: the table stays as it is.
        measure : callable
            Called with a point's values by keyword; gives its rows, without the columns of the point.
        progress : bool
            Show a progress bar.
        map : callable
            Measures the points, see `measure_points`; rows stand in the order in which it gives them.

        Raises
        ------
        CheckpointError
            If the table cannot be read or written.
        ConfigurationError
            If another process fills a table of this study.
        """
        with writing(self.directory):
            return self._fill(name, points, measure, progress, map)

    def _fill(self, name, points, measure, progress, map) -> pandas.DataFrame:
        import pandas

        table = self.table(name)
        keys = list(points[0]) if points else []
        if not table.empty and not set(keys) <= set(table.columns):
            raise CheckpointError(_damaged(self.path(name), f"it has no columns {', '.join(keys)}"))
        done = set() if table.empty else {_identity(row) for row in table[keys].to_numpy(dtype=object)}
        missing = [point for point in points if _identity(point.values()) not in done]
        with Progress(len(points), None, enabled=progress, unit="points", initial=len(points) - len(missing)) as bar:

            def announced() -> Iterator[Point]:
                for point in missing:
                    bar.stage(f"{name}: {', '.join(str(value) for value in point.values())}")
                    yield point

            for point, rows in measure_points(announced(), measure, map):
                new = pandas.DataFrame([{**point, **row} for row in rows])
                table = new if table.empty else pandas.concat([table, new], ignore_index=True)
                self._write(name, table)
                bar.advance()
        return table

    def write(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a table that is derived from others, in the place of the one that is there."""
        import pandas

        self._write(name, pandas.DataFrame(list(rows)))

    def _write(self, name: str, table: pandas.DataFrame) -> None:
        write_atomically(self.path(name), table.to_csv(index=False).encode())


def _damaged(path: Path, reason: str) -> str:
    return f"{path} is not the table of a study: {reason}; move it away, and its points are measured again"


def _identity(values: Iterable[Any]) -> tuple[str, ...]:
    """Return values as they compare after being written and read: numbers by value, all else as text."""
    return tuple(_text("" if value is None or value != value else str(value)) for value in values)


def _text(value: str) -> str:
    try:
        return repr(float(value))
    except ValueError:
        return value
