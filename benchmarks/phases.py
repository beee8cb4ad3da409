"""Where the time of a training batch goes, on one worker: time, bytes moved and exponentials of each phase."""

from __future__ import annotations

import cProfile
import pstats

from benchmarks.training import BATCH, BATCHES, Training, protocol

EPOCHS = 5
VARIABLES = 9
"""Numbers of each neuron and presentation that leave the first-level cache or come to it: the drives of image and
label, their sum, v, its sensitivity, x1, x2, goodness, postsynaptic factor."""


def table() -> str:
    """Profile and return a table in Markdown."""
    training = Training(protocol(1))
    training.images_per_second()
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(EPOCHS):
        training.trainer.epoch = 0
        training.trainer.run_epoch()
    profile.disable()
    seconds = _cumulative(profile)
    network = training.trainer.protocol.network
    neurons, inputs = network.layers[0].neurons, network.inputs
    presentations = 2 * BATCH
    steps = presentations * neurons * network.encoding.steps
    weights = inputs * neurons
    code, blocks = seconds["stepping.py:step"], seconds["blocks.py:run"]
    products, rule = seconds["products.py:product"], seconds["step_rules.py:__call__"]
    program = seconds["crossbar.py:program"]
    rest = seconds["trainer.py:run_epoch"] - blocks - products - rule - program
    rows = [
        ("generated code of the neurons", code, presentations * neurons * 8 * VARIABLES, steps),
        ("Python around it", blocks - code, 0, 0),
        ("two matrix products", products, 8 * 2 * (weights + BATCH * (inputs + neurons)), 0),
        ("Adam", rule, 8 * 6 * weights, 0),
        ("programming the crossbar", program, 8 * 3 * weights, 0),
        ("all else", rest, 0, 0),
    ]
    batches = BATCHES * EPOCHS
    lines = ["| phase | ms per batch | MB moved | exponentials |", "|---|---|---|---|"]
    for phase, time, moved, exponentials in rows:
        lines.append(f"| {phase} | {1e3 * time / batches:.2f} | {moved / 1e6:.0f} | {exponentials:,} |")
    return "\n".join(lines)


def _cumulative(profile: cProfile.Profile) -> dict[str, float]:
    """Return cumulative seconds by function, and by "file:function"."""
    seconds: dict[str, float] = {}
    for (path, _, function), (*_, cumulative, _callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        for name in (function, f"{path.rpartition('/')[2]}:{function}"):
            seconds[name] = seconds.get(name, 0.0) + cumulative
    return seconds
