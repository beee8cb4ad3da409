"""A goodness of one's own: its slope is derived or checked, in words that every target takes; poolings by name."""

import pickle

import numpy as np
import pytest
from brian2 import ms
from small_networks import make_network, make_pulses, make_weights

from brianff import Goodness, Pooling
from brianff.engines import LanesEngine
from brianff.errors import ConfigurationError
from brianff.goodness import POOLINGS, LargestTerms

Z = np.array([-7.3, -2.1, -0.4, 0.25, 0.8, 1.7, 4.6, 9.2])

DENSITIES = {
    "activity**3": lambda z: 3 * z**2,
    "abs(activity)": np.sign,
    "abs(activity)**1.5": lambda z: 1.5 * np.sqrt(np.abs(z)) * np.sign(z),
    "clip(activity, 0, 3)**2": lambda z: np.where((z > 0) & (z < 3), 2 * z, 0),
    "clip(activity, 0, inf)": lambda z: np.where(z > 0, 1.0, 0),
    "int(activity > 1)*(activity - 1)": lambda z: np.where(z > 1, 1.0, 0),
    "sign(activity)*activity**2": lambda z: 2 * np.abs(z),
    "sqrt(1 + activity**2)": lambda z: z / np.sqrt(1 + z**2),
    "log1p(activity**2)": lambda z: 2 * z / (1 + z**2),
    "log10(1 + activity**2)": lambda z: 2 * z / (1 + z**2) / np.log(10),
    "expm1(activity/3)": lambda z: np.exp(z / 3) / 3,
    "1/(1 + exp(-activity))": lambda z: 0.25 / np.cosh(z / 2) ** 2,
    "tanh(activity)": lambda z: 1 / np.cosh(z) ** 2,
    "cosh(activity/9)": lambda z: np.sinh(z / 9) / 9,
    "arctan(activity)": lambda z: 1 / (1 + z**2),
    "sin(activity)": np.cos,
    "floor(activity) + pi*activity": lambda z: np.full(z.shape, np.pi),
    "2": np.zeros_like,
}


def value(expression, activity):
    names = {
        name: getattr(np, name)
        for name in ("sign", "sqrt", "exp", "cos", "cosh", "sinh", "tanh", "log", "clip", "pi", "inf")
    }
    return eval(expression, {"abs": np.abs, "int": np.trunc, "activity": activity, **names}) + 0 * activity


@pytest.mark.parametrize("density", DENSITIES)
def test_derived_slopes_have_the_values_of_the_derivative_worked_out_by_hand(density):
    np.testing.assert_allclose(value(Goodness("own", density).slope, Z), DENSITIES[density](Z), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("target", ["numpy", "cython"])
def test_derived_slopes_run_on_every_target(target):
    import brian2

    if target == "cython" and brian2.prefs.codegen.target == "numpy":
        pytest.skip("no compiler")
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = target
    try:
        numbered = list(enumerate(Goodness("own", density).slope for density in DENSITIES))
        equations = "".join(f"slope{n} = {slope} : 1\ncopy{n} : 1\n" for n, slope in numbered)
        group = brian2.NeuronGroup(len(Z), "activity : 1\n" + equations)
        group.activity = Z
        group.run_regularly("\n".join(f"copy{n} = slope{n}" for n, _ in numbered))
        brian2.Network(group).run(0.1 * ms)
        for number, slope in enumerate(DENSITIES.values()):
            np.testing.assert_allclose(getattr(group, f"copy{number}")[:], slope(Z), rtol=1e-12, atol=1e-15)
    finally:
        brian2.prefs.codegen.target = before


def test_an_own_goodness_runs_in_both_precisions_on_the_lanes_engine():
    network, generator = make_network("mif", 1), np.random.default_rng(3)
    weights, inputs = make_weights(network, generator), make_pulses(generator)
    own = Goodness("own", "clip(activity, 0, 20)**1.5 + log1p(activity**2)/3")
    double, single = (
        LanesEngine(network, own, precision=name).present(inputs, weights)[0] for name in ("double", "single")
    )
    assert double.postsynaptic.any()
    np.testing.assert_allclose(single.postsynaptic, double.postsynaptic, rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize(
    ("density", "slope", "words"),
    [
        ("activity**3", "activity**2", r"slope 'activity\*\*2' is not the derivative of density 'activity\*\*3': at"),
        ("abs(activity)", "1", "at an activity of -.* it is 1, the derivative -1"),
        ("activity**2", "2.001*activity", "leave slope out"),
        ("exp(activity)", "exp(activity) + 0.01", "not the derivative"),
        ("gain*activity", "", "names 'gain'; it may name activity"),
        ("minimum(activity, 3)", "", "names 'minimum'"),
        ("activity**2", "2*v", "names 'v'"),
        ("rand()*activity", "", "names 'rand'"),
        ("activity % 2", "", "cannot be found .*give slope"),
        ("(activity > 0)*activity", "", r"write int\(activity > 0\)"),
        ("activity.real", "", "no 'activity.real'"),
        ("activity *", "", "no expression of activity"),
        ("sqrt(activity)", "", "not finite at an activity of 0"),
        ("log(activity, 2)", "1", "has no value"),
    ],
)
def test_what_is_no_goodness_is_refused_in_words(density, slope, words):
    with pytest.raises(ConfigurationError, match=words) as caught:
        Goodness("mine", density, slope)
    assert "goodness 'mine': " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slope_that_is_given_is_kept_to_the_letter():
    assert Goodness("own", "activity**2", "activity + activity").slope == "activity + activity"
    assert Goodness("own", "activity % 2", "1").slope == "1"
    with pytest.raises(ConfigurationError, match="no readout 'last'; known: average, final"):
        Goodness("own", readout="last")


def test_poolings_are_objects_names_or_tables():
    class Doubled(Pooling):
        def total(self, terms):
            return 2 * terms.sum(axis=1)

        def share(self, terms):
            return np.full((1, 1), 2.0)

    terms = np.array([[1.0, 5.0, 3.0]])
    assert Goodness("own", pooling=Doubled()).total(terms) == 18
    assert Goodness("own", pooling={"name": "largest", "count": 2}).total(terms) == 8
    assert Goodness("own", pooling=LargestTerms(2)).formula == "sum of the 2 largest g, g = time average of z**2"
    with pytest.raises(ConfigurationError, match="goodness 'own': no pooling 'median'; known: sum, mean"):
        Goodness("own", pooling="median")
    POOLINGS.register(LargestTerms(2), "two-largest")
    try:
        own = Goodness("own", "activity**3", pooling="two-largest")
    finally:
        del POOLINGS._parts["two-largest"]
    assert pickle.loads(pickle.dumps(own)).total(terms) == 8  # in a process that does not know the name
