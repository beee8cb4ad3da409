"""What brianff shares with the process that it runs in, and who may change it when: all there is is listed here.

- Brian2's preferences, its active device and `Network._globally_running`: changed by `as_guest` alone, under one lock,
  and put back. They are brianff's for as long as Brian2's objects are made and their code is generated; in the
  reference engine, while it runs. Other threads see them meanwhile: Brian2 has one set for each process.
- Brian2's code-generation targets: "brianff" is added when brianff is imported.
- Threads of BLAS: held to one while products are computed, and put back: `matrix_products.one_blas_thread`.
- numpy's handling of floating point errors: changed by `numpy.errstate`, put back: `floating_point`.
- Helper threads: made when they are first needed, one set for each process: `threads`.
- Worker processes, and the memory shared with them: belong to a simulator, and end with it or with this process:
  `engines.lanes.workers`.
- Python's search path: Brian2 adds to it while a compiled module is loaded, under the same lock.
- Compiled code on disk: published whole, checked before it is used: `compiled`.
- Run directories and studies: have one writer, `storage.locks`; files are replaced whole, under names of their own.
- `sys.unraisablehook`: under that lock too, for Ctrl-C that comes while a destructor runs.
- Signal handlers: SIGTERM by the command line, while it trains; SIGINT by Brian2, when it is imported on the main
  thread: `importing_brian2`.
- The environment: CC and CXX, if they name no program, are left out while a module is compiled, under that lock.
- Working directory, standard streams, random generators, garbage collection, umask: never changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from threading import RLock, get_ident
from typing import Any

from brian2 import Network, prefs

__all__ = ["LOCK", "as_guest"]

_devices: Any = import_module("brian2.devices.device")  # Brian2 hides it behind the active device

LOCK = RLock()
"""Held while the process is not as the user left it."""

if hasattr(os, "register_at_fork"):  # a child has no thread that could put things back
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)

_OWN = {"core.stop_on_keyboard_interrupt": False, "logging.std_redirection": False}
"""Ctrl-C raises; standard output and error stay where they are while code is compiled."""


@contextmanager
def as_guest(preferences: Mapping[str, Any], runtime: bool = True) -> Iterator[None]:
    """Let Brian2 work inside with brianff's preferences, and leave the process as it was.

    Parameters
    ----------
    preferences : mapping of str to object
        In addition to, or in place of, Brian2's defaults: those that the user has set do not count.
    runtime : bool
        Whether Brian2's runtime device is the active one, whatever the user has set.
    """
    with LOCK:
        before, device, running = dict(prefs.prefs), _devices.active_device, Network._globally_running
        try:
            prefs.prefs.update(_defaults() | _OWN | dict(preferences))
            if runtime:
                _devices.active_device = _devices.runtime_device
            with _nothing_swallowed():
                yield
        finally:
            _devices.active_device, Network._globally_running = device, running
            prefs.prefs.update(before)


@contextmanager
def _nothing_swallowed() -> Iterator[None]:
    """Raise Ctrl-C in the end that Python drops, because it came while objects were destroyed: Brian2 collects them."""
    before, thread, dropped = sys.unraisablehook, get_ident(), []

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt) and get_ident() == thread:
            dropped.append(unraisable.exc_type)
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
    if dropped:
        raise dropped[0]


def _defaults() -> dict[str, Any]:
    return {
        f"{category}.{name}": list(preference.default) if isinstance(preference.default, list) else preference.default
        for category, (preferences, _) in prefs.pref_register.items()
        for name, preference in preferences.items()
        if category != "logging"
    }
