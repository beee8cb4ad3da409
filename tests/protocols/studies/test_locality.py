"""The ladder of locality: its rungs are trained, and cost what they say."""

import numpy as np
import pytest

from brianff.data.split import Dataset, Split
from brianff.protocols.studies import locality
from brianff.protocols.studies.locality import DEVICES, FULL, RUNGS, Size


def test_rungs_differ_in_what_is_said():
    protocols = {rung: FULL.protocol(rung, "fitted", 3) for rung in RUNGS}
    for protocol in protocols.values():
        assert protocol.network.layers[0].device == DEVICES["fitted"]
        assert (protocol.seed, protocol.learning.epochs, protocol.data.training_images) == (3, 2, 10_000)
    together = [rung for rung, protocol in protocols.items() if protocol.learning.batch > 1]
    assert together == ["Adam", "batch sums"]


@pytest.mark.slow
def test_each_rung_is_measured(numpy_target, tmp_path, monkeypatch):
    generator = np.random.default_rng(1)
    pixels = (generator.integers(0, 256, (60, 784)) * (generator.random((60, 784)) < 0.15)).astype(np.uint8)
    train, test = (Split(images, np.arange(len(images)) % 10) for images in (pixels[:40], pixels[40:]))
    monkeypatch.setattr(locality, "loaded", lambda name, data_dir: Dataset("mnist", train, test, (28, 28), 10, ""))
    monkeypatch.setattr(
        locality, "RUNGS", {name: RUNGS[name] for name in ("Adam", "one image, second pair", "fixed rate")}
    )
    size = Size(seeds=(1,), devices=("ecram",), neurons=3, training_images=20, test_images=10, epochs=1)
    monkeypatch.setattr(locality, "QUICK", size)
    study = locality.run_study(tmp_path, quick=True, progress=False)
    table = study.table("locality").set_index("rung")
    assert list(table.index) == ["Adam", "one image, second pair", "fixed rate"]
    assert (table["pulses"] > 0).all()
    # ECRAM takes 1 fJ for each pulse, of both crossbars where there are two.
    np.testing.assert_allclose(table["programming_joule"], 1e-15 * table["pulses"], rtol=1e-6)
    # An image is shown with its own and with one wrong label, or with four.
    reads = table["reads_joule"] / table["reads_joule"]["fixed rate"]
    assert reads["Adam"] == pytest.approx(5 / 2, rel=0.05)
    needs = {rung: set(text.split("; ")) for rung, text in table["digital_support"].items()}
    assert needs["fixed rate"] < needs["one image, second pair"]
    assert any("Adam" in one for one in needs["Adam"])
