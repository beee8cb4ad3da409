"""A trained network with some presentations as a C++ program of Brian2, which runs without Python.

It is written by a process of its own: Brian2's C++ standalone mode is a state of the whole process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np

from brianff.arguments import explained
from brianff.errors import BrianffError, ConfigurationError, DataError

if TYPE_CHECKING:
    from brianff.responses import Recording
    from brianff.simulator import Simulator

__all__ = ["export_standalone", "read_standalone"]

LAYOUT, PRESENTATIONS = "layout.json", "presentations.json"
"""Files of a program that tell where its results are, and what it presents."""

ABOUT = """A trained network as a C++ program: {presentations} presentations of {steps} steps of {step} s, the
first {rest} of which are rest.

    make && ./main --results_dir results/

In Python, brianff.read_standalone(DIRECTORY) reads the results; elsewhere, layout.json names their files, raw arrays of
the given types:
  goodness_N          (presentations, neurons) at the start of each presentation of layer N (from 1): row n + 1 is that
                      of presentation n
  goodness_N_last     (neurons), after the last presentation
  spike_neurons_N, spike_times_N (s)

Other inputs: ./main --results_dir results/ input_events.values=FILE, where FILE holds ({rows}, {inputs}) doubles: the
amplitude of each input unit in each step, presentation after presentation.
"""


def export_standalone(simulator: Simulator, directory: str | Path, images: Any, labels: np.ndarray) -> Path:
    """Write the program; see `Simulator.export_standalone`."""
    directory = Path(directory)
    if directory.exists() and any(directory.iterdir()):
        raise ConfigurationError(f"{directory} is not empty; name a directory that is new")
    if any(layer.winners is not None for layer in simulator.network.layers):
        raise ConfigurationError("layers with winners cannot be exported: Brian2 lets neurons compete in Python only")
    with simulator.evaluation(membranes=True):
        inputs, weights = simulator.inputs(images, labels), simulator.read_weights()
        if not len(inputs):
            raise ConfigurationError("there are no images to present")
        membranes = [layer.carried(len(inputs)) for layer in simulator.layers]
    given = simulator.network, simulator.goodness, simulator.streams.seed, inputs, weights, membranes
    command = [sys.executable, "-m", __name__, str(directory.resolve())]
    done = subprocess.run(command, input=cloudpickle.dumps(given), capture_output=True, check=False)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BrianffError(f"the C++ program cannot be written: {' '.join(last)}")
    network, steps = simulator.network, inputs.steps
    facts: dict[str, float] = {
        "presentations": len(inputs),
        "steps": network.rest_steps + steps,
        "rest": network.rest_steps,
    }
    facts |= {"step": float(network.time_step), "inputs": network.inputs}
    Path(directory, "README.txt").write_text(ABOUT.format(**facts, rows=len(inputs) * facts["steps"]))
    about = facts | {"sizes": [layer.neurons for layer in network.layers], "labels": np.asarray(labels).tolist()}
    Path(directory, PRESENTATIONS).write_text(json.dumps(about, indent=2))
    return directory


@explained
def read_standalone(
    directory: str | Path, results: str = "results", presentations: Any = None
) -> tuple[Recording, list[np.ndarray]]:
    """Return what a program of `Simulator.export_standalone` has written when it ran.

    Parameters
    ----------
    directory : str or Path
        That of the program.
    results : str
        Name of its `--results_dir`, in that directory.
    presentations : mapping of str to sequence, or pandas.DataFrame, optional
        More about each presentation, as `Simulator.record` takes it.

    Returns
    -------
    Recording
        Spikes of all layers, without traces, for the functions of `brianff.analysis` and for export.
    list of ndarray, shape (presentations, neurons)
        Goodness terms of each layer.

    Raises
    ------
    DataError
        If there is no such program, it has not run, or its results are not those of its presentations.
    """
    place = Path(directory)
    try:
        return _results(place, results, presentations)
    except BrianffError:
        raise
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}; in the directory of an exported program, run "
            f"./main --results_dir {results}/"
        ) from None
    except Exception as error:  # what is missing, or of another kind, fails where it is used
        raise DataError(f"{place} is damaged: {type(error).__name__}, {error}; export the program anew") from None


def _results(place: Path, results: str, presentations: Any) -> tuple[Recording, list[np.ndarray]]:
    from brianff.recording import presentation_table, table_of_events
    from brianff.responses import Recording

    layout, about = (json.loads((place / name).read_text()) for name in (LAYOUT, PRESENTATIONS))
    arrays = {name: np.fromfile(place / results / one["file"], one["type"]) for name, one in layout.items()}
    count, step, period = (about[name] for name in ("presentations", "step", "steps"))
    goodness, events = [], []
    for layer, size in enumerate(about["sizes"]):
        terms, last, neurons, times = (
            arrays[f"{name.format(layer + 1)}"]
            for name in ("goodness_{}", "goodness_{}_last", "spike_neurons_{}", "spike_times_{}")
        )
        if terms.size != count * size or last.size != size or neurons.size != times.size:
            raise DataError(f"{place / results} does not hold {count} presentations to {size} neurons; run it anew")
        goodness.append(np.vstack([terms.reshape(count, size)[1:], last]))
        presentation, at = np.divmod(np.rint(times / step).astype(int), period)
        shown = at >= about["rest"]
        events.append(
            np.stack([at - about["rest"], neurons, np.full_like(at, layer), presentation])[:, shown].astype(np.int32)
        )
    table = presentation_table(np.array(about["labels"]), presentations=presentations)
    spikes = table_of_events(np.concatenate(events, axis=1), step, table)
    duration = (period - about["rest"]) * step
    none = np.array([], dtype=int)
    recording = Recording(none * step, spikes, {}, none, len(goodness) - 1, table, tuple(about["sizes"]), duration)
    return recording, goodness


def _write(directory: str) -> None:
    import brian2

    from brianff.engines import ReferenceEngine

    network, goodness, seed, inputs, weights, membranes = cloudpickle.load(sys.stdin.buffer)
    brian2.set_device("cpp_standalone", build_on_run=False)
    objects = ReferenceEngine(network, goodness, directory, seed).build(inputs, weights, membranes)
    objects.network.run(objects.duration, namespace={})
    device = brian2.get_device()
    device.build(directory=directory, compile=False, run=False)
    layout = {}
    for number, (group, result, spikes) in enumerate(
        zip(objects.layers, objects.results, objects.spikes, strict=True), 1
    ):
        for name, variable in (
            (f"goodness_{number}", result.variables["goodness"]),
            (f"goodness_{number}_last", group.variables["goodness"]),
            (f"spike_neurons_{number}", spikes.variables["i"]),
            (f"spike_times_{number}", spikes.variables["t"]),
        ):
            file = device.get_array_filename(variable)
            layout[name] = {"file": Path(file).name, "type": np.dtype(variable.dtype).str}
    Path(directory, LAYOUT).write_text(json.dumps(layout, indent=2))


if __name__ == "__main__":
    _write(sys.argv[1])
