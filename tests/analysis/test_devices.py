"""Device figures show the laws, and the volatile memristor has the fingerprints of a memristor."""

import numpy as np
import pytest

from brianff import Device
from brianff.analysis import figures
from brianff.analysis.devices import sine_response
from brianff.equations.devices import DEVICES
from brianff.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("numpy_target")


def test_the_curve_of_a_linear_device_is_a_triangle():
    ax = figures.potentiation_depression(Device(preset="linear"), pulses=(64, 32), devices=2)
    *single, mean, _ = ax.get_lines()
    expected = 0.1 + 4.9 * np.concatenate([np.arange(65), 63 - np.arange(32)]) / 64
    np.testing.assert_allclose(mean.get_ydata(), expected, rtol=1e-5)
    np.testing.assert_allclose(single[0].get_ydata(), expected, rtol=1e-5)
    assert ax.get_ylabel() == "conductance (µS)"
    with pytest.raises(ConfigurationError, match="'ideal' is set in one pulse"):
        figures.potentiation_depression(Device())


@pytest.mark.slow
def test_the_volatile_memristor_is_pinched_and_its_loop_closes_at_high_frequency():
    areas = []
    for frequency in (1e3, 1e4, 1e6):
        voltage, current = sine_response(frequency, 0.2)
        near_zero = np.abs(voltage) < 1e-3
        assert np.abs(current[near_zero]).max() < 1e-3 / 1e3  # no more than the on conductance carries
        half = voltage > 0
        areas.append(abs(np.trapezoid(current[half], voltage[half])))
    assert areas[0] > areas[1] > 50 * areas[2]


@pytest.mark.slow
def test_the_sheet_has_a_panel_for_each_pulsed_preset():
    titles = [ax.get_title() for ax in figures.device_sheet()]
    assert titles == [*(name for name in DEVICES if name != "ideal"), "volatile memristor"]
