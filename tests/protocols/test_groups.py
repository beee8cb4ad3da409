"""Blocks of neurons with a modulator of their own learn as layers of these neurons alone would."""

from dataclasses import replace

import numpy as np
import pytest

from brianff.errors import ConfigurationError
from brianff.goodness import Goodness
from brianff.inputs import PulseInput
from brianff.protocols import Grouped, Pair, Sigmoid, Symmetric, load_protocol, modulated_hebbian
from brianff.protocols.trainer import Trainer
from brianff.responses import Responses

FORMS = [Pair(0.5, 1.0), Sigmoid(0.5, 2.0), Symmetric()]
IMAGES, NEURONS = 6, 9


def responses(generator, pooling="mean"):
    numbers = np.arange(IMAGES)
    inputs = PulseInput(generator.random((IMAGES, 5)), np.zeros((1, 5)), numbers, 0 * numbers, 4, (0,))
    terms, factor = generator.random((2, IMAGES, NEURONS)) * 4
    return Responses(inputs, terms, factor, Goodness(pooling=pooling), np.ones(4))


def block(of, columns):
    return replace(of, goodness_terms=of.goodness_terms[:, columns], postsynaptic=of.postsynaptic[:, columns])


@pytest.mark.parametrize("pooling", ["mean", "negentropy"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_blocks_learn_as_if_they_were_alone(form, pooling):
    generator = np.random.default_rng(1)
    positive, negative = responses(generator, pooling), responses(generator, pooling)
    grouped = Grouped(form, 2)
    np.testing.assert_array_equal(grouped.groups(NEURONS), [0] * 5 + [1] * 4)
    whole = modulated_hebbian(positive, negative, grouped)
    losses, scores = 0, 0
    for columns in (slice(0, 5), slice(5, 9)):
        both = block(positive, columns), block(negative, columns)
        np.testing.assert_allclose(whole[:, columns], modulated_hebbian(*both, form), rtol=1e-12)
        losses, scores = losses + form.loss(*both), scores + form.score(both[0])
    np.testing.assert_allclose(grouped.loss(positive, negative), losses)
    np.testing.assert_allclose(grouped.score(positive), scores)
    np.testing.assert_allclose(
        modulated_hebbian(positive, negative, Grouped(form, 1)), modulated_hebbian(positive, negative, form), rtol=1e-12
    )


def test_several_negatives_of_an_image():
    generator = np.random.default_rng(1)
    positive, parts = responses(generator), [responses(generator) for _ in range(2)]
    negative = replace(
        parts[0],
        inputs=parts[0].inputs.select(np.repeat(np.arange(IMAGES), 2)),
        goodness_terms=np.repeat(parts[0].goodness_terms, 2, axis=0),
        postsynaptic=np.repeat(parts[0].postsynaptic, 2, axis=0),
    )
    whole = modulated_hebbian(positive, negative, Grouped(FORMS[0], 3))
    both = block(positive, slice(3, 6)), block(negative, slice(3, 6))
    np.testing.assert_allclose(whole[:, 3:6], modulated_hebbian(*both, FORMS[0]), rtol=1e-12)


def test_a_protocol_has_them(numpy_target):
    settings = ["data.training_images=60", "network.layers.0.neurons=10", "learning.epochs=1", "engine.workers=1"]
    ends = []
    for groups in (1, 5):
        trainer = Trainer(load_protocol("msnn-digits", [*settings, f"learning.groups={groups}"]))
        trainer.run_epoch()
        ends.append(trainer.simulator.layers[0].crossbar.weights)
    assert type(trainer.modulator) is Grouped
    assert np.isfinite(trainer.evaluate(trainer.held_out))
    assert not np.allclose(*ends)


def test_too_many_blocks_are_refused():
    with pytest.raises(ConfigurationError, match=r"learning\.groups is 11; a layer has 10 neurons"):
        load_protocol("msnn-digits", ["network.layers.0.neurons=10", "learning.groups=11"])
    with pytest.raises(ConfigurationError, match="collaboration sums goodness"):
        load_protocol("msnn-mnist-two-layers", ["learning.groups=2"])
    with pytest.raises(ConfigurationError, match="at least one"):
        Grouped(Pair(), 0)
