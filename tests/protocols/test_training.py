"""Training on real digits: it learns, stops and resumes bit for bit, and evaluating changes nothing."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

from brianff.data.split import Dataset, Split
from brianff.description import Layer, Network
from brianff.errors import CheckpointError, ConfigurationError
from brianff.protocols.configuration import Learning, Protocol, load_protocol, named_protocols
from brianff.protocols.digital_support import digital_support
from brianff.protocols.trainer import Trainer
from brianff.protocols.training import evaluate, open_trainer, prepare, resume, train
from brianff.storage.checkpoint import load_checkpoint, save_checkpoint
from brianff.storage.locks import writing
from brianff.storage.run_directory import RunDirectory

SMALL = [
    "data.training_images=64",
    "data.validation_images=20",
    "network.layers.0.neurons=16",
    "learning.epochs=3",
    "evaluation.epoch_images=20",
    "evaluation.training_images=20",
]


@pytest.fixture
def small(numpy_target):
    return load_protocol("msnn-digits", SMALL)


def make_run(tmp_path, name="run"):
    return RunDirectory.create(tmp_path, name, 1)


@pytest.mark.slow
def test_digits_are_learned(tmp_path):
    protocol = load_protocol("msnn-digits", ["learning.epochs=4", "network.layers.0.neurons=100"])
    summary = train(prepare(protocol), make_run(tmp_path), progress=False)
    assert summary["test_accuracy"] > 0.85  # chance is 0.10; the untrained network is tested below
    assert summary["train_accuracy"] > 0.85


@pytest.mark.slow
def test_an_untrained_network_is_at_chance():
    protocol = load_protocol("msnn-digits")
    trainer = prepare(protocol)
    assert trainer.evaluate(trainer.held_out) < 0.3


def test_a_run_directory_holds_everything(small, tmp_path):
    small = small.replace(data=small.data.replace(validation_images=0))  # all of the test images
    run = make_run(tmp_path)
    summary = train(prepare(small), run, progress=False)
    assert json.loads((run.path / "summary.json").read_text()) == summary
    for key in ("protocol", "dataset", "seed", "test_accuracy", "train_accuracy", "epochs", "engine", "packages"):
        assert key in summary
    assert set(summary["wall_seconds"]) == {"compile", "train", "evaluate"}
    # 64 images x 5 labels x 3 epochs, and 10 labels of 20 images after each epoch, 360 test and 20 training images
    presentations = 3 * (64 * 5 + 20 * 10) + (360 + 20) * 10
    assert summary["presentations"] == presentations
    assert summary["neuron_steps"] == presentations * 16 * 20
    history = run.read_history()
    assert sorted(set(history["epoch"])) == [1, 2, 3]
    assert {"training_loss", "training_accuracy", "goodness_positive", "goodness_negative"} <= set(history["quantity"])
    assert Protocol(**run.read_config()) == small
    assert "epoch 3 of 3" in (run.path / "log.txt").read_text()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(small, tmp_path):
    first, second, other = (
        train(prepare(protocol), make_run(tmp_path), progress=False)["weights_digest"]
        for protocol in (small, small, small.replace(seed=2))
    )
    assert first == second != other


@pytest.mark.slow
def test_resuming_after_each_epoch_changes_nothing(small, tmp_path):
    small = small.replace(learning=small.learning.replace(epochs=2))  # of each of two layers
    small = small.replace(network=small.network.replace(layers=[*small.network.layers, {"neurons": 8}]))
    whole = make_run(tmp_path, "whole")
    expected = train(prepare(small), whole, progress=False)
    for epochs in range(1, 4):
        run = make_run(tmp_path, "stopped")
        stop_after(epochs, small, run)
        summary = resume(run, progress=False)
        assert summary["weights_digest"] == expected["weights_digest"]
        assert summary["presentations"] == expected["presentations"]
        assert (run.path / "history.csv").read_bytes() == (whole.path / "history.csv").read_bytes()


@pytest.mark.slow
def test_devices_resume_bit_for_bit_and_their_needs_are_named(small, tmp_path):
    device = {"preset": "ecram", "programming": "program-and-verify", "parameters": {"read_noise": 0.01}}
    layers = [small.network.layers[0].replace(device=device, weight_bound=0.5, neuron_spread={"C": 0.1})]
    small = small.replace(network=small.network.replace(layers=layers))
    expected = train(prepare(small), make_run(tmp_path, "whole"), progress=False)
    run = make_run(tmp_path, "stopped")
    stop_after(1, small, run)
    assert resume(run, progress=False)["weights_digest"] == expected["weights_digest"]
    support = " ".join(expected["digital_support"])
    for part in ("Adam", "over 32 images", "schedule", "4 wrong labels", "comparing each weight"):
        assert part in support
    assert "no synaptic device" not in support


def stop_after(epochs, protocol, run):
    """Train and stop in the middle of the epoch after so many, as Ctrl-C would."""
    trainer = prepare(protocol)
    run_epoch = trainer.run_epoch

    def interrupted(report):
        if len(trainer.history.groupby(["epoch", "layer"])) == epochs:

            def stop(images, figures):
                raise KeyboardInterrupt

            run_epoch(stop)
        run_epoch(report)

    trainer.run_epoch = interrupted
    with pytest.raises(KeyboardInterrupt):
        train(trainer, run, progress=False)


def test_a_finished_run_can_be_resumed_and_evaluated_without_change(small, tmp_path):
    run = make_run(tmp_path)
    expected = train(prepare(small), run, progress=False)
    before = run.checkpoint_path.read_bytes()
    result = evaluate(run, progress=False)
    assert result["validation_accuracy"] == expected["validation_accuracy"]
    assert result["weights_digest"] == expected["weights_digest"]
    assert run.checkpoint_path.read_bytes() == before
    assert resume(run, progress=False)["weights_digest"] == expected["weights_digest"]


def test_a_checkpoint_of_another_configuration_is_refused(small, tmp_path):
    run = make_run(tmp_path)
    train(prepare(small), run, progress=False)
    run.write_config(small.replace(seed=9).model_dump(mode="json"))
    with pytest.raises(CheckpointError, match="another configuration"):
        open_trainer(run)


@pytest.mark.slow
def test_a_checkpoint_from_before_a_setting_existed_is_taken(small, tmp_path):
    run = make_run(tmp_path)
    summary = train(prepare(small), run, progress=False)
    arrays, values = load_checkpoint(run.checkpoint_path)
    del values["protocol"]["engine"]["precision"]
    save_checkpoint(run.checkpoint_path, arrays, values)
    assert evaluate(run, progress=False)["validation_accuracy"] == summary["validation_accuracy"]
    for nonsense in ({"no such": "setting"}, None):
        save_checkpoint(run.checkpoint_path, arrays, values | {"protocol": nonsense})
        with pytest.raises(CheckpointError, match="another configuration"):
            evaluate(run, progress=False)


def test_only_the_active_layer_learns(small):
    protocol = small.replace(network=small.network.replace(layers=[*small.network.layers, {"neurons": 8}]))
    trainer = prepare(protocol)
    below, above = (layer.crossbar.weights for layer in trainer.simulator.layers)
    start = below.copy(), above.copy()
    for _ in range(3):
        assert trainer.layer == 0
        trainer.run_epoch()
    assert (below != start[0]).any()
    np.testing.assert_array_equal(above, start[1])
    trained = below.copy()
    trainer.run_epoch()
    np.testing.assert_array_equal(below, trained)
    assert (above != start[1]).any()


def test_validation_images_replace_the_test_images(small, tmp_path):
    protocol = small.replace(data={"dataset": "digits", "training_images": 64, "validation_images": 50})
    trainer = prepare(protocol)
    digits = trainer.dataset
    np.testing.assert_array_equal(trainer.held_out.images, digits.train.images[-50:])
    summary = train(trainer, make_run(tmp_path), progress=False)
    assert "validation_accuracy" in summary
    assert "test_accuracy" not in summary


@pytest.mark.parametrize("probability", ["sigmoid", "symmetric"])
@pytest.mark.parametrize("encoding", ["rate", "latency"])
def test_every_probability_and_encoding_trains(probability, encoding, numpy_target):
    settings = [f"learning.modulator={probability}", f"network.encoding={{kind='{encoding}', steps=20}}"]
    settings += ["learning.negatives='wrong-label'", "learning.threshold=300.0", "learning.epochs=1"]
    trainer = prepare(load_protocol("msnn-digits", SMALL + settings))
    trainer.run_epoch()
    assert np.isfinite(trainer.history.value).all()


def test_one_candidate_is_a_wrong_label(small):
    digests = []
    for negatives in ("wrong-label", "hardest", "all-candidates"):
        trainer = prepare(small.replace(learning=small.learning.replace(negatives=negatives, candidates=1)))
        trainer.run_epoch()
        digests.append(trainer.weights()["weights_0"].tobytes())
    assert digests[0] == digests[1] == digests[2]


def test_all_candidates_are_presented_and_learned(small):
    learning = small.learning.replace(negatives="all-candidates", candidates=9, epochs=4, batch=16)
    learning = learning.replace(goodness="mean-square")
    trainer = prepare(small.replace(learning=learning))
    while not trainer.finished:
        trainer.run_epoch()
    assert trainer.simulator.presentations == 4 * (64 + 20) * 10
    losses = trainer.history.query("quantity == 'training_loss'").value
    assert losses.iloc[-1] < 0.5 * losses.iloc[0]
    assert trainer.last_epoch()["right_order"] > 0.5  # chance is 0.1


@pytest.mark.slow
def test_learning_without_labels(small, tmp_path):
    hybrid = small.replace(
        network=small.network.replace(label=small.network.label.replace(strength=0.0)),
        learning=small.learning.replace(negatives="hybrid"),
    )
    run = make_run(tmp_path)
    summary = train(prepare(hybrid), run, progress=False)
    # 64 images were seen, and the readout is fitted to them: far above chance, and the pixels tell it too.
    assert summary["readout_accuracy"] > 0.5
    assert summary["pixel_readout_accuracy"] > 0.5
    assert "untrained_readout_accuracy" in summary
    assert "validation_accuracy" not in summary
    assert evaluate(run, progress=False)["readout_accuracy"] == summary["readout_accuracy"]


@pytest.mark.parametrize("name", named_protocols())
def test_named_protocols_fit_their_data(name):
    protocol = load_protocol(name)
    assert protocol.name == name
    shape = (8, 8) if protocol.data.dataset == "digits" else (28, 28)
    empty = Split(np.zeros((3, shape[0] * shape[1]), np.uint8), np.zeros(3, int))  # as many as a sequence shows
    Trainer(protocol, Dataset(protocol.data.dataset, empty, empty, shape, 10, ""))


def test_what_does_not_fit_is_refused(small):
    with pytest.raises(ConfigurationError, match=r"network\.pixels is 63; data set 'digits' needs 64"):
        prepare(small.replace(network=small.network.replace(pixels=63)))
    with pytest.raises(ConfigurationError, match="only 9 wrong labels"):
        prepare(small.replace(learning=small.learning.replace(candidates=10)))
    with pytest.raises(ConfigurationError, match="validation_images is 1437"):
        prepare(small.replace(data=small.data.replace(validation_images=1437)))


@pytest.mark.parametrize(("classes", "candidates"), [(2, 1), (3, 2), (5, 4), (7, 4)])
def test_a_default_of_candidates_is_not_more_than_there_are_wrong_labels(classes, candidates, tmp_path, numpy_target):
    images = np.random.default_rng(0).random((6 * classes, 4))
    data = Dataset.from_arrays(images, np.arange(6 * classes) % classes, test_share=classes)
    learning = Learning(epochs=1, batch=4).replace(learning_rate=1e-3)  # which leaves what was a default one
    own = Protocol(network=Network(pixels=4, classes=classes, layers=[Layer(neurons=3)]), learning=learning)
    trainer = Trainer(own, data)
    assert (trainer.protocol.learning.candidates, trainer.negatives.count) == (candidates, candidates)
    trainer.fit(tmp_path / "run", progress=False)
    assert open_trainer(tmp_path / "run", dataset=data).negatives.count == candidates
    with pytest.raises(ConfigurationError, match=f"use learning.candidates = {classes - 1}"):
        Trainer(own.replace(learning=learning.replace(candidates=classes)), data)


@pytest.mark.slow
def test_a_killed_process_resumes_bit_for_bit(tmp_path):
    settings = [part for setting in [*SMALL, "learning.epochs=12"] for part in ("--set", setting)]
    command = [sys.executable, "-m", "brianff", "train", "msnn-digits", *settings, "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    (whole,) = (tmp_path / "whole").iterdir()
    process = subprocess.Popen(
        [*command, str(tmp_path / "killed")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("killed/*/checkpoint.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (killed,) = (tmp_path / "killed").iterdir()
    _, position = load_checkpoint(killed / "checkpoint.npz")
    assert position["layer"] == 0  # it was killed before the end
    resumed = [sys.executable, "-m", "brianff", "train", "--resume", str(killed)]
    subprocess.run(resumed, check=True, capture_output=True)
    digests = [json.loads((run / "summary.json").read_text())["weights_digest"] for run in (whole, killed)]
    assert digests[0] == digests[1]
    assert (whole / "history.csv").read_bytes() == (killed / "history.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="needs processes that start quickly"
)
def test_twenty_kills_at_random_moments_change_nothing(tmp_path):
    # A fork of this process could wait for ever for a lock that one of its threads held.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["__main__", "brianff.protocols.training"])
    protocol = load_protocol("msnn-digits", SMALL)

    def start_over(name):
        run = make_run(tmp_path, name)
        run.write_config(protocol.model_dump(mode="json"))
        return run

    def runs_on_after(run, seconds):
        """Let a process train for some seconds, then kill it; tell whether it was still running."""
        process = processes.Process(target=resume, args=(run,), kwargs={"progress": False})
        process.start()
        process.join(seconds)
        killed = process.is_alive()
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        return killed

    assert not runs_on_after(start_over("compiled"), 300)
    whole = start_over("whole")
    start = time.monotonic()
    assert not runs_on_after(whole, 100)
    duration = time.monotonic() - start
    generator = np.random.default_rng(1)
    kills = 0
    while kills < 20:
        run = start_over(f"killed-{kills}")
        while not run.finished:
            kills += runs_on_after(run, generator.uniform(0, duration) if kills < 20 else 100)
        assert run.read_summary()["weights_digest"] == whole.read_summary()["weights_digest"]
        assert (run.path / "history.csv").read_bytes() == (whole.path / "history.csv").read_bytes()


def test_what_the_local_protocol_needs_is_listed_and_no_number_for_a_weight(numpy_target):
    protocol = load_protocol("msnn-mnist-local")
    empty = Split(np.zeros((1, 784), np.uint8), np.zeros(1, int))
    trainer = Trainer(protocol, Dataset("mnist", empty, empty, (28, 28), 10, ""))
    local = digital_support(protocol, trainer.simulator)
    for text, word in zip(local, ("holding the goodness", "modulator", "slope", "at random"), strict=True):
        assert word in text
    two = protocol.replace(
        network=protocol.network.replace(layers=protocol.network.layers * 2),
        learning=protocol.learning.replace(collaboration=1.0),
    )
    more = digital_support(two, Trainer(two, Dataset("mnist", empty, empty, (28, 28), 10, "")).simulator)
    (text,) = set(more) - set(local)
    assert "goodness of the layers below" in text


@pytest.mark.slow
def test_each_of_several_layers_is_measured_alone_too(small, tmp_path):
    small = small.replace(engine=small.engine.replace(name="lanes"))  # as two layers need them
    two = small.replace(network=small.network.replace(layers=[*small.network.layers, {"neurons": 8}]))
    summary = train(prepare(two), make_run(tmp_path), progress=False)
    by_layer = summary["validation_accuracy_by_layer"]
    trainer = open_trainer(RunDirectory(next(tmp_path.iterdir())))
    assert by_layer == [trainer.evaluate(trainer.held_out, layers=[layer]) for layer in (0, 1)]
    assert by_layer[0] == train(prepare(small), make_run(tmp_path, "one"), progress=False)["validation_accuracy"]


@pytest.mark.slow
def test_a_kill_before_the_history_is_written_loses_nothing(small, tmp_path, monkeypatch):
    whole, killed = make_run(tmp_path, "whole"), make_run(tmp_path, "killed")
    expected = train(prepare(small), whole, progress=False)
    written = []

    def write_history(run, rows):
        written.append(run)
        if len(written) == 3:
            raise KeyboardInterrupt  # as far as the files go, a kill
        RunDirectory.write_history(run, rows)

    monkeypatch.setattr(killed, "write_history", partial(write_history, killed))
    with pytest.raises(KeyboardInterrupt):
        train(prepare(small), killed, progress=False)
    (killed.path / "history.csv.partial").touch()
    resumed = resume(RunDirectory.open(killed.path), progress=False)
    assert resumed["weights_digest"] == expected["weights_digest"]
    assert (killed.path / "history.csv").read_bytes() == (whole.path / "history.csv").read_bytes()
    assert {file.name for file in killed.path.iterdir()} == {file.name for file in whole.path.iterdir()}


def test_a_run_that_somebody_trains_is_refused_and_stays_as_it_is(small, tmp_path):
    run = make_run(tmp_path)
    run.write_config(small.model_dump(mode="json"))
    with writing(run.path):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(ConfigurationError, match="in use"):
            resume(run, progress=False)
        assert sorted(tmp_path.rglob("*")) == before
    assert resume(run, progress=False)["epochs"] == 3
