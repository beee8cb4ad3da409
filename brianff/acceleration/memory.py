"""Amounts of memory: as text with a unit, and what this process has used."""

import re
import sys
from pathlib import Path

__all__ = ["DEFAULT_KEPT_SPIKES", "DEFAULT_MEMORY", "parse_bytes", "peak_memory"]

DEFAULT_MEMORY = 2 * 1024**2
"""Bytes for the state of presentations that run side by side; more is slower once it leaves the processor's caches."""

DEFAULT_KEPT_SPIKES = 512 * 1024**2
"""Bytes for spikes of frozen layers; MNIST's 600,000 pairs of image and label need about as much with 512 neurons."""

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
        If the text has no known unit, or the amount is not positive.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", value)
        if match is None or match[2] not in _UNITS:
            raise ValueError(f'write a number and one of {", ".join(_UNITS)}, such as "2 MiB"')
        size = round(float(match[1]) * _UNITS[match[2]])
    else:
        size = value
    if size < 1:
        raise ValueError("memory must be at least one byte")
    return size


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
