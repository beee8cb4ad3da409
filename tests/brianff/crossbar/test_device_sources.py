"""Presets against their source: trains of pulses on 50,000 devices of aihwkit, computed by its own C++.

aihwkit_trains.csv holds mean and standard deviation of the weights that reads show; tests/helpers/aihwkit_trains.cpp
tells how it was obtained. Weights run over a range of 2. Not modelled here: the spread of gamma (.05) in ECRAM, which
shows near the lower end, and that steps of ReRAM-ES depend on the device's own bounds.
"""

from pathlib import Path

import numpy as np
import pandas
import pytest

from brianff import Device, Layer
from brianff.crossbar import make_crossbar
from brianff.crossbar.device_array import DeviceArray
from brianff.random import RandomStreams

DEVICES = 2_000
TRAINS = pandas.read_csv(Path(__file__).with_name("aihwkit_trains.csv"))


@pytest.mark.parametrize(
    # where weights are 0, where trains start (None: as made), how far means and deviations (relative) may be apart
    ("preset", "zero", "start", "apart", "tolerance"),
    [
        ("ecram", 0.4138, 0.0, 0.0, 0.22),
        ("ecram-mo", 0.4143, 0.0, 0.0, 0.12),
        ("reram-es", 0.5, 0.0, 0.02, 0.14),
        ("reram-sb", 0.375, 0.375, 0.0, 0.06),
        ("reram-array-om", 0.5, None, 0.0, 0.06),
        ("reram-array-hfo2", 0.5, None, 0.0, 0.06),
        ("pcm-training", 0.0, None, 0.0, 0.06),
    ],
)
def test_trains_have_the_mean_and_spread_of_the_source(preset, zero, start, apart, tolerance):
    array, noise = DeviceArray(Device(preset=preset), DEVICES, np.random.default_rng(2)), np.random.default_rng(3)
    if start is not None:
        array.state[0] = np.clip(start, array.bounds[0][0], array.bounds[1][0])
    given = 0
    for row in TRAINS[TRAINS["preset"] == preset].itertuples():
        sign = np.sign(row.pulses - given)
        for _ in range(abs(row.pulses - given)):
            array.pulse(0, slice(None), np.full(DEVICES, sign, np.float32), noise)
        given, weights = row.pulses, 2 * (array.visible[0] - zero)
        error = 4 * row.deviation * np.sqrt(1 / DEVICES + 1 / 50_000)
        assert weights.mean() == pytest.approx(row.mean, abs=error + apart)
        assert weights.std() == pytest.approx(row.deviation, rel=tolerance)


def test_the_ends_of_the_range_of_ecram_spread_as_in_the_source():
    """Bounds of 1.1724 and -.8276 with 5 % each, over a range of 2."""
    array = DeviceArray(Device(preset="ecram"), 100_000, np.random.default_rng(1))
    lower, upper = array.bounds
    assert upper.std() == pytest.approx(0.05 * 1.1724 / 2, rel=0.01)
    assert lower[lower > lower.min()].std() < 0.05 * 0.8276 / 2  # cut at zero conductance, 2 % below the range
    assert np.percentile(lower, 84.13) == pytest.approx(0.05 * 0.8276 / 2, rel=0.02)


def test_pairs_of_pcm_are_one_sided_and_written_anew_near_the_end():
    """Both devices of a pair are never far up; a weight that was moved up and down many times can still be moved."""
    quiet = {"cycle_spread": 0, "cycle_noise": 0, "state_cycle_noise": 0, "reset_spread": 0, "reset_device_spread": 0}
    quiet |= {"device_spread": 0, "asymmetry_spread": 0, "bound_spread": 0, "bound_spread_difference": 0}
    layer = Layer(neurons=5, weight_bound=1.0, device=Device(preset="pcm-training", parameters=quiet))
    crossbar = make_crossbar(layer, (40, 5), RandomStreams(1), 0)
    before = crossbar.devices.state.copy()
    crossbar.program(np.full((40, 5), 0.2))
    moved = crossbar.devices.state - before
    assert moved[0].min() > 0
    assert (moved[1] == 0).all()
    for sign in np.tile([-1, 1], 20):
        crossbar.program(np.full((40, 5), 0.2 * sign))
        plus, minus = crossbar.devices.state
        assert not ((np.maximum(plus, minus) > 0.75) & (np.minimum(plus, minus) > 0.25)).any()
    at_rest = crossbar.weights.mean()
    crossbar.program(np.full((40, 5), 0.1))
    assert crossbar.weights.mean() > at_rest + 0.02
    assert any("resetting" in one for one in crossbar.digital_support)
