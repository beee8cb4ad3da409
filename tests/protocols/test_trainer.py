"""The trainer in Python: with and without a directory, with parts of one's own as objects."""

from dataclasses import replace

import numpy as np
import pytest
from cases import first_fast

from brianff.errors import CheckpointError, ConfigurationError
from brianff.goodness import Goodness
from brianff.protocols.configuration import Learning, load_protocol
from brianff.protocols.modulators import Pair
from brianff.protocols.negatives import Negatives
from brianff.protocols.optimisers import Adam, Optimiser
from brianff.protocols.plasticity import ModulatedHebbian, modulated_hebbian
from brianff.protocols.samplers import BothPolarities
from brianff.protocols.trainer import Trainer
from brianff.protocols.training import open_trainer
from brianff.responses import Responses
from brianff.storage import checkpoint
from brianff.storage.run_directory import RunDirectory

SMALL = [
    "data.training_images=64",
    "data.validation_images=10",
    "network.layers.0.neurons=12",
    "learning.epochs=2",
    "evaluation.epoch_images=10",
    "evaluation.training_images=10",
    "engine.workers=1",
]


def small(*settings, **learning):
    protocol = load_protocol("msnn-digits", [*SMALL, *settings]).without_devices()
    return protocol.replace(learning=protocol.learning.replace(**learning))


def digest(protocol):
    return Trainer(protocol).fit(progress=False)["weights_digest"]


def test_a_directory_changes_nothing_and_is_resumed(numpy_target, tmp_path):
    bare = Trainer(small()).fit(progress=False)
    kept = Trainer(small()).fit(tmp_path / "run", progress=False)
    assert kept["weights_digest"] == bare["weights_digest"]
    finished = Trainer(small())
    (tmp_path / "run" / ".lock").touch()  # as after a kill just before the end
    assert finished.fit(tmp_path / "run", progress=False) == kept
    assert not (tmp_path / "run" / ".lock").exists()
    assert finished.finished
    assert len(finished.history) == len((tmp_path / "run" / "history.csv").read_text().splitlines()) - 1
    with pytest.raises(CheckpointError, match=r"another configuration: seed was 1, is 2\. "):
        Trainer(small("seed=2")).fit(tmp_path / "run", progress=False)
    with pytest.raises(CheckpointError, match=r": learning\.epochs was \d+, is 99; network\.layers\.0\.neurons was"):
        Trainer(small("learning.epochs=99", "network.layers.0.neurons=9")).fit(tmp_path / "run", progress=False)
    assert Trainer(small("engine.workers=2", "engine.kept_spikes=9")).fit(tmp_path / "run", progress=False) == kept
    assert open_trainer(RunDirectory.open(tmp_path / "run")).finished


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_trainer_that_was_trained_before_leaves_a_run_that_can_be_opened(numpy_target, tmp_path, epochs):
    trainer = Trainer(small(epochs=2))
    for _ in range(epochs):
        trainer.run_epoch()
    summary = trainer.fit(tmp_path / "run", progress=False)
    opened = open_trainer(tmp_path / "run")
    np.testing.assert_array_equal(*(one.simulator.layers[0].crossbar.weights for one in (trainer, opened)))
    again = Trainer(small(epochs=2)).fit(tmp_path / "run", progress=False)
    assert again["weights_digest"] == summary["weights_digest"]


def test_a_rule_as_a_function_is_the_rule(numpy_target):
    def again(positive, negative, modulator):
        return modulated_hebbian(positive, negative, modulator)

    def opposite(positive, negative, modulator):
        return -modulated_hebbian(positive, negative, modulator)

    assert digest(small(plasticity=again)) == digest(small())
    assert digest(small(plasticity=opposite)) != digest(small())


@pytest.mark.slow
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
    assert trainer.state()[0]["step_rule.steps"] == 2


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_change_in_another_order_of_memory_is_the_same_change(numpy_target):
    def transposed(positive, negative, modulator):
        return np.asfortranarray(modulated_hebbian(positive, negative, modulator))

    for optimiser in ("plain", "momentum", "adam"):
        assert digest(small(plasticity=transposed, optimiser=optimiser)) == digest(small(optimiser=optimiser))


def test_a_change_that_is_not_finite_is_named(numpy_target):
    def infinite(positive, negative, modulator):
        return np.inf * modulated_hebbian(positive, negative, modulator)

    with pytest.raises(ConfigurationError, match="plasticity 'infinite' gave a change that is not finite"):
        digest(small(plasticity=infinite))


def rule_of(factor):
    def scaled(positive, negative, modulator):
        return factor * modulated_hebbian(positive, negative, modulator)

    if factor == 1:
        return scaled

    def scaled(positive, negative, modulator):  # the same name, another content
        return 2.0 * modulated_hebbian(positive, negative, modulator)

    return scaled


@pytest.mark.parametrize(
    ("first", "other", "key"),
    [
        ({"plasticity": rule_of(1)}, {"plasticity": rule_of(2)}, r"learning\.plasticity"),
        ({"optimiser": Adam(1e-2)}, {"optimiser": Adam(2e-2)}, r"learning\.optimiser"),
        ({"optimiser": Adam(1e-2)}, {"optimiser": "adam"}, r"learning\.optimiser"),
        ({"goodness": Goodness("mean-square", "activity**4")}, {}, r"learning\.goodness"),
        ({"modulator": Pair(0.1, 1.0)}, {"modulator": Pair(0.2, 1.0)}, "another configuration|learning.modulator"),
    ],
)
def test_a_run_is_resumed_with_the_parts_that_it_was_made_of(first, other, key, numpy_target, tmp_path):
    """Files know parts by their names: what they were is remembered besides."""
    summary = Trainer(small(**first)).fit(tmp_path / "run", progress=False)
    assert Trainer(small(**first)).fit(tmp_path / "run", progress=False) == summary
    with pytest.raises(CheckpointError, match=key):
        Trainer(small(**other)).fit(tmp_path / "run", progress=False)


@pytest.mark.slow
def test_trainers_of_one_protocol_share_no_state(numpy_target):
    class Growing:
        calls = 0

        def change(self, contrast, modulator):
            self.calls += 1
            return self.calls * modulated_hebbian(contrast.positive, contrast.negative, modulator)

    protocol = small(plasticity=Growing())
    assert digest(protocol) == digest(protocol)


def test_own_negatives_and_samplers_are_not_kept_as_if_they_were_known(numpy_target):
    class Blurred(BothPolarities):
        def shown(self, trainer, batch):
            return super().shown(trainer, replace(batch, images=0.5 * batch.images))

    protocol = small()
    layers = [*protocol.network.layers, {"neurons": 8}]
    protocol = protocol.replace(network=protocol.network.replace(layers=layers))
    own = protocol.replace(learning=protocol.learning.replace(polarity=Blurred))
    for described, kept in ((protocol, True), (own, False)):
        trainer = Trainer(described)
        trainer._start_layer(1)
        assert (trainer._frozen is not None) is kept


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda labels: labels[:, np.newaxis], "gave an image its own label as a negative"),
        (lambda labels: (labels + 1) % 10, r"gave labels of the shape \(32,\); \(images, count\) is \(32, 1\)"),
    ],
)
def test_negatives_that_are_none_are_refused(labels, message, numpy_target):
    class Own(Negatives):
        def draw(self, images, true, dataset, generator):
            return None, labels(true)

    with pytest.raises(ConfigurationError, match=message):
        Trainer(small(negatives=Own)).run_epoch()


def test_a_modulator_of_another_shape_is_refused(numpy_target):
    class Flat(Pair):
        def broadcast(self, positive, negative):
            up, down = super().broadcast(positive, negative)
            return up[:, 0], down

    with pytest.raises(ConfigurationError, match=r"broadcast of Flat has the shapes \[\(32,\), \(32, 1\)\]"):
        Trainer(small(modulator=Flat)).run_epoch()


def test_what_a_part_lacks_is_named(numpy_target):
    class Silent(Negatives):
        pass

    with pytest.raises(ConfigurationError, match="Silent has no method 'draw'"):
        Trainer(small(negatives=Silent)).run_epoch()


def test_eligibility_needs_spikes():
    with pytest.raises(ConfigurationError, match=r"follows spikes: use network\.encoding kind 'rate'"):
        small("learning.eligibility.rate=0.1", "learning.polarity=random", "learning.modulator=sigmoid")


@pytest.mark.slow
def test_what_a_rule_keeps_is_resumed(numpy_target, tmp_path):
    class Trace:
        def __init__(self):
            self.state = {}

        def change(self, contrast, modulator):
            change = modulated_hebbian(contrast.positive, contrast.negative, modulator)
            self.state["trace"] = 0.9 * self.state.get("trace", 0.0) + change
            return self.state["trace"]

    described = small(plasticity=Trace())
    whole, stopped = Trainer(described).fit(progress=False), Trainer(described)
    run_epoch = stopped.run_epoch

    def once(report):
        if stopped.epoch:
            raise KeyboardInterrupt
        run_epoch(report)

    stopped.run_epoch = once
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(tmp_path / "run", progress=False)
    assert Trainer(described).fit(tmp_path / "run", progress=False)["weights_digest"] == whole["weights_digest"]


@pytest.mark.parametrize("given", [None, "half", float("nan")])
def test_a_schedule_gives_a_number(given, numpy_target):
    with pytest.raises(ConfigurationError, match="it must give a finite number"):
        Trainer(small(schedule=lambda progress: given)).run_epoch()


def test_a_state_is_a_copy(numpy_target):
    trainer = Trainer(load_protocol("msnn-digits", SMALL))
    trainer.run_epoch()
    state = trainer.state()
    trainer.run_epoch()
    again = trainer.state()
    for _ in range(2):  # what is restored is not changed by what is learned from there
        trainer.restore(*state)
        assert len(trainer.history) == len(state[1]["history"])
        trainer.run_epoch()
        assert checkpoint.digest(trainer.state()[0]) == checkpoint.digest(again[0])


@pytest.mark.slow
def test_an_epoch_that_is_interrupted_is_trained_anew(numpy_target, tmp_path):
    def stop(images, figures):
        raise KeyboardInterrupt

    expected = digest(small())
    for directory in (None, tmp_path / "run"):
        trainer = Trainer(small())
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                trainer.run_epoch(stop)
        assert trainer.fit(directory, progress=False)["weights_digest"] == expected


def test_neurons_are_dropped_for_all_presentations_of_an_image():
    terms = np.arange(1.0, 2401).reshape(6, 400)
    responses = Responses(None, terms, 2 * terms, Goodness(), np.ones(1))  # type: ignore[arg-type]
    dropped = responses.dropped(np.array([7, 3, 7, 3, 7, 5]), 0.25, np.random.default_rng(1))
    factor = np.round(dropped.goodness_terms / terms, 9)
    np.testing.assert_allclose(factor, np.where(factor > 0, 4 / 3, 0), rtol=1e-8)
    np.testing.assert_array_equal(dropped.postsynaptic, 2 * dropped.goodness_terms)
    np.testing.assert_array_equal(factor[[0, 1]], factor[[2, 3]])
    np.testing.assert_array_equal(factor[0], factor[4])
    assert not np.array_equal(factor[0], factor[1])
    assert (factor == 0).mean() == pytest.approx(0.25, abs=0.04)


LEVERS = (
    "learning.neuron_dropout=0.3",
    "network.encoding.centred='two-lines'",
    "network.encoding.norm=4.0",
    "network.encoding.noise=0.1",
)


@pytest.mark.parametrize("setting", first_fast(LEVERS))
def test_each_changes_training_and_is_resumed(setting, numpy_target):
    plain, changed = Trainer(small()), Trainer(small(setting))
    for trainer in (plain, changed):
        trainer.run_epoch()
    again = Trainer(small(setting))
    again.restore(*changed.state())
    for trainer in (changed, again):
        trainer.run_epoch()
    np.testing.assert_array_equal(
        changed.simulator.layers[0].crossbar.weights, again.simulator.layers[0].crossbar.weights
    )
    assert changed.evaluate(changed.held_out) == again.evaluate(again.held_out)
    assert plain.history.value[0] != changed.history.value[0]


@pytest.mark.parametrize(
    ("neuron", "goodness", "message"),
    [("relu", "spike-count", "'relu' have none"), ("mif", "final-squared-norm", "was 1209.87 in every presentation")],
)
def test_a_goodness_that_tells_nothing_apart_is_refused(numpy_target, neuron, goodness, message):
    """No spikes to count; and after one step, none has a current yet: all 12 rest at -10 mV."""
    settings = [f"network.layers.0.neuron={neuron}", "network.encoding.steps=1", "engine.name=lanes"]
    settings += ["evaluation.decision=log-odds"]
    if neuron == "relu":
        settings += ["network.layers.0.synapse=delta", "network.layers.0.preset=unit"]
    protocol = small(*settings, goodness=goodness)
    with pytest.raises(ConfigurationError, match=message):
        Trainer(protocol).run_epoch()
