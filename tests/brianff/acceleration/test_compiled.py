"""Compiled code on disk: whole, or made again; and caches that cannot be written."""

import os
import shutil
import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from brianff.acceleration import compiled
from brianff.acceleration.compiled import kept
from brianff.acceleration.compiler import cache_directory
from brianff.errors import BrianffError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BRIANFF_CACHE", str(tmp_path / "cache"))
    compiled._warn_of_cache.cache_clear()
    return cache_directory()


@pytest.fixture
def made():
    return []


@pytest.fixture
def make(made):
    def make(place):
        made.append(place)
        (place / "code").write_text("whole")
        return place / "code"

    return make


def test_what_is_whole_is_made_once(cache, make, made):
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: kept("code.so", make), range(8)))
    assert paths == [cache / "code.so"] * 8
    assert len(made) == 1
    assert sorted(path.name for path in cache.iterdir()) == ["code.so", "code.so.sha256"]


@pytest.mark.parametrize("content", ["", "who", "other", None])
@pytest.mark.parametrize("name", ["code.so", "code.so.sha256"])
def test_what_is_not_whole_is_made_again(cache, make, made, name, content):
    kept("code.so", make)
    (cache / name).unlink()
    if content is not None:
        (cache / name).write_text(content)
    assert kept("code.so", make).read_text() == "whole"
    assert len(made) == 2
    kept("code.so", make)
    assert len(made) == 2


def test_a_directory_is_whole_as_a_whole(cache, made):
    def make(place):
        made.append(place)
        (place / "program" / "results").mkdir(parents=True)
        (place / "program" / "main").write_text("whole")
        return place / "program"

    (kept("program", make) / "main").write_text("damaged")
    assert (kept("program", make) / "main").read_text() == "whole"
    (kept("program", make) / "main").unlink()
    assert (kept("program", make) / "main").read_text() == "whole"
    assert len(made) == 3


KILLED = """
import os, sys
from brianff.acceleration.compiled import kept
def make(place):
    (place / "half").write_text("half")
    os.kill(os.getpid(), 9)
kept("code.so", make)
"""


def test_a_killed_builder_leaves_nothing_that_stays(cache, make):
    assert subprocess.run([sys.executable, "-c", KILLED], check=False).returncode == -9
    assert [path.name for path in cache.glob("*/*")] == ["half"]
    kept("code.so", make)
    assert sorted(path.name for path in cache.iterdir()) == ["code.so", "code.so.sha256"]


def test_a_cache_that_cannot_be_made_is_said_once(cache, make, made, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.warns(UserWarning, match=f"{cache} cannot be written"):
        assert kept("one.so", make).read_text() == "whole"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kept("two.so", make).read_text() == "whole"
    shutil.rmtree(compiled._own_directory(os.getpid()))
    compiled._own_directory.cache_clear()


def test_no_room_anywhere_is_said(cache, make, monkeypatch):
    def full(directory):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiled, "_check_room", full)
    with pytest.raises(BrianffError, match=rf"neither to {cache} \(No space left on device\)"):
        kept("code.so", make)


def test_what_the_compiler_does_wrong_is_not_the_caches_fault(cache):
    def make(place):
        raise RuntimeError("killed by signal 9")

    with pytest.raises(BrianffError, match="killed by signal 9"):
        kept("code.so", make)
    assert not list(cache.iterdir())


def test_a_cache_that_is_complete_may_be_read_only(cache, make, monkeypatch):
    kept("code.so", make)

    def refused(*arguments):
        raise AssertionError("nothing is locked, and nothing is written")

    monkeypatch.setattr(compiled, "_made", refused)
    assert kept("code.so", make).read_text() == "whole"


@pytest.mark.slow
def test_three_processes_on_an_empty_cache(cache):
    trial = """
import numpy as np
from brianff import Layer, Network, Simulator
simulator = Simulator(Network(pixels=4, classes=2, layers=[Layer(neurons=3)]), engine="lanes", seed=1)
print(simulator.present(np.ones((2, 4)), np.arange(2)).goodness.tobytes().hex())
"""
    processes = [subprocess.Popen([sys.executable, "-c", trial], stdout=subprocess.PIPE) for _ in range(3)]
    start = time.monotonic()
    answers = {process.communicate(timeout=500)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 3
    assert len(answers) == 1
    assert time.monotonic() - start < 500
    assert {path.suffix for path in cache.iterdir()} == {".so", ".sha256"}


def test_the_library_leaves_small_numbers_as_they_are():
    """Loaded with its own start-up code of fast arithmetic, it would make them zero in all of the process."""
    code = """
        from pathlib import Path
        from brianff.acceleration import compiled, lookup
        loaded = compiled.library(Path(lookup.__file__).with_suffix(".cpp"))
        print(loaded is not None, float("5e-324") * 1.0 > 0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
