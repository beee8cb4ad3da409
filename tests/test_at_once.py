"""Calls that are interrupted, and calls beside each other: the answers are right or refused, and nothing is left.

With BRIANFF_NIGHT=1 each is done as often as one night allows; so are the tests of `test_stopped` and of Hypothesis.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from night import NIGHT

HELPERS = Path(__file__).parent / "helpers"


def found(script, *arguments):
    """Run a helper; return the number that it printed first, and what it says was wrong."""
    command = [sys.executable, HELPERS / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    assert done.returncode == 0, done.stderr[-2000:]
    count, *wrong = done.stdout.splitlines()
    return int(count), wrong


CALLS = ["present", "learn", "record", "train"]
ENGINES = [
    "reference 1",
    "response 2",
    *(f"{engine} {workers}" for engine in ("lanes", "processes") for workers in (1, 2, 3)),
]
SOME = ["learn lanes 1", "present processes 2"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("case", [f"{call} {engine}" for call in CALLS for engine in ENGINES] if NIGHT else SOME)
def test_a_call_that_is_interrupted_at_any_moment(case, tmp_path):
    times = 200 if NIGHT else 3
    stopped, wrong = found("interrupted.py", *case.split(), times, tmp_path)
    assert not wrong
    assert stopped > 0.8 * times if NIGHT else stopped


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("kind", ["own", "one", "cache", "run"] if NIGHT else ["cache", "run"])
def test_several_at_once(kind, tmp_path):
    rounds = 50 if NIGHT else 1
    answers, wrong = found("beside.py", kind, rounds, tmp_path)
    assert answers >= 3 * rounds
    assert not wrong
