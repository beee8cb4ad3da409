"""Spikes of frozen layers are kept: nothing is simulated twice, and training does not see the difference."""

import numpy as np
import pytest

from brianff.matching import choose
from brianff.protocols import trainer as trainer_module
from brianff.protocols.configuration import load_protocol
from brianff.protocols.frozen import KEPT_SPIKES, KeptSpikes, needs_of_frozen_layers
from brianff.protocols.training import prepare


def test_kept_spikes_come_back_as_long_as_there_is_room():
    rasters = np.random.default_rng(1).random((3, 6, 5)) < 0.3
    rasters[:, 2] = False
    counts = rasters.sum(axis=(0, 2))
    room = 6 * (8 + 4) + 2 * counts[:4].sum() + 1  # a byte short of the next spike
    kept = KeptSpikes(6, 3, 5, int(room))
    kept.keep(np.array([5, 0, 2]), rasters[:, [5, 0, 2]])
    kept.keep(np.array([1, 3, 4]), rasters[:, [1, 3, 4]])
    stored = [number for number in range(6) if not kept.missing(np.array([number]))[0]]
    assert {5, 0, 2} <= set(stored) < set(range(6))
    wanted = np.array([2, 0, 5, 0])
    which, where = kept.get(wanted)
    raster = np.zeros((3, 4, 5), dtype=bool)
    raster[where // 5, which, where % 5] = True
    np.testing.assert_array_equal(raster, rasters[:, wanted])


def two_layers(*settings):
    protocol = load_protocol(
        "msnn-digits",
        [
            "data.training_images=64",
            "network.layers.0.neurons=16",
            "network.layers.0.preset=kang-2021",
            "learning.epochs=3",
            "learning.batch=10",
            "evaluation.epoch_images=20",
            "engine.workers=1",
            *settings,
        ],
    )
    above = {"neurons": 8, "initial_weight_deviation": 0.3}
    return protocol.replace(network=protocol.network.replace(layers=[*protocol.network.layers, above]))


@pytest.mark.slow
@pytest.mark.parametrize(("encoding", "precision"), [("pulses", "single"), ("latency", "double")])
def test_training_does_not_depend_on_what_is_kept(encoding, precision, numpy_target, monkeypatch):
    settings = [
        f"engine.precision={precision}",
        f"network.encoding={{kind='{encoding}', steps=12}}",
        f"learning.collaboration={0.3 if encoding == 'pulses' else 0.0}",
    ]
    results = []
    for memory in ("1 MiB", "9 kB", "1 B", None):
        if memory is None:
            monkeypatch.setattr(trainer_module, "choose", lambda paths, needs: None)
        trainer = prepare(two_layers(*settings, *([f"engine.kept_spikes={memory}"] if memory else [])))
        while not trainer.finished:
            trainer.run_epoch()
        results.append(trainer)
    everything, some, nothing, without = results
    assert np.ptp(everything.simulator.layers[1].crossbar.weights) > 0
    for trainer in (some, nothing, without):
        assert trainer.history.equals(everything.history)
        for name, array in trainer.weights().items():
            np.testing.assert_array_equal(array, everything.weights()[name])
    steps = [trainer.simulator.neuron_steps for trainer in results]
    assert steps[0] < steps[1] < steps[2] == steps[3]
    assert len({trainer.simulator.presentations for trainer in results}) == 1


@pytest.mark.parametrize(
    ("setting", "fits"),
    [
        ("seed=1", True),
        ("data.shift=1", False),
        ('data.augmentation=["flip"]', False),
        ("network.encoding={kind='rate', steps=12}", False),
        ("network.layers.0.device={preset='ecram', parameters={read_noise='0.01'}}", False),
        ("network.layers.0.device={preset='ecram'}", True),
        ("engine.name=reference", False),
    ],
)
def test_only_answers_that_come_again_are_kept(setting, fits, numpy_target):
    protocol = two_layers(setting)
    simulator = prepare(protocol).simulator
    assert bool(choose([KEPT_SPIKES], needs_of_frozen_layers(protocol, simulator, 1))) is fits
    assert not choose([KEPT_SPIKES], needs_of_frozen_layers(protocol, simulator, 0))
