"""One image shown twice: the gap is each presentation's own, and all engines answer alike."""

import numpy as np
import pytest
from brian2 import us

from brianff import DataError, LabelCode, Layer, Network, RepeatEncoding, Simulator
from brianff.protocols.goodness import GOODNESS

ENCODING = RepeatEncoding(steps=40, onset_steps=(0, 12, 25))
MIF = {"preset": "switching", "start": "steady", "current_scale": "48 uA"}


def shown(images, second):
    frames = np.zeros((len(images), 3, images.shape[1]))
    frames[:, 0] = images
    frames[np.arange(len(images)), second] = images
    return frames.reshape(len(images), -1)


@pytest.fixture(scope="module")
def presentations():
    generator = np.random.default_rng(1)
    return shown(generator.random((9, 6)), np.arange(9) % 2 + 1), generator.integers(0, 3, 9)


def simulator(engine, goodness="spikes", credit="memory", encoding=ENCODING, **options):
    layer = Layer(neurons=5, initial_weight_deviation=0.5, **MIF)
    network = Network(pixels=6, classes=3, label=LabelCode(rows=2), encoding=encoding, layers=[layer])
    return Simulator(network, GOODNESS[goodness], engine, credit=credit, seed=2, **options)


def test_both_showings_are_found():
    images = np.array([[0.1, 0.0], [0.5, 0.6]])
    once, onsets = ENCODING.showings(np.vstack([shown(images, [2, 1]), np.zeros((1, 6))]))
    np.testing.assert_array_equal(once, [*images, [0, 0]])
    np.testing.assert_array_equal(onsets, [[0, 25], [0, 12], [0, 12]])


@pytest.mark.parametrize("frames", [[1, 0, 0], [1, 1, 1], [1, 0, 0.5]])
def test_what_is_not_shown_twice_is_refused(frames):
    with pytest.raises(DataError, match="image 0 is not one image in two of its 3 frames"):
        ENCODING.showings(np.array([frames]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("goodness", "credit"), [("spikes", "memory"), ("spikes", "within-event"), ("mean-square", "held")]
)
def test_engines_agree(goodness, credit, presentations):
    """The table is at the steps of the others here, and its interpolation within a tenth of its tolerance."""
    lanes = simulator("lanes", goodness, credit)
    response = simulator("response", goodness, credit, table_step=us)
    expected, found = (one.present(*presentations) for one in (lanes, response))
    assert np.shape(found.postsynaptic) == (2, 9, 5)
    for name in ("goodness", "goodness_terms", "postsynaptic"):
        wanted = np.asarray(getattr(expected, name))
        np.testing.assert_allclose(getattr(found, name), wanted, atol=3e-4 * np.abs(wanted).max())
    reference = simulator("reference", goodness, credit).present(*(one[:3] for one in presentations))
    np.testing.assert_allclose(reference.goodness, expected.goodness[:3], rtol=1e-9)
    np.testing.assert_allclose(reference.postsynaptic, np.asarray(expected.postsynaptic)[:, :3], rtol=1e-7, atol=1e-12)


def test_a_label_that_is_shown_once_takes_the_lanes(presentations):
    made = simulator("auto", encoding=ENCODING.replace(labels="once"))
    assert made.engine == "lanes"
    assert "shown once" in made.engine_reason
