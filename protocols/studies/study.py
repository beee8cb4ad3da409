"""Studies: tables that grow cell by cell, are kept on disk, and go on where they were stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas

from brianff.errors import ConfigurationError
from brianff.progress import Progress
from brianff.storage.checkpoint import write_atomically

__all__ = ["Study"]

Cell = Mapping[str, Any]
"""What identifies a part of a study, e.g. {"neuron": "mif", "dataset": "mnist"}."""


class Study:
    """A directory of tidy tables, one row per measurement.

    Parameters
    ----------
    directory : Path
        Made if missing. A study that was stopped goes on here, if its settings are the same.
    settings : mapping
        Everything that the results depend on, as far as JSON can hold it.

    Raises
    ------
    ConfigurationError
        If the directory cannot be made, or holds a study with other settings.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any]):
        self.directory = Path(directory)
        text = json.dumps(settings, indent=2, sort_keys=True)
        path = self.directory / "settings.json"
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot make the directory {directory}: {error.strerror}; name another with --out"
            raise ConfigurationError(message) from None
        if path.exists() and path.read_text(encoding="utf-8") != text:
            raise ConfigurationError(
                f"{directory} holds a study with other settings; name another directory with --out"
            )
        write_atomically(path, text.encode())

    def table(self, name: str) -> pandas.DataFrame:
        """Return a table as far as it is done; empty if it was not begun."""
        path = self._path(name)
        return pandas.read_csv(path) if path.exists() else pandas.DataFrame()

    def fill(
        self,
        name: str,
        cells: Sequence[Cell],
        measure: Callable[..., Iterable[Mapping[str, Any]]],
        progress: bool = True,
    ) -> pandas.DataFrame:
        """Measure the cells that a table still lacks and return the whole table.

        Parameters
        ----------
        name : str
            Name of the table: <name>.csv, written anew after each cell.
        cells : sequence of mapping
            All with the same keys: the first columns of the table.
        measure : callable
            Called with a cell's values by keyword; gives its rows, without the columns of the cell.
        progress : bool
            Show a progress bar.
        """
        table = self.table(name)
        keys = list(cells[0])
        done = set() if table.empty else {_identity(row) for row in table[keys].to_dict("records")}
        missing = [cell for cell in cells if _identity(cell) not in done]
        with Progress(len(cells), None, enabled=progress, unit="cells", initial=len(cells) - len(missing)) as bar:
            for cell in missing:
                bar.stage(f"{name}: {', '.join(map(str, cell.values()))}")
                new = pandas.DataFrame([{**cell, **row} for row in measure(**cell)])
                table = new if table.empty else pandas.concat([table, new], ignore_index=True)
                write_atomically(self._path(name), table.to_csv(index=False).encode())
                bar.advance()
        return table

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.csv"


def _identity(cell: Mapping[Any, Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in cell.values())
