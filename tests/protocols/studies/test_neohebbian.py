"""The study of arXiv 2406.16479: what it refuses, and that it trains once and tabulates."""

import numpy as np
import pytest

from brianff.analysis.latents import draw_latents
from brianff.errors import ConfigurationError
from brianff.protocols.studies import neohebbian
from brianff.protocols.studies.neohebbian import MODELS, PUBLISHED, markdown, reproduce


def test_wrong_models_are_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(ConfigurationError, match="no model 'digital'; known: analog-sigmoid"):
        reproduce(tmp_path, models=["digital"])
    with pytest.raises(ConfigurationError, match="at least one"):
        reproduce(tmp_path, seeds=[])
    assert not list(tmp_path.iterdir())


def test_both_readings_of_the_published_rate_are_rows():
    """The rate multiplies (t - P) x z, half of the gradient, or 2 a = 12 times as much of it."""
    gains = {model: neohebbian._protocol(model, 1, False).learning.eligibility.gain for model in MODELS[-6:]}
    assert gains["batched-symmetric-gain-5.5"] == 5.5
    assert gains["online-symmetric-gain-0.5"] == gains["batched-symmetric-epsilon-0.02"] == 0.5
    assert gains["online-symmetric-epsilon-0.02"] == gains["online-symmetric"] == 12 * 0.5
    epsilons = [neohebbian._protocol(model, 1, False).learning.made_modulator.epsilon for model in MODELS[-3:]]
    assert epsilons == [0.01, 0.02, 0.02]


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
