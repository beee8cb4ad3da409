"""What the tables of the study of equivalence tell."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from brianff.analysis.equivalence import foretold

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "equivalence"


def test_ranks_of_cosine_and_loss():
    names = ["a", "b", "c", "d", "e"]
    cosines = [0.9, 0.7, 0.8, 0.2, 0.2]
    common = {"dataset": "mnist", "probability": "pair", "rule": "hebbian", "neuron": "relu", "batches": 50}
    table = pandas.DataFrame(
        [{**common, "goodness": n, "corrected_cosine": c} for n, c in zip(names, cosines, strict=True)]
    )
    hebbian = [0.9, 0.8, 0.7, np.nan, np.nan]  # the last two diverged, and are the same function
    training = pandas.DataFrame(
        [
            {"neuron": "relu", "goodness": n, "rule": "hebbian", "accuracy": h}
            for n, h in zip(names, hebbian, strict=True)
        ]
        + [{"neuron": "relu", "goodness": n, "rule": "local rule", "accuracy": 0.9} for n in names]
    )
    (row,) = foretold(table, training).itertuples()
    assert row.goodness_functions == 4
    # ranks of the cosines 4 2 3 1, of the losses 1 2 3 4: 1 - 6 (9 + 0 + 0 + 9) / (4 x 15)
    assert row.spearman == pytest.approx(-0.8)
    assert row.low == pytest.approx(np.tanh(np.arctanh(-0.8) - 1.96 * np.sqrt(1.06)))


def test_the_published_table_tells_what_the_documentation_says():
    found = foretold(pandas.read_csv(RESULTS / "equivalence.csv"), pandas.read_csv(RESULTS / "training.csv"))
    text = " ".join((RESULTS.parent / "equivalence.md").read_text(encoding="utf-8").split())
    for row in found[found["batches"].isin([0, 50])].itertuples():
        numbers = f"{row.spearman:.2f} [{row.low:.2f}, {row.high:.2f}]".replace("0.", ".")
        assert numbers in text, (row.neuron, row.batches, numbers)
