"""Recordings and networks for other programs: tables, Neo, NWB, arrays of weights, and a C++ program of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.errors import ConfigurationError, MissingDependencyError
from brianff.storage.checkpoint import write_atomically
from brianff.storage.files import make_directory

if TYPE_CHECKING:
    import neo

    from brianff.responses import Recording
    from brianff.simulator import Simulator

__all__ = ["EXPORTS", "export_recording", "export_weights", "neo_block"]

SETTLE = 1.25
"""From the start of a presentation to that of the next, in an NWB file, whose time runs on: so many durations."""


def export_recording(recording: Recording, path: str | Path) -> list[Path]:
    """Write a recording for other programs; the ending of the name gives the format, see `EXPORTS`.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    ConfigurationError
        If the ending is none of the known ones, the file cannot be written, or the recording does not know its
        presentations.
    MissingDependencyError
        Without the library of the format; the message says how to install it.
    """
    path = Path(path)
    if path.suffix not in EXPORTS:
        raise ConfigurationError(f"cannot export {path}: its name must end with one of {', '.join(EXPORTS)}")
    if recording.presentations is None:
        raise ConfigurationError("the recording knows nothing of its presentations: record it anew")
    make_directory(path.parent)
    try:
        return EXPORTS[path.suffix](recording, path)
    except MissingDependencyError:
        raise
    except Exception as error:  # of libraries that do not know a column of the user's, or of a full disk
        raise ConfigurationError(f"cannot write {path}: {error}") from None


def _tables(method: str) -> Callable[[Recording, Path], list[Path]]:
    """Return what writes spikes, and beside them the presentations (silent ones, too), by a method of pandas."""

    def write(recording: Recording, path: Path) -> list[Path]:
        assert recording.presentations is not None
        beside = path.with_name(f"{path.stem}-presentations{path.suffix}")
        tables = {path: recording.spikes, beside: recording.presentations.reset_index()}
        try:
            contents = {place: getattr(table, method)(None, index=False) for place, table in tables.items()}
        except ImportError:
            raise MissingDependencyError(f"{path} needs pyarrow: pip install 'brianff[parquet]'") from None
        for place, content in contents.items():
            write_atomically(place, content.encode() if isinstance(content, str) else content)
        return [path, beside]

    return write


def neo_block(recording: Recording) -> neo.Block:
    """Return a recording as a Neo block; see `Recording.to_neo`."""
    try:
        import neo  # noqa: F401
    except ImportError:
        raise MissingDependencyError("Neo is missing: pip install 'brianff[spikes]'") from None
    if recording.presentations is None:
        raise ConfigurationError("the recording knows nothing of its presentations: record it anew")
    try:
        return _block(recording)
    except (TypeError, ValueError) as error:  # Neo has names of its own, and takes no objects
        raise ConfigurationError(f"Neo does not take a column of the presentations: {error}") from None


def _block(recording: Recording) -> neo.Block:
    import neo

    assert recording.presentations is not None
    block = neo.Block(name="brianff recording", sizes=list(recording.sizes))
    trains: dict[Any, np.ndarray] = {
        key: group["time"].to_numpy() for key, group in recording.spikes.groupby(["presentation", "layer", "neuron"])
    }
    for presentation, about in enumerate(recording.presentations.to_dict("records")):
        segment = neo.Segment(name=f"presentation {presentation}", index=presentation, **_plain(about))
        for layer, size in enumerate(recording.sizes):
            for neuron in range(size):
                times = trains.get((presentation, layer, neuron), np.empty(0))
                own = {"layer": layer, "neuron": neuron, **_plain(about)}
                segment.spiketrains.append(neo.SpikeTrain(times, units="s", t_stop=recording.duration, **own))
        for one in (recording, *recording.others):
            for name, values in one.traces.items():
                segment.analogsignals.append(_signal(one, name, np.asarray(values[presentation])))
        block.segments.append(segment)
    return block


def _signal(recording: Recording, name: str, values: np.ndarray) -> neo.AnalogSignal:
    import neo
    import quantities

    return neo.AnalogSignal(
        values,
        units=recording.unit(name) or "dimensionless",
        t_start=recording.times[0] * quantities.s,
        sampling_period=_period(recording) * quantities.s,
        name=name,
        layer=recording.layer,
        neurons=recording.neurons.tolist(),
    )


def _period(recording: Recording) -> float:
    """Return the time from one recorded step to the next, in seconds."""
    return float(recording.times[1] - recording.times[0] if len(recording.times) > 1 else recording.times[0])


def _nwb(recording: Recording, path: Path) -> list[Path]:
    """Write an NWB file: neurons are units, presentations trials that follow each other."""
    try:
        import h5py
        from pynwb import NWBHDF5IO, NWBFile, TimeSeries
        from pynwb.misc import Units
    except ImportError:
        raise MissingDependencyError(f"{path} needs pynwb: pip install 'brianff[spikes]'") from None
    assert recording.presentations is not None
    now = datetime.now(UTC)
    about = "Simulated spikes of a memristive spiking network; each presentation is a trial."
    file = NWBFile(about, f"brianff-{now:%Y%m%dT%H%M%S%f}", now, experiment_description=about, keywords=["simulation"])
    period = SETTLE * recording.duration
    for name in recording.presentations.columns:
        file.add_trial_column(str(name), f"{name} of the presentation".replace("_", " "))
    for number, row in enumerate(recording.presentations.to_dict("records")):
        file.add_trial(start_time=number * period, stop_time=number * period + recording.duration, **_plain(row))
    file.units = Units(name="units", description="neurons of all layers", resolution=_period(recording))
    file.add_unit_column("layer", "layer of the neuron, from 0")
    file.add_unit_column("neuron", "number of the neuron in its layer")
    spikes = recording.spikes.assign(at=recording.spikes["presentation"] * period + recording.spikes["time"])
    trains = {key: np.sort(group.to_numpy()) for key, group in spikes.groupby(["layer", "neuron"])["at"]}
    starts = period * np.arange(len(recording.presentations))
    for layer, size in enumerate(recording.sizes):
        for neuron in range(size):
            times = trains.get((layer, neuron), np.empty(0))
            file.add_unit(spike_times=times, layer=layer, neuron=neuron)
    for one in (recording, *recording.others):
        for name, values in one.traces.items():
            data = np.asarray(values)
            if data.size:
                file.add_acquisition(
                    TimeSeries(
                        name=f"layer_{one.layer}_{name}",
                        data=data.reshape(-1, data.shape[2]),
                        unit=one.unit(name) or "1",
                        timestamps=(starts[:, np.newaxis] + one.times).ravel(),
                        description=f"{name} of neurons {', '.join(map(str, one.neurons))} of layer {one.layer}",
                    )
                )
    content = BytesIO()  # HDF5 itself leaves a part of a file where the disk is full
    with h5py.File(content, "w") as target, NWBHDF5IO(file=target, mode="w") as writer:
        writer.write(file)
    write_atomically(path, content.getvalue())
    return [path]


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return the values of a row as Python's own."""
    return {str(name): value.item() if isinstance(value, np.generic) else value for name, value in row.items()}


EXPORTS: dict[str, Callable[[Recording, Path], list[Path]]] = {
    ".csv": _tables("to_csv"),
    ".parquet": _tables("to_parquet"),
    ".nwb": _nwb,
}
"""Writers of recordings by the ending of the file: ``write(recording, path)`` returns the paths it has written."""


def export_weights(simulator: Simulator, path: str | Path) -> Path:
    """Write weights and conductances to a NumPy archive; see `Simulator.export_weights`."""
    from brianff.storage.provenance import provenance

    arrays: dict[str, np.ndarray] = {"label_codes": simulator.codes}
    for number, layer in enumerate(simulator.layers):
        crossbar = layer.crossbar
        arrays[f"weights_{number}"] = crossbar.weights
        if crossbar.connected is not None:
            arrays[f"connected_{number}"] = crossbar.connected
        if (devices := getattr(crossbar, "devices", None)) is not None:
            arrays[f"conductances_{number}"] = devices.conductances
    about = {
        "network": simulator.network.model_dump(mode="json"),
        "goodness": simulator.goodness.name,
        "seed": simulator.streams.seed,
        "units": {"weights": "1", "conductances": "S"},
        "shapes": {"weights": "(inputs, neurons)", "conductances": "(plus and minus device, pairs row by row)"},
    }
    content, path = BytesIO(), Path(path)
    np.savez_compressed(content, about=json.dumps(about | provenance()), **arrays)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())
    return path
