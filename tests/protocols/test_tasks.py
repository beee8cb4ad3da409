"""Tasks in which time matters: what is shown, what can be known, and that training is the same however it runs."""

from itertools import pairwise

import numpy as np
import pytest

from brianff import ConfigurationError, load_dataset
from brianff.analysis.order import both_orders
from brianff.data.split import Batch
from brianff.protocols import Trainer, load_protocol, predict
from brianff.protocols.tasks import Interval, Sequence
from brianff.storage.checkpoint import digest

DIGITS = load_dataset("digits")


def trainer(*settings, name="msnn-order-digits"):
    small = ["data.training_images=70", "network.layers.0.neurons=12", "learning.epochs=2", "evaluation.epoch_images=6"]
    if "order" in name:
        small.append("data.task.presentations=20")
    return Trainer(load_protocol(name, [*small, *settings]))


def test_each_set_is_shown_in_all_orders():
    for frames, orders in ((2, 2), (3, 6)):
        split = Sequence(asked=frames - 1, presentations=600).split(DIGITS.test, frames)
        assert len(split) == 600
        shown = split.images.reshape(-1, orders, frames, 64)
        known = {image.tobytes(): label for image, label in zip(DIGITS.test.images, DIGITS.test.labels, strict=True)}
        for images, labels in zip(shown[:20], split.labels.reshape(-1, orders), strict=False):
            assert len({order.tobytes() for order in images}) == orders
            assert {tuple(sorted(image.tobytes() for image in order)) for order in images} == {
                tuple(sorted(image.tobytes() for image in images[0]))
            }
            assert [known[order[-1].tobytes()] for order in images] == list(labels)
        again = Sequence(asked=frames - 1, presentations=600).split(DIGITS.test, frames)
        np.testing.assert_array_equal(split.images, again.images)


def test_a_guess_of_the_order_knows_the_images():
    assert load_protocol("msnn-order-digits").chance == 1 / 2
    assert load_protocol("msnn-digits").chance == 1 / 10


def test_training_asks_for_every_image_and_draws_the_others_anew():
    rows, generator = np.arange(40, 60), np.random.default_rng(1)
    batch = Batch(DIGITS.train.intensities(rows), DIGITS.train.labels[rows], rows)
    drawn = [Sequence(asked=1).batch(batch, DIGITS.train, 3, generator) for _ in range(3)]
    for one in drawn:
        frames = one.images.reshape(20, 3, 64)
        np.testing.assert_array_equal(frames[:, 1], batch.images)
        np.testing.assert_array_equal(one.labels, batch.labels)
        assert not any((other == frames[:, 1]).all(axis=1).any() for other in (frames[:, 0], frames[:, 2]))
    assert all((one.images != other.images).any() for one, other in pairwise(drawn))


def test_an_interval_shows_the_same_image_twice():
    assert Interval().dataset(DIGITS, 5).classes == 4
    split = Interval().split(DIGITS.test.first(3), 5)
    frames = split.images.reshape(12, 5, 64)
    np.testing.assert_array_equal(split.labels, [0, 1, 2, 3] * 3)
    for shown, label in zip(frames, split.labels, strict=True):
        assert np.flatnonzero(shown.any(axis=1)).tolist() == [0, 1 + label]
        np.testing.assert_array_equal(shown[0], shown[1 + label])


def test_a_task_needs_frames_that_fit():
    with pytest.raises(ConfigurationError, match=r"shows 2 frames: name a data.task, such as 'sequence'"):
        trainer("data.task=image")
    with pytest.raises(ConfigurationError, match=r"asks for frame 2, counted from 0; network.encoding shows 2"):
        trainer("data.task.asked=2")
    with pytest.raises(ConfigurationError, match=r"an interval is one of at least 2; network.encoding shows 2 frames"):
        trainer("data.task=interval")


def test_an_accuracy_needs_as_many_images_as_a_presentation_shows():
    assert len(trainer().training_part(1)) == 2
    assert len(trainer("data.validation_images=2").held_out) == 20
    with pytest.raises(ConfigurationError, match=r"data.validation_images is 1, and a presentation shows 2"):
        trainer("data.validation_images=1")


def test_a_network_without_memory_stays_at_its_ceiling(numpy_target):
    """Both orders get the same answer, but for the tail of the alpha current: .1 % of its peak after 40 us."""
    learner = trainer("network.layers.0.memristors=frozen", "data.task.presentations=60", "network.layers.0.neurons=40")
    for _ in range(2):
        learner.run_epoch()
    split = learner.held_out
    answers = predict(learner.deciding, split.intensities(slice(None)), score=learner.score).reshape(-1, 2)
    assert (answers[:, 0] == answers[:, 1]).mean() > 0.9
    labels = split.labels.reshape(-1, 2)
    assert learner.evaluate(split) <= (1 + (labels[:, 0] == labels[:, 1]).mean()) / 2 + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("name", ["msnn-order-digits", "msnn-sequence-digits"])
def test_resumed_training_is_the_same_bit_for_bit(name, numpy_target):
    whole, first, rest = (trainer("engine.workers=1", "data.task.presentations=20", name=name) for _ in range(3))
    while not whole.finished:
        whole.run_epoch()
    first.run_epoch()
    rest.restore(*first.state())
    rest.run_epoch()
    assert digest(rest.weights()) == digest(whole.weights())
    assert rest.history.equals(whole.history)


@pytest.mark.slow
def test_results_do_not_depend_on_workers():
    digests = set()
    for workers in (1, 2):
        learner = trainer(f"engine.workers={workers}", "engine.lanes=30")
        while not learner.finished:
            learner.run_epoch()
        digests.add((digest(learner.weights()), learner.evaluate(learner.held_out)))
    assert len(digests) == 1


@pytest.mark.slow
def test_order_is_learned_by_moving_memristors_only():
    accuracy = {}
    for memristors in ("moving", "frozen"):
        settings = [f"network.layers.0.memristors={memristors}", "learning.epochs=3", "data.task.presentations=1000"]
        learner = Trainer(load_protocol("msnn-order-digits", settings))
        while not learner.finished:
            learner.run_epoch()
        accuracy[memristors] = learner.evaluate(learner.held_out)
        if memristors == "moving":
            axes = both_orders(learner)
            states = [[line.get_ydata()[39] for line in axes[1, order].lines] for order in (0, 1)]
            assert abs(states[0][0] - states[1][0]) > 0.005  # x1 remembers which came first
            (a, b), (b_first, a_second) = (
                [one.max() for one in np.split(axes[0, order].lines[-1].get_ydata(), 2)] for order in (0, 1)
            )
            np.testing.assert_allclose([a, b], [a_second, b_first], rtol=0.03)  # of frozen ones none does
    assert accuracy["moving"] > 0.8
    assert accuracy["frozen"] < 0.57
