"""Presets against their source: trains of pulses on 2,000 devices as aihwkit's C++ computes them, written out here.

From rpu_pulsed_device.cpp (populate: bounds, steps and what differs between devices), rpu_linearstep_device.cpp and
rpu_expstep_device.cpp (update_once), with the parameters of simulator/presets/devices.py. Weights run over a range of
2. Not modelled here: the spread of gamma (.05) in ECRAM, and that steps of ReRAM depend on the device's own bounds.
"""

import numpy as np
import pytest

from brianff import Device
from brianff.crossbar.device_array import DeviceArray

DEVICES = 2_000


def populate(normal, dw_min, w_max, w_min, dw_min_dtod, up_down_dtod, bound_dtod, up_down=0.0):
    """Return steps up and down, and bounds, of each device."""
    upper, lower = w_max * (1 + bound_dtod * normal()), w_min * (1 + bound_dtod * normal())
    gain, difference = 1 + dw_min_dtod * normal(), up_down_dtod * normal()
    up, down = dw_min * (gain + difference), dw_min * (gain - up_down - difference)  # for up_down >= 0
    return np.abs(up), np.abs(down), np.minimum(lower, upper), np.maximum(lower, upper)


def linear_step(normal, pulses, w_max, w_min, gamma_up, gamma_down, dw_min_std, **device):
    up, down, lower, upper = populate(normal, w_max=w_max, w_min=w_min, **device)
    w = np.clip(w_min, lower, upper)
    for sign in pulses:
        noise = 1 + dw_min_std * normal()
        w = w + noise * (up * (1 - gamma_up * w / w_max) if sign > 0 else -down * (1 - gamma_down * w / w_min))
        w = np.clip(w, lower, upper)
        yield (w - w_min) / 2


def exponential_step(normal, pulses, dw_min_std, **device):
    up, down, lower, upper = populate(normal, w_max=1.0, w_min=-1.0, **device)
    w = np.clip(-1.0, lower, upper)
    for sign in pulses:
        noise, z = 1 + dw_min_std * normal(), 2 * w / (upper - lower) * -0.5 - 0.5
        up_factor, down_factor = 1 + 1.18445 * np.exp(5 * z), 1 + 0.081404 * np.exp(-5 * z)
        w = np.clip(w + noise * (up * up_factor if sign > 0 else -down * down_factor), lower, upper)
        yield (w + 1) / 2


ECRAM = {"dw_min_dtod": 0.1, "up_down_dtod": 0.01, "bound_dtod": 0.05}
LITHIUM = {"dw_min": 0.002, "w_max": 1.1724, "w_min": -0.8276, "gamma_up": 0.1153, "gamma_down": 0.5085}
OXIDE = {"dw_min": 2.8214e-4, "w_max": 1.1714, "w_min": -0.8286, "gamma_up": 0.4152, "gamma_down": 0.7342}
RERAM = {"dw_min": 0.00135, "dw_min_dtod": 0.2, "up_down_dtod": 0.05, "bound_dtod": 0.3, "up_down": 0.259359}


@pytest.mark.parametrize(
    ("preset", "number", "law", "parameters", "spread_tolerance"),
    [
        ("ecram", 500, linear_step, LITHIUM | ECRAM | {"dw_min_std": 0.3}, 0.06),
        ("ecram-mo", 1500, linear_step, OXIDE | ECRAM | {"dw_min_std": 2.0}, 0.06),
        ("reram-es", 400, exponential_step, RERAM | {"dw_min_std": 5.0}, 0.15),
    ],
)
def test_trains_have_the_mean_and_spread_of_the_source(preset, number, law, parameters, spread_tolerance):
    generator = np.random.default_rng(1)
    pulses = np.repeat([1, -1], number)
    array = DeviceArray(Device(preset=preset), DEVICES, np.random.default_rng(2))
    array.state[0] = np.clip(0, array.bounds[0][0], array.bounds[1][0])
    source = law(lambda: generator.standard_normal(DEVICES), pulses, **parameters)
    noise = np.random.default_rng(3)
    for place, (sign, expected) in enumerate(zip(pulses, source, strict=True)):
        array.pulse(0, slice(None), np.full(DEVICES, sign, np.float32), noise)
        if (place + 1) % (number // 2) == 0:
            error = 4 * expected.std() * np.sqrt(2 / DEVICES)
            assert array.state[0].mean() == pytest.approx(expected.mean(), abs=error)
            assert array.state[0].std() == pytest.approx(expected.std(), rel=spread_tolerance)


def test_the_ends_of_the_range_of_ecram_spread_as_in_the_source():
    """Bounds of 1.1724 and -.8276 with 5 % each, over a range of 2."""
    array = DeviceArray(Device(preset="ecram"), 100_000, np.random.default_rng(1))
    lower, upper = array.bounds
    assert upper.std() == pytest.approx(0.05 * 1.1724 / 2, rel=0.01)
    assert lower[lower > lower.min()].std() < 0.05 * 0.8276 / 2  # cut at zero conductance, 2 % below the range
    assert np.percentile(lower, 84.13) == pytest.approx(0.05 * 0.8276 / 2, rel=0.02)
