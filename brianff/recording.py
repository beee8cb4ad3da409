"""Recording spikes and time courses of presentations, in memory or streamed to an HDF5 file."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.arrays import checked
from brianff.description.fields import NAME, Place, argument, shown
from brianff.encoding import checked_images
from brianff.errors import ConfigurationError, DataError, MissingDependencyError
from brianff.responses import Recording
from brianff.storage.checkpoint import check_replaceable
from brianff.storage.files import make_directory, short
from brianff.storage.locks import locked

if TYPE_CHECKING:
    import pandas

    from brianff.engines.population import Population
    from brianff.simulator import Simulator

__all__ = ["open_recording", "presentation_table", "record", "recording_of_spikes", "spike_table", "table_of_events"]

BATCH_BYTES = 16 * 1024**2
"""Memory for spikes and traces of the presentations that are recorded together."""

SPIKE_COLUMNS = ("step", "neuron", "layer", "presentation")
FORMAT = "brianff recording 1"


def record(
    simulator: Simulator,
    images: Any,
    labels: np.ndarray,
    neurons: Sequence[int] | np.ndarray | Mapping[int, Sequence[int]] = (),
    layer: int = -1,
    polarity: Sequence[str] | None = None,
    variables: Sequence[str] | None = None,
    every: int = 1,
    presentations: Any = None,
    file: str | Path | None = None,
) -> Recording:
    """Present images with labels and record; see `Simulator.record`."""
    from brianff.engines.lanes.engine import LanesEngine
    from brianff.engines.population import whole_number

    network, every = simulator.network, whole_number("every", every, 1)
    images = checked_images(network, images)
    count = len(images)
    top = simulator._number(layer)
    table = presentation_table(labels, polarity, presentations)
    if len(table) != count:
        raise ConfigurationError(f"there are {len(table)} labels for {count} presentations")
    if file is not None:
        _check_storable(table)
    chosen = _chosen(neurons, top, [one.neurons for one in network.layers])
    names = {number: _names(simulator.populations[number], variables) for number in chosen}
    kept = np.arange(network.encoding.steps)[every - 1 :: every]
    traced = sum(len(names[number]) * len(places) for number, places in chosen.items())
    bytes_each = network.encoding.steps * (sum(one.neurons for one in network.layers) + 8 * traced)
    together = min(max(1, BATCH_BYTES // bytes_each), max(count, 1))

    # A small engine of its own: recording needs the spikes, and training should not pay for them.
    engine = LanesEngine(
        network, simulator.goodness, lanes=together, seed=simulator.streams.seed, precision=simulator.precision
    )
    shapes = {
        (number, name): (count, len(kept), len(places)) for number, places in chosen.items() for name in names[number]
    }
    with simulator.evaluation(membranes=True), _store(file, shapes, engine.populations[0].dtype) as store:
        weights = simulator.read_weights(top + 1)
        membranes = [one.carried(count) for one in simulator.layers[: top + 1]]
        for start in range(0, max(count, 1), together):
            rows = slice(start, min(start + together, count))
            traces = {key: np.empty((rows.stop - start, *shape[1:])) for key, shape in shapes.items()}

            def observe(number, part, step, read, traces=traces):
                if (step + 1) % every == 0:
                    for name in names.get(number, ()):
                        traces[number, name][part, (step + 1) // every - 1] = read(name)[:, chosen[number]]

            results = engine.present(
                simulator.inputs(images[rows], np.asarray(labels)[rows]),
                weights,
                spikes=True,
                observe=observe if traced else None,
                membranes=[None if membrane is None else membrane[rows] for membrane in membranes],
            )
            rasters = [result.raster for result in results if result.raster is not None]
            store.add(rows, traces, np.concatenate([_events(raster, n, start) for n, raster in enumerate(rasters)], 1))
        time_step = float(network.time_step)
        about = {
            "layers": [int(number) for number in chosen],
            "sizes": [one.neurons for one in network.layers[: top + 1]],
            "time_step": time_step,
            "duration": time_step * network.encoding.steps,
            "thresholds": [_threshold(population) for population in engine.populations[: top + 1]],
            "units": json.dumps({number: _units(simulator.populations[number], names[number]) for number in names}),
        }
        store.close((kept + 1) * time_step, chosen, table, about)
    return store.recording()


def presentation_table(
    labels: np.ndarray, polarity: Sequence[str] | None = None, presentations: Any = None
) -> pandas.DataFrame:
    """Return what is known about each presentation as a table, a row for each.

    Parameters
    ----------
    labels : ndarray of int, shape (presentations,)
        Labels shown.
    polarity : sequence of str, optional
        "positive" or "negative"; default: neither.
    presentations : mapping of str to sequence, or pandas.DataFrame, optional
        Further columns.

    Returns
    -------
    pandas.DataFrame
        Columns image (default: the presentation's number), label, true_label, polarity, epoch, and the further ones; -1
        stands for a true label or an epoch that is not known.

    Raises
    ------
    ConfigurationError
        If there is not one label, polarity or further value for each presentation.
    """
    import pandas

    labels = checked("labels", labels, (None,), kind="whole", error=ConfigurationError)
    count = len(labels)
    unknown = np.full(count, -1, dtype=np.int32)
    columns: dict[str, Any] = {"image": np.arange(count, dtype=np.int32), "label": labels.astype(np.int32)}
    columns |= {"true_label": unknown, "polarity": [""] * count if polarity is None else polarity, "epoch": unknown}
    try:
        columns |= dict(presentations if presentations is not None else {})
        columns = {name: np.asarray(values) for name, values in columns.items()}
    except (TypeError, ValueError):
        raise ConfigurationError("polarity and presentations must be columns by name: {'epoch': [0, 1]}") from None
    for name, values in columns.items():
        if name in {"time", "neuron", "layer", "presentation"}:
            raise ConfigurationError(f"{name!r} is a column of the spikes: give that of the presentations another name")
        if values.shape != (count,):
            what = "polarities" if name == "polarity" else f"values of {name}"
            given = values.size if values.ndim < 2 else f"{values.shape}"
            raise ConfigurationError(f"there are {given} {what} for {count} presentations")
    text = {name: values.astype(object) for name, values in columns.items() if values.dtype.kind == "U"}
    return pandas.DataFrame(columns | text).rename_axis("presentation")


def _check_storable(presentations: pandas.DataFrame) -> None:
    """Refuse columns that a file cannot hold, before anything is simulated."""
    from pandas.api.types import infer_dtype

    for name, values in presentations.items():
        argument("the name of a column of the presentations", name, NAME)
        if (kind := infer_dtype(values, skipna=False)) not in {"integer", "floating", "boolean", "string", "empty"}:
            raise ConfigurationError(
                f"column {name!r} of the presentations is {kind}; a file holds numbers, truth values or text, one kind"
            )


def spike_table(
    rasters: Sequence[np.ndarray],
    time_step: float,
    labels: np.ndarray,
    polarity: Sequence[str] | None = None,
    presentations: Any = None,
) -> pandas.DataFrame:
    """Return the spikes of some layers as a tidy table.

    Parameters
    ----------
    rasters : sequence of ndarray of bool, shape (steps, presentations, neurons)
        One per layer.
    time_step : float
        Time step in seconds; a spike of step k has the time (k + 1) x time_step, the end of the step.
    labels, polarity, presentations
        As `presentation_table` takes them.

    Returns
    -------
    pandas.DataFrame
        Columns time (s), neuron, layer, presentation, and those of `presentation_table`, ordered by layer, presentation
        and time.
    """
    events = np.concatenate([np.empty((4, 0), np.int32), *(_events(raster, n) for n, raster in enumerate(rasters))], 1)
    return table_of_events(events, time_step, presentation_table(labels, polarity, presentations))


def table_of_events(events: np.ndarray, time_step: float, presentations: pandas.DataFrame) -> pandas.DataFrame:
    """Return the spikes (step, neuron, layer, presentation) as a table."""
    import pandas

    step, neuron, layer, presentation = events[:, np.argsort(events[2], kind="stable")]
    columns = {"time": (step + 1) * time_step, "neuron": neuron, "layer": layer, "presentation": presentation}
    about = {name: values.to_numpy()[presentation] for name, values in presentations.items()}
    return pandas.DataFrame(columns | about)


def recording_of_spikes(
    spikes: Any, presentations: Any = None, sizes: Sequence[int] | None = None, duration: float | None = None
) -> Recording:
    """Return spikes from elsewhere as a recording; see `Recording.from_spikes`."""
    import pandas

    table = _table("spikes", spikes)
    if missing := [name for name in ("time", "neuron") if name not in table]:
        raise ConfigurationError(f"the table of spikes lacks the column {missing[0]!r}")
    table = table.assign(**{name: 0 for name in ("layer", "presentation") if name not in table})
    place = ["time", "neuron", "layer", "presentation"]
    for name in place:
        kind = "real" if name == "time" else "whole"
        table[name] = checked(name, table[name].to_numpy(), (None,), kind=kind, error=ConfigurationError)
    counts = {name: int(table[name].max()) + 1 if len(table) else 0 for name in place[1:]}
    if presentations is None:
        about = table.groupby("presentation").first().drop(columns=place[:3]).reindex(range(counts["presentation"]))
    else:
        about = _table("presentations", presentations).drop(columns="presentation", errors="ignore")
    about = about.assign(**{name: value for name, value in (("label", -1), ("polarity", "")) if name not in about})
    about = about.rename_axis("presentation")
    table = table[place].astype(dict.fromkeys(place[1:], np.int32)).join(about, on="presentation")
    if sizes is None:
        largest = table.groupby("layer")["neuron"].max().reindex(range(counts["layer"]), fill_value=-1)
        sizes = tuple(int(neuron) + 1 for neuron in largest)
    known = pandas.Series(dict(enumerate(sizes)), dtype=int).reindex(table["layer"]).to_numpy()
    beyond = (table["neuron"] >= known) | (table["presentation"] >= len(about)) | (table[place] < 0).any(axis=1)
    if (beyond | np.isnan(known)).any():
        one = table.loc[beyond | np.isnan(known)].iloc[0]
        raise ConfigurationError(
            f"a spike is of neuron {one['neuron']}, layer {one['layer']}, presentation {one['presentation']}; there are"
            f" {len(about)} presentations to layers of {', '.join(map(str, sizes)) or 'no'} neurons"
        )
    last = duration if duration is not None else float(table["time"].max()) if len(table) else 1e-3
    none = np.array([])
    return Recording(none, table, {}, none.astype(int), 0, about, tuple(sizes), float(last))


def _table(name: str, given: Any) -> pandas.DataFrame:
    import pandas

    try:
        return pandas.DataFrame(given).reset_index(drop=True)
    except Exception as error:
        told = " ".join(str(error).split())
        raise ConfigurationError(f"{name} is {shown(given)}; it must be a table, or columns by name: {told}") from None


def _events(raster: np.ndarray, layer: int, first: int = 0) -> np.ndarray:
    """Return step, neuron, layer and presentation of each spike, ordered by presentation and time."""
    presentation, step, neuron = np.nonzero(raster.transpose(1, 0, 2))
    return np.stack([step, neuron, np.full(len(neuron), layer), presentation + first]).astype(np.int32)


def _chosen(neurons: Any, top: int, sizes: Sequence[int]) -> dict[int, np.ndarray]:
    """Return the neurons to trace by layer, those of the highest last."""
    if not isinstance(neurons, Mapping) or not neurons:
        neurons = {top: [] if isinstance(neurons, Mapping) else neurons}
    chosen = {}
    for number in neurons:
        if number not in range(top + 1):
            raise ConfigurationError(f"traces of layer {shown(number)} were asked for; layers 0 to {top} are recorded")
    for number, places in sorted(neurons.items()):
        chosen[number] = places = checked("neurons", places, (None,), kind="whole", error=ConfigurationError)
        if places.size and not 0 <= places.min() <= places.max() < sizes[number]:
            raise ConfigurationError(f"neurons must lie between 0 and {sizes[number] - 1}, the size of layer {number}")
    return chosen


def _names(population: Population, variables: Sequence[str] | None) -> tuple[str, ...]:
    """Return the variables to trace."""
    if variables is None:
        return ("I", *population.neuron.traces)
    known = ["I", *sorted(population.neuron.variables.names)]
    if not isinstance(variables, list | tuple):
        raise ConfigurationError(f"variables is {shown(variables)}; give names in a list, of {', '.join(known)}")
    if unknown := [name for name in variables if not isinstance(name, str) or name not in known]:
        raise ConfigurationError(f"there is no variable {shown(unknown[0])} to record; known: {', '.join(known)}")
    return tuple(variables)


def _units(population: Population, names: Sequence[str]) -> dict[str, str]:
    """Return the SI unit of each variable, such as "V" or "A/s"; "" for none."""
    from brian2.units.fundamentalunits import is_dimensionless

    units = {name: one.unit for name, one in population.neuron.variables.items()}
    texts = {name: "" if is_dimensionless(one) else _symbol(one) for name, one in units.items()}
    return {name: (texts | {"I": "A"})[name] for name in names}


def _symbol(unit: Any) -> str:
    """Return a unit as text, "V/s" for what Brian2 writes in base units."""
    from brian2 import get_unit, second

    for one, name in ((unit, ""), (unit * second, "/s")):
        if " " not in (text := str(get_unit(one.dim))) and "^" not in text:
            return text + name
    return str(unit).replace(" ", "*")


def _threshold(population: Population) -> float:
    """Return the voltage (V) above which neurons spike; nan if a spike is something else."""
    parameter = population.neuron.threshold.removeprefix("v > ")
    return float(population.parameters[parameter]) if parameter in population.parameters else np.nan


class _Memory:
    """A recording in memory."""

    def __init__(self, shapes: Mapping[tuple[int, str], tuple[int, ...]], dtype: type):
        self.traces: dict[tuple[int, str], Any] = {key: np.empty(shape, dtype) for key, shape in shapes.items()}
        self._events: list[np.ndarray] = []

    def add(self, rows: slice, traces: Mapping[tuple[int, str], np.ndarray], events: np.ndarray) -> None:
        for key, values in traces.items():
            self.traces[key][rows] = values
        self._keep(events)

    def _keep(self, events: np.ndarray) -> None:
        self._events.append(events)

    def close(self, times, chosen, presentations, about) -> None:
        self.times, self.chosen, self.presentations, self.about = times, chosen, presentations, about

    def recording(self) -> Recording:
        return self._recording(np.concatenate(self._events, axis=1))

    def _recording(self, events: np.ndarray) -> Recording:
        spikes = table_of_events(events, self.about["time_step"], self.presentations)
        made: tuple[Recording, ...] = ()
        for layer, neurons in self.chosen.items():
            traces = {name: values for (number, name), values in self.traces.items() if number == layer}
            threshold = self.about["thresholds"][layer]
            common = tuple(self.about["sizes"]), self.about["duration"], None if np.isnan(threshold) else threshold
            units = json.loads(self.about.get("units", "{}")).get(str(layer), {})  # files of before 0.2 have none
            one = Recording(self.times, spikes, traces, neurons, layer, self.presentations, *common, made, units)
            made = (one, *made)
        return made[0]


class _Sink(io.FileIO):
    """A file for HDF5, which crashes where a write fails: the error is kept until it is asked for."""

    error: OSError | None = None

    def write(self, content: Any) -> int:
        left = memoryview(content).cast("B")
        size = len(left)
        try:
            while self.error is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            if self.error is None:
                super().truncate(size)
        except OSError as error:
            self.error = error
        return size or 0

    def check(self) -> None:
        """Raise the error that was kept."""
        if self.error is not None:
            raise self.error


class _File(_Memory):
    """A recording in an HDF5 file, which has its name only when it is whole."""

    def __init__(self, path: Path, shapes: Mapping[tuple[int, str], tuple[int, ...]], dtype: type):
        h5py = _h5py(path)
        self.path, self._part = path, path.parent / f"{path.name}.part"
        self._sink = _Sink(self._part, "w+")
        self.file = h5py.File(self._sink, "w")
        self.traces = {
            key: self.file.create_dataset("traces/{}/{}".format(*key), shape, dtype) for key, shape in shapes.items()
        }
        options = {"maxshape": (4, None), "chunks": (1, 2**16), "compression": "gzip", "compression_opts": 1}
        self._spikes = self.file.create_dataset("spikes", (4, 0), np.int32, shuffle=True, **options)

    def _keep(self, events: np.ndarray) -> None:
        before = self._spikes.shape[1]
        self._spikes.resize(before + events.shape[1], axis=1)
        self._spikes[:, before:] = events
        self._sink.check()

    def close(self, times, chosen, presentations, about) -> None:
        self.file["times"] = times
        for layer, neurons in chosen.items():
            self.file[f"neurons/{layer}"] = neurons
        for name, values in presentations.items():
            self.file[f"presentations/{name}"] = values.to_numpy()
        self.file.attrs.update(about | {"format": FORMAT, "spikes": SPIKE_COLUMNS, "columns": list(presentations)})
        self.file.close()
        self._sink.check()
        os.fsync(self._sink.fileno())
        self._part.replace(self.path)

    def discard(self) -> None:
        self.file.close()
        self._sink.close()
        self._part.unlink(missing_ok=True)

    def recording(self) -> Recording:
        return open_recording(self.path)


@contextmanager
def _store(file: str | Path | None, shapes: Mapping, dtype: type) -> Iterator[_Memory]:
    """Give what keeps a recording; a file that did not become whole is removed."""
    if file is None:
        yield _Memory(shapes, dtype)
        return
    path = argument("file", file, Place())
    if not path.name:
        raise ConfigurationError(f"file is {shown(file)}; it must be the name of a file")
    make_directory(path.parent)
    check_replaceable(path)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path.parent / f"{path.name}.lock"))
            store = _File(path, shapes, dtype)
            stack.callback(store.discard)
            yield store
        except BlockingIOError:
            raise ConfigurationError(f"{path} is being written by another process: name another file") from None
        except OSError as error:
            raise ConfigurationError(f"cannot write the recording {path}: {error.strerror or error}") from None


def _h5py(path: str | Path) -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingDependencyError(f"{path} needs h5py: pip install 'brianff[hdf5]'") from None
    return h5py


def open_recording(path: str | Path) -> Recording:
    """Return the recording in a file; see `Recording.open`."""
    place: Path = argument("path", path, Place(), DataError)
    h5py = _h5py(path)
    if not place.is_file():  # a named pipe would be waited for
        raise DataError(f"there is no file {short(path)}")
    try:
        return _opened(h5py.File(place), place)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read as HDF5: {error}") from None
    except Exception as error:  # what is missing, or of another kind, fails where it is used
        raise DataError(f"{path} is damaged: {type(error).__name__}, {error}") from None


def _opened(file: Any, path: Path) -> Recording:
    import h5py
    import pandas

    if file.attrs.get("format") != FORMAT:
        raise DataError(f"{path} holds no recording of this version of brianff")
    store, about = _Memory({}, float), dict(file.attrs)
    layers = [int(layer) for layer in about["layers"]]
    columns = {}
    for name in about["columns"]:
        column = file[f"presentations/{name}"]
        columns[name] = column.asstr()[:] if h5py.check_string_dtype(column.dtype) else column[:]
    about["sizes"] = [int(size) for size in about["sizes"]]
    about |= {name: float(about[name]) for name in ("time_step", "duration")}
    store.traces = {
        (layer, name): values for layer in layers for name, values in file.get(f"traces/{layer}", {}).items()
    }
    chosen = {layer: file[f"neurons/{layer}"][:] for layer in layers}
    store.close(file["times"][:], chosen, pandas.DataFrame(columns).rename_axis("presentation"), about)
    return store._recording(file["spikes"][:])
