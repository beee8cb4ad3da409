"""Weights trained elsewhere: the accuracy that plain numpy gives, and errors that help."""

import numpy as np
import pytest

from brianff.errors import DataError
from brianff.protocols.configuration import load_protocol
from brianff.protocols.foreign import adopt_weights, evaluate_weights
from brianff.protocols.training import prepare

SETTINGS = ["data.dataset=digits", "network.pixels=64", "network.label.bits=20", "network.layers.0.neurons=12"]


@pytest.fixture
def protocol(numpy_target):
    return load_protocol("neohebbian-analog-symmetric", SETTINGS)


@pytest.fixture
def arrays():
    generator = np.random.default_rng(1)
    return {"weights_0": generator.normal(size=(84, 12)), "label_codes": (generator.random((10, 20)) < 0.3).astype(int)}


def test_the_accuracy_is_that_of_the_published_inference(protocol, arrays, tmp_path):
    np.savez(tmp_path / "foreign.npz", **arrays)
    run, summary = evaluate_weights(protocol, tmp_path / "foreign.npz", tmp_path, progress=False)
    test = prepare(protocol).held_out
    images, probabilities = test.intensities(slice(None)), []
    for code in arrays["label_codes"]:
        shown = np.hstack([images, np.broadcast_to(code, (len(images), 20))])
        goodness = np.maximum(shown @ arrays["weights_0"], 0) ** 2
        plus, minus = goodness[:, :6].sum(axis=1), goodness[:, 6:].sum(axis=1)
        probabilities.append((plus + 0.01) / (plus + minus + 0.02))
    expected = np.mean(np.argmax(probabilities, axis=0) == test.labels)
    assert summary["test_accuracy"] == pytest.approx(expected, abs=1e-12)
    assert run.read_summary()["test_accuracy"] == summary["test_accuracy"]
    assert run.read_config()["name"] == "neohebbian-analog-symmetric"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights_0": np.zeros((84, 13))}, r"weights_0 is .* shape \(84, 13\); it must be .* shape \(84, 12\)"),
        ({"weights_0": None}, r"no array 'weights_0' of the shape \(84, 12\); it holds label_codes"),
        ({"label_codes": None}, "no array 'label_codes'"),
        ({"weights_1": np.zeros((12, 3))}, "holds an array 'weights_1'; this network takes weights_0, label_codes"),
        ({"weights_0": np.full((84, 12), np.nan)}, "must be finite everywhere"),
        ({"label_codes": np.full((10, 20), 2)}, "other values than 0 and 1"),
    ],
)
def test_wrong_arrays_are_named_and_change_nothing(change, message, protocol, arrays, tmp_path):
    trainer = prepare(protocol)
    before = trainer.simulator.layers[0].crossbar.weights.copy()
    given = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(tmp_path / "foreign.npz", **given)
    with pytest.raises(DataError, match=message):
        adopt_weights(trainer, tmp_path / "foreign.npz")
    np.testing.assert_array_equal(trainer.simulator.layers[0].crossbar.weights, before)


def test_unreadable_files_and_weights_beyond_the_bounds(protocol, arrays, tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        adopt_weights(prepare(protocol), tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("not an archive")
    with pytest.raises(DataError, match=r"no \.npz file of plain arrays"):
        adopt_weights(prepare(protocol), tmp_path / "text.npz")
    np.savez(tmp_path / "foreign.npz", **arrays)
    bounded = load_protocol("neohebbian-analog-symmetric", [*SETTINGS, "network.layers.0.weight_bound=0.5"])
    with pytest.raises(DataError, match=r"beyond the weight_bound 0\.5"):
        adopt_weights(prepare(bounded), tmp_path / "foreign.npz")
