"""How time and memory grow with presentations, neurons, steps, synapses delivered and lanes: one figure."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from benchmarks.measuring import seconds

BASE = {"presentations": 512, "neurons": 512, "steps": 20, "probability": 0.0, "lanes": 0}
SWEEPS = {
    "presentations": (64, 128, 256, 512, 1024, 2048, 4096),
    "neurons": (64, 128, 256, 512, 1024, 2048, 4096),
    "steps": (10, 20, 50, 100, 200),
    "probability": (0.001, 0.003, 0.01, 0.03, 0.1, 0.25),
    "lanes": (1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048),
}
OTHERS = {"lanes": {"presentations": 2048, "steps": 10}}
"""Settings of a sweep that differ from those of the others."""
LABELS = {
    "neurons": "neurons per layer",
    "probability": "synapses delivered by spikes",
    "lanes": "lanes side by side",
}
RUNS = 5


def measure(**setting: float) -> tuple[float, int, int]:
    """Return what `run` prints, in a new process."""
    arguments = ", ".join(f"{name}={value}" for name, value in setting.items())
    code = f"from benchmarks.scaling import run; run({arguments})"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    return float(output[-3]), int(output[-2]), int(output[-1])


def run(presentations: int, neurons: int, steps: int, probability: float, lanes: int) -> None:
    """Print the seconds of a batch (median), this process's peak memory in bytes, and the synapses delivered.

    With a `probability`, each input unit spikes with it at each step, and otherwise gives one alpha pulse. lanes = 0
    leaves the lanes to the memory budget.
    """
    import numpy as np

    from brianff import Layer, Network, PulseEncoding, RateEncoding, Simulator

    spikes = RateEncoding(steps=steps, maximum_probability=probability)
    encoding = spikes if probability else PulseEncoding(steps=steps)
    network = Network(pixels=784, encoding=encoding, layers=[Layer(neurons=neurons)])
    simulator = Simulator(network, engine="lanes", seed=1, lanes=lanes or None)
    generator = np.random.default_rng(1)
    images = np.ones((presentations, 784)) if probability else generator.random((presentations, 784))
    inputs = simulator.inputs(images, np.zeros(presentations, dtype=int))
    _ = simulator.present_inputs(inputs)[0].goodness
    print(
        statistics.median(seconds(lambda: simulator.present_inputs(inputs)) for _ in range(RUNS)),
        simulator.peak_memory(),
        int(inputs.raster.sum()) * neurons if probability else 0,
    )


def draw(directory: Path) -> Path:
    """Measure all sweeps and write scaling.png."""
    figure, axes = plt.subplots(2, len(SWEEPS), figsize=(15, 5.5), sharex="col", sharey="row", layout="constrained")
    for (name, values), (time_axes, memory_axes) in zip(SWEEPS.items(), axes.T, strict=True):
        setting = BASE | OTHERS.get(name, {})
        measure(**(setting | {name: values[0]}))  # compiles, which takes memory
        times, memory, synapses = zip(*(measure(**(setting | {name: value})) for value in values), strict=True)
        positions = synapses if name == "probability" else values
        time_axes.loglog(positions, times, "o-", color="#0072B2", label="measured")
        if name != "lanes":
            slope = (times[-1] - times[0]) / (positions[-1] - positions[0])
            linear = [times[-1] + slope * (position - positions[-1]) for position in positions]
            time_axes.loglog(positions, linear, "--", color="0.6", label="linear between first and last")
        memory_axes.semilogx(positions, [size / 2**20 for size in memory], "s-", color="#D55E00")
        fixed = [key for key in ("presentations", "neurons", "steps") if key != name]
        time_axes.set_title(", ".join(f"{setting[key]} {key}" for key in fixed), fontsize=9)
        memory_axes.set_xlabel(LABELS.get(name, name))
    axes[0, 0].set_ylabel("time per batch (s)")
    axes[1, 0].set_ylabel("peak memory (MiB)")
    axes[1, 0].set_ylim(0, 1.1 * axes[1, 0].get_ylim()[1])
    axes[0, 0].legend(frameon=False, fontsize=8)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "scaling.png"
    figure.savefig(path, dpi=150)
    return path
