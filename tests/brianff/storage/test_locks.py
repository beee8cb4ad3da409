"""Locks between processes: refused at once or waited for, gone with their process; and what killed writers leave."""

import os
import signal
import subprocess
import sys

import pytest

from brianff.errors import CheckpointError, ConfigurationError
from brianff.storage.locks import locked, writing

HOLD = """
import sys, time
from pathlib import Path
from brianff.storage.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(path, seconds):
    process = subprocess.Popen([sys.executable, "-c", HOLD, path, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path):
    with writing(tmp_path), pytest.raises(ConfigurationError, match="in use"), writing(tmp_path):
        pass
    with writing(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_ends_with_its_process(tmp_path):
    process = hold(tmp_path / ".lock", 60)
    with pytest.raises(ConfigurationError, match=f"{tmp_path} is in use by another process"), writing(tmp_path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with writing(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_a_lock_that_is_waited_for(tmp_path):
    process = hold(tmp_path / "lock", 0.3)
    with locked(tmp_path / "lock", wait=True):
        assert process.poll() is not None or not process.wait(10)  # it let go, and has nothing else to do
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock"):  # of the file that is there now
            pass
    process.stdout.close()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_cleared(tmp_path):
    (tmp_path / "figures").mkdir()
    left = [tmp_path / "history.csv.partial", tmp_path / "figures" / "a.png.0123abcd.partial"]
    for path in left:
        path.touch()
    with writing(tmp_path):
        assert not any(path.exists() for path in left)


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="cannot write"), writing(tmp_path / "missing"):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    import fcntl

    def none(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.warns(UserWarning, match="no locks"), writing(tmp_path):
        pass
