"""Figures show the data that they were given, with labels and units."""

import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest

from brianff import Recording
from brianff.analysis import figures
from brianff.errors import BrianffError, ConfigurationError


@pytest.fixture
def history():
    rows = [
        (epoch, layer, quantity, value * (1 + layer) / epoch)
        for layer in (0, 1)
        for epoch in (1, 2, 3)
        for quantity, value in (("training_loss", 0.3), ("training_accuracy", 0.4))
    ]
    return pd.DataFrame(rows, columns=["epoch", "layer", "quantity", "value"])


@pytest.fixture
def spikes():
    columns = ["time", "neuron", "layer", "presentation", "label", "polarity"]
    rows = [
        (3e-6, 5, 0, 0, 7, "positive"),
        (4e-6, 6, 0, 0, 7, "positive"),
        (5e-6, 5, 0, 1, 2, "negative"),
        (9e-6, 1, 1, 1, 2, "negative"),
    ]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def recording(spikes):
    generator = np.random.default_rng(1)
    traces = {name: generator.random((2, 20, 3)) for name in ("I", "v", "x1", "x2")}
    return Recording(np.arange(1, 21) * 1e-6, spikes, traces, np.array([4, 8, 9]), 0)


def test_learning_curve_plots_layers_one_after_the_other(history):
    ax = figures.learning_curve(history)
    (accuracy,) = ax.get_lines()[:1]
    np.testing.assert_array_equal(accuracy.get_xdata(), [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(accuracy.get_ydata(), [40, 20, 40 / 3, 80, 40, 80 / 3])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "accuracy (%)")
    loss = next(other for other in ax.figure.axes if other is not ax)
    assert loss.get_ylabel() == "training loss"
    np.testing.assert_allclose(loss.get_lines()[0].get_ydata()[:3], [0.3, 0.15, 0.1])


def test_goodness_histogram_counts_everything_and_states_the_order():
    positive, negative = np.array([3.0, 4.0, 5.0, 6.0]), np.array([1.0, 5.0, 2.0, 3.0])
    ax = figures.goodness_histogram(positive, negative, "mV²")
    heights = [sum(bar.get_height() for bar in container) for container in ax.containers]
    assert heights == [4, 4]
    assert ax.get_xlabel() == "goodness (mV²)"
    assert "75.0 %" in ax.get_title()


def points(ax):
    return sorted(
        (round(x, 9), round(y)) for collection in ax.collections for x, y in collection.get_offsets().tolist()
    )


def test_raster_shows_the_chosen_spikes(spikes):
    assert points(figures.spike_raster(spikes)) == [(3.0, 5), (4.0, 6), (5.0, 5), (9.0, 1)]
    assert points(figures.spike_raster(spikes, layer=0, presentation=0)) == [(3.0, 5), (4.0, 6)]
    assert points(figures.spike_raster(spikes, neurons=[5])) == [(3.0, 5), (5.0, 5)]
    ax = figures.spike_raster(spikes, window=(3.5e-6, 6e-6))
    assert points(ax) == [(4.0, 6), (5.0, 5)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (µs)", "neuron")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["positive (label 7)", "negative (label 2)"]


def test_raster_of_seconds_is_in_milliseconds_and_may_be_empty(spikes):
    slow = spikes.assign(time=spikes["time"] * 1e4)
    assert figures.spike_raster(slow).get_xlabel() == "time (ms)"
    assert points(figures.spike_raster(spikes.iloc[:0])) == []


def test_traces_show_the_recording_in_their_units(recording):
    axes = figures.presentation_traces(recording, presentation=1)
    for ax, name, scale in ((axes[0], "v", 1e3), (axes[2], "I", 1e6)):
        for place, line in enumerate(ax.get_lines()):
            np.testing.assert_allclose(line.get_xdata(), recording.times * 1e6)
            np.testing.assert_allclose(line.get_ydata(), scale * recording.traces[name][1, :, place])
    assert len(axes[1].get_lines()) == 6  # two states of three neurons
    assert "mV" in axes[0].get_ylabel()
    assert "µA" in axes[2].get_ylabel()


def test_receptive_fields_are_the_weights():
    weights = np.random.default_rng(1).normal(size=(4 * 3 + 10, 7))
    ax = figures.receptive_fields(weights, (4, 3), neurons=[6, 2, 0])
    shown = ax.images[0].get_array()
    np.testing.assert_array_equal(shown[:4, :3], weights[:12, 6].reshape(4, 3))
    np.testing.assert_array_equal(shown[5:9, :3], weights[:12, 0].reshape(4, 3))
    low, high = ax.images[0].get_clim()
    assert low == -high == -np.abs(weights[:12, [6, 2, 0]]).max()


def test_given_axes_are_used_and_no_window_is_opened(history, spikes, recording):
    _, axes = matplotlib.pyplot.subplots(1, 2)
    assert figures.learning_curve(history, ax=axes[0]) is axes[0]
    assert figures.spike_raster(spikes, ax=axes[1]) is axes[1]
    matplotlib.pyplot.close("all")
    figures.presentation_traces(recording)
    figures.learning_curve(history)
    assert matplotlib.pyplot.get_fignums() == []


def test_saved_figures_are_pictures(spikes, recording, tmp_path):
    for number, drawn in enumerate((figures.spike_raster(spikes), figures.presentation_traces(recording))):
        path = figures.save_figure(drawn, tmp_path / "new" / f"{number}.png")
        assert path.read_bytes().startswith(b"\x89PNG")


def test_figures_that_cannot_be_saved_are_refused_and_leave_nothing(spikes, tmp_path):
    drawn = figures.spike_raster(spikes)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for name in ("file/x.png", "folder.png", "x.bogus", "x", f"{'x' * 300}.png"):
        with pytest.raises(BrianffError, match=name):
            figures.save_figure(drawn, tmp_path / name)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder.png"}


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda h, s, r: figures.learning_curve(h.iloc[:0]), "history is empty"),
        (lambda h, s, r: figures.goodness_histogram(np.zeros(0), np.zeros(0)), r"shape \(0,\)"),
        (lambda h, s, r: figures.goodness_histogram(np.zeros(2), np.zeros(3)), "must be pairs"),
        (lambda h, s, r: figures.spike_raster(s.drop(columns="layer")), "lacks the columns layer"),
        (lambda h, s, r: figures.presentation_traces(r, presentation=2), "presentation 2 is not in the recording"),
        (lambda h, s, r: figures.receptive_fields(np.zeros((11, 2)), (4, 3)), "at least 12 inputs"),
        (lambda h, s, r: figures.receptive_fields(np.zeros((12, 2)), (4, 3), [2]), "between 0 and 1"),
    ],
)
def test_wrong_input_is_named(draw, message, history, spikes, recording):
    with pytest.raises(ConfigurationError, match=message):
        draw(history, spikes, recording)
