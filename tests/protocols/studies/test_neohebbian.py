"""The study of arXiv 2406.16479: what it refuses, and that it trains once and tabulates."""

import numpy as np
import pytest

from brianff.analysis.latents import draw_latents
from brianff.errors import ConfigurationError
from brianff.protocols.studies import neohebbian
from brianff.protocols.studies.neohebbian import PUBLISHED, markdown, reproduce


def test_wrong_models_are_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(ConfigurationError, match="no model 'digital'; known: analog-sigmoid"):
        reproduce(tmp_path, models=["digital"])
    with pytest.raises(ConfigurationError, match="at least one"):
        reproduce(tmp_path, seeds=[])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.data
def test_the_study_is_trained_once_and_tabulated(data_directory, tmp_path, monkeypatch):
    few = (
        "data.training_images=200",
        "learning.epochs=2",
        "evaluation.epoch_images=50",
        "evaluation.training_images=50",
    )
    monkeypatch.setattr(neohebbian, "QUICK", few)
    monkeypatch.setattr(neohebbian, "QUICK_TEST_IMAGES", 60)
    models = ["analog-sigmoid", "analog-symmetric"]
    table = reproduce(
        tmp_path, data_directory, seeds=[1, 2], models=models, quick=True, progress=False, draw=draw_latents
    )
    assert list(table.index) == models
    assert table.loc["analog-symmetric", "published_final"] == PUBLISHED.loc["analog-symmetric", "final"] == 94.87
    assert (table["final_lowest"] <= table["final"]).all()
    runs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/checkpoint.npz")}
    assert len(runs) == 4
    again = reproduce(tmp_path, data_directory, seeds=[1, 2], models=models, quick=True, progress=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/checkpoint.npz")} == runs
    np.testing.assert_array_equal(again["final"], table["final"])
    text = (tmp_path / "neohebbian-quick.md").read_text()
    assert text == markdown(again, 2, quick=True)
    assert "not a result" in text
    assert len(list((tmp_path / "figures").glob("latent-*.png"))) == 2
