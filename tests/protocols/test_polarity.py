"""Random polarity and eligibility traces: the published rule written out by hand, state, resuming, refusals."""

import numpy as np
import pytest
from cases import first_fast

from brianff.data.split import Batch
from brianff.errors import BrianffError, ConfigurationError
from brianff.goodness import Goodness
from brianff.protocols.configuration import load_protocol
from brianff.protocols.contrast import Mixed
from brianff.protocols.online_program import OnlineProgram, OnlineState
from brianff.protocols.trainer import Trainer
from brianff.protocols.training import prepare, resume, train
from brianff.storage.run_directory import RunDirectory

DIGITS = [
    "data.dataset=digits",
    "data.training_images=60",
    "data.validation_images=10",
    "network.pixels=64",
    "network.label.bits=20",
    "network.layers.0.neurons=12",
    "learning.epochs=2",
    "evaluation.epoch_images=10",
    "evaluation.training_images=10",
]


def small(name, *settings):
    return load_protocol(name, [*DIGITS, *settings])


def everything(split):
    """Return all images of a split as one batch."""
    return Batch(split.intensities(slice(None)), split.labels, np.arange(len(split)))


def present_one_batch(name, images=20, precision="double"):
    """Let a trainer present and learn one batch; return it, what it was given and its state before."""
    trainer = prepare(small(name, "engine.online=steps", f"engine.precision={precision}"))
    batch = trainer.training.first(images)
    shown = trainer.sampler.shown(trainer, everything(batch))
    before = trainer.simulator.layers[0].crossbar.weights.copy()
    trainer._inside.present(shown, None, 0)
    return trainer, shown.inputs, shown.positive, before


def published_rule(inputs, positive, weights, sigmoid, nu, decay, growth):
    """The rule of arXiv 2406.16479 for one batch, as its authors state it; trace z <- decay z + growth s."""
    eligibility, presentations = np.zeros_like(weights), len(positive)
    voltage, trace = np.zeros((2, presentations, weights.shape[1]))
    half = weights.shape[1] // 2
    for step in range(23):
        spikes_in = inputs.raster[step].astype(float)
        voltage = 0.85 * voltage + spikes_in @ weights
        spikes = voltage > 0.001
        voltage[spikes] = 0.0
        trace = decay * trace + growth * spikes
        if step < 16:
            continue
        if sigmoid:
            probability = 1 / (1 + np.exp(-6 * ((trace**2).sum(axis=1) - 1)))
            modulator = np.repeat((positive - probability)[:, np.newaxis], 2 * half, axis=1)
        else:
            plus, minus = (trace[:, :half] ** 2).sum(axis=1) + 0.01, (trace[:, half:] ** 2).sum(axis=1) + 0.01
            toward_plus, toward_minus = (
                np.where(positive, minus / plus, -1) / (plus + minus),
                np.where(positive, -1, plus / minus) / (plus + minus),
            )
            modulator = np.repeat(np.column_stack([toward_plus, toward_minus]), half, axis=1)
        change = spikes_in.T @ (modulator * trace) / presentations
        eligibility = 0.9 * eligibility + 0.1 * change
        weights = weights + nu * eligibility
    return weights, eligibility


@pytest.mark.parametrize(
    ("name", "nu", "decay", "growth"),
    [("neohebbian-batched-sigmoid", 1, 0.85, 0.15), ("neohebbian-batched-symmetric", 1, 1.0, 0.1)],
)
@pytest.mark.parametrize(("precision", "tolerance"), [("double", 1e-12), ("single", 1e-5)])
def test_a_batch_follows_the_published_rule(name, nu, decay, growth, precision, tolerance, numpy_target):
    trainer, inputs, positive, before = present_one_batch(name, precision=precision)
    sigmoid = name.endswith("sigmoid")
    weights, eligibility = published_rule(inputs, positive, before, sigmoid, nu, decay, growth)
    crossbar = trainer.simulator.layers[0].crossbar
    moved = np.abs(weights - before).max()
    assert moved > 1e-4
    np.testing.assert_allclose(crossbar.weights, weights, atol=tolerance)
    # The trace keeps the factors of the gradient that the published one leaves to nu: 2, and a = 6.
    np.testing.assert_allclose(trainer._inside.trace.value, (12 if sigmoid else 2) * eligibility, atol=tolerance)


def test_analog_change_is_the_gradient_of_the_clipped_loss(numpy_target):
    """Against a numerical derivative of the mean negative log likelihood of probabilities in [1e-5, 1 - 1e-5]."""
    trainer = prepare(small("neohebbian-analog-sigmoid", "learning.batch=20"))
    batch, simulator = trainer.training.first(20), trainer.simulator
    weights = simulator.layers[0].crossbar.weights
    weights *= 8.0  # some probabilities beyond the clip, some not
    shown = trainer.sampler.shown(trainer, everything(batch))
    inputs, positive = shown.inputs, shown.positive
    (responses,) = simulator.present_inputs(inputs)
    change = trainer.rule.change(Mixed(responses, positive), trainer.modulator)

    def loss(candidate):
        goodness = (np.maximum(inputs.amplitudes @ candidate, 0) ** 2).sum(axis=1)
        probability = np.clip(1 / (1 + np.exp(-(goodness - 3.5))), 1e-5, 1 - 1e-5)
        return -np.log(np.where(positive, probability, 1 - probability)).mean()

    step, numerical = 1e-6, np.zeros_like(weights)
    for place in np.ndindex(weights.shape):
        shift = np.zeros_like(weights)
        shift[place] = step
        numerical[place] = (loss(weights - shift) - loss(weights + shift)) / (2 * step)
    assert np.abs(numerical).max() > 1e-3
    np.testing.assert_allclose(change, numerical, atol=1e-7)


@pytest.mark.parametrize("name", first_fast(["neohebbian-batched-symmetric", "neohebbian-analog-symmetric"]))
def test_resuming_after_an_epoch_changes_nothing(name, numpy_target, tmp_path):
    whole = RunDirectory.create(tmp_path, "whole", 1)
    protocol = small(name, "engine.online=steps")
    expected = train(prepare(protocol), whole, progress=False)
    stopped = RunDirectory.create(tmp_path, "stopped", 1)
    trainer = prepare(protocol)
    run_epoch = trainer.run_epoch

    def stop_after_the_second_epoch(report):
        run_epoch(report)
        if trainer.epoch != 1:
            raise KeyboardInterrupt

    trainer.run_epoch = stop_after_the_second_epoch
    with pytest.raises(KeyboardInterrupt):
        train(trainer, stopped, progress=False)
    summary = resume(stopped, progress=False)
    assert summary["weights_digest"] == expected["weights_digest"]
    assert (stopped.path / "history.csv").read_bytes() == (whole.path / "history.csv").read_bytes()


def test_evaluation_leaves_carried_membranes_alone(numpy_target):
    trainer = present_one_batch("neohebbian-batched-symmetric")[0]
    membrane = trainer.simulator.layers[0].membrane.copy()
    assert membrane.any()
    first, second = (trainer.evaluate(trainer.held_out.first(20)) for _ in range(2))
    assert first == second
    np.testing.assert_array_equal(trainer.simulator.layers[0].membrane, membrane)


@pytest.mark.slow
@pytest.mark.standalone
@pytest.mark.parametrize(
    ("name", "changes", "tolerance"),
    [
        ("neohebbian-online-sigmoid", ["network.layers.0.membrane=reset"], 1e-11),
        ("neohebbian-online-symmetric", ["network.layers.0.weight_bound=1.5"], 1e-11),
        ("neohebbian-online-symmetric", ["engine.precision=single"], 1e-4),
        ("neohebbian-batched-sigmoid", ["learning.batch=5", "network.layers.0.weight_bound=1.5"], 1e-11),
        ("neohebbian-batched-symmetric", ["learning.batch=5"], 1e-11),
        ("neohebbian-batched-symmetric", ["learning.batch=5", "engine.precision=single"], 1e-4),
    ],
)
def test_the_program_equals_step_by_step(name, changes, tolerance, numpy_target):
    """The same spikes in, the same weights, traces, membranes and goodness out; fewer batches than its size."""
    trainer = prepare(small(name, "engine.online=steps", *changes))
    size = trainer.protocol.learning.batch
    layer, before = trainer.simulator.layers[0], trainer._inside.trace.value.copy()
    trainer._inside.trace.value[:] = np.random.default_rng(1).normal(0, 0.01, before.shape)
    batch, weights = trainer.training.first(40), layer.crossbar.weights
    shown = trainer.sampler.shown(trainer, everything(batch))
    inputs, positive = shown.inputs, shown.positive
    state = OnlineState(weights.copy(), trainer._inside.trace.value.copy(), np.zeros((size, 12)))
    program = OnlineProgram(trainer.protocol, batches=25 // size)
    parts = slice(0, 25), slice(25, 40)  # the second is padded
    goodness = [
        program.run(program.spikes(inputs.select(part)), positive[part], state, trainer._inside.trace.gain)
        for part in parts
    ]
    start = weights.copy()
    terms = trainer._inside.present(shown, None, 0).responses.goodness_terms
    assert np.abs(weights - start).max() > 1e-3
    groups = 1 if "sigmoid" in name else 2
    np.testing.assert_allclose(np.vstack(goodness), terms.reshape(40, groups, -1).sum(axis=2), atol=10 * tolerance)
    np.testing.assert_allclose(state.weights, weights, atol=tolerance)
    np.testing.assert_allclose(state.eligibility, trainer._inside.trace.value, atol=tolerance)
    membrane = 0.0 if layer.membrane is None else layer.membrane
    np.testing.assert_allclose(state.membrane, membrane, atol=tolerance)


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_spikes_come_in_the_order_in_which_the_program_reads_them(lanes, numpy_target):
    trainer = prepare(small("neohebbian-batched-symmetric", f"learning.batch={lanes}", "engine.online=steps"))
    inputs = trainer.simulator.inputs(trainer.training.first(7).intensities(slice(None)), np.arange(7))
    whole = 7 - 7 % lanes
    raster = np.zeros((whole // lanes, inputs.steps, lanes * trainer.protocol.network.inputs), bool)
    given = OnlineProgram(trainer.protocol).spikes(inputs).tolist()
    for batch, step in np.ndindex(raster.shape[:2]):
        count, given = given[0], given[1:]
        raster[batch, step, given[:count]] = True
        assert sorted(given[:count]) == given[:count]
        given = given[count:]
    assert not given
    expected = inputs.raster[:, :whole].reshape(inputs.steps, -1, raster.shape[2]).swapaxes(0, 1)
    np.testing.assert_array_equal(raster, expected)


@pytest.mark.slow
@pytest.mark.standalone
def test_too_few_spikes_are_an_error(numpy_target):
    protocol = small("neohebbian-batched-symmetric", "learning.batch=5")
    synapses = np.zeros((protocol.network.inputs, 12))
    state = OnlineState(synapses, synapses.copy(), np.zeros((5, 12)))
    with pytest.raises(BrianffError, match="the spikes end before the run"):
        OnlineProgram(protocol, batches=5).run(np.zeros(5 * 23 - 1, np.int32), np.ones(25, bool), state, 0.5)


@pytest.mark.slow
@pytest.mark.standalone
def test_a_last_batch_that_is_not_whole_is_learned_step_by_step(numpy_target):
    """33 images in batches of 5: six batches by the program, three images after them."""
    settings = "learning.batch=5", "data.training_images=33", "learning.schedule=cosine"
    ways = [
        prepare(small("neohebbian-batched-symmetric", f"engine.online={way}", *settings))
        for way in ("fastest", "steps")
    ]
    assert [trainer._inside.program is None for trainer in ways] == [False, True]
    for trainer in ways:
        trainer.run_epoch()
    program, steps = ways
    assert program.simulator.presentations == steps.simulator.presentations
    for value in ("weights", "membrane"):
        first, second = (
            trainer.simulator.layers[0].membrane
            if value == "membrane"
            else trainer.simulator.layers[0].crossbar.weights
            for trainer in ways
        )
        np.testing.assert_allclose(first, second, atol=1e-11)
    np.testing.assert_allclose(program.history.value, steps.history.value)


@pytest.mark.parametrize("name", ["neohebbian-analog-symmetric", "neohebbian-online-symmetric"])
def test_hard_negatives_are_the_candidates_taken_most_for_positive(name, numpy_target):
    random, hard = (
        prepare(small(name, "learning.candidates=9", f"learning.negatives={kind}"))
        for kind in ("wrong-label", "hardest")
    )
    batch = random.training.first(40)
    images = batch.intensities(slice(None))
    drawn, shown = (trainer.sampler.shown(trainer, everything(batch)) for trainer in (random, hard))
    positive, same, drawn, shown = drawn.positive, shown.positive, drawn.labels, shown.labels
    np.testing.assert_array_equal(same, positive)
    np.testing.assert_array_equal(shown[positive], batch.labels[positive])
    with hard.simulator.evaluation():
        negatives = np.arange(10) + np.zeros((40, 1), int)
        goodness = hard.simulator.present(images[~positive], negatives[~positive]).goodness_terms
    halves = goodness.reshape(-1, 10, 2, 6).sum(axis=3) + 0.01
    ratio = halves[..., 0] / halves[..., 1]
    ratio[np.arange(len(ratio)), batch.labels[~positive]] = -1.0
    if "analog" in name:
        np.testing.assert_array_equal(shown[~positive], ratio.argmax(axis=1))
    assert (shown[~positive] != batch.labels[~positive]).all()
    assert (shown != drawn).any()
    np.testing.assert_array_equal(
        hard.simulator.streams["negatives"].random(3), random.simulator.streams["negatives"].random(3)
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["learning.modulator=pair"], "'random' has no pairs"),
        (["learning.negatives=hybrid", "network.label.strength=0"], "without labels need pairs"),
        (["learning.negatives=all-candidates"], "compare an image's labels"),
        (["learning.collaboration=1"], "collaboration sums goodness"),
        (["learning.polarity=both"], "need polarity = 'random'"),
        (["learning.eligibility.last_step=23"], "last_step is 23; the last step of a presentation is 22"),
        (["learning.eligibility.first_step=20", "learning.eligibility.last_step=19"], "before first_step 20"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        small("neohebbian-batched-sigmoid", *settings)


def test_a_batch_that_does_not_run_side_by_side_is_refused(numpy_target):
    trainer = prepare(small("neohebbian-batched-symmetric", "engine.online=steps", "engine.lanes=10"))
    assert isinstance(trainer, Trainer)
    with pytest.raises(ConfigurationError, match=r"set engine\.lanes = 50"):
        trainer.run_epoch()


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("seed=1", True),
        ("learning.goodness={name='own', density='activity**2', pooling='mean', readout='final'}", False),
        ("learning.goodness=squared-norm", False),
        ("network.layers.0.winners=3", False),
        ("network.layers.0.device.preset=ideal", False),
        ("learning.clip=0.1", False),
        ("callbacks=['weight-average']", False),
        ("engine.name=reference", False),
        ("engine.online=steps", False),
    ],
)
def test_the_online_program_is_chosen_where_it_declares_all_that_is_needed(setting, path, numpy_target, monkeypatch):
    protocol = small("neohebbian-online-symmetric")
    if "own" in setting:  # a mean goodness at the end was once learned as a sum
        mean = Goodness("own", "activity**2", pooling="mean", readout="final")
        protocol = protocol.replace(learning=protocol.learning.replace(goodness=mean))
    else:
        protocol = small("neohebbian-online-symmetric", setting)
    assert (Trainer(protocol).engine == "standalone") is path


def test_a_mean_goodness_learns_a_share_of_what_a_sum_learns(numpy_target):
    """With the sigmoid form around its threshold, a mean's modulator is that of the sum divided by the neurons."""
    changes = []
    for pooling in ("sum", "mean"):
        goodness = Goodness("own", "activity**2", pooling=pooling, readout="final")
        protocol = small("neohebbian-batched-sigmoid", "data.training_images=50", "learning.epochs=1")
        learning = protocol.learning.replace(goodness=goodness, sharpness=1e-6, threshold=0.0)
        trainer = Trainer(protocol.replace(learning=learning))
        before = trainer.simulator.layers[0].crossbar.weights.copy()
        trainer.run_epoch()
        changes.append(trainer.simulator.layers[0].crossbar.weights - before)
    np.testing.assert_allclose(12 * changes[1], changes[0], rtol=1e-3, atol=1e-12)
