"""Matrix products by parts, and contractions of inputs, against the plain formulas."""

import numpy as np
import pytest

from brianff.acceleration.contraction import IMAGES_TOGETHER, contract
from brianff.acceleration.matrix_products import PART, product
from brianff.inputs import PulseInput, SpikeAverages, SpikeInput


@pytest.mark.parametrize("size", [0, 1, PART, 3 * PART + 7, 4 * PART])
def test_product(size):
    generator = np.random.default_rng(1)
    left, right = generator.normal(size=(9, 5)), generator.normal(size=(5, size))
    expected = np.einsum("ij,jk->ik", left, right)
    for factors, result in (((left, right), expected), ((right.T, left.T), expected.T)):
        one = product(*factors)
        np.testing.assert_allclose(one, result, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(one, product(*factors, threads=3))


def inputs_and_presynaptic():
    generator = np.random.default_rng(2)
    response = generator.random(4)
    images = np.hstack([generator.random((3, 5)), np.zeros((3, 2))])
    codes = np.hstack([np.zeros((2, 5)), 3.0 * np.eye(2)])
    image, label = np.array([0, 0, 2, 1]), np.array([1, 0, 1, 1])
    yield PulseInput(images, codes, image, label, 4, (0,)), response, images[image] + codes[label]
    raster = generator.random((4, 4, 7)) < 0.4
    later = [response[: 4 - step].sum() / 4 for step in range(4)]
    averages = sum(later[step] * raster[step] for step in range(4))
    yield SpikeInput(raster), response, averages
    yield SpikeAverages(averages), response, averages


@pytest.mark.parametrize("case", list(inputs_and_presynaptic()), ids=lambda case: type(case[0]).__name__)
def test_contract_is_the_sum_of_outer_products(case):
    inputs, response, presynaptic = case
    postsynaptic = np.random.default_rng(3).normal(size=(len(inputs), 6))
    np.testing.assert_allclose(inputs.presynaptic(response), presynaptic, rtol=1e-12)
    expected = np.einsum("pi,pj->ij", presynaptic, postsynaptic)
    np.testing.assert_allclose(
        contract([inputs], [np.ones((1, 1))], [postsynaptic], response), expected, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize("second", range(3))
def test_inputs_of_any_kind_are_contracted_together(first, second):
    cases = [list(inputs_and_presynaptic())[number] for number in (first, second)]
    generator = np.random.default_rng(3)
    postsynaptic = [generator.normal(size=(len(inputs), 6)) for inputs, *_ in cases]
    response = cases[0][1]
    for shapes in ([(4, 1), (4, 1)], [(1, 1), (4, 6)]):
        modulators = [generator.normal(size=shape) for shape in shapes]
        expected = sum(
            np.einsum("pi,pj->ij", presynaptic, modulator * factor)
            for (*_, presynaptic), modulator, factor in zip(cases, modulators, postsynaptic, strict=True)
        )
        together = contract([inputs for inputs, *_ in cases], modulators, postsynaptic, response)
        np.testing.assert_allclose(together, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", ["any", "even"])
def test_pulses_are_contracted_alike_by_any_number_of_threads(order):
    generator = np.random.default_rng(4)
    images = 2 * IMAGES_TOGETHER + 5
    presentations = 4 * images
    parts = np.hstack([generator.random((images, 5)), np.zeros((images, 3))])
    codes = np.hstack([np.zeros((3, 5)), np.eye(3)])
    image = generator.integers(images, size=presentations) if order == "any" else np.arange(presentations) // 4
    which = image, generator.integers(3, size=presentations)
    modulator, factor = generator.normal(size=(presentations, 1)), generator.normal(size=(presentations, 6))
    amplitudes = parts[which[0]] + codes[which[1]]
    for kind, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4)):
        one, three = (
            PulseInput(parts.astype(kind), codes.astype(kind), *which, 4, (0,), threads) for threads in (1, 3)
        )
        change = contract([one], [modulator], [factor.astype(kind)], np.ones(4))
        assert change.dtype == kind
        np.testing.assert_allclose(change, amplitudes.T @ (modulator * factor), rtol=tolerance, atol=tolerance)
        np.testing.assert_array_equal(change, contract([three], [modulator], [factor.astype(kind)], np.ones(4)))


def test_images_of_two_batches_are_kept_once_if_they_are_the_same():
    inputs, *_ = next(inputs_and_presynaptic())
    same = PulseInput(inputs.image_part.copy(), inputs.codes, inputs.image, inputs.label, 4, (0,))
    other = PulseInput(1.0 - inputs.image_part, inputs.codes, inputs.image, inputs.label, 4, (0,))
    assert len(inputs.followed_by(same).image_part) == 3
    joined = inputs.followed_by(other)
    assert len(joined.image_part) == 6
    np.testing.assert_array_equal(joined.amplitudes, np.concatenate([inputs.amplitudes, other.amplitudes]))
