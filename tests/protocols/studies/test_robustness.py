"""The robustness study: resumable, and its points are the devices that they say they are."""

import csv
from pathlib import Path

import numpy as np
import pytest

from brianff.analysis.figures import robustness as draw
from brianff.data.split import Dataset, Split
from brianff.errors import ConfigurationError
from brianff.protocols.studies import robustness
from brianff.protocols.studies.robustness import FULL, Size, imperfections

TINY = Size(seeds=(1, 2), neurons=6, training_images=40, test_images=20, reference_epochs=1, coarse=True)


@pytest.fixture
def stripes(monkeypatch):
    """Stand in for MNIST: ten classes of noisy stripes."""
    generator = np.random.default_rng(1)

    def split(images):
        labels = np.arange(images) % 10
        pixels = generator.integers(0, 60, (images, 784))
        pixels[np.arange(784)[np.newaxis] // 79 == labels[:, np.newaxis]] += 180
        return Split(pixels.astype(np.uint8), labels)

    dataset = Dataset("mnist", split(60), split(30), (28, 28), 10, "")
    monkeypatch.setattr(robustness, "loaded", lambda name, data_dir: dataset)
    robustness._trainer.cache_clear()
    chosen = [point for point in imperfections(True) if point.property in ("levels", "stuck share")][:6]
    monkeypatch.setattr(robustness, "imperfections", lambda coarse=False: chosen)
    monkeypatch.setattr(robustness, "QUICK", TINY)


def read(path: Path) -> list[dict]:
    return list(csv.DictReader(path.open()))


@pytest.mark.slow
def test_a_stopped_study_resumes_to_the_same_table(stripes, tmp_path, numpy_target, monkeypatch):
    whole = robustness.run_study(tmp_path / "whole", quick=True, progress=False).path("robustness")
    rows = read(whole)
    assert len(rows) == 6 * 2 * 2
    assert {row["learning"] for row in rows} == {"0", "1"}
    measure, calls = robustness._measure, []

    def stopping(*arguments):
        calls.append(arguments)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return measure(*arguments)

    monkeypatch.setattr(robustness, "_measure", stopping)
    with pytest.raises(KeyboardInterrupt):
        robustness.run_study(tmp_path / "stopped", quick=True, progress=False).path("robustness")
    stopped = robustness.run_study(tmp_path / "stopped", quick=True, progress=False).path("robustness")
    assert stopped.read_bytes() == whole.read_bytes()
    with pytest.raises(ConfigurationError, match="other settings; name another directory"):
        robustness.run_study(tmp_path / "whole", quick=False, progress=False)


def test_points_vary_one_property_of_a_linear_device():
    base = {"levels_up": 256.0, "levels_down": 256.0}
    for point in imperfections():
        changed = {name: value for name, value in point.device.parameters.items() if base.get(name) != value}
        assert point.device.name == "linear"
        if point.property == "levels" and point.value != 256:
            assert changed == {"levels_up": point.value, "levels_down": point.value}
        if point.property == "nonlinearity":
            assert changed == {"nonlinearity_up": point.value, "nonlinearity_down": -point.value}
        if point.property == "stuck share":
            assert (changed, point.stuck) == ({}, point.value)
        if point.property == "one-sided pairs":
            assert changed == {"one_sided": 1.0, "refresh_upper": point.value, "refresh_lower": point.value / 3}
    assert {point.property for point in imperfections(True)} == {point.property for point in imperfections()}
    assert len(FULL.seeds) == 3


def test_the_figure_shows_means_over_seeds_in_per_cent():
    import pandas as pd

    table = pd.DataFrame(
        [
            ("levels", value, seed, learning, 0.5 + 0.01 * value * learning + 0.1 * seed)
            for value in (4.0, 16.0)
            for seed in (1, 2)
            for learning in (0, 1)
        ],
        columns=["property", "value", "seed", "learning", "accuracy"],
    )
    (ax,) = draw(table)[:1]
    transferred, learned = ax.get_lines()
    np.testing.assert_allclose(transferred.get_ydata(), [65, 65])
    np.testing.assert_allclose(learned.get_ydata(), [69, 81])
    with pytest.raises(ConfigurationError, match="empty"):
        draw(table.iloc[:0])
