"""Killed at any operation on files, or out of space there, work that is done again is what it is without the fault."""

import subprocess
import sys
from pathlib import Path

import pytest
from night import NIGHT

HELPER = Path(__file__).parent / "helpers" / "stopped.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize(
    ("work", "how", "first", "step"),
    [
        *(("study", "kill", 4, 13), ("study", "full", 3, 9), ("build", "kill", 5, 8), ("build", "full", 1, 6)),
        *(("run", "kill", 20, 19), ("run", "full", 7, 12)),
    ],
)
def test_what_is_done_again_is_what_it_is_without_a_fault(work, how, first, step, tmp_path):
    """At some of the operations; at night, at all."""
    first, step = (0, 1) if NIGHT else (first, step)
    command = [sys.executable, HELPER, work, how, str(first), str(step), tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, *wrong = done.stdout.splitlines()
    assert int(count) > first + step  # two points at least
    assert not wrong, f"{wrong}\n{done.stderr[-2000:]}"
