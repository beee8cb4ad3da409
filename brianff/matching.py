"""Which fast path may do a piece of work: the work says what it needs, a path declares what it supports.

What a path does not declare it does not support: a need that was invented after the path takes the slow, right way.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FastPath", "choose"]

Needs = Mapping[str, Any]
"""What a piece of work needs, by name; a value of False, None or () needs nothing."""


@dataclass(frozen=True)
class FastPath:
    """A fast way to do some work.

    Parameters
    ----------
    name : str
    supports : mapping of str to container or callable
        For each need that the path knows, the values that it supports, or a function that tells of a value whether.
    """

    name: str
    supports: Mapping[str, Container[Any] | Callable[[Any], bool]]

    def refused(self, needs: Needs) -> str:
        """Return why the path cannot do the work, in words; empty if it can."""
        for need, value in needs.items():
            if value is False or value is None or value == ():
                continue
            supported = self.supports.get(need, ())
            if not (supported(value) if callable(supported) else value in supported):
                return f"the {self.name} path does not support {need} = {value!r}"
        return ""


def choose(paths: Iterable[FastPath], needs: Needs) -> FastPath | None:
    """Return the first path that supports all needs; None: only the slow, right one does."""
    return next((path for path in paths if not path.refused(needs)), None)
