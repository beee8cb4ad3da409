"""How long it takes to start, with a warm cache of compiled code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from benchmarks.measuring import Row, compare, seconds

_FIRST_PRESENTATION = """
import numpy
from brianff.protocols.configuration import load_protocol
from brianff.protocols.training import prepare
trainer = prepare(load_protocol("msnn-digits"))
trainer.simulator.present(trainer.training.intensities(slice(0, 1)), trainer.training.labels[:1])
"""


def rows(runs: int) -> Iterator[Row]:
    """Measure new interpreters against one that imports Brian2."""
    brian2 = "import brian2"
    for what, code, bar in (
        ("import brianff", "import brianff", "<= 1.2"),
        ("import brianff and its Simulator", "from brianff import Simulator", ""),
        ("brianff --help", "import sys; sys.argv[1:] = ['--help']; from brianff.cli import main; main()", "<= 1 s"),
        ("first presentation of the demo", _FIRST_PRESENTATION, "<= 8 s"),
    ):
        yield compare(what, brian2, lambda: _python(code), lambda: _python(brian2), "s", bar, runs, faster=False)  # noqa: B023


def _python(code: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL))
