"""Augmentations move, cut and mirror images as they say, come from their own stream, and resume bit for bit."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from brianff.errors import ConfigurationError
from brianff.protocols.augmentation import (
    AUGMENTATIONS,
    Affine,
    Augmentation,
    Cutout,
    Elastic,
    Flip,
    PixelDropout,
    Shift,
    augmented,
    shift_images,
)
from brianff.protocols.configuration import Data, load_protocol
from brianff.protocols.trainer import Trainer


@pytest.fixture
def generator():
    return np.random.default_rng(1)


@pytest.fixture
def images(generator):
    """Images of 7 x 9 pixels, more than are warped at a time."""
    return generator.random((70, 7, 9))


def test_no_shift_returns_the_images_and_draws_nothing():
    images, generator = np.ones((3, 16)), np.random.default_rng(1)
    before = generator.bit_generator.state
    assert shift_images(images, (4, 4), 0, generator) is images
    assert np.shares_memory(augmented((), images, (4, 4), generator), images)
    assert generator.bit_generator.state == before


def test_a_pixel_moves_by_at_most_the_largest_shift_and_everywhere_within():
    image = np.zeros((7, 9))
    image[3, 4] = 0.5
    shifted = Shift(2)(np.tile(image, (600, 1, 1)), np.random.default_rng(1))
    assert (shifted.sum(axis=(1, 2)) == 0.5).all()
    _, rows, columns = np.nonzero(shifted)
    assert set(zip(rows - 3, columns - 4, strict=True)) == {
        (down, right) for down in range(-2, 3) for right in range(-2, 3)
    }


def test_what_leaves_the_image_is_lost():
    corner = np.zeros((1, 9))
    corner[0, 0] = 1.0
    sums = {shift_images(corner, (3, 3), 1, np.random.default_rng(seed)).sum() for seed in range(20)}
    assert sums == {0.0, 1.0}


def test_a_flip_turns_left_and_right_around(images, generator):
    flipped = Flip(0.3)(np.tile(images[:1], (2000, 1, 1)), generator)
    turned = (flipped == images[0, :, ::-1]).all(axis=(1, 2))
    assert (turned | (flipped == images[0]).all(axis=(1, 2))).all()
    assert turned.mean() == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 2000))


def test_warps_interpolate_as_scipy_does_and_are_added(images):
    warps = Affine(0.3, 0.2, 0.4), Elastic(1.5, 2.0)
    changed = augmented(warps, images.reshape(70, -1), (7, 9), np.random.default_rng(5)).reshape(images.shape)
    generator, place = np.random.default_rng(5), np.indices((7, 9))
    for start in (0, 32, 64):
        some = images[start : start + 32]
        moved = sum(warp.displacements(len(some), (7, 9), generator) for warp in warps)
        for number, image in enumerate(some):
            expected = map_coordinates(image, place + moved[:, number], order=1, mode="grid-constant")
            np.testing.assert_allclose(changed[start + number], expected, atol=2e-5)


def test_an_affine_change_is_a_rotation_a_scale_and_a_shear_about_the_centre(generator):
    rows, columns = np.indices((5, 5)) - 2.0

    def moved(**largest):
        found = Affine(**{"rotation": 0, "scale": 0, "shear": 0} | largest).displacements(500, (5, 5), generator)
        return found[0] + rows, found[1] + columns

    down, right = moved(rotation=0.5)
    np.testing.assert_allclose(down**2 + right**2, np.broadcast_to(rows**2 + columns**2, down.shape), atol=1e-5)
    angles = np.arctan2(down[:, 4, 2], right[:, 4, 2]) - np.pi / 2
    assert np.abs(angles).max() == pytest.approx(0.5, abs=0.02)
    assert angles.std() == pytest.approx(0.5 / np.sqrt(3), rel=0.1)
    down, right = moved(scale=0.2)
    for place, own in ((down, rows), (right, columns)):
        factor = place[:, own == 2] / 2
        np.testing.assert_allclose(factor, factor[:, :1].repeat(5, axis=1), rtol=1e-5)
        assert np.abs(factor - 1).max() == pytest.approx(0.2, abs=0.01)
    down, right = moved(shear=0.3)
    np.testing.assert_allclose(down, np.broadcast_to(rows, down.shape), atol=1e-6)
    np.testing.assert_allclose(right[:, 4] - columns[4], -(right[:, 0] - columns[0]), atol=1e-5)
    assert np.abs(right[:, 4] - columns[4]).max() == pytest.approx(0.6, abs=0.02)


def test_elastic_fields_have_the_stated_deviation_and_correlation(generator):
    fields = Elastic(0.8, 3.0).displacements(4000, (8, 12), generator)
    np.testing.assert_allclose(fields.std(axis=1), 0.8, rtol=0.06)
    for row, column, distance in ((4, 4, 3.0), (2, 2, np.hypot(2, 1))):  # from the pixel (4, 1)
        correlation = np.corrcoef(fields[0, :, 4, 1], fields[0, :, row, column])[0, 1]
        assert correlation == pytest.approx(np.exp(-(distance**2) / (4 * 3**2)), abs=0.05)
    assert abs(np.corrcoef(fields[0, :, 3, 3], fields[1, :, 3, 3])[0, 1]) < 0.08


def test_a_cutout_blackens_a_square_that_may_reach_beyond_the_edge(generator):
    cut = Cutout(3)(np.ones((3000, 7, 9)), generator) == 0
    height, width = cut.any(axis=2).sum(axis=1), cut.any(axis=1).sum(axis=1)
    assert (cut.sum(axis=(1, 2)) == height * width).all()
    assert set(height) == set(width) == {2, 3}  # at the edge one row is outside
    assert (height == 2).mean() == pytest.approx(2 / 7, abs=0.04)


def test_pixels_are_dropped_with_their_probability(images, generator):
    dropped = PixelDropout(0.2)(images, generator)
    assert set(np.unique(dropped[dropped != images])) == {0.0}
    assert (dropped == 0).mean() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("part", [kind() for kind in AUGMENTATIONS.built_in.values()], ids=str)
def test_images_stay_as_they_were_and_intensities_in_their_range(part, images):
    before = images.copy()
    changed = part(images, np.random.default_rng(2))
    np.testing.assert_array_equal(images, before)
    assert changed.dtype == images.dtype
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not np.array_equal(changed, images)
    assert part(images[:0], np.random.default_rng(2)).shape == (0, 7, 9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Flip(1.5), "probability is 1.5"),
        (lambda: Cutout(-1), "size is -1; it must be 0 or more"),
        (lambda: Data(augmentation=["rotate"]), "no augmentation 'rotate'; known: shift, flip"),
        (lambda: Data(augmentation=[{"name": "affine", "angle": 1}]), "'affine' does not take these parameters"),
        (lambda: augmented([Halved()], np.ones((2, 4)), (2, 2), None), r"'Halved' gave the shape \(1, 2, 2\)"),
    ],
)
def test_what_is_wrong_is_said(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


class Halved(Augmentation):
    def __call__(self, images, generator):
        return images[::2]


def test_frames_are_changed_each_for_itself(generator):
    frames = augmented([Cutout(1)], np.ones((50, 3 * 4)), (2, 2), generator).reshape(50, 3, 4)
    assert (np.count_nonzero(frames == 0, axis=2) == 1).all()
    assert len(np.unique(np.argmin(frames, axis=2), axis=0)) > 10


SETTINGS = [
    "data.training_images=150",
    "learning.epochs=2",
    "network.layers.0.neurons=20",
    "evaluation.epoch_images=1",
    'data.augmentation=[{name="affine", rotation=0.1}, "elastic", "cutout"]',
]


def test_a_protocol_names_them_and_a_run_resumes_bit_for_bit(tmp_path):
    protocol = load_protocol("msnn-digits", SETTINGS)
    assert protocol.data.augmentation == (Affine(rotation=0.1), Elastic(), Cutout())
    assert type(protocol)(**protocol.model_dump(mode="json")) == protocol
    ends = []
    for workers, stop in ((1, False), (2, False), (1, True)):
        trainer = Trainer(protocol.replace(engine=protocol.engine.replace(workers=workers)))
        trainer.run_epoch()
        if stop:
            state, trainer = trainer.state(), Trainer(trainer.protocol)
            trainer.restore(*state)
        trainer.run_epoch()
        ends.append(trainer.simulator.layers[0].crossbar.weights)
    plain = Trainer(load_protocol("msnn-digits", SETTINGS[:-1]))
    while not plain.finished:
        plain.run_epoch()
    np.testing.assert_array_equal(ends[0], ends[1])
    np.testing.assert_array_equal(ends[0], ends[2])
    assert not np.allclose(ends[0], plain.simulator.layers[0].crossbar.weights)
