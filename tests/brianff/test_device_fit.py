"""Devices fitted to measured trains: trains are made by recurrences written out here, not by brianff's devices."""

import numpy as np
import pandas
import pytest
from brian2 import uS
from device_round_trip import LAWS, SPREADS, round_trip

from brianff import ConfigurationError, Device, fit_device


def trains(devices=8, cycles=2, pulses=40, cycle=0.3, read=0.01, seed=1, up=lambda y: 0.03 * (1 - 0.5 * y), down=None):
    """Return readings (uS, range 0 to 10 uS) of devices whose steps are functions of the distance."""
    generator, down = np.random.default_rng(seed), down or (lambda y: 0.035 * (1 - 0.7 * y))
    factor, x, rows = 1 + 0.1 * generator.standard_normal(devices), np.full(devices, 0.1), []
    for number in range(cycles):
        for way, sign, step in (("up", 1, up), ("down", -1, down)):
            for pulse in range(pulses + 1):
                if pulse:
                    move = factor * step(x if sign > 0 else 1 - x)
                    x = np.clip(x + sign * move * (1 + cycle * generator.standard_normal(devices)), 0, 1)
                G = 10 * x * (1 + read * generator.standard_normal(devices))
                rows += [(one, number, way, pulse, value) for one, value in enumerate(G)]
    return pandas.DataFrame(rows, columns=["device", "cycle", "direction", "pulse", "conductance_uS"])


ENDS = {"G_on": 10 * uS, "G_off": 0 * uS}


def test_steps_noise_and_spread_of_a_train_are_found_again():
    fit = fit_device(trains(), law="linear-step", parameters=ENDS)
    p = fit.device.physics
    found = [p[name] for name in ("slope_up", "slope_down", "cycle_spread", "read_noise")]
    assert found == pytest.approx([0.5, 0.7, 0.3, 0.01], rel=0.15)
    truth = {"step_up": 0.03, "step_down": 0.035, "device_spread": 0.1, "cycle_spread": 0.3, "read_noise": 0.01}
    for name, value in truth.items():
        low, high = fit.intervals[name]
        assert low < value < high
        assert low <= p[name] <= high
    assert set(fit.table().columns) == {"value", "from", "to"}
    assert 0.1e-6 < fit.residual < 1e-6


def test_devices_that_stop_at_the_ends_of_their_range_leave_steps_and_noise_as_they_are():
    """Equal steps of .03 from end to end and beyond: half of the readings are of devices that stand at an end."""
    table = trains(pulses=50, up=lambda y: 0.03 + 0 * y, down=lambda y: 0.03 + 0 * y)
    equal = {"slope_up": 0.0, "slope_down": 0.0}
    fit = fit_device(table, law="linear-step", parameters=ENDS | equal)
    for name, value in {"step_up": 0.03, "step_down": 0.03, "device_spread": 0.1, "read_noise": 0.01}.items():
        low, high = fit.intervals[name]
        assert low < value < high
    p = fit.device.physics  # of equal steps, both noises are the same
    assert np.hypot(0.03 * p["cycle_spread"], p["cycle_noise"]) == pytest.approx(0.009, rel=0.06)


def test_names_gaps_and_outliers_of_a_table_are_tolerated_with_a_word(tmp_path):
    table = trains(devices=3)
    wild = table.copy()
    wild.loc[[100, 300], "conductance_uS"] = 60.0
    wild = wild[~wild["pulse"].between(10, 12)].rename(columns={"pulse": "n", "conductance_uS": "G"})
    path = tmp_path / "pulses.csv"
    wild.to_csv(path, index=False)
    options = {"law": "linear-step", "parameters": ENDS}
    fit = fit_device(path, columns={"pulse": "n", "conductance_uS": "G"}, **options)
    assert "2 of " in fit.notes[0]
    assert "later than the usual 1 pulses" in fit.notes[1]
    complete = fit_device(table, **options).device.physics
    assert fit.device.physics["step_up"] == pytest.approx(complete["step_up"], rel=0.05)


@pytest.mark.slow
def test_a_train_without_a_formula_becomes_a_table():
    """Steps that are large in two parts of the range only: none of the laws has such a course."""

    def step(y):
        return 0.004 + 0.05 * (np.abs(y - 0.25) < 0.1) + 0.05 * (np.abs(y - 0.7) < 0.1)

    fit = fit_device(trains(devices=4, pulses=70, cycle=0.1, read=0.003, up=step, down=step), parameters=ENDS)
    assert fit.law == fit.device.law.name == "table"
    up, _ = fit.device.responses
    assert float(up.single(0.25)) > 3 * float(up.single(0.45))


def test_one_train_without_device_and_cycle_is_enough_and_says_what_it_lacks():
    table = trains(devices=1, cycles=1).drop(columns=["device", "cycle"])
    fit = fit_device(table, law="soft-bounds", parameters=ENDS)
    assert "device_spread" not in fit.intervals
    assert "not known" in fit.notes[-1]
    assert isinstance(Device.fit(table, law="exponential", parameters=ENDS), Device)


def test_retention_gives_the_drift():
    """G = G_0 (t / 20 s)^-nu: exponents .06 + .02 log(G_on / G_0) and a spread of .01."""
    generator, rows = np.random.default_rng(1), []
    for device in range(30):
        start = generator.uniform(1, 10)
        nu = 0.06 + 0.02 * np.log(10 / start) + 0.01 * generator.standard_normal()
        rows += [(device, time, start * (time / 20) ** -nu) for time in (20, 60, 200, 1000, 10_000)]
    retention = pandas.DataFrame(rows, columns=["device", "time_s", "conductance_uS"])
    fit = fit_device(trains(devices=3), law="linear-step", parameters=ENDS, retention=retention)
    assert float(fit.device.parameters["drift_start"]) == 20
    for name, value in {"drift_exponent": 0.06, "drift_slope": 0.02, "drift_spread": 0.01}.items():
        low, high = fit.intervals[name]
        assert low < value < high
        assert high - low < value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="pulse"), "no column 'pulse'"),
        (lambda t: t[t["pulse"] < 1], "no train up has four readings"),
        (lambda t: t[t["direction"] == "up"], "no train down has four readings"),
        (lambda t: t.assign(conductance_uS=3.0), "does not rise under pulses up"),
        (lambda t: t.assign(conductance_uS=-t["conductance_uS"]), "is negative"),
        (lambda t: t.assign(conductance_uS=np.nan), "is no number in row 1"),
        (lambda t: t.drop(columns=["device", "cycle"]), "pulse numbers repeat"),
        (lambda t: t.assign(direction="left"), "it must be up or down"),
    ],
)
def test_bad_tables_are_named_in_one_line(change, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        fit_device(change(trains(devices=2)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"law": "continuous"}, "has no formula to fit"),
        ({"law": "odd"}, "no law 'odd'"),
        ({"parameters": {"G_on": "10 V"}}, "a parameter that is given"),
        ({"parameters": {"width": 1.0}}, "no law has the parameter 'width'"),
        ({"columns": {"pulse": "n"}}, "no column 'n'"),
    ],
)
def test_wrong_options_are_named_in_one_line(options, message):
    with pytest.raises(ConfigurationError, match=message):
        fit_device(trains(devices=2), **options)


@pytest.mark.parametrize("bend", [0.0, 0.999, 0.2])
def test_a_law_is_fitted_also_where_its_parameters_end(bend):
    """Straight lines have the label 0, where both signs meet; the steepest curves the largest that there is."""
    up, down = (lambda y: 0.03 * (1 - bend * y)), (lambda y: 0.03 * (1 - bend * y))
    fit = fit_device(trains(devices=2, cycle=0.05, up=up, down=down), "exponential")
    labels = [float(fit.device.physics[f"nonlinearity_{way}"]) for way in ("up", "down")]
    assert all(abs(label) <= 9.5 for label in labels)
    steep = [("up", n, 9 - 8 * np.exp(-n / 3)) for n in range(60)] + [
        ("down", n, 1 + 8 * np.exp(-n / 3)) for n in range(60)
    ]
    fit_device(pandas.DataFrame(steep, columns=["direction", "pulse", "conductance_uS"]), "exponential")


@pytest.mark.slow
@pytest.mark.timeout(1800)  # four minutes of a free processor
def test_every_law_is_found_again():
    """Three repeats of the round trip of `tests/helpers/device_round_trip.py`, on smaller tables."""
    found = {name: [round_trip(name, seed, devices=20, cycles=5) for seed in range(3)] for name in LAWS}
    assert sum(one[0] == name for name, ones in found.items() for one in ones) >= 13
    covered = [one[2][key] for name, ones in found.items() for one in ones if one[0] == name for key in SPREADS]
    assert np.mean(covered) >= 0.85
    for name, ones in found.items():
        for key in LAWS[name][1]:
            assert np.mean([one[1][key] for one in ones if one[0] == name]) == pytest.approx(0, abs=0.06)
