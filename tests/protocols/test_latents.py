"""Measures of latents against vectors whose values are known, and their figures."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from cases import first_fast

from brianff.analysis.latents import CAUTION, draw_latents, latent_embedding, latent_raster
from brianff.errors import ConfigurationError
from brianff.goodness import Goodness
from brianff.protocols.configuration import load_protocol
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.latents import (
    dead_units,
    hoyer_sparsity,
    latents,
    separability,
    without_rest,
)
from brianff.protocols.studies.neohebbian import MODELS
from brianff.protocols.training import prepare


def test_hoyer_sparsity_of_known_vectors():
    one_hot, equal = np.eye(16)[:3], np.ones((3, 16))
    assert hoyer_sparsity(one_hot, offset=0.0) == pytest.approx(1.0)
    assert hoyer_sparsity(equal, offset=0.0) == pytest.approx(0.0)
    assert hoyer_sparsity(np.zeros((2, 16))) == pytest.approx(1.0)  # the published offset
    # L1 = 2, L2 = sqrt(2), n = 4: (2 - sqrt(2)) / 1
    assert hoyer_sparsity(np.array([[1, 1, 0, 0]]), offset=0.0) == pytest.approx(2 - np.sqrt(2))
    assert np.isnan(hoyer_sparsity(np.empty((0, 4))))


def test_separability_counts_the_neighbours_of_the_same_class():
    points = np.concatenate([np.arange(6), 100 + np.arange(6)])[:, np.newaxis].astype(float)
    assert separability(points, np.repeat([0, 1], 6)) == 1.0
    # Of the five others in a clump of six, two share the class: classes alternate within each clump.
    assert separability(points, np.tile([0, 1], 6)) == pytest.approx(2 / 5)
    with pytest.raises(ConfigurationError, match="more than 5 latents, there are 5"):
        separability(points[:5], np.zeros(5))


def test_dead_units():
    assert dead_units(np.array([[0, 1, 0, 0], [0, 2, 3, 0]])) == 0.5


@pytest.mark.parametrize("power", [2, 4])
def test_latents_show_the_wanted_label_whatever_the_goodness(power, numpy_target):
    settings = ["data.dataset=digits", "network.pixels=64", "network.layers.0.neurons=12"]
    protocol = load_protocol("neohebbian-analog-symmetric", settings)
    goodness = Goodness("power", f"activity**{power}", f"{power}*activity**{power - 1}", "sum", "final")
    trainer = prepare(protocol.replace(learning=protocol.learning.replace(goodness=goodness)))
    split, codes = trainer.held_out.first(60), trainer.simulator.codes.copy()
    pixels = split.intensities(slice(None))
    weights = trainer.simulator.layers[0].crossbar.weights
    shown = {"true": pixels @ weights[:64] + codes[split.labels] @ weights, "zero": pixels @ weights[:64]}
    for label, drive in shown.items():
        np.testing.assert_allclose(latents(trainer, split, label), np.maximum(drive, 0), atol=1e-12)
    assert np.abs(latents(trainer, split, "wrong") - np.maximum(shown["true"], 0)).max() > 0.01
    np.testing.assert_array_equal(trainer.simulator.codes, codes)


@pytest.mark.parametrize(
    ("neuron", "goodness"),
    first_fast(itertools.product(["relu", "mif"], ["l1-norm", "l4-norm", "log-sum", "spike-count"]), fast=2),
)
def test_latents_are_the_same_whatever_goodness_is_trained(neuron, goodness, numpy_target):
    settings = ["data.dataset=digits", "network.pixels=64", "network.layers.0.neurons=12"]
    if neuron == "mif":
        settings += ["network.layers.0.neuron_spread.tau=0.3"]
    elif goodness == "spike-count":
        pytest.skip("rectified units do not spike")
    name = {"relu": "neohebbian-analog-symmetric", "mif": "msnn-digits"}[neuron]
    found = []
    for trained in ("squared-norm", goodness):
        protocol = load_protocol(name, settings)
        # Averages over one step are refused.
        measured = replace(GOODNESS[trained], readout="final") if neuron == "relu" else GOODNESS[trained]
        trainer = prepare(protocol.replace(learning=protocol.learning.replace(goodness=measured)))
        before = trainer.state()
        found.append(latents(trainer, trainer.held_out.first(20)))
        for key, value in before[0].items():
            np.testing.assert_array_equal(trainer.state()[0][key], value)
        assert trainer.state()[1] == before[1]
        assert trainer.simulator.goodness.name == trained
    assert found[0].any()
    np.testing.assert_array_equal(*found)


def test_latents_without_rest_start_from_the_membranes_that_the_last_batch_left(numpy_target):
    """Against v <- 0.85 v + s W, spike and reset at 0.001, for two batches of 50, the first shown beforehand."""
    settings = ["data.dataset=digits", "network.pixels=64", "network.layers.0.neurons=12", "engine.online=steps"]
    trainer = prepare(load_protocol("neohebbian-online-symmetric", settings))
    split, restless = trainer.held_out.first(100), without_rest(trainer)
    weights, voltage, counts = trainer.simulator.layers[0].crossbar.weights, np.zeros((50, 12)), []
    with trainer.simulator.evaluation():
        for rows in (slice(0, 50), slice(0, 50), slice(50, 100)):
            spikes_in = trainer.simulator.inputs(split.intensities(rows), split.labels[rows]).raster.astype(float)
            count = np.zeros((50, 12))
            for events in spikes_in:
                voltage = 0.85 * voltage + events @ weights
                count += voltage > 0.001
                voltage[voltage > 0.001] = 0.0
            counts.append(count)
    expected = np.concatenate(counts[1:])
    np.testing.assert_array_equal(latents(restless, split), expected)
    assert (latents(trainer, split) != expected).any()
    assert trainer.protocol.network.rest_steps == 20
    assert without_rest(restless) is restless


def test_figures_have_one_panel_for_each_model():
    generator = np.random.default_rng(1)
    some = [generator.poisson(0.3, (40, 200)) for _ in MODELS]
    raster = latent_raster(some, MODELS)
    assert [panel.get_title() for panel in raster] == list(MODELS)
    embedding = latent_embedding(some[:2], np.arange(40) % 10, MODELS[:2])
    assert len(embedding[0].figure.axes) == 3  # two panels and the colours of the classes
    assert (
        "own labels"
        in latent_embedding(some[:1], np.arange(40) % 10, MODELS[:1], caption=CAUTION)[0].figure.get_supxlabel()
    )
    with pytest.raises(ConfigurationError, match="no latents"):
        latent_raster([], [])


def test_latents_of_any_number_of_models_are_drawn(tmp_path):
    draw_latents([np.arange(1600).reshape(8, 200)], np.arange(8), MODELS[:1], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"latent-raster.png", "latent-embedding.png"}
