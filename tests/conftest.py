"""Fixtures for all tests: seeded randomness, and the image data where they are."""

import gc
import os
import signal
import types
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from night import NIGHT

# A shell that starts the tests in the background lets them ignore Ctrl-C, which some of them send to themselves.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Each process of pytest-xdist keeps to a processor of its own, and so does what it starts: a simulator would start a
# worker process for every processor.
if (worker := os.environ.get("PYTEST_XDIST_WORKER")) and hasattr(os, "sched_setaffinity"):
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[int(worker.removeprefix("gw")) % len(processors)]})


# By day the same examples each time, so that a change is blamed for its own faults only; a night draws new ones.
hypothesis.settings.register_profile("day", max_examples=200, deadline=None, derandomize=True)
hypothesis.settings.register_profile(
    "night", max_examples=10_000, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("night" if NIGHT else "day")


def pytest_collection_finish():
    """Let the garbage collector pass over what is old: Brian2 collects all at each run, a tenth of a second here."""
    import brian2.core.network

    brian2.core.network.gc = types.SimpleNamespace(collect=lambda: gc.collect(1))
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded():
    import brian2

    np.random.seed(0)  # noqa: NPY002  Brian2 draws from numpy's global generator
    brian2.seed(0)


@pytest.fixture(autouse=True)
def _own_modules_are_forgotten():
    """A module that one test imports with `--import` is no part of another's run: workers would be asked for it."""
    from brianff.imports import IMPORTED

    before = dict(IMPORTED)
    yield
    IMPORTED.clear()
    IMPORTED.update(before)


@pytest.fixture(autouse=True, scope="module")
def _as_it_was():
    """Fail a module that leaves other preferences of Brian2 behind: the next one would test something else."""
    import brian2

    before = dict(brian2.prefs.prefs)
    yield
    assert dict(brian2.prefs.prefs) == before


@pytest.fixture(scope="session")
def data_directory():
    """Directory of the image sets: BRIANFF_DATA, or ../shared/data beside the repository."""
    directory = Path(os.environ.get("BRIANFF_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not directory.is_dir():
        pytest.skip(f"no image sets at {directory}; set BRIANFF_DATA to their directory")
    return directory


@pytest.fixture
def numpy_target():
    """Brian2's numpy target: slow for large groups, but nothing is compiled."""
    import brian2

    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    yield
    brian2.prefs.codegen.target = before
