"""Interrupts a call at random moments, by SIGINT as a terminal sends it and by SIGTERM, and makes it again.

    python interrupted.py CALL ENGINE WORKERS TIMES DIRECTORY

CALL is "present", "learn", "record" or "train"; ENGINE "lanes" (several workers are threads), "processes" (they are
processes), "reference" or "response". Each time the signal must come out of the call as an exception, and the next call
must be right; in the end no process, memory or file descriptor may be left. It prints how often the signal came before
the call ended, and a line for whatever was wrong. It must lead a process group of its own.
"""

import faulthandler
import gc
import os
import random
import signal
import sys
import timeit
from contextlib import suppress
from pathlib import Path

import brian2
import numpy as np

from brianff import LatencyEncoding, Layer, Network, PulseEncoding, Simulator
from brianff.cli.common import _terminate
from brianff.protocols import Trainer, load_protocol

IMAGES, LABELS = np.random.default_rng(1).random((24, 12)), np.arange(24) % 4
CHANGE = np.random.default_rng(2).normal(0, 0.3, (16, 8))
SECONDS = 600
"""After which a call counts as hanging."""


def simulator(engine, workers, devices=False):
    encoding = LatencyEncoding(steps=15) if engine == "processes" else PulseEncoding(steps=15)
    layers = [Layer(neurons=8, initial_weight_deviation=0.2, weight_bound=0.5)]
    layers += [Layer(neurons=4, device={"preset": "ecram"}, weight_bound=0.5)] * devices
    name = "lanes" if engine == "processes" else engine
    network = Network(pixels=12, classes=4, encoding=encoding, layers=layers)
    return Simulator(network, engine=name, seed=1, lanes=4, workers=workers)


class Present:
    devices = False

    def __init__(self, engine, workers, directory):
        self.simulator = simulator(engine, workers, self.devices)

    def call(self):
        return [response.goodness.copy() for response in self.simulator.present_layers(IMAGES, LABELS)]

    def after(self):
        """Look at what the call left where it was interrupted; return what is wrong."""
        return ""

    def again(self):
        if chance.random() < 0.5:  # else some workers are still starting
            self.simulator.wait_for_workers()
        return self.call()


class Record(Present):
    def call(self):
        recording = self.simulator.record(IMAGES[:4], LABELS[:4], [0, 1], layer=0)
        return [recording.spikes.to_numpy(), *recording.traces.values()]


class Learn(Present):
    """All that a change may leave half done is how much of it has arrived."""

    devices = True

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.states = [layer.crossbar.state() for layer in self.simulator.layers]
        self.streams = self.simulator.streams.state()

    def call(self):
        for layer in self.simulator.layers:
            for _ in range(50):
                layer.learn(CHANGE[: len(layer.crossbar.weights), : layer.crossbar.weights.shape[1]])
        return [layer.crossbar.weights.copy() for layer in self.simulator.layers]

    def after(self):
        for layer in self.simulator.layers:
            crossbar, devices = layer.crossbar, getattr(layer.crossbar, "devices", None)
            if devices is None and np.abs(crossbar.weights).max() > 0.5:
                return "weights beyond their bounds"
            if devices is not None:
                plus, minus = devices.visible.astype(float)
                if not np.allclose(0.5 * (plus - minus).reshape(crossbar.weights.shape), crossbar.weights):
                    return "weights that are not those of the devices"
        return ""

    def again(self):
        for layer, state in zip(self.simulator.layers, self.states, strict=True):
            layer.crossbar.restore(state)
        self.simulator.streams.restore(self.streams)
        return self.call()


class Train:
    """Begun again by the same trainer, or by another one as after a program's end; with a directory, and without."""

    def __init__(self, engine, workers, directory):
        name = "lanes" if engine == "processes" else engine
        settings = [f"engine.workers={workers}", f"engine.name={name}", "engine.lanes=4", "network.layers.0.neurons=4"]
        settings += ["data.training_images=8", "learning.batch=4", "learning.epochs=2", "learning.candidates=2"]
        settings += ["evaluation.training_images=1", "evaluation.epoch_images=1", "network.encoding.steps=15"]
        settings += ['network.encoding={kind="latency", steps=15}'] * (engine == "processes")
        self.protocol, self.directory, self.number = load_protocol("msnn-digits", settings), Path(directory), 0

    def call(self):
        self.number += 1
        self.trainer, self.run = self.new(), self.directory / str(self.number) if self.number % 2 else None
        return self.fit()

    def new(self):
        trainer = Trainer(self.protocol)
        trainer.held_out = trainer.held_out.first(1)
        return trainer

    def fit(self):
        summary = self.trainer.fit(self.run, progress=False)
        return [np.array([summary["weights_digest"]]), trainer_history(self.trainer)]

    def after(self):
        return ""

    def again(self):
        if self.run is not None and self.number % 4 == 1:
            self.trainer = self.new()
        return self.fit()


def trainer_history(trainer):
    return trainer.history["value"].to_numpy()


def left():
    """Return what the process holds: children, and descriptors of shared memory and of pipes."""
    gc.collect()
    names = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            names.append(os.readlink(one))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return len(children), sum(name.startswith(("/memfd:", "pipe:", "socket:")) for name in names)


def interrupt(*_):
    if chance.random() < 0.5:
        os.killpg(0, signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def main(call, engine, workers, times, directory):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGALRM, interrupt)
    if engine in ("processes", "reference"):  # the others have threads, or run at all, with a compiler only
        brian2.prefs.codegen.target = "numpy"
    kind, before = globals()[call.capitalize()], left()
    subject = kind(engine, int(workers), directory)
    expected = subject.call()
    subject.again()
    takes, stopped, wrong = min(timeit.repeat(subject.call, number=1, repeat=2)), 0, []
    for number in range(int(times)):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-4, takes))
            subject.call()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            stopped += 1
        if fault := subject.after():
            wrong.append(f"{number}: it left {fault}")
        found = subject.again()
        if not all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True)):
            wrong.append(f"{number}: another result")
    faulthandler.cancel_dump_traceback_later()
    del subject
    found = left()
    if any(now > then for now, then in zip(found, before, strict=True)):
        wrong.append(f"left are {found} processes and descriptors; there were {before}")
    print(stopped, *wrong, sep="\n")


if __name__ == "__main__":
    chance = random.Random(1)
    main(*sys.argv[1:])
