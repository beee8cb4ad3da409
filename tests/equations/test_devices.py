"""Device curves against the published formulas and recurrences, written out here independently."""

import math

import numpy as np
import pytest

from brianff.equations.devices import DEVICES
from brianff.equations.pulse_response import ExponentialStep, SoftBound, curvature, nonlinearity_label, soft_bound_of


def responses(name):
    preset = DEVICES[name]
    return preset.law.responses({key: float(value) for key, value in preset.namespace().items()})


@pytest.mark.parametrize(("label", "width"), [(1.0, 1.2517), (2.4, 0.4992), (4.88, 0.2003)])
def test_nonlinearity_labels_are_neurosims(label, width):
    """Values of NeuroSim's own table of A / P_max."""
    assert curvature(label) == pytest.approx(width, abs=1e-4)
    assert nonlinearity_label(width) == pytest.approx(label, abs=2e-3)


def test_the_label_is_the_largest_deviation_from_the_straight_line():
    pulses = np.linspace(0, 1, 100_001)
    for width in (0.1, 0.3, 1.0, 3.0):
        curve = (1 - np.exp(-pulses / width)) / (1 - np.exp(-1 / width))
        assert nonlinearity_label(width) == pytest.approx(10.102 * (curve - pulses).max(), rel=1e-6)


def test_labels_near_zero_are_those_of_almost_straight_lines():
    for width in (1e3, 7e3, 2e4, 1e6):
        assert curvature(nonlinearity_label(width)) == pytest.approx(width, rel=1e-3)
    assert curvature(2e-4 - 1e-12) == pytest.approx(curvature(2e-4 + 1e-12), rel=1e-6)
    straight = soft_bound_of(50, 0.0)
    for label in (1e-300, 1e-10, -1e-8, 1e-5, 1e-4):
        assert soft_bound_of(50, label).advance(0.3, 7) == pytest.approx(straight.advance(0.3, 7), rel=1e-4)


def test_ag_a_si_follows_neurosims_exponential():
    """G(P) = B (1 - exp(-P/A)) + G_off, and the mirror image for depression, in siemens."""
    up, down = responses("ag-a-si")
    p = DEVICES["ag-a-si"].namespace()
    span = float(p["G_on"] - p["G_off"])
    for response, levels, width in ((up, 97, 0.4992), (down, 100, 0.2003)):
        number = np.arange(levels + 1)
        scale = span / (1 - math.exp(-1 / width))
        published = scale * (1 - np.exp(-number / (width * levels)))
        np.testing.assert_allclose(span * response.advance(0.0, number), published, rtol=2e-3, atol=1e-14)
        assert response.advance(0.0, levels) == pytest.approx(1.0, abs=1e-9)


def test_ecram_follows_the_linear_step_recurrence():
    """Steps w <- w +- dw (1 - gamma w / bound) in the source's units of weight, over the range [-0.8276, 1.1724]."""
    up, down = responses("ecram")
    w, x = -0.8276, 0.0
    for _ in range(900):
        w += 0.002 * (1 - 0.1153 * w / 1.1724)
        x += float(up.advance(x, 1))
    assert x == pytest.approx((w + 0.8276) / 2, rel=1e-9)
    w, y = 1.1724, 0.0
    for _ in range(500):
        w -= 0.002 * (1 - 0.5085 * w / -0.8276)
        y += float(down.advance(y, 1))
    assert 1 - y == pytest.approx((w + 0.8276) / 2, rel=1e-9)


def test_ecram_steps_are_equal_where_the_source_puts_weight_zero():
    up, down = responses("ecram")
    middle = 0.8276 / 2
    assert float(up.single(middle)) == pytest.approx(0.001)
    assert float(down.single(1 - middle)) == pytest.approx(0.001)


def test_reram_follows_the_exponential_step_recurrence():
    """Steps dw (1 - A exp(+-gamma z)), z = 2 a w / 2 + b, down dw (1 - up_down), in the source's units; range [-1, 1].

    aihwkit, rpu_pulsed_device.cpp, populate: a positive up_down leaves the step up as it is.
    """
    up, down = responses("reram-es")
    w, x = -1.0, 0.0
    for _ in range(500):
        w += 0.00135 * (1 + 1.18445 * math.exp(5 * (-0.5 * w - 0.5)))
        x += float(up.advance(x, 1))
    assert x == pytest.approx((w + 1) / 2, rel=2e-3)  # ours solves the differential equation in the pulse number
    w, y = 1.0, 0.0
    for _ in range(200):
        w -= 0.00135 * (1 - 0.259359) * (1 + 0.081404 * math.exp(-5 * (-0.5 * w - 0.5)))
        y += float(down.advance(y, 1))
    assert 1 - y == pytest.approx((w + 1) / 2, rel=2e-3)


@pytest.mark.parametrize(
    "response",
    [
        SoftBound(0.03),
        SoftBound(0.02, 0.7),
        SoftBound(0.02, 1.0),
        ExponentialStep(0.004, 3.0, 5.0),
        soft_bound_of(50, 3),
    ],
)
def test_pulses_at_once_equal_pulses_one_by_one(response):
    distance = np.linspace(0, 0.5, 6)
    factor = np.linspace(0.5, 1.5, 6)
    stepped = distance.copy()
    for _ in range(12):
        stepped = stepped + response.single(stepped, factor)
    np.testing.assert_allclose(distance + response.advance(distance, 12, factor), stepped, rtol=1e-9)
    np.testing.assert_allclose(response.single(distance, factor), response.advance(distance, 1, factor), rtol=1e-9)


def test_levels_without_nonlinearity_are_equal_steps():
    response = soft_bound_of(64, 0)
    np.testing.assert_allclose(response.advance(np.zeros(3), np.array([0, 1, 64])), [0, 1 / 64, 1])


def test_presets_cite_their_source_and_have_the_dimensions_of_their_parameters():
    for preset in DEVICES.values():
        assert preset.source
        for parameter in preset.parameters.values():
            assert parameter.meaning
        p = preset.namespace()
        assert float(p["G_on"]) > float(p["G_off"]) >= 0
