"""Shifted images keep their content and bring in zeros."""

import numpy as np

from brianff.protocols.augmentation import shift_images


def test_no_shift_returns_the_images_and_draws_nothing():
    images, generator = np.ones((3, 16)), np.random.default_rng(1)
    before = generator.bit_generator.state
    assert shift_images(images, (4, 4), 0, generator) is images
    assert generator.bit_generator.state == before


def test_a_pixel_moves_by_at_most_the_largest_shift_and_everywhere_within():
    image = np.zeros((7, 9))
    image[3, 4] = 0.5
    shifted = shift_images(np.tile(image.ravel(), (600, 1)), (7, 9), 2, np.random.default_rng(1)).reshape(-1, 7, 9)
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
