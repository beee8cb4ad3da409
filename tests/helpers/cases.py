"""Cases of a parametrised test of which one stays among the fast tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_fast(cases: Iterable[Any], fast: int = 1) -> list[Any]:
    """Return the cases for `pytest.mark.parametrize`: the first ones as they are, the others marked `slow`."""
    cases = list(cases)
    others = (case if isinstance(case, tuple) else (case,) for case in cases[fast:])
    return [*cases[:fast], *(pytest.param(*case, marks=pytest.mark.slow) for case in others)]
