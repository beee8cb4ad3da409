"""Amounts of memory: as text with a unit, what this process has used, and what it would need against what is free."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from brianff.errors import ConfigurationError

__all__ = ["DEFAULT_KEPT_SPIKES", "DEFAULT_MEMORY", "Need", "available_memory", "check_memory", "parse_bytes"]
__all__ += ["peak_memory"]

DEFAULT_MEMORY = 2 * 1024**2
"""Bytes for the state of presentations that run side by side; more is slower once it leaves the processor's caches."""

DEFAULT_KEPT_SPIKES = 512 * 1024**2
"""Bytes for spikes of frozen layers; MNIST's 600,000 pairs of image and label need about as much with 512 neurons."""

SURELY_FREE = 2**26
"""Bytes that are not compared with the memory that is free: to ask for it takes time."""

_UNITS = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}


def parse_bytes(value: int | str) -> int:
    """Return an amount of memory in bytes.

    Parameters
    ----------
    value : int or str
        Bytes, or a number and a unit, such as ``"2 MiB"`` or ``"1.5 GB"``.

    Raises
    ------
    ValueError
        If the text has no known unit, or the amount is not positive or no number of bytes.
    """
    size: Any = value
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,18}(?:\.\d{1,18})?)\s*([A-Za-z]+)\s*", value)
        if match is None or match[2] not in _UNITS:
            raise ValueError(f'write a number and one of {", ".join(_UNITS)}, such as "2 MiB"')
        size = round(float(match[1]) * _UNITS[match[2]])
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size < 2**63:
        raise ValueError('must be at least one byte, a whole number of them or text such as "2 MiB"')
    return int(size)


def peak_memory() -> int | None:
    """Return the largest resident memory of this process so far, in bytes; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # the figure of getrusage would be that of the process which started this one, if larger
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_memory() -> int:
    """Return the bytes that this process may still take, as far as the system and its limits tell; else sys.maxsize."""
    free = [sys.maxsize]
    if (machine := Path("/proc/meminfo")).exists():
        free += [int(line.split()[1]) * 1024 for line in machine.read_text().splitlines() if "MemAvailable" in line]
    elif hasattr(os, "sysconf"):
        free.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # a container's; there is none outside, and "max" is no number
        most, taken = (int(Path("/sys/fs/cgroup", f"memory.{name}").read_text()) for name in ("max", "current"))
        free.append(most - taken)
    with suppress(ImportError, OSError, ValueError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            free.append(limit - pages * resource.getpagesize())
    return max(min(free), 0)


class Need(NamedTuple):
    """What something will take: what it is, its bytes, and the numbers that these follow from, by their keys."""

    what: str
    size: int
    numbers: Mapping[str, int]


def check_memory(needs: Iterable[Need]) -> None:
    """Compare what will be needed with the memory that is free, before any of it is made.

    Raises
    ------
    ConfigurationError
        If there is not enough; it names the largest number that the largest part follows from.
    """
    needs = list(needs)
    total = sum(need.size for need in needs)
    if total <= SURELY_FREE or total <= (free := available_memory()):
        return
    largest = max(needs, key=lambda need: need.size)
    key = max(largest.numbers, key=lambda key: largest.numbers[key])
    told = f"{largest.what} would need {_text(largest.size)} of memory, and {_text(free)} are free: use less"
    raise ConfigurationError(f"{key} is {largest.numbers[key]}; {told}")


def _text(size: int) -> str:
    power = min((size.bit_length() - 1) // 10 if size else 0, 4)
    return f"{size / 1024**power:.3g} {['B', 'KiB', 'MiB', 'GiB', 'TiB'][power]}"
