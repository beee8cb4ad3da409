"""The memory span of the device: accuracy in a task of order against the gap between one image and the next.

Each point trains a protocol of frames with another gap, with memristors that move and with frozen ones. A neuron whose
memristors are frozen is a leaky integrator with the same membrane: it knows the images, not their order. Gaps of less
than 40 us are left out: there the synaptic current itself is a memory.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from brian2 import us

from brianff.description import FrameEncoding
from brianff.errors import ConfigurationError
from brianff.protocols.configuration import Protocol
from brianff.protocols.readout import GoodnessReadout
from brianff.protocols.studies.study import Map, Study
from brianff.protocols.trainer import Trainer

__all__ = ["GAPS", "run_study"]

GAPS = (40, 100, 200, 400, 1000, 2000)
"""In us."""


def run_study(
    protocol: Protocol,
    directory: Path,
    seeds: int = 5,
    gaps: Sequence[float] = GAPS,
    data_dir: Path | None = None,
    progress: bool = True,
    map: Map = builtins.map,
) -> Study:
    """Train what is missing and return the study, with the table "gap": a row for each gap (us), control and seed.

    Parameters
    ----------
    protocol : Protocol
        Whose encoding shows frames, such as ``load_protocol("msnn-order-digits")``.
    directory : Path
        Of the study; one that was stopped there resumes, and more seeds and gaps can be added.
    seeds : int
        Number of seeds: that of the protocol and those after it.
    gaps : sequence of float
        Times from one image to the next, in us; each image has a window as long.
    data_dir : Path, optional
        Where the data set is.
    progress : bool
        Show a progress bar.
    map : callable
        Measures the points: a `Cluster`, or another one, see `brianff.protocols.studies.study.measure_points`.

    Raises
    ------
    ConfigurationError
        If the protocol shows no sequence of images, its neurons have no memristors, a readout decides, or a gap is no
        time step.
    """
    encoding, layers = protocol.network.encoding, protocol.network.layers
    if not isinstance(encoding, FrameEncoding) or encoding.frames < 2 or not layers[0].neuron.memristors:
        raise ConfigurationError(
            f"protocol {protocol.name!r} has no gap to change: it takes several frames and neurons with memristors, "
            "as msnn-order-digits has"
        )
    if protocol.readout is not GoodnessReadout:
        raise ConfigurationError(
            f"protocol {protocol.name!r} is decided by a readout: evaluation.readout is to be goodness"
        )
    steps = {gap: round(float(gap * us / protocol.network.time_step)) for gap in gaps}
    if short := [gap for gap, count in steps.items() if count < 1]:
        raise ConfigurationError(f"a gap of {short[0]:g} us is less than one time step")
    encodings = {gap: _with_gap(encoding, count) for gap, count in steps.items()}
    study = Study(directory, {"protocol": protocol.model_dump(mode="json")})

    def measure(gap: float, memristors: str, seed: int) -> Iterator[dict[str, Any]]:
        changed = [layer.replace(memristors=memristors) for layer in layers]
        network = protocol.network.replace(layers=changed, encoding=encodings[gap])
        summary = Trainer(protocol.replace(network=network, seed=seed), data_dir=data_dir).fit(progress=False)
        switched = summary["layers"][0]["switched_share"]
        accuracy = summary.get("test_accuracy", summary.get("validation_accuracy"))
        yield {"accuracy": accuracy, "tied_share": summary["tied_share"], "switched_share": switched}

    points = [
        {"gap": gap, "memristors": memristors, "seed": seed}
        for seed in range(protocol.seed, protocol.seed + seeds)
        for gap in gaps
        for memristors in ("moving", "frozen")
    ]
    study.fill("gap", points, measure, progress, map)
    return study


def _with_gap(encoding: FrameEncoding, steps: int) -> FrameEncoding:
    """Return an encoding whose frames follow each other after so many steps."""
    every = FrameEncoding.every(steps, encoding.frames)
    return encoding.replace(steps=every.steps, onset_steps=every.onset_steps, gap=None, window_steps=None)
