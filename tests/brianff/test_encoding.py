"""Encodings against hand-computed inputs."""

import numpy as np
import pytest

from brianff import LabelCode, LatencyEncoding, Layer, Network, RateEncoding
from brianff.encoding import code_matrix, encode_spikes, image_part
from brianff.errors import ConfigurationError
from brianff.inputs import SparseSpikes


def network(**label):
    return Network(pixels=6, classes=3, label=LabelCode(**label))


def test_appended_label():
    codes = code_matrix(network(strength=4.0), np.random.default_rng(1))
    np.testing.assert_array_equal(codes, np.hstack([np.zeros((3, 6)), 4.0 * np.eye(3)]))
    images = np.full((2, 6), 0.5)
    np.testing.assert_array_equal(image_part(network(), images), np.hstack([images, np.zeros((2, 3))]))


def test_label_in_the_first_pixels():
    codes = code_matrix(network(placement="pixels"), np.random.default_rng(1))
    np.testing.assert_array_equal(codes, np.hstack([np.eye(3), np.zeros((3, 3))]))
    part = image_part(network(placement="pixels"), np.full((1, 6), 0.5))
    np.testing.assert_array_equal(part, [[0, 0, 0, 0.5, 0.5, 0.5]])


def test_a_label_of_several_rows_is_repeated():
    appended = network(rows=3)
    assert appended.inputs == 6 + 9
    np.testing.assert_array_equal(code_matrix(appended, np.random.default_rng(1))[:, 6:], np.hstack([np.eye(3)] * 3))
    coded = network(placement="code", bits=5, rows=2)
    codes = code_matrix(coded, np.random.default_rng(1))
    assert codes.shape == (3, 16)
    np.testing.assert_array_equal(codes[:, 6:11], codes[:, 11:])
    pixels = Network(pixels=9, classes=3, label=LabelCode(placement="pixels", rows=2))
    assert pixels.inputs == 9
    assert code_matrix(pixels, np.random.default_rng(1)).sum() == 6
    np.testing.assert_array_equal(image_part(pixels, np.ones((1, 9))), [[0] * 6 + [1] * 3])
    with pytest.raises(ConfigurationError, match="more than 9 pixels"):
        Network(pixels=9, classes=3, label=LabelCode(placement="pixels", rows=3))


def test_no_label_is_above_the_read_voltage_of_devices():
    with pytest.raises(ConfigurationError, match=r"strength = 1 and label\.rows = 3"):
        Network(label=LabelCode(strength=2.5), layers=(Layer(device="ecram"),))
    assert Network(label=LabelCode(rows=3), layers=(Layer(device="ecram"),))


def test_random_code_is_drawn_from_its_generator_and_differs_between_classes():
    described = network(placement="code", bits=40, density=0.3, strength=2.0)
    codes = code_matrix(described, np.random.default_rng(1))
    assert codes.shape == (3, 46)
    assert set(np.unique(codes)) == {0.0, 2.0}
    assert not codes[:, :6].any()
    assert len(np.unique(codes, axis=0)) == 3
    np.testing.assert_array_equal(codes, code_matrix(described, np.random.default_rng(1)))
    assert (codes != code_matrix(described, np.random.default_rng(2))).any()


def test_too_few_bits_are_refused():
    with pytest.raises(ConfigurationError, match=r"label\.bits = 1 .* use more bits"):
        code_matrix(network(placement="code", bits=1), np.random.default_rng(1))


def test_rate_code_has_the_probability_of_the_intensity():
    encoding = RateEncoding(steps=20_000, maximum_probability=0.25)
    spikes = encode_spikes(encoding, np.array([[0.0, 0.5, 1.0, 8.0]]), np.random.default_rng(1)).raster
    assert spikes.shape == (20_000, 1, 4)
    # standard deviations: 0.0023 and 0.0031
    np.testing.assert_allclose(spikes.mean(axis=0)[0], [0.0, 0.125, 0.25, 1.0], atol=0.012)


def test_drawn_spikes_are_the_same_step_by_step_and_as_a_raster():
    intensities = np.array([[0.0, 0.9, 0.4], [0.0, 0.0, 0.0], [1.0, 0.0, 0.7]])
    spikes = encode_spikes(RateEncoding(steps=7, maximum_probability=0.8), intensities, np.random.default_rng(1))
    assert (spikes.steps, len(spikes), spikes.raster.shape) == (7, 3, (7, 3, 3))
    assert spikes.raster.any(axis=0).tolist() == (intensities > 0).tolist()
    for step in range(7):
        np.testing.assert_array_equal(spikes.at(step).toarray(), spikes.raster[step])
    part = spikes.select([2, 0])
    np.testing.assert_array_equal(part.at(3).toarray(), spikes.raster[3, [2, 0]])
    empty = encode_spikes(RateEncoding(steps=7), intensities[:0], np.random.default_rng(1))
    assert (len(empty), empty.raster.shape) == (0, (7, 0, 3))


def test_latency_code_spikes_once_and_the_brighter_the_earlier():
    intensities = np.array([[1.0, 0.5, 0.01, 0.0, 4.0]])
    spikes = encode_spikes(LatencyEncoding(steps=11), intensities, np.random.default_rng(1)).raster
    assert spikes.sum(axis=0).tolist() == [[1, 1, 1, 0, 1]]
    assert spikes.argmax(axis=0)[0, [0, 1, 2, 4]].tolist() == [0, 5, 10, 0]


def test_joined_spikes_follow_each_other():
    encoding, generator = RateEncoding(steps=4, maximum_probability=0.6), np.random.default_rng(1)
    parts = [encode_spikes(encoding, generator.random((count, 3)), generator) for count in (2, 5, 1)]
    joined = SparseSpikes.joined(parts)
    assert len(joined) == 8
    np.testing.assert_array_equal(joined.raster, np.concatenate([part.raster for part in parts], axis=1))
    assert SparseSpikes.joined(parts[:1]) is parts[0]
