"""Amounts of memory."""

import numpy as np
import pytest

from brianff.acceleration.memory import parse_bytes, peak_memory


@pytest.mark.parametrize(
    ("text", "size"), [(17, 17), ("17 B", 17), ("1.5 kB", 1500), ("2 MiB", 2 * 1024**2), ("3GB", 3 * 10**9)]
)
def test_text_and_numbers(text, size):
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["2", "2 mb", "MiB", "-2 MiB", "", 0, -1])
def test_wrong_amounts_are_refused(text):
    with pytest.raises(ValueError, match=r"write a number and one of B, kB|at least one byte"):
        parse_bytes(text)


def test_peak_memory_grows_with_what_is_used():
    before = peak_memory()
    assert np.ones(before // 8 + 2**20).sum() > 0
    assert peak_memory() >= before + 2**23
