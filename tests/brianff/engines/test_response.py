"""The response engine: the same physics as direct integration, looked up."""

import brian2
import numpy as np
import pytest
from brian2 import us
from scipy.integrate import solve_ivp

from brianff import Goodness, Layer, Network, PulseEncoding, Simulator
from brianff.engines import LanesEngine, ResponseEngine, make_engine
from brianff.engines.response.interpolation import interpolated
from brianff.equations import NeuronModel
from brianff.errors import ConfigurationError, NumericalError
from brianff.inputs import PulseInput

STEP = 0.05 * us


def network(**changes):
    return Network(pixels=1, classes=2, layers=[Layer(neurons=9)]).replace(**changes)


def drives_as_input(drives, steps=20, pulse_steps=(0,)):
    """Return drives as an image of one pixel, and the weights (3, neurons)."""
    inputs = PulseInput(
        np.array([[1.0, 0, 0]]), np.zeros((2, 3)), np.zeros(1, int), np.zeros(1, int), steps, pulse_steps
    )
    return inputs, [np.vstack([drives, np.zeros((2, len(drives)))])]


def presented(engine, drives, **options):
    (result,) = engine.present(*drives_as_input(drives, **options))
    return result.goodness_terms[0], result.postsynaptic[0]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRIANFF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


DRIVES = np.array([-7.3, -1.0, -0.02, 0.0, 0.01, 0.3, 1.7, 5.2, 23.4])


@pytest.mark.slow
def test_it_answers_as_direct_integration_at_its_own_step():
    table = ResponseEngine(network(), Goodness(), table_step=STEP)
    fine = network(time_step=STEP, encoding=PulseEncoding(steps=400))
    direct = presented(LanesEngine(fine, Goodness()), DRIVES, steps=400)
    for looked_up, integrated in zip(presented(table, DRIVES), direct, strict=True):
        np.testing.assert_allclose(looked_up, integrated, rtol=1e-5, atol=1e-5 * np.abs(integrated[6]))


def mif_by_an_ode_solver(drive):
    """Return the mean square voltage (mV^2) under one pulse, and the factor with the conductances held, by Radau."""
    r_on, r_off, e2, c, tau = 1e3, 1e5, 50e-3, 100e-12, 100e-6

    def conductance(x):
        return x / r_on + (1 - x) / r_off

    def switching(x, u):
        on, off = (1 / (1 + np.exp(-y / 15e-3)) for y in (u - 110e-3, 5e-3 - u))
        return ((1 - x) * on - x * off) / tau

    def slopes(t, y):
        v, x1, x2, s, *_ = y
        current = 32e-6 * drive * (t / 4e-6) * np.exp(-t / 4e-6)
        dv = (current - conductance(x1) * v - conductance(x2) * (v - e2)) / c
        unit = 32e-6 * (t / 4e-6) * np.exp(-t / 4e-6)
        ds = (unit - (conductance(x1) + conductance(x2)) * s) / c
        measured = [(1e3 * v) ** 2 / 20e-6, 2e6 * v * s / 20e-6]
        return [dv, switching(x1, v), switching(x2, v - e2), ds, *measured]

    start = [0, 0.0238, 0.0238, 0, 0, 0]
    return solve_ivp(slopes, (0, 20e-6), start, "Radau", rtol=1e-9, atol=1e-12, max_step=2e-7).y[4:, -1]


@pytest.mark.slow
def test_its_own_step_is_converged_physics():
    engine = ResponseEngine(network(), Goodness())
    expected = np.array([mif_by_an_ode_solver(drive) for drive in DRIVES]).T
    for found, wanted, usual in zip(presented(engine, DRIVES), expected, mif_by_an_ode_solver(4.0), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=3e-4, atol=1e-4 * usual)
    at_1_us, _ = presented(LanesEngine(network(), Goodness()), DRIVES)
    assert np.abs(at_1_us / expected[0] - 1).max() > 0.02  # what the step of the other engines costs
    assert max(engine.table.errors.values()) < 1e-5


@pytest.mark.slow
def test_spikes_appear_where_direct_integration_has_them():
    count = Goodness("count", "activity", "1", "sum", counts_spikes=True)
    engine = ResponseEngine(network(), count, table_step=STEP)
    fine = network(time_step=STEP, encoding=PulseEncoding(steps=400))
    direct = LanesEngine(fine, count)

    def spikes(drive):
        return presented(direct, np.full(9, drive), steps=400)[0][0]

    low, high = 0.0, 0.3
    assert (spikes(low), spikes(high)) == (0, 1)
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if spikes(middle) == 0 else (low, middle)
    looked_up, _ = presented(engine, np.array([low - 1e-6, high + 1e-6, -3, 0.5, 1, 2, 3, 4, 5]))
    np.testing.assert_array_equal(looked_up, [0, 1, 0, 1, 1, 1, 1, 1, 1])


def test_drives_beyond_the_table_let_it_grow_and_change_no_other_answer():
    engine = ResponseEngine(network(), Goodness(), table_step=1 * us)
    before = presented(engine, DRIVES[:-1].repeat(2)[:9])
    assert engine.table.high == 16
    presented(engine, np.full(9, 55.0))
    assert engine.table.high == 64
    np.testing.assert_array_equal(presented(engine, DRIVES[:-1].repeat(2)[:9]), before)
    with pytest.raises(NumericalError, match="membrane"):
        presented(engine, np.full(9, -500.0))
    with pytest.raises(NumericalError, match="finite"):
        presented(engine, np.full(9, np.nan))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers": [Layer(neurons=9), Layer(neurons=3)]}, "layers"),
        ({"layers": [Layer(neurons=9, neuron_spread={"tau": 0.1})]}, "neuron_spread"),
        ({"layers": [Layer(neurons=9, membrane="carried")]}, "carried membranes"),
        ({"layers": [Layer(neurons=9, winners=2)]}, "winners"),
        ({"layers": [Layer(neurons=9, synapse="alpha-as-published")]}, "map of steps"),
    ],
)
def test_what_is_no_function_of_the_drive_takes_lanes(changes, reason):
    simulator = Simulator(network(**changes))
    assert (simulator.engine, reason in simulator.engine_reason) == ("lanes", True)
    assert reason in simulator.summary()["engine"][0]
    with pytest.raises(ConfigurationError, match=reason):
        Simulator(network(**changes), engine="response")


@pytest.mark.slow
def test_neurons_too_rough_for_a_table_take_lanes():
    saw = NeuronModel(
        "saw",
        "dv/dt = I*ohm/us : volt\nactivity = sin(1e14*v/volt) : 1\nsensitivity = 1 : 1",
        {"unused": 1 * brian2.mV},
    )
    rough = network(layers=[Layer(neurons=9, neuron=saw, current_scale=1 * brian2.nA)])
    final = Goodness("final", "activity**2", "2*activity", "sum", "final")
    simulator = Simulator(rough, final, table_step=1 * us)
    shown = simulator.present(np.array([[1.0]]), np.array([0]))
    assert (simulator.engine, "no smooth function" in simulator.engine_reason) == ("lanes", True)
    np.testing.assert_array_equal(
        shown.goodness_terms,
        Simulator(rough, final, "lanes").present(np.array([[1.0]]), np.array([0])).goodness_terms,
    )
    with pytest.raises(ConfigurationError, match="no smooth function"):
        Simulator(rough, final, engine="response", table_step=1 * us).present(np.array([[1.0]]), np.array([0]))


def test_a_damaged_table_is_made_anew(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("BRIANFF_CACHE", str(tmp_path))
    before = presented(ResponseEngine(network(), Goodness(), table_step=1 * us), DRIVES[:-1].repeat(2)[:9])
    (file,) = (tmp_path / "tables").glob("*.npz")
    for content in (b"no table", file.read_bytes()[:-200], file.read_bytes().replace(b"\x3f", b"\x40", 40)):
        file.write_bytes(content)
        again = presented(ResponseEngine(network(), Goodness(), table_step=1 * us), DRIVES[:-1].repeat(2)[:9])
        np.testing.assert_array_equal(again, before)
        assert file.read_bytes() != content
    assert "made anew" in caplog.text


@pytest.mark.parametrize("precision", ["double", "single"])
def test_threads_change_nothing_and_numpy_answers_the_same(precision, monkeypatch):
    generator = np.random.default_rng(0)
    images, labels = generator.random((300, 1)), generator.integers(0, 2, 300)
    described = network(layers=[Layer(neurons=300, initial_weight_deviation=3)])
    one, two, slow = (
        Simulator(described, seed=1, workers=workers, precision=precision, table_step=1 * us) for workers in (1, 2, 1)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brianff.acceleration.lookup.library", lambda source: None)
        slowly = slow.present(images, labels)
    first, second = one.present(images, labels), two.present(images, labels)
    for name in ("goodness", "goodness_terms", "postsynaptic"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        rtol = {"double": 1e-12, "single": 1e-5}[precision]
        expected = getattr(slowly, name)
        np.testing.assert_allclose(getattr(first, name), expected, rtol=rtol, atol=rtol * np.abs(expected).max() / 100)


def test_kinks_and_jumps_are_found():
    def functions(drive):
        return {"kink": np.abs(drive - 0.123456789), "jump": np.where(drive > -3.3333333, 2.0, np.sin(drive))}

    made = interpolated(functions, -16, 16, 1e-5, 3e-4)
    drive = np.random.default_rng(0).uniform(-16, 16, 20_000)
    for name, expected in functions(drive).items():
        breaks = made.segments[name].breaks
        assert np.isfinite(breaks).sum() == 1
        np.testing.assert_allclose(breaks.min(), {"kink": 0.123456789, "jump": -3.3333333}[name], atol=1e-7)
        np.testing.assert_allclose(made.segments[name](drive), expected, atol=1e-5)


def test_the_engine_asked_for_is_taken():
    for name in ("response", "lanes", "reference"):
        engine, taken, _ = make_engine(name, network(), Goodness(), **OPTIONS)
        assert taken == name
        assert type(engine).__name__.lower().startswith(name)
    assert make_engine("auto", network(), Goodness(), **OPTIONS)[1] == "response"
    _, name, reason = make_engine("auto", network(layers=[Layer(neurons=3, neuron="lif")]), Goodness(), **OPTIONS)
    assert name == "lanes"  # a table of as many jumps as there are spikes takes minutes
    assert "jumps with the drive" in reason


OPTIONS = {"lanes": None, "memory": 2**20, "workers": 1, "precision": "double", "seed": 0, "credit": "held"}
