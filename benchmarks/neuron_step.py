"""One MIF neuron-step in training against a kernel written by hand in C."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measuring import Row, compare, seconds
from brianff import Goodness, Layer, Network, PulseEncoding
from brianff.acceleration.compiler import BASE_FLAGS, SIMD_FLAGS, compiler, wide_flags
from brianff.engines import LanesEngine
from brianff.inputs import PulseInput

NEURONS, LANES = 512, 256
PARAMETERS = ("R_on", "R_off", "v_on", "v_off", "k", "tau", "E1", "E2", "C", "x_initial", "v_initial")


def rows(runs: int) -> Iterator[Row]:
    """Measure presentations of 20 and of 100 steps, and those of 20 in single precision."""
    generator = np.random.default_rng(1)
    kernel = _compile()
    for steps in (20, 100):
        network = Network(encoding=PulseEncoding(steps=steps), layers=[Layer(neurons=NEURONS)])
        engine = LanesEngine(network, Goodness())
        drive = generator.normal(0.0, 1.0, (LANES, NEURONS))
        # One input unit with a weight of 1 for each neuron would cost a product: the drive is handed over as it is.
        inputs = _Drive(drive, np.zeros((1, NEURONS)), np.arange(LANES), np.zeros(LANES, int), steps, (0,))
        weights = [np.zeros((NEURONS, NEURONS))]
        by_hand = _ByHand(kernel, engine.populations[0], drive)
        ours = engine.present(inputs, weights)[0]
        by_hand()
        np.testing.assert_allclose(ours.goodness_terms, by_hand.goodness, rtol=1e-9)
        np.testing.assert_allclose(ours.postsynaptic, by_hand.postsynaptic, rtol=1e-9, atol=1e-9)
        nanoseconds = 1e9 / (NEURONS * LANES * steps)
        yield compare(
            f"MIF neuron-step in training, {NEURONS} neurons x {LANES} lanes, {steps} steps",
            "C kernel by hand, same float64 equations and flags, one thread",
            lambda: seconds(lambda: engine.present(inputs, weights)) * nanoseconds,  # noqa: B023
            lambda: seconds(by_hand) * nanoseconds,  # noqa: B023
            "ns",
            "<= 1.5",
            runs,
            faster=False,
        )
        if steps == 20:
            single = LanesEngine(network, Goodness(), precision="single")
            yield compare(
                f"MIF neuron-step in training, {NEURONS} neurons x {LANES} lanes, {steps} steps, single precision",
                "double precision",
                lambda: seconds(lambda: single.present(inputs, weights)) * nanoseconds,  # noqa: B023
                lambda: seconds(lambda: engine.present(inputs, weights)) * nanoseconds,  # noqa: B023
                "ns",
                "",
                runs,
            )


class _Drive(PulseInput):
    def drives(self, weights):
        return self.image_part, self.codes


class _ByHand:
    def __init__(self, kernel, population, drive):
        network = population.network
        values = [float(population.parameters[name]) for name in PARAMETERS]
        values += [float(population.layer.current_scale), float(network.time_step)]
        self.goodness, self.postsynaptic = np.empty_like(drive), np.empty_like(drive)
        scratch = np.empty((4, drive.shape[1]))
        course, measured = population.current.event_responses.sum(axis=0), (self.goodness, self.postsynaptic)
        arrays = (drive, course, np.array(values), *measured, *scratch)
        self._kept = arrays
        self._kernel = kernel
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
        self._arguments = [*drive.shape, network.encoding.steps, *pointers]

    def __call__(self):
        self._kernel(*self._arguments)


def _compile():
    source = Path(__file__).with_suffix(".c")
    flags = [flag for flag in BASE_FLAGS + SIMD_FLAGS + wide_flags() if not flag.startswith("-std")]
    with tempfile.TemporaryDirectory() as directory:
        library = Path(directory, "neuron_step.so")
        command = [compiler(), "-x", "c", *flags, "-fPIC", "-shared", str(source), "-o", str(library), "-lmvec", "-lm"]
        subprocess.run(command, check=True)
        return ctypes.CDLL(str(library)).present
