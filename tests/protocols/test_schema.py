"""Checkpoints whose seal is right and whose content is not the run's are refused by the entry."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brianff.errors import BrianffError, CheckpointError
from brianff.protocols import Trainer, load_protocol

SETTINGS = [
    *("learning.epochs=3", "data.training_images=40", "evaluation.training_images=20", "evaluation.epoch_images=20"),
    "network.layers.0.neurons=8",
]


@pytest.fixture(scope="module")
def trained():
    trainer = Trainer(load_protocol("msnn-digits", SETTINGS))
    trainer.run_epoch()
    return trainer, *trainer.state()


def without(name):
    return lambda arrays, values: (arrays.pop(name, None), values.pop(name, None))


def array(name, change):
    return lambda arrays, values: arrays.update({name: change(arrays[name])})


def value(**change):
    return lambda arrays, values: values.update(change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("layer"), "layer: is missing"),
        (without("streams"), "streams: is missing"),
        (without("weights_0"), r"lacks 'weights_0', float64 of the shape \(104, 8\)"),
        (without("codes"), "lacks 'codes'"),
        (without("step_rule.first"), r"lacks 'step_rule\.first', float64 of the shape \(104, 8\)"),
        (without("step_rule.count"), r"lacks 'step_rule\.count', int64 of the shape \(\)"),
        (array("weights_0", lambda w: np.array(0.5)), r"weights_0 is .* shape \(\); .* shape \(104, 8\)"),
        (array("weights_0", lambda w: w[:1]), r"weights_0 is .* shape \(1, 8\)"),
        (array("weights_0", lambda w: w.T), r"weights_0 is .* shape \(8, 104\)"),
        (array("weights_0", lambda w: w.astype(int)), "weights_0 is .*int64"),
        (array("weights_0", lambda w: w.astype(np.float32)), "weights_0 is .*float32"),
        (array("weights_0", lambda w: w * np.nan), "weights_0 reaches from nan to nan; it must be finite"),
        (array("weights_0", lambda w: w.astype(str)), "weights_0 is .*<U"),
        (array("step_rule.first", lambda m: m[:3]), r"step_rule\.first is .* shape \(3, 8\)"),
        (lambda arrays, values: arrays.update(weights_7=np.ones(2)), "it holds 'weights_7', which is no entry"),
        (value(epoch=99), "epoch is 99 in layer 0; the run has 3"),
        (value(epoch=3), "epoch is 3"),
        (value(epoch=-1), "epoch: must be a whole number"),
        (value(epoch="1"), r"epoch: must be .*\(given: '1'\)"),
        (value(epoch=True), "epoch: must be"),
        (value(layer=7), "layer is 7; the run has 1"),
        (value(layer=1, epoch=1), "epoch is 1 in layer 1"),
        (value(history=3), "history"),
        (value(history=[[1, 0, "loss"]]), "history"),
        (value(history=[[1, 0, 3, 0.5]]), "history"),
        (value(streams={}), "streams lacks batches, label code, weights 0"),
        (value(streams=[]), "streams: must be a table"),
        (value(presentations=1.5), "presentations: must be a whole number"),
        (value(data_digest=3), "data_digest: must be text"),
        (value(more=1), "unknown key 'more'"),
    ],
)
def test_content_of_another_run_is_refused_by_its_entry(trained, change, message):
    trainer, arrays, values = trained
    arrays, values = dict(arrays), copy.deepcopy(values)
    change(arrays, values)
    before = trainer.state()
    with pytest.raises(CheckpointError, match=message) as caught:
        trainer.restore(arrays, values)
    assert "\n" not in str(caught.value)
    for name, held in trainer.state()[0].items():
        np.testing.assert_array_equal(held, before[0][name])
    assert trainer.state()[1] == before[1]


def test_streams_of_another_kind_are_refused(trained):
    trainer, arrays, values = trained
    for state in (3, {}, {"bit_generator": "MT19937"}, {"bit_generator": "PCG64", "state": 1}):
        streams = values["streams"] | {"batches": state}
        with pytest.raises(CheckpointError, match="streams holds states that are none"):
            trainer.restore(arrays, values | {"streams": streams})


def test_its_own_state_is_restored_under_the_names_of_both_versions(trained):
    trainer, arrays, values = trained
    renamed = {name.replace("step_rule.", "optimiser."): held for name, held in arrays.items()}
    for names in (arrays, renamed):
        trainer.restore(names, copy.deepcopy(values))
        for name, held in trainer.state()[0].items():
            np.testing.assert_array_equal(held, arrays[name])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ARRAYS = [0.5, [], [[1.0]], np.ones((104, 8)), np.full((104, 8), np.inf), np.ones((104, 8), bool), "x", 1j]


@given(st.data())
def test_any_change_of_a_checkpoint_is_restored_or_refused(trained, data):
    trainer, arrays, values = trained
    arrays, values = dict(arrays), copy.deepcopy(values)
    if data.draw(st.booleans()):
        values[data.draw(st.sampled_from([*values, "other"]))] = data.draw(JSON)
    else:
        arrays[data.draw(st.sampled_from([*arrays, "other", "callback_0.x"]))] = np.asarray(
            data.draw(st.sampled_from(ARRAYS))
        )
    try:
        trainer.restore(arrays, values)
    except BrianffError as error:
        told = str(error)
    else:
        told = ""
    assert "\n" not in told
    for name, held in trainer.weights().items():
        assert held.shape == trained[1][name].shape
        assert np.isfinite(held).all()
