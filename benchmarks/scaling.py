"""How time and memory grow with presentations, neurons, steps and lanes: one figure."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.measuring import seconds

BASE = {"presentations": 512, "neurons": 512, "steps": 20, "lanes": 0}
SWEEPS = {
    "presentations": (64, 128, 256, 512, 1024, 2048, 4096),
    "neurons": (64, 128, 256, 512, 1024, 2048, 4096),
    "steps": (10, 20, 50, 100, 200),
    "lanes": (1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048),
}
RUNS = 5


def measure(presentations: int, neurons: int, steps: int, lanes: int) -> tuple[float, int]:
    """Return the seconds of a batch (median) and the peak memory of a new process in bytes."""
    code = f"from benchmarks.scaling import run; run({presentations}, {neurons}, {steps}, {lanes})"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return float(output[-2]), int(output[-1])


def run(presentations: int, neurons: int, steps: int, lanes: int) -> None:
    """Measure in this process and print; lanes = 0 leaves them to the memory budget."""
    import numpy as np

    from brianff import Layer, Network, PulseEncoding, Simulator

    network = Network(pixels=784, encoding=PulseEncoding(steps=steps), layers=[Layer(neurons=neurons)])
    simulator = Simulator(network, seed=1, lanes=lanes or None)
    images = np.random.default_rng(1).random((presentations, 784))
    labels = np.zeros(presentations, dtype=int)
    simulator.present(images[:1], labels[:1])
    print(
        statistics.median(seconds(lambda: simulator.present(images, labels)) for _ in range(RUNS)),
        simulator.peak_memory(),
    )


def draw(directory: Path) -> Path:
    """Measure all sweeps and write scaling.png."""
    figure, axes = plt.subplots(2, len(SWEEPS), figsize=(12, 5.5), sharex="col", sharey="row", layout="constrained")
    for (name, values), (time_axes, memory_axes) in zip(SWEEPS.items(), axes.T, strict=True):
        setting = BASE | ({"presentations": 2048, "steps": 10} if name == "lanes" else {})
        measured = [measure(**(setting | {name: value})) for value in values]
        times, memory = zip(*measured, strict=True)
        time_axes.loglog(values, times, "o-", color="#0072B2", label="measured")
        if name != "lanes":
            linear = [times[-1] * value / values[-1] for value in values]
            time_axes.loglog(values, linear, "--", color="0.6", label="proportional")
        memory_axes.semilogx(values, [size / 2**20 for size in memory], "s-", color="#D55E00")
        others = ", ".join(f"{value} {key}" for key, value in setting.items() if key not in (name, "lanes"))
        time_axes.set_title(others, fontsize=9)
        memory_axes.set_xlabel(
            "lanes side by side" if name == "lanes" else f"{name} per layer" * (name == "neurons") or name
        )
    axes[0, 0].set_ylabel("time per batch (s)")
    axes[1, 0].set_ylabel("peak memory (MiB)")
    axes[1, 0].set_ylim(0, 1.1 * axes[1, 0].get_ylim()[1])
    axes[0, 0].legend(frameon=False, fontsize=8)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "scaling.png"
    figure.savefig(path, dpi=150)
    return path
