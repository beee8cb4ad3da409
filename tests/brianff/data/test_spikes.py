"""Spike trains: binning and input against plain loops, and what is refused."""

import numpy as np
import pytest
from brian2 import mV, us
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from brianff import Dataset, EventEncoding, Network, Simulator
from brianff.data import DatasetReference, SpikeTrains
from brianff.description import Description
from brianff.errors import ConfigurationError, DataError
from brianff.protocols import Protocol, Trainer

STEPS, UNITS = 5, 4
EVENTS = st.lists(st.tuples(st.integers(0, UNITS - 1), st.integers(0, STEPS - 1), st.integers(0, 2)), max_size=30)


def binned(events, samples):
    """Return spikes in the middle of steps of 2 us as spike trains and as a raster (samples, steps, units)."""
    raster = np.zeros((samples, STEPS, UNITS), bool)
    for unit, step, sample in events:
        raster[sample, step, unit] = True
    unit, step, sample = np.array(events, int).reshape(-1, 3).T
    trains = SpikeTrains.from_events(unit, (step + 0.5) * 2e-6, sample, samples, UNITS, "10 us", 2 * us)
    return trains, raster


@settings(max_examples=settings().max_examples // 4)
@given(EVENTS, st.lists(st.integers(0, 2), max_size=6))
def test_any_events_are_binned_chosen_and_counted(events, rows):
    trains, raster = binned(events, 3)
    chosen = trains[np.array(rows, int)]
    np.testing.assert_array_equal(chosen.matrix.toarray().reshape(-1, STEPS, UNITS), raster[rows])
    np.testing.assert_array_equal(chosen.counts, raster[rows].sum(axis=1))


@settings(max_examples=settings().max_examples // 10)
@given(EVENTS, st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_any_events_enter_as_they_are_with_the_code_of_the_label(events, labels):
    network = Network(
        pixels=UNITS,
        classes=3,
        encoding=EventEncoding(steps=STEPS, label_steps=(1, 3)),
        label={"placement": "code", "bits": 12, "strength": 2.0},
        time_step=2 * us,
    )
    simulator = Simulator(network, seed=1)
    trains, raster = binned(events, 3)
    inputs = simulator.inputs(trains, np.array(labels))
    np.testing.assert_array_equal(inputs.raster[:, :, :UNITS], raster.transpose(1, 0, 2))
    code = simulator.codes[labels, UNITS:] > 0
    for step in range(STEPS):
        np.testing.assert_array_equal(inputs.raster[step, :, UNITS:], code if step in (1, 3) else code & False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": [0, 1e-6] * mV}, "must be times: .*V is no time"),
        ({"time": ["early", "late"]}, "must be times"),
        ({"units": 0, "unit": [], "time": [], "sample": []}, "units is 0; it must be a whole number"),
        ({"units": 2.5}, "units is 2.5"),
        ({"duration": float("inf")}, "duration inf must be one or more whole time steps"),
        ({"test_samples": 7}, "test_samples is 7; it must be a whole number from 0 to 5"),
    ],
)
def test_spikes_that_mean_nothing_are_refused(change, message):
    values = {"unit": [0, 1], "time": [0, 1] * us, "sample": [0, 5], "labels": [0, 1] * 3}
    values |= {"units": 2, "duration": "4 us", "time_step": "1 us"} | change
    with pytest.raises(DataError, match=message):
        Dataset.from_spikes(**values)


@pytest.mark.parametrize(("columns", "steps"), [(11, 5), (10, 0), (0, 5)])
def test_a_matrix_holds_whole_steps(columns, steps):
    with pytest.raises(DataError, match=f"{columns} columns does not hold {steps} steps"):
        SpikeTrains(csr_matrix((2, columns)), steps)


def spikes(name="spikes"):
    """Each class has a unit of its own that spikes at two steps."""
    labels = np.arange(30) % 3
    time = np.tile([1e-6, 7e-6], 30)
    return Dataset.from_spikes(
        np.repeat(labels, 2), time, np.repeat(np.arange(30), 2), labels,
        units=3, duration="20 us", time_step="1 us", name=name,
    )  # fmt: skip


def test_readouts_of_latents_stand_beside_spike_counts():
    protocol = Protocol(
        data={"dataset": spikes()},
        network={"pixels": 3, "classes": 3, "layers": [{"neurons": 6}], "encoding": {"kind": "events", "steps": 20}},
        learning={"epochs": 1, "batch": 8, "negatives": "wrong-label"},
        evaluation={"readout": "linear"},
        engine={"workers": 1},
    )
    summary = Trainer(protocol).fit(progress=False)
    assert summary["pixel_readout_accuracy"] == 1.0  # by construction
    assert 0 <= summary["readout_accuracy"] <= 1


def test_arrays_of_no_images_or_of_several_sizes():
    images, labels = np.zeros((4, 2, 3)), [0, 1, 0, 1]
    empty = Dataset.from_arrays(images, labels, images[:0], [])
    assert (len(empty.test), empty.test.images.shape) == (0, (0, 6))
    with pytest.raises(DataError, match="all of one size"):
        Dataset.from_arrays([[0.1, 0.2], [0.1]], [0, 1])


def test_a_reference_to_data_is_kept_as_it_is_and_written_as_text(tmp_path):
    class Kept(Description):
        dataset: DatasetReference = "digits"

    table = {"name": "csv", "path": tmp_path / "own.csv", "units": 3, "duration": 20 * us}
    written_table = {"name": "csv", "path": str(table["path"]), "units": 3, "duration": f"{float(20 * us)!r} s"}
    mine = spikes("mine")
    assert Kept(dataset=mine).dataset is mine
    for reference, written in (
        ("digits", "digits"),
        (tmp_path, str(tmp_path)),
        (mine, "mine"),
        (table, written_table),
    ):
        kept = Kept(dataset=reference).model_dump(mode="json")
        assert kept == {"dataset": written}
        assert Kept(**kept).model_dump(mode="json") == kept
    for wrong in (3, ["digits"], {"path": "own.csv"}, {"name": 3}):
        with pytest.raises(ConfigurationError, match="a data set is a name, a path, a table"):
            Kept(dataset=wrong)
