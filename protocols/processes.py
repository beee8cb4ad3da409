"""Worker processes of Dask here: on Linux, forked from one that has imported what points need.

That one imports while this process does the same. It is started once, waits, and ends with this process.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any

__all__ = ["processes_here"]

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""What workers find in their environment, which is this process's otherwise.

Dask would also make them give freed memory back at once; to ask for it again took a third of a training's time.
"""


@contextmanager
def processes_here(workers: int) -> Iterator[Any]:
    """Start worker processes with one thread each, and give their cluster.

    Parameters
    ----------
    workers : int
    """
    forks = sys.platform == "linux"
    if forks:
        _start_server()
        import_module("brianff.protocols.trainer")  # what the server imports meanwhile
    import dask
    from distributed import LocalCluster

    settings = {
        "distributed.worker.multiprocessing-method": "forkserver" if forks else "spawn",
        "distributed.nanny.pre-spawn-environ": {} if forks else ONE_THREAD,
        "distributed.worker.profile.enabled": False,
    }
    # Workers that are killed are replaced; those that are slow to end are killed: no need to warn.
    options: dict[str, Any] = {"threads_per_worker": 1, "memory_limit": 0, "silence_logs": logging.ERROR}
    options["scheduler_kwargs"] = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}  # any free port
    with dask.config.set(settings), _environment(), _interrupted_later() as tell:
        cluster = LocalCluster(n_workers=workers, env={**os.environ, **ONE_THREAD}, **options)
    with cluster:
        tell()
        yield cluster


def _start_server() -> None:
    """Start the process from which workers are forked, unless it runs."""
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload(["brianff.protocols.forked"])
    with _environment(**ONE_THREAD, PYTHONSAFEPATH="1"):  # nothing is imported from the working directory
        forkserver.ensure_running()


@contextmanager
def _interrupted_later() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C and SIGTERM wait until the function that is given is called: Dask cannot end what has not begun."""
    came: list[int] = []
    before: dict[int, Any] = {}
    if current_thread() is main_thread():
        signals = signal.SIGINT, signal.SIGTERM
        before = {one: handler for one in signals if callable(handler := signal.getsignal(one))}
    for one in before:
        signal.signal(one, lambda number, frame: came.append(number))

    def tell() -> None:
        for one in came[:1]:
            signal.raise_signal(one)

    try:
        yield tell
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Change the environment for a while; what others change meanwhile is undone, too: Dask leaves some behind."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in {*os.environ} - {*before}:
            del os.environ[name]
        os.environ.update(before)
