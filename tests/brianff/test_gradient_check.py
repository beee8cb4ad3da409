"""check_gradient against neurons, goodness functions, poolings and modulators that are known to be right or wrong."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from brian2 import Mohm, ms, nA, second
from cases import first_fast

import brianff
from brianff import Goodness, Layer, Pooling
from brianff.equations import MIF, RELU, NeuronModel
from brianff.errors import ConfigurationError
from brianff.gradient_check import slopes
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import MODULATORS, Modulator

CUBIC = Goodness("cubic", "activity**3")


def test_the_factor_of_rectified_units_is_the_derivative(numpy_target):
    found = brianff.check_gradient("relu", CUBIC, drives=[-2.0, -1.0, 1.0, 2.0])
    assert found.exact
    after_kick = 19 / 20  # the first of the steps is integrated before it
    np.testing.assert_allclose(found.table["term"], after_kick * np.array([0, 0, 1, 8]))
    np.testing.assert_allclose(found.table["factor"], after_kick * np.array([0, 0, 3, 12]))
    np.testing.assert_allclose(found.table["derivative"], after_kick * np.array([0, 0, 3, 12]), rtol=1e-8)
    assert "relu" in repr(found)
    assert "the derivative" in repr(found)


def test_a_wrong_sensitivity_is_found(numpy_target):
    wrong = replace(RELU, name="wrong", equations=RELU.equations.replace("int(v > 0*volt)", "2*int(v > 0*volt)"))
    found = brianff.check_gradient(wrong, CUBIC)
    assert not found.exact
    assert found.relative_error == pytest.approx(1, rel=1e-6)
    assert found.cosine == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("goodness", first_fast([CUBIC, GOODNESS["l1-norm"], GOODNESS["final-squared-norm"]]))
def test_the_factor_of_memristive_neurons_is_exact_with_conductances_held(goodness, numpy_target):
    held = brianff.check_gradient(Layer(parameters={"tau": 1e6 * second}), goodness)
    assert held.exact
    assert held.relative_error < 1e-6
    moving = brianff.check_gradient(Layer(), goodness)
    assert not moving.exact
    assert 0.01 < moving.relative_error < 1
    assert moving.cosine > 0.7
    assert brianff.check_gradient(MIF, goodness).relative_error < 0.1  # at small currents they move less


def test_a_nonlinear_neuron_needs_no_network(numpy_target):
    """The slope of a membrane v in its drive obeys ds/dt = d(rate)/dv s + R unit_current/tau."""
    right = NeuronModel(
        "cubic leak",
        """
dv/dt = (R*I - v - v**3/mV**2)/tau : volt
dslope/dt = (R*unit_current - slope - 3*(v/mV)**2*slope)/tau : volt
activity = v/mV : 1
sensitivity = slope/mV : 1
""",
        {"tau": 10 * ms, "R": 100 * Mohm},
    )
    assert brianff.check_gradient(right, CUBIC).exact
    wrong = replace(right, equations=right.equations.replace("3*(v/mV)**2*", "(v/mV)**2*"))
    assert not brianff.check_gradient(wrong, CUBIC).exact


def test_a_neuron_with_a_reset_has_a_surrogate(numpy_target):
    layer = Layer(neuron="lif", current_scale=4 * nA, synapse_time_constant=4 * ms)
    for part in (layer, "lif"):
        found = brianff.check_gradient(part)
        assert not found.exact
        assert "surrogate" in repr(found)
        assert found.table["derivative"].any()  # a staircase, seen from afar
        assert found.table["factor"].any()
    silent = brianff.check_gradient(layer, drives=[0.01, 0.02])
    assert np.isnan(silent.relative_error)
    assert not silent.exact
    assert "larger `drives`" in repr(silent)
    assert "no neuron spikes" in repr(silent)


@dataclass(frozen=True)
class Squares(Pooling):
    factor: float = 2.0

    def total(self, terms):
        return (terms**2).sum(axis=1)

    def share(self, terms):
        return self.factor * terms


def test_a_wrong_share_is_found(numpy_target):
    right = brianff.check_gradient("relu", replace(CUBIC, pooling=Squares()))
    assert right.exact
    wrong = brianff.check_gradient("relu", replace(CUBIC, pooling=Squares(3.0)))
    assert not wrong.exact
    assert wrong.share_error == pytest.approx(0.5, rel=1e-6)
    assert wrong.relative_error < 1e-6
    assert "pooling's share: not the derivative" in repr(wrong)


@pytest.mark.parametrize("form", MODULATORS)
@pytest.mark.parametrize("pooling", ["mean", "log-sum", "negentropy"])
def test_modulators_are_the_gradients_of_their_losses(form, pooling, numpy_target):
    modulator = MODULATORS[form](sharpness=0.7, threshold=0.4)
    found = brianff.check_gradient("relu", Goodness("own", pooling=pooling), modulator)
    assert found.modulator_error < 1e-6
    assert found.exact


def test_a_wrong_modulator_is_found(numpy_target):
    class Linear(Modulator):
        """L = -G_positive + G_negative, of which the positive half is forgotten."""

        def broadcast(self, positive, negative):
            return np.zeros((len(positive), 1)), np.full((len(negative), 1), -1.0)

        def loss(self, positive, negative):
            return negative.goodness - positive.goodness

    found = brianff.check_gradient("relu", CUBIC, Linear())
    assert found.modulator_error == pytest.approx(1)
    assert not found.exact


def test_slopes_of_a_known_function():
    terms = np.array([[1.0, 2.0, 3.0], [0.5, 0.1, 4.0]])
    np.testing.assert_allclose(slopes(lambda terms: np.log(terms).sum(axis=1), terms), 1 / terms, rtol=1e-5)


def test_what_cannot_be_checked_is_refused(numpy_target):
    with pytest.raises(ConfigurationError, match="at least two"):
        brianff.check_gradient("relu", drives=[1.0])
    with pytest.raises(ConfigurationError, match="give a Goodness"):
        brianff.check_gradient("relu", "mean-square")
    deaf = replace(RELU, name="deaf", equations=RELU.equations.replace("clip(v/mV, 0, inf)", "0*v/mV"))
    with pytest.raises(ConfigurationError, match="'deaf' responds to no current"):
        brianff.check_gradient(deaf)
