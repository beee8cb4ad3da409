"""Neurons of a user's own: AdEx with the names of its paper, on both engines, and what is refused."""

import dataclasses
import itertools

import brian2
import numpy as np
import pytest
from adex import ADEX
from brian2 import Mohm, ms, mV, nA, us
from cases import first_fast
from scipy.integrate import solve_ivp
from small_networks import FINAL, assert_same, make_network, make_pulses, make_weights

from brianff import Goodness, LabelCode, Layer, Network, PulseEncoding, Simulator
from brianff.engines import LanesEngine, ReferenceEngine
from brianff.equations import LIF_LEAKY_TRACE, NeuronModel, SynapseModel
from brianff.errors import ConfigurationError, NumericalError
from brianff.inputs import SpikeInput

STEPS = 300
PULSES = (0, 90)


def adex_network(neuron=ADEX, scales=(2, 1), **changes):
    layers = [
        Layer(neurons=size, neuron=neuron, current_scale=scale * nA, synapse_time_constant=5 * ms)
        for size, scale in zip((9, 6), scales, strict=False)
    ]
    encoding = PulseEncoding(steps=STEPS, pulse_steps=PULSES)
    return make_network("lif", 2, encoding=encoding).replace(
        **{"layers": layers, "time_step": 0.1 * ms, "method": "euler"} | changes
    )


def batch(kind, generator):
    if kind == "pulses":
        return dataclasses.replace(make_pulses(generator), steps=STEPS, pulse_steps=PULSES)
    return SpikeInput(generator.random((STEPS, 7, 30)) < 0.01)


def both(network, inputs, weights, goodness=None, **options):
    engines = (engine(network, goodness or Goodness(), seed=3) for engine in (LanesEngine, ReferenceEngine))
    return [engine.present(inputs, weights, spikes=True, **options) for engine in engines]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(
    ("method", "kind", "goodness"),
    first_fast(itertools.product(["euler", "rk2", "rk4", "heun"], ["pulses", "spikes"], [Goodness(), FINAL])),
)
def test_adex_is_the_same_on_both_engines(method, kind, goodness, numpy_target):
    generator = np.random.default_rng(3)
    network = adex_network(method=method)
    inputs, weights = batch(kind, generator), [abs(matrix) for matrix in make_weights(network, generator)]
    assert_same(*both(network, inputs, weights, goodness))


def test_recorded_variables_know_their_units(numpy_target):
    network = adex_network(scales=(1,))
    recording = Simulator(network, seed=1).record(np.zeros((1, network.pixels)), np.array([0]), [0])
    assert recording.units == {"I": "A", "v": "V", "w": "A"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize(("method", "kind"), [("euler", "pulses"), ("rk4", "spikes")])
def test_compiled_adex_is_the_same_and_single_precision_follows_it(method, kind, numpy_target):
    generator = np.random.default_rng(3)
    network = adex_network(method=method)
    inputs, weights = batch(kind, generator), [abs(matrix) for matrix in make_weights(network, generator)]
    reference = ReferenceEngine(network, Goodness()).present(inputs, weights)
    brian2.prefs.codegen.target = "cython"
    lanes, single = (
        LanesEngine(network, Goodness(), precision=precision).present(inputs, weights, spikes=True)
        for precision in ("double", "single")
    )
    assert_same(lanes, reference)
    np.testing.assert_allclose(single[0].goodness_terms, lanes[0].goodness_terms, rtol=0.02)


@pytest.mark.parametrize("method", first_fast(["rk2", "rk4", "heun"]))
def test_maps_and_spread_are_the_same_with_methods_of_several_stages(method, numpy_target):
    generator = np.random.default_rng(4)
    network = adex_network(method=method)
    layers = [layer.replace(synapse="alpha-as-published", neuron_spread={"C": 0.1}) for layer in network.layers]
    network = network.replace(layers=layers)
    inputs, weights = batch("spikes", generator), [50 * abs(matrix) for matrix in make_weights(network, generator)]
    assert_same(*both(network, inputs, weights))


@pytest.mark.slow
def test_adex_follows_its_differential_equations(numpy_target):
    """Voltages and times of spikes against an implicit solver that knows nothing of this package."""
    steps, step = 6000, 0.01e-3
    network = Network(
        pixels=1,
        classes=2,
        encoding=PulseEncoding(steps=steps),
        label=LabelCode(strength=0.0),
        layers=[Layer(neurons=2, neuron=ADEX, current_scale=1 * nA, synapse_time_constant=20 * ms)],
        time_step=step * 1e6 * us,
        method="rk4",
    )
    simulator = Simulator(network)
    weights = (1.0, 6.0)  # the second makes it spike
    simulator.layers[0].crossbar.weights[0] = weights
    recording = simulator.record(np.ones((1, 1)), np.zeros(1, int), neurons=[0, 1])
    p = {name: float(value) for name, value in ADEX.namespace().items()}
    cut = p["V_T"] + 5 * p["Delta_T"]

    def right_side(t, state, weight):
        v, w = state
        current = 1e-9 * weight * (t / 20e-3) * np.exp(-t / 20e-3)
        leak = p["g_L"] * (p["E_L"] - v) + p["g_L"] * p["Delta_T"] * np.exp((v - p["V_T"]) / p["Delta_T"])
        return (leak + current - w) / p["C"], (p["a"] * (v - p["E_L"]) - w) / p["tau_w"]

    def crossing(t, state, weight):
        return state[0] - cut

    crossing.terminal, crossing.direction = True, 1
    times = recording.times[:-1]  # the pulse arrives at the end of the first step
    for neuron, weight in enumerate(weights):
        start, state, spikes, voltage = 0.0, [p["E_L"], 0.0], [], np.full(steps - 1, np.nan)
        while start < times[-1]:
            solved = solve_ivp(
                right_side,
                (start, times[-1]),
                state,
                method="Radau",
                t_eval=times[times >= start],
                events=crossing,
                args=(weight,),
                rtol=1e-9,
                atol=1e-15,
            )
            first = np.searchsorted(times, start)
            voltage[first : first + len(solved.t)] = solved.y[0]
            if not solved.t_events[0].size:
                break
            start = solved.t_events[0][0]
            spikes.append(start)
            state = [p["V_r"], solved.y_events[0][0][1] + p["b"]]
        found = recording.spikes[recording.spikes["neuron"] == neuron]["time"].to_numpy() - step
        assert len(found) == len(spikes)
        assert bool(spikes) == (neuron == 1)
        late = np.abs(found - spikes)  # each spike is seen at the end of its step, and the next one starts from there
        assert (late < 2 * step * np.arange(1, len(spikes) + 1)).all()
        before = times < (spikes[0] - 3 * step if spikes else np.inf)
        np.testing.assert_allclose(recording.traces["v"][0, 1:, neuron][before], voltage[before], rtol=0, atol=2e-6)


RESTING = NeuronModel(
    "resting",
    """
dv/dt = (V_rest + R*I - v)/tau_m : volt (unless refractory)
activity = v/mV : 1
sensitivity = 1 : 1
""",
    {"R": 10 * Mohm, "tau_m": 5 * ms, "V_rest": -60 * mV, "V_up": -52 * mV},
    initial={"v": "V_rest - 5*mV"},
    threshold="v > V_up",
    reset="v = V_rest",
    refractory=3 * ms,
)


@pytest.mark.parametrize("synapse", first_fast(["alpha", "delta"]))
@pytest.mark.parametrize("kind", ["pulses", "spikes"])
def test_refractoriness_and_starts_are_the_same_on_both_engines(kind, synapse, numpy_target):
    """A refractory neuron starts each presentation anew, and no event moves what is not to move meanwhile."""
    generator = np.random.default_rng(5)
    network = adex_network(RESTING)
    network = network.replace(
        layers=[layer.replace(synapse=synapse, neuron_spread={"tau_m": 0.1}) for layer in network.layers]
    )
    inputs, weights = batch(kind, generator), [abs(matrix) for matrix in make_weights(network, generator)]
    lanes, reference = both(network, inputs, weights)
    assert_same(lanes, reference)
    first, *_ = np.nonzero(lanes[0].raster[:, 0, 0])
    assert (np.diff(first) >= 30).all()
    engine = LanesEngine(network, Goodness(), lanes=3)
    seen = []
    engine.present(inputs, weights, observe=lambda layer, rows, step, read: seen.append(read("v").min()))
    assert min(seen) >= -65.001e-3
    assert engine.populations[0].start("v") == pytest.approx(-65e-3)


EXPONENTIAL = SynapseModel("exponential", "dI_syn/dt = -I_syn/tau_s : amp\nI = I_syn : amp\n", target="I_syn")
WITH_UNITS = SynapseModel(
    "with units", "dg/dt = -g/(3*ms)*sqrt(2.25) : 1\nI = 40*exp(-pi)*nA*g : amp", target="g", gain="5*nS/(0.001*uS)"
)


@pytest.mark.parametrize("synapse", [EXPONENTIAL, WITH_UNITS], ids=["exponential", "with units"])
@pytest.mark.parametrize(
    ("method", "kind"),
    first_fast(itertools.product(["semi_implicit", "exponential_euler", "euler", "rk4"], ["pulses", "spikes"])),
)
def test_a_synapse_of_ones_own_is_the_same_on_both_engines(method, kind, synapse, numpy_target):
    generator = np.random.default_rng(6)
    network = adex_network(RESTING, method=method)
    network = network.replace(layers=[layer.replace(synapse=synapse) for layer in network.layers])
    inputs, weights = batch(kind, generator), [abs(matrix) for matrix in make_weights(network, generator)]
    assert_same(*both(network, inputs, weights))


def changed(**changes):
    return Layer(neurons=3, neuron=dataclasses.replace(ADEX, **changes), current_scale=1 * nA)


def with_line(old, new):
    assert old in ADEX.equations
    return changed(equations=ADEX.equations.replace(old, new))


def synapse(equations, target="I", **more):
    return changed().replace(synapse=SynapseModel("own", equations, target=target, **more))


def parameters(**more):
    return {name: parameter.value for name, parameter in ADEX.presets["own"].parameters.items()} | more


WRONG = {
    "missing": (lambda: with_line("activity = (v - E_L)/mV : 1", ""), "'adex' must define activity"),
    "sensitivity": (lambda: with_line("dsensitivity/dt", "dother/dt"), "'adex' must define sensitivity"),
    "v": (
        lambda: changed(equations="activity = 1 : 1\nsensitivity = 1 : 1"),
        "'adex' must define v .*membrane voltage",
    ),
    "unit": (lambda: with_line("(v - E_L)/mV : 1", "v - E_L : volt"), "activity of neuron 'adex' must be in 1"),
    "no unit": (
        lambda: with_line("dv/dt = ", "dv/dt = 0/second : 1\ndV/dt = "),
        "v of .* in V, not in 1, a plain number",
    ),
    "no unit given": (lambda: with_line("(v - E_L)/mV : 1", "(v - E_L)/mV"), "a line is dx/dt = expression : unit"),
    "trace": (lambda: changed(traces=("v", "n")), "traces of neuron 'adex' names 'n'; it may name .*v, w"),
    "reset alone": (lambda: changed(threshold=""), "'adex' has a reset but no threshold"),
    "text": (lambda: changed(equations="dv/dt = : volt"), "equations that are not Brian2's"),
    "shared": (lambda: with_line("\ndw/dt", "\nq : 1 (shared)\ndw/dt"), "q of neuron 'adex' is .shared."),
    "initial": (lambda: changed(initial={"u": "E_L"}), "names 'u'; it may name v, w, sensitivity"),
    "initial value": (
        lambda: changed(initial={"v": "E_M"}),
        "initial 'E_M' of neuron 'adex': name 'E_M' is not defined",
    ),
    "initial unit": (lambda: changed(initial={"v": "tau_w"}), "initial v = tau_w .* needs V"),
    "no number": (lambda: changed(presets=parameters(b=[1, 2])), r"parameter b .* is \[1, 2\]; it must be one number"),
    "preset": (lambda: changed().replace(preset="old"), "'adex' has no preset 'old'; known: own"),
    "parameter": (lambda: changed().replace(parameters={"d": 1}), "no parameter 'd'; known: C, g_L"),
    "quantity": (lambda: changed().replace(parameters={"a": 3 * mV}), "parameters.a: .*dimensions"),
    "synapse reads": (
        lambda: changed().replace(synapse=SynapseModel("g", "dI/dt = g_max*v : amp\n", target="I")),
        "synapse 'g' reads g_max, v: a current may read",
    ),
    "squared current": (
        lambda: synapse("dg/dt = -g/tau_s : 1\nI = g**2*current_scale : amp", target="g", gain="1"),
        "synapse 'own': what is said of I is not linear in I, g.*add up",
    ),
    "product": (lambda: synapse("dI/dt = -I/tau_s : amp\ndg/dt = -g*I/amp/tau_s : 1"), "said of g is not linear"),
    "rectified current": (lambda: synapse("dI/dt = -I*int(I > 0*amp)/tau_s : amp"), "said of I is not linear"),
    "current at rest": (lambda: synapse("dI/dt = (current_scale - I)/tau_s : amp"), "said of I .*or not 0 with them"),
    "squared update": (lambda: synapse("I : amp", update="I *= 1 - I/amp"), "said of I is not linear"),
    "synapse target": (
        lambda: changed().replace(synapse=SynapseModel("g", "dI/dt = -I/tau_s : amp\n")),
        "synapse 'g' must define its current I and its target 'I_rise'",
    ),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_a_layer_says_what_is_wrong_with_a_part(make, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


REFUSED = {
    "unknown": (
        lambda: with_line("+ I - w", "+ I - u"),
        "'adex' does not work in Brian2: .*\"u\" could not be .*no parameter of `presets`",
    ),
    "units": (lambda: with_line("+ I - w", "+ I - v"), "does not work in Brian2: .*units"),
    "threshold": (lambda: changed(threshold="v > V_top"), "does not work in Brian2: .*V_top"),
    "reset": (lambda: changed(reset="v = V_r*C"), "does not work in Brian2: .*"),
    "reserved variable": (
        lambda: with_line("\ndw/dt", "\ndrive : 1\ndw/dt"),
        "own, drive: .*reserved are .*I_rise",
    ),
    "reserved parameter": (lambda: changed(presets=parameters(tau_s=1 * ms)), "own, tau_s: .*goodness.*weight"),
    "time": (lambda: with_line("+ I - w", "+ I - w*t/second"), "names the time t.*dclock/dt = 1 : second"),
    "number": (lambda: with_line("+ I - w", "+ I - w*i"), "goodness names i: numbers of a group"),
    "size": (lambda: with_line("+ I - w", "+ I - w*N"), "names N: .*neuron_spread"),
    "noise": (lambda: with_line("+ I - w", "+ I - w*xi_w*sqrt(tau_w)"), "names xi_w: "),
    "random threshold": (lambda: changed(threshold="v > V_T and rand() < 0.5"), "names rand: .*side by side"),
    "random reset": (lambda: changed(reset="v = V_r*randn()"), "names randn: "),
    "random refractory": (lambda: changed(refractory="rand() < 0.5"), "names rand: "),
    "random start": (lambda: changed(initial={"v": "E_L*rand()"}), "names rand: "),
    "unit": (lambda: changed(presets=parameters(mV=5 * mV)), "own, mV: rename.*reserved are .*Brian2's units"),
    "gain of other units": (lambda: synapse("dI/dt = -I/tau_s : amp", gain="1"), "gain '1' of synapse 'own' needs A"),
    "unknown gain": (lambda: synapse("dI/dt = -I/tau_s : amp", gain="k*nA"), "gain 'k.nA' of synapse 'own': name 'k'"),
    "time of reset": (lambda: changed(reset="v = V_r*(t/ms)"), "names the time t"),
}


def test_linear_synapses_of_all_forms_are_taken():
    synapse(
        "I = k*g*current_scale : amp\ndg/dt = -k*g/tau_s + h/(3*us) : 1\nh : 1\nk = exp(-0.5) : 1", update="h *= 0.5"
    )
    synapse("I : amp", update="I -= I*dt/tau_s")


def test_a_current_that_cannot_be_computed_names_the_synapse(numpy_target):
    divided = synapse("I : amp", update="I *= 1/(pi - pi)")
    engine = LanesEngine(adex_network(layers=[divided]), Goodness())
    with pytest.raises(ConfigurationError, match=r"synapse 'own' has no current: .*division by zero"):
        engine.present(batch("pulses", np.random.default_rng(1)), [np.ones((30, 3))])


@pytest.mark.parametrize("engine", ["lanes", "reference"])
@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_a_simulator_says_what_is_wrong_with_equations(make, message, engine):
    network = adex_network(layers=[make()])
    with pytest.raises(ConfigurationError, match=message) as caught:
        Simulator(network, engine=engine)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", ["semi_implicit", "exponential_euler"])
def test_methods_that_need_linear_equations_say_which_others_would_do(method):
    with pytest.raises(ConfigurationError, match=rf"'{method}' cannot .*'adex': dv/dt is not linear.*'euler', 'rk4'"):
        Simulator(adex_network(method=method))


@pytest.mark.parametrize("engine", [LanesEngine, ReferenceEngine])
def test_arithmetic_without_a_result_is_a_numerical_error(engine, numpy_target):
    equations = "dv/dt = -v/(5*ms) : volt\nactivity = v/mV : 1\nsensitivity = 1 : 1"
    network = adex_network(
        NeuronModel("divided", equations, {"k": 1.0}, threshold="v > mV/(k - 1)", reset="v = 0*mV"), method="euler"
    )
    generator = np.random.default_rng(3)
    with pytest.raises(NumericalError, match=r"step could not be computed: .*division by zero") as caught:
        engine(network, Goodness()).present(batch("pulses", generator), make_weights(network, generator))
    assert "\n" not in str(caught.value)


def test_a_neuron_may_have_no_parameters(numpy_target):
    model = NeuronModel("bare", "dv/dt = -v/(5*ms) : volt\nactivity = v/mV : 1\nsensitivity = 1 : 1", {})
    assert not Layer(neuron=model).parameters
    Simulator(adex_network(model, method="semi_implicit"))


def test_names_of_the_field_are_free(numpy_target):
    """Everything that an AdEx or a conductance model is usually called."""
    names = "a b c d w u g k h m n p q s x y z r tau R C g_L E_L V_T V_r Delta_T tau_w v_reset v_rest I_ext trace"
    model = NeuronModel(
        "names",
        "dv/dt = -v/(R*C) : volt\nactivity = v/mV : 1\nsensitivity = 1 : 1",
        dict.fromkeys(names.split(), 1.0) | {"R": 1 * Mohm, "C": 1 * us / Mohm},
    )
    network = adex_network(model, method="semi_implicit")
    for goodness in (Goodness(), FINAL):
        for engine in ("lanes", "reference"):
            Simulator(network, goodness, engine=engine)


@pytest.mark.parametrize(
    ("method", "advice"),
    first_fast([("euler", "use a smaller network.time_step"), ("rk4", "use a smaller network.time_step")]),
)
def test_divergence_of_a_neuron_without_tau_gives_advice(method, advice, numpy_target):
    network = adex_network(dataclasses.replace(ADEX, threshold="False", reset=""), method=method)
    generator = np.random.default_rng(3)
    for engine in (LanesEngine, ReferenceEngine):
        with pytest.raises(NumericalError, match=advice), np.errstate(all="ignore"):
            engine(network, Goodness()).present(batch("pulses", generator), make_weights(network, generator))


def test_parameters_are_quantities_or_text():
    layer = changed().replace(parameters={"b": 0.1 * nA, "tau_w": "100 ms"})
    assert layer.parameters["b"] == 0.1 * nA
    assert layer.parameters["tau_w"] == 100 * ms
    assert LIF_LEAKY_TRACE.presets
