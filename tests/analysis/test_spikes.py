"""Statistics of spikes agree with Elephant, scikit-learn and counting by hand."""

import numpy as np
import pandas as pd
import pytest

from brianff import Recording
from brianff.analysis import spikes as statistics
from brianff.errors import ConfigurationError
from brianff.recording import presentation_table, spike_table

STEPS, PRESENTATIONS, NEURONS, STEP = 200, 6, 5, 1e-6
LABELS = np.array([0, 1, 2, 1, 2, 0])
POLARITY = ["positive"] * 3 + ["negative"] * 3


def recorded(*rasters):
    """A recording of some layers' spikes, (steps, presentations, neurons)."""
    table = presentation_table(LABELS, POLARITY)
    sizes = tuple(raster.shape[2] for raster in rasters)
    found = spike_table(rasters, STEP, LABELS, POLARITY)
    return Recording(np.arange(1, STEPS + 1) * STEP, found, {}, np.array([]), 0, table, sizes, STEPS * STEP)


@pytest.fixture(scope="module")
def rasters():
    generator = np.random.default_rng(3)
    some = generator.random((STEPS, PRESENTATIONS, NEURONS)) < np.linspace(0, 0.08, NEURONS)  # neuron 0 is silent
    return some, generator.random((STEPS, PRESENTATIONS, 2)) < 0.05


@pytest.fixture(scope="module")
def recording(rasters):
    return recorded(*rasters)


def neo_trains(recording, neurons=range(NEURONS), earlier=0.0):
    import neo

    trains = statistics.spike_trains(recording, neurons=neurons)
    return [neo.SpikeTrain(times - earlier, units="s", t_stop=recording.duration) for times in trains]


def test_trains_and_latencies_are_the_raster(recording, rasters):
    raster = rasters[0]
    trains = statistics.spike_trains(recording)
    latencies = statistics.first_spike_latency(recording)
    assert len(trains) == PRESENTATIONS * NEURONS
    for number, times in enumerate(trains):
        presentation, neuron = divmod(number, NEURONS)
        steps = np.flatnonzero(raster[:, presentation, neuron])
        np.testing.assert_allclose(times, (steps + 1) * STEP)
        np.testing.assert_allclose(latencies[presentation, neuron], times[0] if len(times) else np.nan)
    assert np.isnan(latencies[:, 0]).all()


def test_psth_is_the_share_of_spikes_in_each_bin(recording, rasters):
    table = statistics.psth(recording, bin_width=40e-6)
    assert list(table.columns) == ["layer", "polarity", "time", "spikes", "rate"]
    for layer, raster in enumerate(rasters):
        for polarity, rows in (("positive", slice(0, 3)), ("negative", slice(3, 6))):
            found = table[(table["layer"] == layer) & (table["polarity"] == polarity)]
            counts = raster[:, rows].reshape(5, 40, 3, -1).sum(axis=(1, 2, 3))
            np.testing.assert_array_equal(found["spikes"], counts)
            np.testing.assert_allclose(found["rate"], counts / (3 * raster.shape[2] * 40e-6))
            np.testing.assert_allclose(found["time"], [20e-6, 60e-6, 100e-6, 140e-6, 180e-6])
    one = statistics.psth(recording, [0], [4], ["label", "polarity"], 0.2e-3)
    expected = [rasters[0][:, presentation, 4].sum() / 0.2e-3 for presentation in (0, 1, 2, 3, 4, 5)]
    np.testing.assert_allclose(one["rate"], expected)  # each label is shown once in each polarity
    binned = statistics.binned_spikes(recording, neurons=[4, 2], bin_width=40e-6)
    np.testing.assert_array_equal(binned, rasters[0].reshape(5, 40, 6, -1).sum(axis=1).swapaxes(0, 1)[:, :, [4, 2]])


def test_intervals_and_variability_agree_with_elephant(recording):
    """One presentation, whose intervals Elephant can take as one train; Fano factors over all of them."""
    from elephant.statistics import cv, fanofactor, isi, lv

    one = statistics.spike_statistics(recording.select([2]))
    for neuron, train in enumerate(neo_trains(recording.select([2]))):
        if len(train) < 3:
            continue
        intervals = isi(train).magnitude
        row = one.loc[neuron]
        np.testing.assert_allclose(row[["cv", "lv", "interval"]], [cv(intervals), lv(intervals), intervals.mean()])
    trains = neo_trains(recording)
    found = statistics.spike_statistics(recording)
    assert found.loc[0, ["rate", "active", "intervals"]].tolist() == [0, 0, 0]
    assert found.loc[0, ["fano", "cv", "lv"]].isna().all()
    for neuron in range(1, NEURONS):
        assert found.loc[neuron, "fano"] == pytest.approx(fanofactor(trains[neuron::NEURONS]))
    assert not found.attrs["caution"]


def test_one_spike_each_is_told_and_leaves_nothing_that_it_cannot_tell():
    raster = np.zeros((STEPS, PRESENTATIONS, 2), bool)
    raster[50, :3, 0] = raster[60, 1:4, 1] = True
    recording = recorded(raster)
    table = statistics.spike_statistics(recording)
    assert "at most one spike" in table.attrs["caution"]
    assert table[["interval", "cv", "lv"]].isna().all(axis=None)
    np.testing.assert_allclose(table["fano"], 0.5)  # 1 - 3/6, as the caution says
    assert len(statistics.interspike_intervals(recording)) == 0


def test_pairwise_correlation_is_pearsons(recording):
    import quantities
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    one = recording.select([4])
    binned = statistics.binned_spikes(one, neurons=[1, 2, 3, 4], bin_width=20e-6)[0]
    # Elephant counts a spike at the edge of two bins to the later one: in the middle of its step it is at no edge.
    elephants = BinnedSpikeTrain(neo_trains(one, [1, 2, 3, 4], STEP / 2), bin_size=20 * quantities.us, n_bins=10)
    np.testing.assert_array_equal(elephants.to_array().T, binned)
    np.testing.assert_allclose(statistics.pairwise_correlation(binned), correlation_coefficient(elephants))
    counts = recording.spike_counts(0)
    noise = statistics.pairwise_correlation(counts[:, 1:], LABELS)
    residual = counts[:, 1:] - np.array([counts[label == LABELS, 1:].mean(axis=0) for label in LABELS])
    np.testing.assert_allclose(noise, np.corrcoef(residual.T))
    assert np.isnan(statistics.pairwise_correlation(counts)[0]).all()  # the silent neuron


def test_selectivity_by_hand():
    responses = np.array([[4, 0, 1], [2, 0, 1], [0, 0, 1], [0, 0, 1]])
    labels = np.array([5, 5, 7, 8])
    table = statistics.selectivity(responses, labels)
    assert table["preferred"].tolist() == [5, -1, 5]
    np.testing.assert_allclose(table["index"], [1, np.nan, 0])
    np.testing.assert_allclose(table["sparseness"], [1, np.nan, 0])
    pd.testing.assert_series_equal(statistics.tuning_curves(responses, labels)[5], pd.Series([3.0, 0, 1]), **LOOSE)


LOOSE = {"check_names": False, "check_index": True, "check_index_type": False}


def test_distances_are_those_of_the_literature():
    """Victor and Purpura: the cheaper of a shift and a removal with an addition. van Rossum: the integral, by hand."""
    trains = [np.array([20e-6]), np.array([30e-6]), np.array([])]
    near = statistics.victor_purpura_distance(trains, cost=1e5, duration=1e-3)
    np.testing.assert_allclose(near, [[0, 1, 1], [1, 0, 1], [1, 1, 0]])  # 1e5 / s x 10 us = 1
    assert statistics.victor_purpura_distance(trains, cost=1e6, duration=1e-3)[0, 1] == pytest.approx(2)
    tau, time = 50e-6, np.arange(0, 2e-3, 1e-8)
    filtered = [sum((time >= t) * np.exp(-(time - t) / tau) for t in times) + 0 * time for times in trains]
    integral = [[np.sum((a - b) ** 2) * 1e-8 for a in filtered] for b in filtered]
    found = statistics.van_rossum_distance(trains, tau, 1e-3)
    np.testing.assert_allclose(found, np.sqrt(2 * np.array(integral) / tau), atol=2e-3)


def test_discrimination_is_the_area_below_the_roc():
    from scipy.stats import mannwhitneyu

    generator = np.random.default_rng(1)
    positive, negative = generator.normal(1, 1, 60).round(1), generator.normal(0, 1, 40).round(1)
    expected = mannwhitneyu(positive, negative).statistic / (60 * 40)
    curve = statistics.roc(positive, negative)
    assert curve.attrs["auc"] == pytest.approx(expected)
    assert np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"]) == pytest.approx(expected)
    kinds = ["positive"] * 60 + ["negative"] * 40
    table = pd.DataFrame({"goodness": np.r_[positive, negative], "polarity": kinds, "layer": 0, "epoch": 1})
    found = statistics.discrimination(pd.concat([table, table.assign(goodness=-table["goodness"], epoch=2)]))
    np.testing.assert_allclose(found["auc"], [expected, 1 - expected])
    assert len(statistics.discrimination(table.iloc[:0])) == 0


def test_a_selected_recording_is_that_of_some_presentations(rasters, recording):
    half = recording.select(recording.presentations["polarity"] == "negative")
    assert half.presentations["label"].tolist() == [1, 2, 0]
    for layer in (0, 1):
        np.testing.assert_array_equal(half.spike_counts(layer), recording.spike_counts(layer)[3:])
    backwards = recording.select([5, 0])
    np.testing.assert_array_equal(backwards.spike_counts(1), recording.spike_counts(1)[[5, 0]])


def test_nothing_recorded_gives_empty_tables_and_wrong_input_is_named(recording):
    none = recording.select(slice(0))
    assert len(statistics.psth(none)) == 0
    assert statistics.spike_trains(none) == []
    assert statistics.first_spike_latency(none).shape == (0, NEURONS)
    assert statistics.spike_statistics(none)["rate"].isna().all()
    assert statistics.pairwise_correlation(none.spike_counts(0)).shape == (NEURONS, NEURONS)
    for call, message in (
        (lambda: statistics.psth(recording, by="colour"), "colour"),
        (lambda: statistics.psth(recording, bin_width=1.0), "bin_width is 1 s"),
        (lambda: statistics.spike_trains(recording, neurons=[9]), "between 0 and 4"),
        (lambda: statistics.spike_trains(recording, layer=7), "layer 7"),
        (lambda: statistics.roc(np.ones(2), np.ones(0)), "none of one kind"),
        (lambda: statistics.selectivity(-np.ones((1, 1)), np.zeros(1)), "negative"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            call()


def test_spikes_from_elsewhere_are_a_recording(recording):
    given = recording.spikes[["time", "neuron", "layer", "presentation"]]
    again = Recording.from_spikes(given, recording.presentations, recording.sizes, recording.duration)
    pd.testing.assert_frame_equal(again.spikes, recording.spikes)
    pd.testing.assert_frame_equal(statistics.psth(again, bin_width=1e-5), statistics.psth(recording, bin_width=1e-5))
    known = Recording.from_spikes(recording.spikes)
    assert known.presentations["label"].tolist() == LABELS.tolist()
    assert known.sizes == recording.sizes
    assert Recording.from_spikes({"time": [], "neuron": []}).sizes == ()
    for wrong, message in (
        ({"time": [1.0]}, "lacks the column 'neuron'"),
        ({"time": [1.0], "neuron": [7]}, "neuron 7, layer 0, presentation 0; there are 1 presentations to layers of 5"),
        ({"time": [1.0], "neuron": [0], "layer": [1]}, "layer 1"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            Recording.from_spikes(wrong, sizes=[5])


def test_statistics_of_thousands_of_presentations_take_no_longer_than_their_spikes():
    """2,000 presentations to 200 neurons, 300,000 spikes; a loop over presentations and neurons would take minutes."""
    from time import process_time

    generator = np.random.default_rng(1)
    presentation = np.sort(generator.integers(0, 2000, 300_000))
    spikes = {"time": generator.random(300_000) * 2e-5, "neuron": generator.integers(0, 200, 300_000)}
    about = {"label": np.arange(2000) % 10, "polarity": ["positive"] * 2000}
    many = Recording.from_spikes(spikes | {"presentation": presentation}, about, [200], 2e-5)
    for measure in (
        lambda: statistics.psth(many),
        lambda: statistics.spike_trains(many),
        lambda: statistics.spike_statistics(many),
        lambda: statistics.first_spike_latency(many),
        lambda: statistics.pairwise_correlation(many.spike_counts()),
        lambda: statistics.selectivity(many.spike_counts(), about["label"]),
        lambda: many.select(slice(None, None, 2)),
    ):
        start = process_time()
        measure()
        assert process_time() - start < 3  # 0.5 s on one core at most
