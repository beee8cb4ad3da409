"""Worker processes that run blocks of a batch beside this process.

Workers are new interpreters: they work from any script or notebook, and need no ``if __name__ == "__main__"``. The
numbers of the blocks lie in a pipe from which every process takes the next one; arrays are in shared memory, and one
small message per batch goes through a connection. When that closes, because this process has ended in whatever way, a
worker ends; until then it ignores Ctrl-C and SIGTERM, which are for this process to handle.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from multiprocessing.connection import Connection, Pipe
from typing import Any

import cloudpickle
import numpy as np

from brianff.acceleration.buffers import Layout, SharedMemory, layout_of
from brianff.acceleration.memory import peak_memory
from brianff.children import python
from brianff.engines.lanes.batching import BlockRunner, Plan
from brianff.engines.population import Population
from brianff.errors import BrianffError, ConfigurationError

__all__ = ["RESULTS", "Workers", "one_processor", "processors", "work"]

_NUMBER = struct.Struct("=I")
QUEUED = 1024
"""Numbers in the queue, which any pipe has room for; with more blocks, each number stands for several."""

RESULTS = 2
"""Memories for results. One is free again when nobody holds arrays of it any more; training holds those of the batch
before while the next one runs."""

# Ctrl-C reaches every process of a terminal: it is blocked before anything else is imported. (Ignoring it would not
# do: Brian2 replaces the handler.)
_FIRST = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])"


_shared = ContextVar("shared", default=False)


def processors() -> int:
    """Return how many processors this process may use; 1 where workers cannot run, or within `one_processor`."""
    if os.name != "posix" or _shared.get():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_processor() -> Iterator[None]:
    """Leave the other processors to what runs beside this process."""
    before = _shared.set(True)
    try:
        yield
    finally:
        _shared.reset(before)


class Workers:
    """Worker processes; they start with the first batch and then wait for the next.

    Results lie in memory that is used again once this process holds no array of it. A child process that is forked must
    copy what it wants to keep. `count` processes run beside this one, each with a `BlockRunner` of the other arguments.
    """

    def __init__(self, populations: Sequence[Population], lanes: int, count: int):
        if os.name != "posix":
            raise ConfigurationError("several workers need Linux or macOS: use engine.workers = 1")
        self._arguments = list(populations), lanes, count
        self._team: _Team | None = None

    @property
    def peak_memory(self) -> int:
        """Largest resident memory of the workers together, in bytes, as of their last batch."""
        return 0 if self._team is None else sum(worker.peak_memory or 0 for worker in self._team.workers)

    def start(self) -> None:
        """Start the processes, unless they run; `run` uses those that are ready."""
        if self._team is None or self._team.owner != os.getpid():  # a forked child cannot use its parent's workers
            team = _Team(*self._arguments)
            self._close = weakref.finalize(self, team.close)  # before Ctrl-C can find a team without it
            self._team = team

    def wait(self) -> None:
        """Start the processes, unless they run, and wait until all are ready."""
        self.start()
        assert self._team is not None
        for worker in self._team.workers:
            while not worker.ready:
                worker.connection.poll(None)

    def run(
        self, plan: Plan, given: Mapping[str, np.ndarray], results: Mapping[str, Any], runner: BlockRunner
    ) -> dict[str, np.ndarray]:
        """Run all blocks of a batch, here by `runner` and in the workers, and return what `plan.results` named.

        Raises
        ------
        BrianffError
            If a worker process ended, or whatever a block raised.
        """
        self.start()
        assert self._team is not None
        try:
            return self._team.run(plan, given, results, runner)
        except BaseException:  # Ctrl-C too: what workers still do belongs to no batch any more
            self._close()
            self._team = None
            raise


class _Worker:
    """One worker process, seen from its parent."""

    def __init__(self, descriptors: tuple[int, ...]):
        self.connection, there = Pipe()
        descriptors = *descriptors, there.fileno()
        self._process = subprocess.Popen(
            python(__name__, "work", *descriptors, first=_FIRST),
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
        )
        there.close()
        self.peak_memory: int | None = None
        self._started = False

    @property
    def ready(self) -> bool:
        """Whether it has started."""
        if not self._started and self.connection.poll():
            self.receive()
            self._started = True
        return self._started

    def send(self, message: Any) -> None:
        with self._watched():
            self.connection.send(message)

    def receive(self) -> None:
        """Wait until the worker has done what it was sent."""
        with self._watched():
            answer = self.connection.recv()
        if isinstance(answer, BaseException):
            raise answer
        self.peak_memory = answer

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            raise BrianffError(
                f"a worker process ended with status {self._process.wait()}: if memory was short, use fewer workers"
            ) from None

    def close(self) -> None:
        self.connection.close()
        self._process.terminate()  # heard while it is still starting; later it ends with its connection
        self._process.wait()


class _Team:
    """Running workers and what they share with this process."""

    def __init__(self, populations: list[Population], lanes: int, count: int):
        self.owner = os.getpid()
        self._given, self._results, self._queue = SharedMemory(), [SharedMemory() for _ in range(RESULTS)], _Queue()
        self._memories = [self._given, *self._results]
        descriptors = *self._queue.descriptors, *(memory.descriptor for memory in self._memories)
        self.workers = [_Worker(descriptors) for _ in range(count)]
        for worker in self.workers:
            # A user's own parts may be classes of her script, which a worker cannot import.
            worker.send(cloudpickle.dumps((populations, lanes)))

    def run(self, plan, given, results, runner) -> dict[str, np.ndarray]:
        inputs = [(name, array.shape, array.dtype) for name, array in given.items()]
        outputs = [(name, *shape_and_type) for name, shape_and_type in results.items()]
        number = next((number for number, memory in enumerate(self._results, 1) if not memory.in_use), 0)
        # With all memories for results in use, these lie beside the inputs, and are copied.
        layouts = {number: layout_of(outputs)} if number else {}
        layouts[0] = layout_of(inputs if number else [*inputs, *outputs])
        arrays = _views(self._memories, layouts)
        for name, array in given.items():
            arrays[name][...] = array
        self._queue.put(plan.blocks[:QUEUED])
        ready = [worker for worker in self.workers if worker.ready]
        for worker in ready:
            worker.send((plan, layouts))
        _run_blocks(runner, self._queue, plan, arrays)
        for worker in ready:
            worker.receive()
        return {name: arrays[name] if number else arrays[name].copy() for name in results}

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self._queue.close()
        for memory in self._memories:
            memory.close()


class _Queue:
    """Numbers of blocks in a pipe: the process that reads one runs that block."""

    def __init__(self, descriptors: tuple[int, int] | None = None):
        self.descriptors = descriptors or os.pipe()
        os.set_blocking(self.descriptors[0], False)

    def put(self, numbers: Iterable[int]) -> None:
        os.write(self.descriptors[1], b"".join(map(_NUMBER.pack, numbers)))

    def __iter__(self) -> Iterator[int]:
        while True:
            try:
                yield _NUMBER.unpack(os.read(self.descriptors[0], _NUMBER.size))[0]
            except BlockingIOError:
                return

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


def work(queue_out: int, queue_in: int, *descriptors: int) -> None:
    """Be a worker process: run blocks until the connection, the last of the descriptors, closes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    warnings.filterwarnings("ignore", "the cache|CC|CXX")  # the parent has said it
    *memories, connection = descriptors
    parent, queue, shared = Connection(connection), _Queue((queue_out, queue_in)), list(map(SharedMemory, memories))
    with suppress(EOFError, OSError):
        runner = _answer(parent, lambda: _runner(parent))
        while runner is not None:
            plan, layouts = parent.recv()
            _answer(parent, lambda: _run_blocks(runner, queue, plan, _views(shared, layouts)))  # noqa: B023


def _views(memories: Sequence[SharedMemory], layouts: Mapping[int, tuple[Layout, int]]) -> dict[str, np.ndarray]:
    """Return the arrays that lie in several memories: number of the memory to layout and size."""
    arrays: dict[str, np.ndarray] = {}
    for number, layout in layouts.items():
        arrays |= memories[number].views(*layout)
    return arrays


def _runner(parent: Connection) -> BlockRunner:
    return BlockRunner(*cloudpickle.loads(parent.recv()))


def _run_blocks(runner: BlockRunner, queue: _Queue, plan: Plan, arrays: dict[str, np.ndarray]) -> None:
    for first in queue:
        for block in plan.blocks[first::QUEUED]:
            runner.run(plan, block, arrays, arrays)


def _answer(parent: Connection, do: Callable[[], Any]) -> Any:
    """Do something and send the peak memory, or the error that it raised."""
    try:
        result = do()
    except Exception as error:
        error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        parent.send(error)
        return None
    parent.send(peak_memory())
    return result
