"""The memory span of the device: accuracy in the task of order against the gap between the two digits.

Each point trains `msnn-order-digits` with another gap, with memristors that move and with frozen ones. The latter know
the pair, not its order. Gaps of less than 40 us are left out: there the synaptic current itself is a memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brianff.description import FrameEncoding
from brianff.protocols.configuration import load_protocol
from brianff.protocols.studies.study import Study
from brianff.protocols.trainer import Trainer

__all__ = ["run_study"]

GAPS = (40, 100, 200, 400, 1000, 2000)
"""In time steps of 1 us."""


def run_study(directory: Path, quick: bool = False, data_dir: Path | None = None, progress: bool = True) -> Study:
    """Return the study, with the table "gap": a row for each gap, control and seed; quick: two gaps, few epochs."""
    gaps, seeds, epochs = ((40, 400), (1,), 4) if quick else (GAPS, (1, 2, 3), 12)
    protocol = load_protocol("msnn-order-digits", [f"learning.epochs={epochs}"])
    study = Study(directory, {"protocol": protocol.model_dump(mode="json")})

    def measure(gap: int, memristors: str, seed: int) -> Iterator[dict[str, Any]]:
        layers = [layer.replace(memristors=memristors) for layer in protocol.network.layers]
        network = protocol.network.replace(layers=layers, encoding=FrameEncoding.every(gap))
        summary = Trainer(protocol.replace(network=network, seed=seed), data_dir=data_dir).fit(progress=False)
        switched = summary["layers"][0]["switched_share"]
        yield {"accuracy": summary["test_accuracy"], "tied_share": summary["tied_share"], "switched_share": switched}

    points = [
        {"gap": gap, "memristors": memristors, "seed": seed}
        for seed in seeds
        for gap in gaps
        for memristors in ("moving", "frozen")
    ]
    study.fill("gap", points, measure, progress)
    return study
