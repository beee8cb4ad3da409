"""Figures of a sweep show means over seeds and other values, and the spread over seeds."""

import numpy as np
import pandas
import pytest

from brianff.analysis.sweep import draw_sweep, effect, heat_map, summarise
from brianff.errors import ConfigurationError

ROWS = [
    {"current": f"{current} uA", "epochs": epochs, "batch": 8, "seed": seed, "error": None}
    | {"test_accuracy": 0.1 * epochs + 0.01 * current + 0.02 * seed}
    for current in (1, 3)
    for epochs in (1, 2)
    for seed in (0, 1)
]
FAILED = {"current": "3 uA", "epochs": 3, "batch": 8, "seed": 0, "error": "it diverged", "test_accuracy": np.nan}


def test_summary_has_a_row_for_each_combination():
    summary = summarise(pandas.DataFrame([*ROWS, FAILED]))
    assert list(summary.columns) == ["current", "epochs", "mean", "std", "seeds"]
    assert summary["seeds"].tolist() == [2, 2, 2, 2, 0]
    np.testing.assert_allclose(summary["mean"], [0.12, 0.22, 0.14, 0.24, np.nan])
    np.testing.assert_allclose(summary["std"][:4], 0.02 / np.sqrt(2))


def test_effect_is_the_mean_over_other_values():
    ax = effect(pandas.DataFrame(ROWS), "current")
    means, *seeds = (line for line in ax.lines if line.get_marker() in ("o", "."))
    np.testing.assert_allclose(np.asarray(means.get_xdata(), float), [1, 3])
    np.testing.assert_allclose(means.get_ydata(), [0.17, 0.19])
    np.testing.assert_allclose([line.get_ydata() for line in seeds], [[0.16, 0.18], [0.18, 0.20]])
    assert ax.get_xlabel() == "current (uA)"
    assert effect(pandas.DataFrame(ROWS), "epochs").get_xlabel() == "epochs"


def test_two_values_have_a_heat_map():
    ax = heat_map(pandas.DataFrame([*ROWS, FAILED]), "epochs", "current")
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown[:, :2], [[0.12, 0.22], [0.14, 0.24]])
    assert np.isnan(shown.filled(np.nan)[:, 2:]).all()
    assert len(draw_sweep(pandas.DataFrame(ROWS)).axes) == 4  # two effects, a heat map, its colours


def test_seeds_alone_and_wrong_tables():
    alone = pandas.DataFrame([row for row in ROWS if row["current"] == "1 uA" and row["epochs"] == 1])
    assert draw_sweep(alone).axes[0].get_xlabel() == "seed"
    with pytest.raises(ConfigurationError, match="no column 'seed'"):
        summarise(alone.drop(columns="seed"))
    with pytest.raises(ConfigurationError, match="no column 'energy'"):
        effect(pandas.DataFrame(ROWS), "epochs", "energy")
