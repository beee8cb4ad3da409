"""Run directories: where a run keeps its configuration, summary, history, log, checkpoint and figures."""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import tomli_w

from brianff.arguments import explained
from brianff.describing import Described
from brianff.description.fields import Place, Table, argument, shown
from brianff.errors import CheckpointError, ConfigurationError
from brianff.storage.checkpoint import write_atomically
from brianff.storage.files import read_json, read_table, read_toml, short
from brianff.storage.summary import Summary

if TYPE_CHECKING:
    import pandas

__all__ = ["RunDirectory", "plain", "without_none"]

_HISTORY_TYPES = {"epoch": "int64", "layer": "int64", "quantity": "str", "value": "float64"}


@explained
class RunDirectory(Described):
    """One run on disk. Make it with `create` or `open`.

    Parameters
    ----------
    path : Path
        The directory; also an attribute.

    Attributes
    ----------
    figures : Path
        Its directory of figures.
    checkpoint_path : Path
        Where its checkpoint is.
    log : logging.Logger
        Writes to its log.txt.
    """

    def __init__(self, path: str | Path):
        self.path: Path = argument("path", path, Place())
        self.figures = self.path / "figures"
        self.checkpoint_path = self.path / "checkpoint.npz"
        self._config_path, self._summary_path = self.path / "config.toml", self.path / "summary.json"
        self._history_path = self.path / "history.csv"

    @classmethod
    def create(cls, parent: str | Path, protocol_name: str, seed: int) -> Self:
        """Make a new directory `<parent>/<protocol_name>-seed<seed>-<date>-<time>`.

        Raises
        ------
        ConfigurationError
            If it cannot be made.
        """
        name = re.sub(r"[^\w.-]+", "-", str(protocol_name))  # the name is anything a user wrote, slashes too
        stem = f"{name}-seed{seed}-{datetime.now():%Y%m%d-%H%M%S}"
        for number in count(1):
            run = cls(Path(argument("parent", parent, Place()), stem if number == 1 else f"{stem}-{number}"))
            try:
                run.make()
                return run
            except FileExistsError:  # another run of the same second
                continue
        raise AssertionError

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Return the run in an existing directory.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        CheckpointError
            If the directory holds no run.
        """
        run = cls(path)
        if not run.started:
            raise CheckpointError(f"{short(path)} is not a run directory: it has no {run._config_path.name}")
        return run

    def make(self, exist_ok: bool = False) -> None:
        """Make the directory.

        Raises
        ------
        FileExistsError
            If it exists, unless `exist_ok`.
        ConfigurationError
            If it cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir(exist_ok=exist_ok)
            self.figures.mkdir(exist_ok=exist_ok)
        except FileExistsError:
            if self.path.is_dir():
                raise
            raise ConfigurationError(f"{self.path.parent} is not a directory; name another for the run") from None
        except OSError as error:
            message = f"cannot make a run directory in {self.path.parent}: {error.strerror}; name another directory"
            raise ConfigurationError(message) from None

    @property
    def started(self) -> bool:
        """Whether the directory holds a run: its configuration at least."""
        return os.path.isfile(self._config_path)  # pathlib's raises where a name is too long

    @property
    def finished(self) -> bool:
        """Whether the run came to its end: training and evaluation."""
        return self._summary_path.is_file()

    @cached_property
    def log(self) -> logging.Logger:
        handler = _Log(self.path / "log.txt", encoding="utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        # Not registered by name: it lives and dies with this object, however many runs a process makes.
        logger = logging.Logger("brianff.run", logging.INFO)
        logger.addHandler(handler)
        return logger

    def write_config(self, config: dict[str, Any]) -> None:
        """Write config.toml. TOML has no null: keys whose value is None are left out."""
        try:
            text = tomli_w.dumps(without_none(argument("config", config, Table())))
        except TypeError as error:
            raise ConfigurationError(f"config holds what TOML cannot: {error}") from None
        write_atomically(self._config_path, text.encode())

    def read_config(self) -> dict[str, Any]:
        """Return the content of config.toml."""
        return read_toml(self._known(self._config_path), CheckpointError)

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write summary.json; a ConfigurationError if it holds what JSON cannot, see `plain`."""
        text = json.dumps(plain(summary, "summary"), indent=2)
        write_atomically(self._summary_path, f"{text}\n".encode())

    def read_summary(self) -> dict[str, Any]:
        """Return the content of summary.json."""
        summary = read_json(self._known(self._summary_path), CheckpointError)
        if not isinstance(summary, dict):
            raise CheckpointError(f"{self._summary_path} is damaged: it holds no table of values")
        try:
            Summary(**summary)
        except ConfigurationError as error:
            raise CheckpointError(f"{self._summary_path} is damaged: {error}") from None
        return summary

    def write_history(self, rows: Iterable[tuple[int, int, str, float]]) -> None:
        """Write history.csv anew from rows (epoch, layer, quantity, value)."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([tuple(_HISTORY_TYPES), *rows])
        write_atomically(self._history_path, text.getvalue().encode())

    def read_history(self) -> pandas.DataFrame:
        """Return history.csv as a table with the columns epoch, layer, quantity, value."""
        # Python's float: the parser's own is one bit off in some pandas
        table = read_table(self._known(self._history_path), CheckpointError, converters={"value": float})
        try:
            return table[list(_HISTORY_TYPES)].astype(_HISTORY_TYPES)
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"{self._history_path} is not a history: {str(error).splitlines()[0]}") from None

    def _facts(self) -> dict[str, Any]:
        states = {"finished": self.finished, "can be resumed": self.checkpoint_path.exists(), "started": self.started}
        state = next((name for name, holds in states.items() if holds), "empty")
        summary: dict[str, Any] = {}
        with suppress(CheckpointError):
            summary = self.read_summary()
        accuracies = {key: value for key, value in summary.items() if key.endswith("_accuracy")}
        return {"path": str(self.path), "state": state, **accuracies}

    def _known(self, path: Path) -> Path:
        """Return the path of one of the run's files; a CheckpointError if there is none."""
        if not os.path.lexists(path):
            raise CheckpointError(f"{self.path} has no {path.name}: the run has not come that far")
        return path


class _Log(logging.FileHandler):
    """A log: where it cannot be written, no result is lost for that."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Stay silent: the default prints a traceback."""


def plain(value: Any, name: str) -> Any:
    """Return a value as JSON holds it: arrays as lists, and null for numbers that are not finite.

    Parameters
    ----------
    value : object
    name : str
        How it is called in errors.

    Raises
    ------
    ConfigurationError
        If JSON cannot hold it.
    """
    if isinstance(value, np.generic) or type(value) is np.ndarray:  # a quantity would lose its unit
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    try:
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            return {key: plain(one, f"{name}.{key}") for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [plain(one, f"{name}.{number}") for number, one in enumerate(value)]
    except RecursionError:
        pass
    raise ConfigurationError(
        f"{short(name)} is {shown(value)}, which JSON cannot hold: give numbers, text, lists, tables of these by name"
    )


def without_none(value: Any) -> Any:
    """Return a configuration as it is in a file: without what is None, and with lists for tuples."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return [without_none(item) for item in value] if isinstance(value, list | tuple) else value
