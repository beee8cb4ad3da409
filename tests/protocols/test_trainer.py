"""The trainer in Python: with and without a directory, with parts of one's own as objects."""

import numpy as np
import pytest

from brianff.errors import CheckpointError, ConfigurationError
from brianff.protocols.configuration import Learning, load_protocol
from brianff.protocols.negatives import Negatives
from brianff.protocols.optimisers import Optimiser
from brianff.protocols.plasticity import ModulatedHebbian, modulated_hebbian
from brianff.protocols.samplers import BothPolarities
from brianff.protocols.trainer import Trainer

SMALL = [
    "data.training_images=64",
    "network.layers.0.neurons=12",
    "learning.epochs=2",
    "evaluation.epoch_images=10",
    "evaluation.training_images=10",
    "engine.workers=1",
]


def small(*settings, **learning):
    protocol = load_protocol("msnn-digits", [*SMALL, *settings])
    return protocol.replace(learning=protocol.learning.replace(**learning))


def digest(protocol):
    return Trainer(protocol).fit(progress=False)["weights_digest"]


def test_a_directory_changes_nothing_and_is_resumed(numpy_target, tmp_path):
    bare = Trainer(small()).fit(progress=False)
    kept = Trainer(small()).fit(tmp_path / "run", progress=False)
    assert kept["weights_digest"] == bare["weights_digest"]
    finished = Trainer(small())
    assert finished.fit(tmp_path / "run", progress=False) == kept
    assert finished.finished
    assert len(finished.history) == len((tmp_path / "run" / "history.csv").read_text().splitlines()) - 1
    with pytest.raises(CheckpointError, match="another configuration"):
        Trainer(small("seed=2")).fit(tmp_path / "run", progress=False)


def test_a_rule_as_a_function_is_the_rule(numpy_target):
    def again(positive, negative, modulator):
        return modulated_hebbian(positive, negative, modulator)

    def opposite(positive, negative, modulator):
        return -modulated_hebbian(positive, negative, modulator)

    assert digest(small(plasticity=again)) == digest(small())
    assert digest(small(plasticity=opposite)) != digest(small())


def test_an_own_postsynaptic_factor(numpy_target):
    same = ModulatedHebbian(postsynaptic=lambda responses: responses.postsynaptic)
    assert digest(small(plasticity=same)) == digest(small())
    wrong = ModulatedHebbian(postsynaptic=lambda responses: responses.goodness)
    with pytest.raises(ConfigurationError, match=r"the shape \(32,\); it needs \(presentations, neurons\)"):
        digest(small(plasticity=wrong))


def test_a_change_of_another_shape_is_refused(numpy_target):
    def one_row(positive, negative, modulator):
        return np.zeros(12)

    with pytest.raises(ConfigurationError, match=r"'one_row' gave a change of the shape \(12,\); the weights have"):
        digest(small(plasticity=one_row))


def test_own_optimiser_schedule_and_negatives(numpy_target):
    class Sign(Optimiser):
        """A step of the same size for every weight."""

        def __call__(self, change, factor=1.0):
            self.state["steps"] = self.state.get("steps", np.zeros(())) + 1
            return factor * self.learning_rate * np.sign(change)

    class Next(Negatives):
        """The label after the true one."""

        def draw(self, images, labels, dataset, generator):
            return None, (labels[:, np.newaxis] + 1) % dataset.classes

    trainer = Trainer(small(optimiser=Sign, schedule=lambda progress: 0.5, negatives=Next, learning_rate=0.01))
    before = trainer.simulator.layers[0].crossbar.weights.copy()
    trainer.run_epoch()
    moved = (trainer.simulator.layers[0].crossbar.weights - before) / 0.005
    np.testing.assert_allclose(moved, np.rint(moved), atol=1e-9)
    assert np.abs(np.rint(moved)).max() == 2  # two batches
    assert trainer.state()[0]["optimiser.steps"] == 2


def test_a_prototype_of_an_optimiser_keeps_no_state(numpy_target):
    prototype = small().learning.optimiser(0.003)
    first, second = (digest(small(optimiser=prototype)) for _ in range(2))
    assert first == second
    assert prototype.state == {}


@pytest.mark.parametrize(
    ("learning", "message"),
    [
        (
            {"plasticity": 3},
            "plasticity: a plasticity is something that can be called, or a name: .*; not 3",
        ),
        (
            {"optimiser": dict},
            "optimiser: an optimiser is a Optimiser, or a name: plain, .*; not the class dict",
        ),
        ({"negatives": "nearest"}, "no negatives 'nearest'; known: wrong-label, hardest"),
        ({"polarity": BothPolarities, "clip": 0.1}, "need polarity = 'random'"),
    ],
)
def test_what_is_no_part_is_named(learning, message):
    with pytest.raises(ConfigurationError, match=message):
        Learning(**learning)
