"""Worker processes: the same bits for any number of them, errors that reach the user, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import brian2
import numpy as np
import pytest
from brian2 import uA

from brianff import LatencyEncoding, Layer, Network, PulseEncoding, Simulator
from brianff.acceleration.buffers import SharedMemory, layout_of
from brianff.errors import BrianffError, NumericalError

LAYERS = (
    Layer(neurons=7, initial_weight_deviation=0.5),
    Layer(neurons=5, current_scale=60 * uA, initial_weight_deviation=0.5),
)
IMAGES = np.random.default_rng(1).random((9, 12))
LABELS = np.tile(np.arange(4), (9, 1))


def network(encoding=None, layers=2, **changes):
    return Network(
        pixels=12, classes=4, encoding=encoding or PulseEncoding(steps=15), layers=LAYERS[:layers], **changes
    )


def simulator(workers, description=None, precision="double"):
    """Return a simulator whose workers have all started."""
    made = Simulator(description or network(), lanes=5, seed=1, workers=workers, precision=precision)
    for _ in range(2):  # those that have started are not waited for
        made.wait_for_workers()
    assert all(worker.ready for worker in team(made))
    return made


def team(made):
    workers = made._engine._workers
    return workers._team.workers if workers else []


def arrays(responses):
    for response in responses:
        yield from (response.goodness_terms, response.postsynaptic, response.presynaptic)
        yield response.raster if response.raster is not None else np.zeros(0)


@pytest.mark.slow
def test_the_number_of_workers_does_not_matter(numpy_target, monkeypatch):
    monkeypatch.setitem(brian2.prefs, "core.default_float_dtype", np.float32)  # workers do not know what the user set
    monkeypatch.setitem(brian2.prefs, "codegen.loop_invariant_optimisations", False)
    pulses, latencies = PulseEncoding(steps=15), LatencyEncoding(steps=15)
    for encoding, precision in ((pulses, "double"), (pulses, "single"), (latencies, "double")):
        one, two, three = (simulator(workers, network(encoding), precision) for workers in (1, 2, 3))
        for count, spikes in ((1, False), (2, False), (2, True)):
            expected = list(arrays(one.present_layers(IMAGES, LABELS, count, spikes)))
            assert expected[0].any()
            for several in (two, three):
                for _ in range(3):  # which process runs which block is chance
                    found = arrays(several.present_layers(IMAGES, LABELS, count, spikes))
                    for array, same in zip(expected, found, strict=True):
                        np.testing.assert_array_equal(array, same)


@pytest.mark.slow
def test_compiled_results_do_not_depend_on_the_number_of_workers():
    """Vectorised code rounds differently in a loop's remainder: no place of a presentation may depend on workers."""
    one, three = simulator(1), simulator(3)
    for _ in range(5):
        expected, found = (arrays(made.present_layers(IMAGES, LABELS)) for made in (one, three))
        for array, same in zip(expected, found, strict=True):
            np.testing.assert_array_equal(array, same)


@pytest.mark.slow
def test_errors_reach_the_user_and_the_next_batch_works(numpy_target):
    made = simulator(2)
    weights = made.layers[0].crossbar.weights
    weights[:] = np.nan
    with pytest.raises(NumericalError, match="membrane voltage"):
        made.present(IMAGES, LABELS)
    weights[:] = 0.1
    assert np.isfinite(made.present(IMAGES, LABELS).goodness).all()

    made = simulator(2)
    os.kill(team(made)[0]._process.pid, signal.SIGKILL)
    with pytest.raises(BrianffError, match="worker process ended with status -9"):
        made.present(IMAGES, LABELS)


SCRIPT = """
import signal, time
import numpy as np
import brian2
brian2.prefs.codegen.target = "numpy"
from brianff import Layer, Network, Simulator
simulator = Simulator(Network(pixels=12, layers=[Layer(neurons=5)]), lanes=4, workers=3)
simulator.present(np.zeros((20, 12)), np.zeros(20, int))  # no `if __name__ == "__main__"`
workers = simulator._engine._workers._team.workers
while not all(worker.ready for worker in workers):
    time.sleep(0.05)
# What a terminal gives, also where the tests run as a background job, which ignores Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    print(*(worker._process.pid for worker in workers), flush=True)
    while True:
        simulator.present(np.zeros((20, 12)), np.zeros(20, int))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


OWN_PARTS = """
import sys
import numpy as np
import brian2
from brian2 import mV, ms, nA
brian2.prefs.codegen.target = "numpy"
from brianff import Goodness, Layer, Network, RateEncoding, Simulator
from brianff.engines import LanesEngine
from brianff.equations import NeuronModel
from brianff.goodness import Pooling

class Twice(RateEncoding):
    def spikes(self, intensities, generator):
        return super().spikes(np.minimum(2 * intensities, 1), generator)

class Largest(Pooling):
    def total(self, terms):
        return terms.max(axis=1)

class Named(NeuronModel):
    pass

LEAKY = Named(
    "leaky",
    "dv/dt = (I*R - v)/tau_m : volt\\nactivity = v/mV : 1\\nsensitivity = unit_current/nA : 1",
    {"R": 1e7 * brian2.ohm, "tau_m": 5 * ms},
)
network = Network(pixels=12, layers=[Layer(neurons=5, neuron=LEAKY, current_scale=9 * nA)], encoding=Twice(steps=9),
                  time_step=1 * ms)
images, labels = np.random.default_rng(1).random((20, 12)), np.zeros(20, int)
goodness = []
for workers in (1, 2):
    simulator = Simulator(network, Goodness(pooling=Largest()), lanes=4, workers=workers, seed=1)
    simulator.wait_for_workers()
    if workers == 2:
        assert simulator._engine._workers._team.workers[0].ready
    goodness.append(simulator.present(images, labels).goodness)
assert goodness[0].all() and (goodness[0] == goodness[1]).all()
print("same")
"""


@pytest.mark.slow
def test_parts_of_a_script_reach_the_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(OWN_PARTS)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stdout == "same\n", done.stderr


def alive(process_id):
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(number):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        workers = [int(text) for text in process.stdout.readline().split()]
        assert len(workers) == 2
        assert all(map(alive, workers))
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while any(map(alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert errors == ""
    assert output == ("interrupted\n" if number == signal.SIGINT else "")


def test_shared_memory_grows_and_keeps_arrays_apart():
    memory = SharedMemory()
    for size in (3, 5000):
        layout, total = layout_of([("a", (size, 2), float), ("b", (size,), bool), ("empty", (0, 4), int)])
        arrays, same = memory.views(layout, total), SharedMemory(os.dup(memory.descriptor)).views(layout, total)
        arrays["a"][:], arrays["b"][:] = 1.5, True
        assert (same["a"] == 1.5).all()
        assert same["b"].all()
        assert same["empty"].shape == (0, 4)
    memory.close()


def test_shared_memory_is_in_use_while_a_part_of_its_arrays_is_held():
    memory = SharedMemory()
    assert not memory.in_use
    assert memory.views(*layout_of([("empty", (0, 4), float)]))["empty"].shape == (0, 4)
    arrays = memory.views(*layout_of([("a", (5, 2), float), ("b", (3,), bool)]))
    part = arrays["a"][1:].reshape(-1)[::2]
    del arrays
    assert memory.in_use
    del part
    assert not memory.in_use
    memory.close()


@pytest.mark.slow
def test_results_stay_what_they_are_however_many_are_held(numpy_target):
    two = simulator(2)
    held = [two.present(IMAGES[number:], LABELS[number:]) for number in range(5)]
    copies = [responses.goodness_terms.copy() for responses in held]
    two.present(1 - IMAGES, LABELS)
    for responses, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(responses.goodness_terms, copy)
