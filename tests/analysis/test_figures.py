"""Figures show the data that they were given, with labels and units."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from brianff import Recording
from brianff.analysis import figures
from brianff.analysis import spikes as statistics
from brianff.analysis.equivalence import Comparison
from brianff.analysis.rasters import different_neurons
from brianff.errors import BrianffError, ConfigurationError
from brianff.recording import presentation_table, spike_table


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


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
def spiking():
    """Four neurons and one, four presentations of 10 steps of 1 us, labels 0, 1, 0, 1."""
    raster = np.zeros((10, 4, 4), bool)
    raster[2, [1, 3], 0] = raster[3, [0, 2], 1] = raster[[4, 6, 6], [1, 1, 3], 3] = raster[7, 0, 3] = True
    above = np.ones((10, 4, 1), bool)
    labels, polarity = np.array([0, 1, 0, 1]), ["positive", "positive", "negative", "negative"]
    table, found = presentation_table(labels, polarity), spike_table([raster, above], 1e-6, labels, polarity)
    traces = {name: np.arange(80.0).reshape(4, 10, 2) * scale for name, scale in (("v", 1e-3), ("I", 1e-6), ("x1", 1))}
    return Recording(np.arange(1, 11) * 1e-6, found, traces, np.array([3, 0]), 0, table, (4, 1), 1e-5, 0.03)


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
    alone = figures.learning_curve(history.query("layer == 0 and epoch == 1"))
    assert [tick for tick in alone.get_xticks() if 0.5 <= tick <= 1.5] == [1]
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
    assert "AUC 0.812" in ax.get_title()  # 13 of 16: 2.5 + 3 + 3.5 + 4, ties by half


def marks(ax):
    """Time and row of each mark of a raster."""
    lines = [line for collection in ax.collections for line in collection.get_segments()]
    return sorted((round(line[0, 0], 9), round(line[:, 1].mean(), 6)) for line in lines)


def rows(ax):
    return {text.get_text(): place for place, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}


def test_raster_shows_the_chosen_spikes(spikes):
    """Layer 0 has 7 neurons, layer 1 has 2 as far as the table knows; one row is left free between bands."""
    ax = figures.spike_raster(spikes)
    assert marks(ax) == [(3.0, 5), (4.0, 6), (5.0, 11 + 5), (9.0, 19 + 1)]
    assert rows(ax) == {
        "label 7\nlayer 0": 3,
        "label 7\nlayer 1": 8.5,
        "label 2\nlayer 0": 14,
        "label 2\nlayer 1": 19.5,
    }
    assert marks(figures.spike_raster(spikes, layer=0, presentation=0)) == [(3.0, 5), (4.0, 6)]
    assert marks(figures.spike_raster(spikes, neurons=[5], layer=0)) == [(3.0, 0), (5.0, 1)]
    ax = figures.spike_raster(spikes, window=(3.5e-6, 6e-6), layer=0, presentation=1)
    assert marks(ax) == [(5.0, 5)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (µs)", "neuron")
    legend = figures.spike_raster(spikes).get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["positive", "negative"]


def test_raster_sorts_by_preference_and_hides_nothing(spiking):
    """Of neurons that prefer label 1, 0, nothing and 1 (less): 1, 0, 3, 2 from the bottom up."""
    ax = figures.spike_raster(spiking, layer=0, presentation=0, sort="label", colour="layer")
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1", "0", "3", "2"]
    ax = figures.spike_raster(spiking, colour="label")
    count = len(spiking.spikes)
    assert len(set(marks(ax))) == count  # none over another
    heights = [np.ptp(line[:, 1]) for collection in ax.collections for line in collection.get_segments()]
    assert max(heights) < 1
    shaded = ax.patches[0].get_extents().transformed(ax.transData.inverted())
    np.testing.assert_allclose([shaded.x0, shaded.x1], [0, 10], atol=1e-9)


def test_many_trials_have_one_name_for_each_label():
    labels = np.repeat([4, 0, 9], [5, 8, 7])
    presentations = {"label": labels, "polarity": "positive"}
    table = {"time": np.full(20, 1e-3), "neuron": 0, "presentation": np.arange(20)}
    recording = Recording.from_spikes(table, presentations=presentations, duration=2e-3)
    assert rows(figures.spike_raster(recording)) == {"label 4": 2, "label 0": 8.5, "label 9": 16}


def test_raster_of_seconds_is_in_milliseconds_and_may_be_empty(spikes):
    slow = spikes.assign(time=spikes["time"] * 1e4)
    assert figures.spike_raster(slow).get_xlabel() == "time (ms)"
    assert marks(figures.spike_raster(spikes.iloc[:0])) == []


def test_traces_show_the_recording_in_their_units(recording):
    axes = figures.presentation_traces(recording, presentation=1)
    for ax, name, scale in ((axes[0], "v", 1e3), (axes[2], "I", 1e3)):
        for place, line in enumerate(ax.get_lines()[:3]):
            np.testing.assert_allclose(line.get_xdata(), recording.times * 1e6)
            np.testing.assert_allclose(line.get_ydata(), scale * recording.traces[name][1, :, place])
    assert len(axes[1].get_lines()) == 6  # two states of three neurons
    names = [ax.get_ylabel() for ax in axes]
    assert names == ["membrane\nvoltage (mV)", "memristor\nstate", "synaptic\ncurrent (mA)"]


def test_states_of_other_neurons_have_their_own_names_and_units(spiking):
    """Adaptation of at most 79 pA; a recording of some variables has no panels of others."""
    spiking = replace(spiking, traces={"w": 1e-12 * np.arange(80.0).reshape(4, 10, 2)}, units={"w": "A"})
    (ax,) = figures.presentation_traces(spiking, 1)
    assert ax.get_ylabel() == "w (pA)"
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), np.arange(20, 40, 2))
    assert figures.phase_portrait(spiking, x="w").get_xlabel() == "w (pA)"
    two = replace(spiking, traces=spiking.traces | {"u": np.ones((4, 10, 2))})
    texts = [text.get_text() for text in figures.contrast_traces(two)[0, 0].findobj(pyplot.Text)]
    assert {"w (pA)", "u", "neuron 3", "states"} <= {*texts}
    with pytest.raises(ConfigurationError, match="has no traces"):
        figures.presentation_traces(replace(spiking, traces={}))


def test_traces_mark_spikes_and_threshold_and_stand_side_by_side(spiking):
    axes = figures.contrast_traces(spiking, (1, 3))
    assert [ax.get_title() for ax in axes[0]] == ["positive, label 1", "negative, label 1"]
    lines = axes[0, 0].get_lines()
    np.testing.assert_allclose(lines[2].get_xdata(), [5, 7])  # neuron 3, in steps 4 and 6
    np.testing.assert_allclose(lines[2].get_ydata(), spiking.traces["v"][1, [4, 6], 0] * 1e3)
    assert lines[-1].get_ydata() == [30, 30]
    assert different_neurons(spiking.spike_counts(0)).tolist() == [3, 1, 0]
    voltage = figures.presentation_traces(spiking, 1, neurons=[0])[0].get_lines()[0].get_ydata()
    np.testing.assert_allclose(voltage, spiking.traces["v"][1, :, 1] * 1e3)
    with pytest.raises(ConfigurationError, match="no traces of neuron"):
        figures.phase_portrait(spiking, neurons=[2])


def test_phase_portrait_is_one_variable_against_another(spiking):
    ax = figures.phase_portrait(spiking, 1)
    course, start, spikes = ax.get_lines()[:3]
    np.testing.assert_allclose(course.get_xdata(), 1e3 * spiking.traces["v"][1, :, 0])
    np.testing.assert_allclose(course.get_ydata(), spiking.traces["x1"][1, :, 0])
    assert (start.get_xdata()[0], len(spikes.get_xdata())) == (course.get_xdata()[0], 2)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("membrane voltage (mV)", "memristor state x1")


def stairs(ax):
    return [patch.get_data() for patch in ax.patches if hasattr(patch, "get_data")]


def test_rates_and_intervals_are_drawn_as_computed(spiking):
    table = statistics.psth(spiking, bin_width=5e-6)
    ax = figures.population_rate(table)
    for drawn, (_, group) in zip(stairs(ax), table.groupby(["layer", "polarity"], sort=False), strict=True):
        np.testing.assert_allclose(drawn.values, 1e-3 * group["rate"])
        np.testing.assert_allclose(drawn.edges, [0, 5, 10])
    assert ax.get_ylabel() == "rate of a neuron (kHz)"
    ax = figures.interval_histogram(spiking, 0)
    assert stairs(ax)[0].values.sum() == 1
    assert "at most" not in ax.get_title()
    once = spiking.select([0, 2, 3])
    assert "at most one spike" in figures.interval_histogram(once, 0).get_title()
    ax = figures.fano_factors(statistics.spike_statistics(once, 0))
    np.testing.assert_allclose(ax.get_lines()[2].get_xdata(), [1 / 3, 2 / 3, 0, 2 / 3])


def test_latency_against_goodness_states_spearmans_correlation():
    latencies, goodness = np.array([1.0, 2, 3, 4, np.nan]) * 1e-6, np.array([4.0, 3, 1, 2, 9])
    polarity = ["positive", "negative"] * 2 + ["positive"]
    ax = figures.latency_against_goodness(latencies, goodness, unit="mV²", polarity=polarity)
    assert "Spearman -0.80 (n = 4; 1 without a spike)" in ax.get_title()
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[1, 4], [3, 1]])


def test_tuning_and_selectivity_are_those_of_the_statistics(spiking):
    counts, labels = spiking.spike_counts(0), spiking.presentations["label"].to_numpy()
    ax = figures.tuning(counts, labels)
    curves = statistics.tuning_curves(counts, labels)
    np.testing.assert_array_equal(ax.images[0].get_array(), curves.to_numpy()[[1, 0, 3, 2]])
    ax = figures.selectivity_of_neurons(statistics.selectivity(counts, labels))
    assert "3 neurons, 1 silent" in ax.get_title()
    drawn = np.concatenate([line.get_ydata() for line in ax.get_lines()[::2]])
    np.testing.assert_allclose(np.sort(drawn), [0.5, 1, 1])  # neuron 3: 0.5 spikes for label 0, 1.5 for label 1


def test_matrices_of_pairs_leave_out_what_is_not_known():
    matrix = np.array([[1, -0.5, np.nan], [-0.5, 1, np.nan], [np.nan] * 3])
    image = figures.pair_matrix(matrix, "correlation").images[0]
    assert image.get_clim() == (-0.5, 0.5)
    assert np.ma.count(image.get_array()) == 2  # the diagonal is 1 by definition
    assert figures.pair_matrix(np.array([[0, 3.0], [3, 0]]), "distance").images[0].get_clim() == (0, 3)


def test_rocs_and_their_areas_over_training():
    ax = figures.roc_curves({"layer 0": (np.array([2.0, 3]), np.array([1.0, 2]))})
    assert ax.get_legend().get_texts()[0].get_text() == "layer 0 (AUC 0.875)"
    table = pd.DataFrame({"layer": [0, 0, 1, 1], "epoch": [1, 2, 1, 2], "auc": [0.6, 0.7, 0.8, 0.9]})
    lines = figures.discrimination_over_training(table).get_lines()
    assert [line.get_ydata().tolist() for line in lines[:2]] == [[0.6, 0.7], [0.8, 0.9]]


def test_learning_curves_of_several_runs_show_their_spread_and_chance(history):
    other = history.assign(value=history["value"] / 2)
    ax = figures.learning_curve([history, other], chance=0.1)
    mean, chance = ax.get_lines()[:2]
    np.testing.assert_allclose(mean.get_ydata(), np.array([40, 20, 40 / 3, 80, 40, 80 / 3]) * 0.75)
    assert chance.get_ydata() == [10, 10]
    final = figures.learning_curve([history, other], held_out=[0.3, 0.5]).get_lines()[1]
    assert (list(final.get_xdata()), list(final.get_ydata())) == ([6, 6], [30, 50])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((20 / 3, 80))


def test_distributions_and_trajectories_of_synapses():
    values = {"before": np.array([0.0, 0.1, 0.2]), "after": np.array([0.0, 1.0, np.nan])}
    first, second = stairs(figures.weight_distribution(values))
    assert (first.values.sum(), second.values.sum()) == pytest.approx((100, 100))
    table = pd.DataFrame({"batch": [0, 0, 1, 1], "input": [0, 1, 0, 1], "neuron": 0})
    table = table.assign(plus=[1e-6, 1e-6, 3e-6, 1e-6], minus=2e-6)
    lines = figures.conductance_trajectories(table, synapses=1).get_lines()
    assert [line.get_ydata().tolist() for line in lines] == [[1, 3], [2, 2]]
    with pytest.raises(ConfigurationError, match="no devices"):
        figures.conductance_trajectories(table.assign(plus=np.nan))


def test_confusion_matrix_is_in_per_cent_of_a_class():
    ax = figures.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], classes=3)
    np.testing.assert_allclose(ax.images[0].get_array(), [[50, 50, 0], [0, 100, 0], [np.nan] * 3])
    assert "75.0 % of 4 images" in ax.get_title()


def test_receptive_fields_show_the_weights_of_labels_below():
    weights = np.random.default_rng(1).normal(size=(12, 4))
    labels = np.array([[1.0, 0, 0, -2], [0.5, 0, 1, 0]])
    ax = figures.receptive_fields(weights, (3, 4), neurons=[3, 0], label_weights=labels)
    grid, limit = ax.images[0].get_array(), np.abs(weights[:, [3, 0]]).max()
    np.testing.assert_array_equal(grid[:3, 5:9], weights[:, 0].reshape(3, 4))
    np.testing.assert_allclose(grid[4:6, :4], [[-limit, -limit, 0, 0]] * 2)
    np.testing.assert_allclose(grid[4:6, 5:9], limit * np.array([[0.5, 0.5, 0.25, 0.25]] * 2))
    assert "within ±2" in ax.get_title()


def test_the_gallery_shows_every_figure_in_less_than_a_megabyte():
    docs = Path(__file__).parents[2] / "docs"
    pictures = list((docs / "gallery").glob("*.png"))
    others = {"letters", "off_screen", "save_figure", "robustness"}  # the last needs a study
    assert {path.stem.partition("-")[0] for path in pictures} == set(figures.__all__) - others
    page = (docs / "gallery" / "index.md").read_text(encoding="utf-8")
    assert all(f"]({path.name})" in page for path in pictures)
    assert sum(path.stat().st_size for path in pictures) < 1e6


def test_cosines_of_neurons_stand_beside_the_whole_and_the_null():
    neurons = np.array([0.5, np.nan, -0.5, 0.9])
    one = Comparison(0.6, 1.0, 1.0, neurons, interval=(0.4, 0.7), permuted=0.1)
    ax = figures.neuron_cosines({"hebbian": one, "local rule": replace(one, cosine=0.9)})
    drawn = [list(line.get_ydata()) for line in ax.get_lines()]
    assert drawn[0] == [-0.5, 0.5, 0.9]
    assert drawn.count([0.1, 0.1]) == 2
    bar = ax.collections[0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [0.4, 0.7])
    assert ax.get_xticklabels()[0].get_text() == "hebbian\n3 neurons\n1 without one"


def test_hysteresis_is_drawn_in_millivolts_and_microamperes():
    ax = figures.hysteresis([100.0, 10_000.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["100 Hz", "10 kHz"]
    slow, fast = (np.array(line.get_data()) for line in ax.get_lines()[:2])
    for voltage, current in (slow, fast):
        assert np.abs(voltage).max() == pytest.approx(200, rel=1e-4)
        assert np.abs(current[np.abs(voltage) < 1]).max() < 1.1  # pinched: at most 1 mV / 1 kohm
    assert slow[1].max() == pytest.approx(200, rel=0.02)  # all on: 1 kohm
    assert fast[1].max() < 0.5 * slow[1].max()  # too fast to switch


def test_an_embedding_has_a_point_in_the_colour_of_each_image():
    labels = np.array([3, 1, 2, 3, 0, 9])
    points = figures.embedding(np.random.default_rng(1).random((6, 4)), labels, samples=5).collections[0]
    assert len(points.get_offsets()) == 5
    np.testing.assert_array_equal(points.get_array(), labels[:5])


def test_letters_stand_at_the_upper_left():
    _, axes = pyplot.subplots(1, 3)
    figures.letters(axes)
    assert [ax.texts[0].get_text() for ax in axes] == ["a", "b", "c"]


def test_receptive_fields_are_the_weights():
    weights = np.random.default_rng(1).normal(size=(4 * 3 + 10, 7))
    ax = figures.receptive_fields(weights, (4, 3), neurons=[6, 2, 0])
    shown = ax.images[0].get_array()
    np.testing.assert_array_equal(shown[:4, :3], weights[:12, 6].reshape(4, 3))
    np.testing.assert_array_equal(shown[5:9, :3], weights[:12, 0].reshape(4, 3))
    low, high = ax.images[0].get_clim()
    assert low == -high == -np.abs(weights[:12, [6, 2, 0]]).max()


def test_given_axes_are_used_and_new_ones_are_pyplots_unless_off_screen(history, spikes, recording):
    _, axes = pyplot.subplots(1, 2)
    assert figures.learning_curve(history, ax=axes[0]) is axes[0]
    assert figures.spike_raster(spikes, ax=axes[1]) is axes[1]
    pyplot.close("all")
    with figures.off_screen():
        figures.presentation_traces(recording)
        figures.learning_curve(history)
    assert pyplot.get_fignums() == []
    assert figures.learning_curve(history).figure is pyplot.gcf()


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
    if Path("/dev/full").exists():
        with pytest.raises(BrianffError, match="/dev/full"):
            figures.save_figure(drawn, "/dev/full")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder.png"}


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda h, s, r: figures.learning_curve(h.iloc[:0]), "history is empty"),
        (lambda h, s, r: figures.goodness_histogram(np.zeros(0), np.zeros(0)), r"shape \(0,\)"),
        (lambda h, s, r: figures.goodness_histogram(np.zeros(2), np.zeros(3)), "must be pairs"),
        (lambda h, s, r: figures.spike_raster(s.drop(columns="neuron")), "lacks the column 'neuron'"),
        (lambda h, s, r: figures.presentation_traces(r, presentation=2), "presentation 2 is not in the recording"),
        (lambda h, s, r: figures.receptive_fields(np.zeros((11, 2)), (4, 3)), "at least 12 inputs"),
        (lambda h, s, r: figures.receptive_fields(np.zeros((12, 2)), (4, 3), [2]), "between 0 and 1"),
    ],
)
def test_wrong_input_is_named(draw, message, history, spikes, recording):
    with pytest.raises(ConfigurationError, match=message):
        draw(history, spikes, recording)
