"""Encodings against hand-computed inputs."""

import numpy as np
import pytest

from brianff import (
    EventEncoding,
    FrameEncoding,
    LabelCode,
    LatencyEncoding,
    Layer,
    Network,
    PulseEncoding,
    RateEncoding,
    Simulator,
    Split,
)
from brianff.data import SpikeTrains
from brianff.encoding import code_matrix, encode_spikes, image_part
from brianff.errors import ConfigurationError, DataError
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


@pytest.mark.parametrize("placement", ["append", "pixels"])
def test_spike_trains_enter_as_they_are_with_the_label_beside(placement):
    raster = np.random.default_rng(1).random((4, 7, 6)) < 0.3
    described = network(placement=placement).replace(encoding=EventEncoding(steps=7, label_steps=(0, 5)))
    simulator = Simulator(described, seed=1)
    labels = np.array([[0, 2], [1, 0], [2, 2], [1, 1]])
    inputs = simulator.inputs(SpikeTrains.from_raster(raster), labels)
    wanted = np.zeros((7, 8, described.inputs), bool)
    for number, label in enumerate(labels.ravel()):
        wanted[:, number, :6] = raster[number // 2]
        first = 6 if placement == "append" else 0
        wanted[:, number, first : first + 3] = False
        wanted[[0, 5], number, first + label] = True
    np.testing.assert_array_equal(inputs.raster, wanted)
    assert (inputs.matrix.data == 1).all()


def test_spike_trains_drive_both_engines_and_recordings_alike():
    raster = np.random.default_rng(1).random((3, 12, 6)) < 0.3
    trains = SpikeTrains.from_raster(raster)
    described = network().replace(encoding=EventEncoding(steps=12), layers=[Layer(neurons=4)])
    lanes, reference = (Simulator(described, engine=engine, seed=1) for engine in ("lanes", "reference"))
    one, other = (simulator.present(trains, np.arange(3), spikes=True) for simulator in (lanes, reference))
    np.testing.assert_allclose(one.goodness, other.goodness, rtol=1e-9)
    assert one.goodness.std() > 0
    recording = lanes.record(trains, np.arange(3), [0])
    assert len(recording.spikes) == one.raster.sum()
    silent = lanes.present(np.zeros((1, 6)), np.array([0]))
    np.testing.assert_array_equal(
        silent.goodness, lanes.present(SpikeTrains.from_raster(raster[:1] & False), [0]).goodness
    )


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((2, 6), 1.01), "intensities up to 1.01"),
        (np.ones((2, 6), int), r"images are ndarray of int64.*split\.intensities\(rows\), or divide"),
        (np.ones((2, 6), np.uint8), "images are ndarray of uint8"),
        (np.full((2, 6), np.nan), "not finite"),
        (np.full((2, 6), -0.1), "negative"),
        (np.ma.masked_array(np.ones((2, 6))), "MaskedArray"),
        (np.ones((2, 5)), r"\(2, 5\); the network needs \(images, 6\)"),
    ],
)
def test_what_is_no_intensity_is_refused_with_the_remedy(images, message):
    with pytest.raises(DataError, match=message):
        Simulator(network(), seed=1).present(images, np.zeros(2, int))


IMAGES = np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.5]])
MEAN = np.array([0.5, 0.25, 0.25])


def centred(centred, placement="append", **encoding):
    label = LabelCode(placement=placement)
    return Network(pixels=3, classes=2, label=label, encoding=PulseEncoding(centred=centred, **encoding))


def test_the_mean_image_is_taken_off_by_both_signs_or_on_two_lines():
    np.testing.assert_array_equal(Split(IMAGES, np.zeros(2, int)).mean_image, MEAN)
    np.testing.assert_allclose(Split(np.array([[0, 51], [0, 153]], np.uint8), np.zeros(2, int)).mean_image, [0, 0.4])
    np.testing.assert_array_equal(Split(IMAGES[:0], np.zeros(0, int)).mean_image, np.zeros(3))
    signed = [[0.5, 0.25, -0.25], [-0.5, -0.25, 0.25]]
    np.testing.assert_array_equal(image_part(centred("bipolar"), IMAGES, MEAN)[:, :3], signed)
    lines = centred("two-lines")
    assert (lines.image_units, lines.inputs) == (6, 8)
    np.testing.assert_array_equal(
        image_part(lines, IMAGES, MEAN), [[0.5, 0.25, 0, 0, 0, 0.25, 0, 0], [0, 0, 0.25, 0.5, 0.25, 0, 0, 0]]
    )
    np.testing.assert_array_equal(code_matrix(lines, np.random.default_rng(1))[:, 6:], np.eye(2))
    assert not image_part(lines, np.zeros((1, 3)), MEAN).any()  # a black image is silence
    pixels = centred("two-lines", "pixels")
    np.testing.assert_array_equal(image_part(pixels, IMAGES, MEAN), [[0, 0, 0, 0, 0, 0.25], [0, 0, 0.25, 0, 0, 0]])
    with pytest.raises(ConfigurationError, match=r"mean_image = split\.mean_image, 3 intensities"):
        Simulator(centred("bipolar")).present(IMAGES, np.zeros(2, int))


def test_images_are_scaled_to_one_norm():
    part = image_part(centred(None, norm=2.0), np.vstack([IMAGES, np.zeros(3)]))[:, :3]
    np.testing.assert_allclose(part, [[4 / 5**0.5, 2 / 5**0.5, 0], [0, 0, 2], [0, 0, 0]])


def test_amplitudes_are_noisy_the_same_for_all_labels_and_the_same_in_each_evaluation():
    network = Network(pixels=400, classes=2, encoding=PulseEncoding(noise=0.1))
    simulator = Simulator(network, seed=1)
    images, labels = np.full((2, 400), 0.5), np.array([[0, 1], [0, 1]])
    inputs = simulator.inputs(images, labels)
    shown = inputs.image_part[:, :400]
    assert shown.std(axis=1) == pytest.approx(0.05, rel=0.15)
    assert shown.mean() == pytest.approx(0.5, abs=0.01)
    assert abs(np.corrcoef(shown)[0, 1]) < 0.2
    np.testing.assert_array_equal(inputs.image, [0, 0, 1, 1])
    assert not np.array_equal(simulator.inputs(images, labels).image_part, inputs.image_part)
    evaluated = []
    for _ in range(2):
        with simulator.evaluation():
            evaluated.append(simulator.inputs(images, labels).image_part)
    np.testing.assert_array_equal(*evaluated)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RateEncoding(centred="bipolar"), "spikes of 'rate' have no sign; use 'two-lines'"),
        (lambda: LatencyEncoding(noise=0.1), "spikes of 'latency' have none"),
        (lambda: EventEncoding(centred="two-lines"), "neither centred nor scaled"),
    ],
)
def test_spikes_have_no_amplitude(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize("centring", ["two-lines", "bipolar"])
def test_centred_images_are_the_same_on_both_engines_in_frames_too(centring, numpy_target):
    encoding = FrameEncoding(steps=30, onset_steps=(0, 15), centred=centring)
    described = Network(pixels=3, classes=2, encoding=encoding, layers=[Layer(neurons=4, initial_weight_deviation=0.7)])
    answers = []
    for engine in ("lanes", "reference"):
        simulator = Simulator(described, engine=engine, seed=3)
        simulator.mean_image = MEAN
        answers.append(simulator.present(np.hstack([IMAGES, [[0.0] * 3, [1, 0.25, 0]]]), np.array([0, 1])))
    np.testing.assert_allclose(answers[0].goodness, answers[1].goodness, rtol=1e-9)
    assert answers[0].goodness.min() > 0


def test_a_second_line_does_what_the_sign_does_if_its_weights_are_turned(numpy_target):
    answers = []
    for centring in ("two-lines", "bipolar"):
        simulator = Simulator(centred(centring).replace(layers=[Layer(neurons=4)]), seed=1)
        simulator.mean_image = MEAN
        weights = np.random.default_rng(2).normal(0, 0.5, (5, 4))
        lines = weights if centring == "bipolar" else np.vstack([weights[:3], -weights[:3], weights[3:]])
        simulator.layers[0].crossbar.adopt(lines)
        answers.append(simulator.present(IMAGES, np.array([0, 1])).goodness_terms)
    np.testing.assert_allclose(*answers, rtol=1e-9)


@pytest.mark.parametrize(
    ("encoding", "images"),
    [
        (RateEncoding(steps=12, maximum_probability=1.0), np.ones((2, 4))),
        (LatencyEncoding(steps=12), np.full((2, 4), 0.5)),
        (EventEncoding(steps=12, label_steps=(3, 8)), SpikeTrains.from_raster(np.ones((2, 12, 4), dtype=bool))),
    ],
)
def test_labels_are_shown_each_time_once_or_never(encoding, images):
    label_spikes = {"rate": range(12), "latency": [0], "events": [3, 8]}[encoding.name]
    for labels, steps in (("each", label_spikes), ("once", label_spikes[:1]), ("never", [])):
        network = Network(pixels=4, classes=3, encoding=encoding.replace(labels=labels), layers=[Layer(neurons=2)])
        raster = Simulator(network, workers=1).inputs(images, np.array([2, 0])).raster
        assert np.flatnonzero(raster[:, 0, 6]).tolist() == list(steps)
        assert np.flatnonzero(raster[:, 1, 4]).tolist() == list(steps)
        assert not raster[:, 0, 4:6].any()
        assert raster[:, :, :4].any(axis=0).all()
        assert network.shows_labels == (labels != "never")


def test_volleys_are_equal_parts_of_the_intensities():
    encoding = LatencyEncoding(steps=40, volley_steps=(0, 10, 20, 30))
    volleys = encoding.volleys(np.array([[1.0, 0.76, 0.74, 0.5, 0.01, 0.0]]))
    assert volleys.argmax(axis=1).tolist() == [[0, 0, 1, 2, 3, 0]]
    assert volleys.sum(axis=1).tolist() == [[1, 1, 1, 1, 1, 0]]
    network = Network(pixels=3, classes=2, encoding=encoding.replace(labels="once"), layers=[Layer(neurons=2)])
    inputs = Simulator(network, workers=1).inputs(np.array([[0.6, 0.1, 0.0]]), np.array([1]))
    events = inputs.events()
    assert np.argwhere(events[:, 0]).tolist() == [[10, 0], [10, 4], [30, 1]]  # the label comes with the first spikes
    with pytest.raises(ConfigurationError, match="volley_steps must be steps from 0 to 9"):
        LatencyEncoding(steps=10, volley_steps=(0, 10))
