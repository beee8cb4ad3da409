"""Does the same thing in several threads or processes at once, some rounds of it.

    python beside.py KIND ROUNDS DIRECTORY

KIND is "own" (8 threads with a simulator each), "one" (8 threads with one together), "cache" (4 processes need the same
compiled code, and the cache is empty) or "run" (2 processes train in one run directory). Each answer must be right, or
refused by an error of brianff in one line. It prints how many answers there were, and a line for each that was wrong.
"""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import brian2
import numpy as np
from stopped import content, run, same_every_time

from brianff import Layer, Network, PulseEncoding, Simulator
from brianff.acceleration.compiled import kept
from brianff.errors import BrianffError

NETWORK = Network(pixels=12, classes=4, encoding=PulseEncoding(steps=15), layers=[Layer(neurons=8)])
IMAGES, LABELS = np.random.default_rng(1).random((6, 12)), np.arange(6) % 4


def presented(simulator):
    try:
        return simulator.present(IMAGES, LABELS).goodness.tobytes()
    except BrianffError as error:
        return "refused" if "\n" not in str(error) else str(error)


def in_threads(simulators, expected):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda made: presented(made()), simulators))
    return [answer in ("refused", right) for answer, right in zip(answers, expected, strict=True)]


def in_processes(count, work):
    """Let so many processes begin together; return whether each ended well, or was refused."""
    reading, writing = os.pipe()
    children = []
    for _ in range(count):
        children.append(os.fork())
        if not children[-1]:
            os.close(writing)
            os.read(reading, 1)  # until all are there
            try:
                work()
            except BrianffError as error:
                os._exit(0 if "\n" not in str(error) and "in use" in str(error) else 2)
            except BaseException:
                os._exit(1)
            os._exit(0)
    os.close(reading)
    os.close(writing)
    return [os.waitpid(child, 0)[1] == 0 for child in children]


def own(directory):
    expected = [presented(Simulator(NETWORK, engine="lanes", seed=seed)) for seed in range(8)]
    simulators = [lambda seed=seed: Simulator(NETWORK, engine="lanes", seed=seed) for seed in range(8)]
    return lambda: in_threads(simulators, expected)


def one(directory):
    simulator = Simulator(NETWORK, engine="lanes", seed=1)
    expected = presented(simulator)
    return lambda: in_threads([lambda: simulator] * 32, [expected] * 32)


def cache(directory):
    os.environ["BRIANFF_CACHE"] = str(directory / "cache")
    machine_code = bytes(range(256)) * 4000

    def make(place):
        (place / "made.so").write_bytes(machine_code)
        return place / "made.so"

    def work():
        if kept("made.so", make).read_bytes() != machine_code:
            raise ValueError

    def together():
        shutil.rmtree(directory / "cache", ignore_errors=True)
        right = in_processes(4, work)
        names = {path.name for path in (directory / "cache").rglob("*") if path.is_file()}
        return [*right, names == {"made.so", "made.so.sha256"}]

    return together


def train(directory):
    same_every_time()
    run(directory / "alone")
    expected = content(directory / "alone")

    def together():
        shutil.rmtree(directory / "both", ignore_errors=True)
        right = in_processes(2, lambda: run(directory / "both"))
        return [*right, content(directory / "both") == expected]

    return together


def main(kind, rounds, directory):
    brian2.prefs.codegen.target = "numpy"
    attempt = {"own": own, "one": one, "cache": cache, "run": train}[kind](Path(directory))
    found = [attempt() for _ in range(int(rounds))]
    print(sum(map(len, found)))
    for number, right in enumerate(found):
        if not all(right):
            print(f"round {number}: {right}")


if __name__ == "__main__":
    main(*sys.argv[1:])
