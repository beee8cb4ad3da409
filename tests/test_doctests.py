"""Examples in docstrings tell what comes out; every statistic and every figure has one."""

import doctest
import importlib
from pathlib import Path

import pytest
from matplotlib import pyplot

import brianff
from brianff.analysis import figures, spikes

ROOT = Path(brianff.__file__).parent
FLOORS = (".", "equations", "protocols", "analysis")
FILES = [path for floor in FLOORS for path in (ROOT / floor).rglob("*.py") if ">>>" in path.read_text("utf-8")]
MODULES = sorted({".".join(("brianff", *path.relative_to(ROOT).with_suffix("").parts)) for path in FILES})


@pytest.mark.parametrize("name", MODULES)
def test_examples_tell_what_comes_out(name):
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    pyplot.close("all")
    assert results.failed == 0
    assert results.attempted > 0


def test_every_statistic_and_figure_has_an_example():
    others = {"letters", "off_screen", "save_figure", "robustness", "device_sheet"}  # no figures, or of whole studies
    parts = [getattr(module, name) for module in (figures, spikes) for name in set(module.__all__) - others]
    assert [part.__name__ for part in parts if ">>>" not in (part.__doc__ or "")] == []
