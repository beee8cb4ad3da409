"""Kills a program before and after each of its operations on files, or lets its disk be full from one of them on.

    python stopped.py WORK HOW FIRST STEP DIRECTORY

does it at operation FIRST, FIRST + STEP, ... of some WORK ("run", "study", "build"), and HOW is "kill" or "full". Each
time the work is then done again, and all that lies in its directory must be what it is without any fault. It prints the
number of operations, and a line for whatever differs.
"""

import builtins
import errno
import io
import os
import shutil
import signal
import sys
import time
import traceback
from functools import partial
from pathlib import Path

import brian2

from brianff.acceleration import compiled
from brianff.acceleration.compiled import kept
from brianff.errors import BrianffError
from brianff.protocols import Study, Trainer, load_protocol
from brianff.protocols.studies.study import FILES
from brianff.simulator import Simulator

SETTINGS = ["data.training_images=4", "network.layers.0.neurons=2", "learning.epochs=2", "learning.batch=2"]
SETTINGS += ["evaluation.epoch_images=2", "evaluation.training_images=2", "engine.workers=1", "engine.name=lanes"]
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def run(directory):
    trainer = Trainer(load_protocol("msnn-digits", SETTINGS))
    trainer.held_out = trainer.held_out.first(2)
    trainer.fit(directory / "run", progress=False)


def study(directory):
    def measure(seed):
        yield {"value": 10 * seed, FILES: {f"more/{seed}.txt": b"whole"}}

    Study(directory, {"seed": 1}).fill("table", [{"seed": seed} for seed in range(3)], measure, progress=False)


def build(directory):
    def make(place):
        (place / "code").mkdir()
        (place / "code" / "made.so").write_bytes(b"machine code")
        return place / "code"

    compiled.ROOM = 1
    os.environ["BRIANFF_CACHE"] = str(directory)
    kept("code", make)


class Operations:
    """Counts operations on files that are written; at one of them, before it or after it, something happens."""

    def __init__(self, at=None, happens=None, only_before=False):
        self.count, self.at, self.happens, self.step = 0, at, happens, 2 if only_before else 1

    def reached(self):
        number, self.count = self.count, self.count + 1
        if self.at is not None and number >= self.at:
            self.happens()

    def wrapped(self, operation, writes=lambda *args, **kwargs: True):
        def call(*args, **kwargs):
            if not writes(*args, **kwargs):
                return operation(*args, **kwargs)
            self.reached()
            result = operation(*args, **kwargs)
            if self.step == 1:
                self.reached()
            return result

        return call

    def install(self, room):
        opens = self.wrapped(
            io.open, lambda file, mode="r", *_, **__: not isinstance(file, int) and set(mode) & set("wxa+")
        )
        builtins.open = io.open = opens
        os.open = self.wrapped(os.open, lambda path, flags, *_, **__: flags & WRITING)
        for name in ("replace", "rename", "fsync", "mkdir", *(() if room else ("unlink", "rmdir"))):
            setattr(os, name, self.wrapped(getattr(os, name)))


def child(work, directory, operations=None, room=False):
    """Do some work in a process of its own; return its status (3: an error of brianff) and how far it counted."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        status = 0
        try:
            operations = operations or Operations()
            operations.install(room)
            work(directory)
        except BrianffError as error:
            status = 3 if "\n" not in str(error) else 4
        except BaseException:
            traceback.print_exc()
            status = 4
        os.write(writing, str(operations.count).encode())
        os._exit(status)
    os.close(writing)
    _, status = os.waitpid(process, 0)
    counted = os.read(reading, 100)
    os.close(reading)
    return os.waitstatus_to_exitcode(status), int(counted or 0)


def content(directory):
    files = {path.relative_to(directory): path for path in sorted(directory.rglob("*")) if path.name != "log.txt"}
    return {str(name): path.read_bytes() if path.is_file() else None for name, path in files.items()}


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def same_every_time():
    """Let summaries and checkpoints hold no durations and amounts of memory."""
    time.perf_counter = lambda: 0.0
    Simulator.peak_memory = lambda self: 0


def main(work, how, first, step, directory):
    brian2.prefs.codegen.target = "numpy"
    same_every_time()
    work, fault, killed, place = globals()[work], globals()[how], how == "kill", Path(directory)
    make = partial(Operations, only_before=not killed)
    assert child(work, place / "warm")[0] == 0  # what is compiled is there
    status, count = child(work, place / "whole", make(), not killed)
    assert status == 0
    expected = content(place / "whole")
    print(count)
    for at in range(int(first), count, int(step)):
        stopped = place / "stopped"
        status, _ = child(work, stopped, make(at, fault), not killed)
        if status not in ((-signal.SIGKILL,) if killed else (0, 3)):
            print(f"at {at} it ended with {status}")
        status, _ = child(work, stopped)
        found = content(stopped)
        differing = sorted(name for name in {*found, *expected} if found.get(name, "") != expected.get(name, ""))
        if status or differing:
            print(f"after {at} it ended with {status}, and other are {differing}")
        shutil.rmtree(stopped, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
