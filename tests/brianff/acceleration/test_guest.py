"""brianff is a guest: what the user's process was before a call, it is afterwards, however the call ended."""

import copy
import gc
import importlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import timeit
from concurrent.futures import ThreadPoolExecutor

import brian2
import numpy as np
import pytest
from cases import first_fast

from brianff import Layer, Network, PulseEncoding, RateEncoding, Simulator
from brianff.acceleration.guest import as_guest
from brianff.acceleration.matrix_products import one_blas_thread
from brianff.errors import ConfigurationError
from brianff.goodness import Goodness

NETWORK = Network(pixels=12, classes=4, encoding=PulseEncoding(steps=15), layers=[Layer(neurons=8)])
IMAGES, LABELS = np.random.default_rng(1).random((6, 12)), np.arange(6) % 4

_devices = importlib.import_module("brian2.devices.device")


def surroundings():
    """Return the state of the process that no object of the user's owns."""
    umask = os.umask(0)
    os.umask(umask)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)]
    return {
        "preferences": dict(brian2.prefs.prefs),
        "device": (_devices.active_device, list(_devices.previous_devices), brian2.Network._globally_running),
        "standard streams": [os.fstat(number)[:3] for number in (1, 2)],
        "signals": (handlers, signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "environment": (dict(os.environ), os.getcwd(), umask, list(sys.path)),
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "random": (random.getstate(), [str(part) for part in np.random.get_state()]),  # noqa: NPY002
        "floating point": np.geterr(),
        "unraisable": sys.unraisablehook,
        "BLAS": list(one_blas_thread._before),
    }


@pytest.fixture
def preferences(tmp_path):
    """Preferences that a user may have set."""
    before, prefs = dict(brian2.prefs.prefs), brian2.prefs
    prefs.codegen.runtime.cython.cache_dir = str(tmp_path)
    prefs.codegen.runtime.cython.multiprocess_safe = False
    prefs.codegen.cpp.extra_compile_args_gcc = ["-O2", "-std=c++11"]
    prefs.codegen.cpp.libraries = ["m"]
    prefs.codegen.loop_invariant_optimisations = False
    prefs.core.default_float_dtype = np.float32
    yield
    prefs.prefs.update(before)


@pytest.fixture
def unfrozen():
    """Let no object be kept from the collector, as `conftest` does: they are fewer when one of them is freed."""
    gc.unfreeze()
    yield
    gc.freeze()


def calls(engine):
    """Yield the public calls on a simulator of an engine, by name."""
    made = Simulator(NETWORK, engine=engine, seed=1)

    def evaluate():
        with made.evaluation():
            return made.present_every_label(IMAGES)[0].goodness

    def refused():
        with pytest.raises(ConfigurationError):
            made.present(IMAGES, LABELS, layer=5)

    yield "make", lambda: Simulator(NETWORK, engine=engine, seed=1)
    yield "present", lambda: made.present(IMAGES, LABELS).goodness
    yield "spikes", lambda: made.present(IMAGES, LABELS, spikes=True).spike_counts
    yield "evaluate", evaluate
    yield "record", lambda: made.record(IMAGES, LABELS, [0, 1])
    yield "learn", lambda: made.layers[0].learn(np.zeros((16, 8)))
    yield "measure", lambda: made.measuring(Goodness()).present(IMAGES, LABELS).goodness
    yield "copy", lambda: copy.deepcopy(made).present(IMAGES, LABELS).goodness
    yield "summary", made.summary
    yield "error", refused


@pytest.mark.parametrize(
    ("engine", "target"),
    first_fast([("lanes", "numpy"), ("reference", "numpy"), ("auto", "auto")]),
)
def test_the_process_is_as_it_was_after_every_call(engine, target, preferences, unfrozen):
    brian2.prefs.codegen.target = target
    for name, call in calls(engine):
        before = surroundings()
        call()
        after = surroundings()
        for what, state in before.items():
            assert after[what] == state, (name, what)


@pytest.mark.parametrize("engine", ["lanes", "reference"])
def test_the_users_preferences_change_no_answer(engine, numpy_target, preferences):
    answer = Simulator(NETWORK, engine=engine, seed=1).present(IMAGES, LABELS).goodness
    brian2.prefs.core.default_float_dtype = np.float64
    brian2.prefs.codegen.loop_invariant_optimisations = True
    np.testing.assert_array_equal(Simulator(NETWORK, engine=engine, seed=1).present(IMAGES, LABELS).goodness, answer)


def test_simulators_of_their_own_in_threads(numpy_target):
    def goodness(seed, precision="single"):
        return Simulator(NETWORK, engine="lanes", seed=seed, precision=precision).present(IMAGES, LABELS).goodness

    expected, before = goodness(7, "double"), surroundings()
    alone = [goodness(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for answer, one in zip(pool.map(goodness, range(4)), alone, strict=True):
            np.testing.assert_array_equal(answer, one)
    after = surroundings()
    assert {what for what in before if before[what] != after[what]} <= {"random"}
    np.testing.assert_array_equal(goodness(7, "double"), expected)


def test_a_standalone_device_of_the_user_is_left_alone(numpy_target, tmp_path):
    expected = {}
    for standalone in (False, True):
        if standalone:
            brian2.set_device("cpp_standalone", directory=str(tmp_path / "program"))
        try:
            device = brian2.get_device()
            for engine in ("lanes", "reference"):
                answer = Simulator(NETWORK, engine=engine, seed=1).present(IMAGES, LABELS).goodness
                np.testing.assert_array_equal(answer, expected.setdefault(engine, answer))
            assert brian2.get_device() is device
        finally:
            if standalone:
                brian2.device.reinit()
                _devices.active_device = _devices.runtime_device
                _devices.previous_devices.pop()
    assert not (tmp_path / "program").exists()


@pytest.mark.slow
def test_the_first_import_may_be_on_any_thread():
    trial = """
import signal, threading
import brianff
before = signal.getsignal(signal.SIGINT)
def work():
    from brianff import Simulator
    print(Simulator.__name__)
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert signal.getsignal(signal.SIGINT) is before
assert signal.signal.__module__ == "signal"
"""
    done = subprocess.run([sys.executable, "-c", trial], capture_output=True, text=True, check=True)
    assert done.stdout == "Simulator\n"


def test_ctrl_c_in_the_reference_engine_raises(numpy_target):
    simulator = Simulator(NETWORK, engine="reference", seed=1)
    images, labels = np.tile(IMAGES, (40, 1)), np.tile(LABELS, 40)
    expected = simulator.present(IMAGES, LABELS).goodness

    def press():
        while not brian2.Network._globally_running:
            time.sleep(1e-4)
        os.kill(os.getpid(), signal.SIGINT)

    before = surroundings()
    for _ in range(2):
        thread = threading.Thread(target=press)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            simulator.present(images, labels)
        thread.join()
    after = surroundings()
    assert {what for what in before if before[what] != after[what]} <= {"random"}
    np.testing.assert_array_equal(simulator.present(IMAGES, LABELS).goodness, expected)


def interrupted(simulator, times):
    """Interrupt presentations at random moments; check the next answer, and how the process is left."""
    count = 0

    def interrupt(*_):
        nonlocal count
        count += 1
        raise KeyboardInterrupt

    handler, chance = signal.signal(signal.SIGALRM, interrupt), random.Random(1)
    images, labels = np.tile(IMAGES, (8, 1)), np.tile(LABELS, 8)

    def answer():
        with simulator.evaluation():
            return simulator.present(images, labels).goodness

    try:
        expected = answer()
        takes = min(timeit.repeat(answer, number=1, repeat=5))
        before = surroundings()
        for _ in range(times):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-4, takes))
                answer()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                pass
            signal.setitimer(signal.ITIMER_REAL, 0)
            np.testing.assert_array_equal(answer(), expected)
        after = surroundings()
        assert {what for what in before if before[what] != after[what]} <= {"random"}
        assert count > times / 3
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.parametrize("engine", first_fast(["lanes", "reference"]))
def test_ctrl_c_at_any_moment_leaves_the_next_answer_right(engine, numpy_target):
    interrupted(Simulator(NETWORK, engine=engine, seed=1, lanes=8), 6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "encoding", "times"),
    [
        ("auto", PulseEncoding(steps=15), 200),
        ("lanes", PulseEncoding(steps=15), 10),  # threads
        ("lanes", RateEncoding(steps=15), 10),  # processes
    ],
)
def test_ctrl_c_with_workers(engine, encoding, times):
    simulator = Simulator(NETWORK.replace(encoding=encoding), engine=engine, seed=1, lanes=8, workers=3)
    simulator.wait_for_workers()
    interrupted(simulator, times)


def test_ctrl_c_in_a_destructor_is_raised_in_the_end():
    class Dying:
        def __del__(self):
            raise KeyboardInterrupt

    done, before = [], sys.unraisablehook

    def work():
        with as_guest({}):
            Dying()
            done.append("what is inside")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    assert sys.unraisablehook is before


def test_preferences_inside_are_not_the_users(preferences):
    with as_guest({"codegen.target": "numpy"}):
        assert brian2.prefs.core.default_float_dtype is np.float64
        assert brian2.prefs.codegen.target == "numpy"
        with as_guest({}):
            assert brian2.prefs.codegen.target == "auto"
        assert brian2.prefs.codegen.target == "numpy"
    assert brian2.prefs.core.default_float_dtype is np.float32
