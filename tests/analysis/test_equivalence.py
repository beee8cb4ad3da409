"""What the tables of the study of equivalence tell."""

from pathlib import Path

import numpy as np
import pandas
import pytest

from brianff.analysis.equivalence import foretold

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "equivalence"


def test_ranks_of_cosine_and_loss():
    names = ["a", "b", "c", "d", "e"]
    cosines = {1: [0.8, 0.7, 0.8, 0.2, 0.2], 2: [1.0, 0.7, 0.8, 0.2, 0.2]}
    hebbian = {1: [0.9, 0.8, 0.7, np.nan, np.nan], 2: [0.8, 0.7, 0.6, np.nan, np.nan]}  # the last two diverged
    common = {"neuron": "relu", "batches": 50, "local_rule": 0.9}
    rows = [
        {**common, "seed": seed, "goodness": name, "corrected_cosine": cosine, "hebbian": accuracy}
        for seed in (1, 2)
        for name, cosine, accuracy in zip(names, cosines[seed], hebbian[seed], strict=True)
    ]
    (row,) = foretold(pandas.DataFrame(rows)).itertuples()
    assert (row.seeds, row.goodness_functions) == (2, 4)  # d and e are one function
    # ranks of the mean cosines 4 2 3 1, of the losses 1 2 3 4: 1 - 6 (9 + 0 + 0 + 9) / (4 x 15)
    assert row.spearman == pytest.approx(-0.8)
    assert row.low == pytest.approx(np.tanh(np.arctanh(-0.8) - 1.96 * np.sqrt(1.06)))
    assert row.lowest == pytest.approx(-0.8)  # of the second seed alone
    # of the first: ranks of the cosines 3.5 2 3.5 1, with a tie
    assert row.highest == pytest.approx(np.corrcoef([3.5, 2, 3.5, 1], [1, 2, 3, 4])[0, 1])


def test_the_published_table_tells_what_the_documentation_says():
    found = foretold(pandas.read_csv(RESULTS / "cost.csv"))
    text = " ".join((RESULTS.parent / "equivalence.md").read_text(encoding="utf-8").split())
    for row in found[found["batches"].isin([0, 50])].itertuples():
        numbers = f"{row.spearman:.2f} [{row.low:.2f}, {row.high:.2f}; seeds {row.lowest:.2f} to {row.highest:.2f}]"
        assert numbers.replace("0.", ".") in text, (row.neuron, row.batches, numbers)
