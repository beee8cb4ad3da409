"""Locks on files: they hold between processes and threads, and end with the process, however it ends."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from brianff.errors import CheckpointError, ConfigurationError

__all__ = ["LOCK", "PARTIAL", "locked", "writing"]

LOCK = ".lock"
"""Name of the file that is locked while somebody writes into its directory."""

PARTIAL = ".partial"
"""Ends the names of files that are being written."""

_TAKEN = (errno.EACCES, errno.EAGAIN)


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Be the only one who writes into a directory; what a writer left there that was killed is cleared first.

    Raises
    ------
    ConfigurationError
        If somebody else is writing there.
    CheckpointError
        If nobody may.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(directory / LOCK))
        except BlockingIOError:
            raise ConfigurationError(f"{directory} is in use by another process: wait for it, or stop it") from None
        except OSError as error:
            message = f"cannot write in {directory}: {error.strerror}; free some space or allow writing"
            raise CheckpointError(message) from None
        for left_over in [*directory.glob(f"*{PARTIAL}"), *directory.glob(f"figures/*{PARTIAL}")]:
            left_over.unlink(missing_ok=True)
        yield


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold a lock while the work inside goes on; the lock's file is there as long.

    Over NFS the lock holds between machines. Where a file system, or Windows, has no such locks, a warning says so.

    Parameters
    ----------
    path : Path
        The lock's file, in a directory that exists.
    wait : bool
        Wait until the lock is free.

    Raises
    ------
    BlockingIOError
        If somebody else holds the lock, unless `wait`.
    OSError
        If the file cannot be made.
    """
    descriptor = _hold(path, wait)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # before the lock goes: whoever holds the next one has made the file anew
        os.close(descriptor)


def _hold(path: Path, wait: bool) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _flock(descriptor, path, wait) or os.fstat(descriptor).st_nlink:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the one who held the lock has removed the file


def _flock(descriptor: int, path: Path, wait: bool) -> bool:
    """Lock a file; return whether there are locks."""
    try:
        import fcntl
    except ImportError:
        reason = "this system has no locks"
    else:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            return True
        except OSError as error:
            if error.errno in _TAKEN:
                raise BlockingIOError(error.errno, "in use", str(path)) from None
            reason = f"its file system has no locks ({error.strerror})"
    warnings.warn(f"{path.parent} is not locked, {reason}: let no other process write there", stacklevel=5)
    return False
