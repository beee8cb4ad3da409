"""A user's own devices: laws, presets and measured pulse trains, from Python and from files."""

import pickle
from dataclasses import dataclass

import cloudpickle
import numpy as np
import pandas
import pytest
import tomli_w
from brian2 import joule, uS, volt

from brianff import Device, Layer, register
from brianff.crossbar.crossbar import make_crossbar
from brianff.description.parts import DEVICES, LAWS
from brianff.equations.devices import ECRAM, DeviceLaw
from brianff.equations.parameters import SHARE, Parameter
from brianff.equations.pulse_response import PulseResponse, SampledCurve
from brianff.errors import ConfigurationError
from brianff.protocols.configuration import load_protocol
from brianff.random import RandomStreams
from brianff.storage.run_directory import RunDirectory


@dataclass(frozen=True)
class CubicStep(PulseResponse):
    """Each pulse covers step (1 - y)^3: the step alone, no closed form."""

    step: float

    def single(self, distance, factor=1.0):
        return self.step * factor * (1 - distance) ** 3


CUBIC = DeviceLaw(
    "cubic",
    "dy = step (1 - y)^3",
    {"step": Parameter(0.05, "effect of a pulse at either end", range=SHARE)},
    CubicStep,
)


@pytest.fixture
def registries(monkeypatch):
    for registry in (LAWS, DEVICES):
        monkeypatch.setattr(registry, "_parts", dict(registry._parts))


def train(devices=1, cycles=1, noise=0.0, pulses=50, unit="uS", scale=1e6):
    """Return a table of trains G(n) = 1 + 4 (1 - exp(-n/20)) / (1 - exp(-50/20)) uS, up, and its mirror image."""
    n = np.arange(pulses + 1)
    share = (1 - np.exp(-n / 20)) / (1 - np.exp(-2.5))
    generator = np.random.default_rng(1)
    parts = []
    for device in range(devices):
        for cycle in range(cycles):
            for direction, course in (("up", 1 + 4 * share), ("down", 5 - 4 * share)):
                measured = (course + noise * generator.standard_normal(n.size)) * 1e-6 * scale
                part = {"device": device, "cycle": cycle, "direction": direction, "pulse": n}
                parts.append(pandas.DataFrame(part | {f"conductance_{unit}": measured}))
    return pandas.concat(parts)


def test_a_measured_device_follows_its_mean_train():
    device = Device.from_table(train(devices=3, cycles=2))
    assert device.physics["G_on"] == pytest.approx(5e-6)
    assert device.physics["G_off"] == pytest.approx(1e-6)
    n = np.arange(51)
    published = (1 - np.exp(-n / 20)) / (1 - np.exp(-2.5))
    for response in device.responses:
        np.testing.assert_allclose(response.advance(0.0, n), published, atol=1e-12)
        np.testing.assert_allclose(response.advance(published[10], 7), published[17] - published[10], atol=1e-12)
        assert response.advance(published[40], 1000) == pytest.approx(1 - published[40])  # and no further
        assert response.single(1.02) == 0


def test_crossbars_of_measured_devices_move_along_the_measured_curve():
    layer = Layer(weight_bound=1.0, initial_weight_deviation=1e-9, device=Device.from_table(train()))
    crossbar = make_crossbar(layer, (4, 5), RandomStreams(1), 0)
    crossbar.devices.state[:] = 0.0
    conductances = []
    for _ in range(50):
        crossbar.devices.pulse(0, slice(None), np.ones(20, np.float32), np.random.default_rng(1))
        conductances.append(crossbar.devices.conductances[0, 0])
    course = train()
    measured = course[course.direction == "up"].conductance_uS.to_numpy()[1:]
    np.testing.assert_allclose(1e6 * np.array(conductances), measured, rtol=1e-5)


def test_pulses_at_once_equal_pulses_one_by_one_on_a_sampled_curve():
    curve = SampledCurve((0, 1, 3, 10), (0, 0.2, 0.4, 0.8))
    start, factor = np.array([0.0, 0.1, 0.5, 0.79, 0.9]), np.array([1.0, 0.5, 1.3, 1.0, 1.0])
    stepped = start.copy()
    for _ in range(6):
        stepped = stepped + curve.single(stepped, factor)
    np.testing.assert_allclose(start + curve.advance(start, 6, factor), stepped, rtol=1e-12)
    np.testing.assert_allclose(curve.advance(np.zeros(3), np.array([0, 2, 10])), [0, 0.3, 0.8])


def test_noise_of_the_measurement_holds_no_device():
    device = Device.from_table(train(devices=2, noise=0.1))  # far above the last steps of 0.018 uS
    for response in device.responses:
        places = np.linspace(0, response.distances[-1] - 1e-6, 2001)
        assert (response.single(places) > 0).all()
        share = (1 - np.exp(-np.arange(51) / 20)) / (1 - np.exp(-2.5))
        assert np.abs(response.advance(0.0, np.arange(51)) - share).max() < 0.1


def test_a_train_that_starts_late_goes_on_to_the_end_of_the_range_with_its_first_step():
    n = np.arange(11)
    table = {
        "direction": ["up"] * 11 + ["down"] * 11,
        "pulse": np.tile(n, 2),
        "conductance_S": np.concatenate([2e-6 + 2e-7 * n, 4e-6 - 3e-7 * n]),  # up from 2 to 4, down from 4 to 1
    }
    up, down = Device.from_table(table).responses
    np.testing.assert_allclose(up.single(np.array([0.0, 0.1, 0.5])), 0.2 / 3)
    np.testing.assert_allclose(down.single(np.array([0.0, 0.1, 0.5])), 0.1)


def test_a_table_is_the_same_from_a_file_a_frame_and_arrays_in_any_unit(tmp_path):
    frame = train(unit="nS", scale=1e9)
    frame.to_csv(tmp_path / "pulses.csv", index=False)
    arrays = {name: frame[name].to_numpy() for name in frame}
    device = Device.from_table(tmp_path / "pulses.csv", stuck_on=0.1)
    assert device == Device.from_table(frame, stuck_on=0.1) == Device.from_table(arrays, stuck_on=0.1)
    assert device == Device(file=tmp_path / "pulses.csv", stuck_on=0.1)
    in_siemens = Device.from_table(train(unit="S", scale=1)).physics
    assert in_siemens == pytest.approx(device.physics)


def test_a_measured_device_is_part_of_the_configuration_and_needs_its_file_no_more(tmp_path):
    path = tmp_path / "pulses.csv"
    train(noise=0.01).to_csv(path, index=False)
    settings = [f"network.layers.0.device.file={path}", "network.layers.0.device.parameters.cycle_spread=0.3"]
    protocol = load_protocol("msnn-digits", settings)
    path.unlink()
    run = RunDirectory(tmp_path / "run")
    run.make()
    run.write_config(protocol.model_dump(mode="json"))
    again = type(protocol)(**run.read_config())
    assert again == protocol
    device = again.network.layers[0].device
    assert device.physics["cycle_spread"] == 0.3
    assert device.responses == protocol.network.layers[0].device.responses
    assert device.name == "table"


def test_a_file_of_keys_is_a_device(tmp_path):
    path = tmp_path / "device.toml"
    path.write_text(
        tomli_w.dumps(
            {"law": "linear-step", "parameters": {"step_up": 0.01, "step_down": 0.02, "G_on": "9 uS"}, "stuck_off": 0.1}
        )
    )
    device = Device(file=path, parameters={"step_up": 0.03})
    up, down = device.responses
    assert (up.single(0.5), down.single(0.5)) == (0.03, 0.02)
    assert (device.name, device.stuck_off) == ("linear-step", 0.1)
    assert device.physics["G_on"] == pytest.approx(9e-6)
    assert Device(**device.model_dump(mode="json")) == device


def test_an_own_law_and_an_own_preset_take_the_place_of_names(registries):
    mine = CUBIC.preset("mine", "our lab", step=0.1, G_on=8 * uS)
    device = Device(preset=mine)
    assert (device.name, device.physics["step"], device.physics["G_on"]) == ("mine", 0.1, pytest.approx(8e-6))
    register.device(mine)
    register.law(CUBIC)
    assert Device(preset="mine") == device
    assert Device(**device.model_dump(mode="json")) == device
    by_law = Device(law="cubic", parameters={"step": 0.1, "G_on": 8 * uS})
    assert by_law.responses == device.responses
    assert Device(**by_law.model_dump(mode="json")) == by_law
    with pytest.raises(ConfigurationError, match=r"parameters.step: is 1.5; it must lie between 0 and 1"):
        Device(law=CUBIC, parameters={"step": 1.5})


def test_devices_with_own_laws_go_to_other_processes():
    for device in (Device(preset=CUBIC.preset("mine", "our lab")), Device.from_table(train())):
        for module in (pickle, cloudpickle):
            other = module.loads(module.dumps(device))
            assert other == device
            assert other.responses[0].single(0.25) == device.responses[0].single(0.25)


def test_a_law_that_knows_its_step_only_advances_step_by_step():
    response, distance = CubicStep(0.05), np.array([0.0, 0.3, 0.9])
    expected = []
    for y, pulses in zip(distance, (0, 3, 12), strict=True):
        start = y
        for _ in range(pulses):
            y += 0.05 * (1 - y) ** 3
        expected.append(y - start)
    np.testing.assert_allclose(response.advance(distance, np.array([0, 3, 12])), expected, rtol=1e-12)


def test_a_derived_preset_differs_in_the_named_values_only():
    other = ECRAM.derive("wide", "measured", G_on=20 * uS)
    assert (other.law, other.name) == (ECRAM.law, "wide")
    assert Device(preset=other).physics == Device(preset="ecram").physics | {"G_on": float(20 * uS)}
    assert other.parameters["G_on"].source == "measured"
    with pytest.raises(ValueError, match="no parameter G_of; known: G_on, G_off"):
        ECRAM.derive("wide", "measured", G_of=1 * uS)
    with pytest.raises(ValueError, match="preset 'mine' has no parameter steps; known"):
        CUBIC.preset("mine", "our lab", steps=2)


def test_quantities_are_written_as_text_that_reads_back_exactly():
    device = Device(preset="ecram", parameters={"G_on": 8 * uS, "write_energy": 2e-15 * joule})
    assert Device(**device.model_dump(mode="json")) == device
    assert device.model_dump(mode="json")["parameters"] == {"G_on": "8e-06 S", "write_energy": "2e-15 J"}


@pytest.mark.parametrize(
    "quantities", [[1, 2, 3, 3, 2, 1] * uS, [value * uS for value in (1, 2, 3, 3, 2, 1)]], ids=["array", "list"]
)
@pytest.mark.parametrize("unit", ["uS", "S"])
def test_a_table_of_quantities_is_that_of_the_numbers(quantities, unit):
    table = {"direction": UP["direction"], "pulse": UP["pulse"], f"conductance_{unit}": quantities}
    assert Device.from_table(table).physics["G_on"] == pytest.approx(3e-6, rel=1e-12)
    with pytest.raises(ConfigurationError, match="is in V; give numbers or quantities in"):
        Device.from_table(table | {f"conductance_{unit}": [1, 2, 3, 3, 2, 1] * volt})


def test_potentiation_and_depression_are_up_and_down():
    named = train()
    named["direction"] = np.where(np.array(named["direction"]) == "up", "potentiation", "depression")
    assert Device.from_table(named) == Device.from_table(train())


UP = {"direction": ["up"] * 3 + ["down"] * 3, "pulse": [0, 1, 2] * 2, "conductance_uS": [1, 2, 3, 3, 2, 1]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"pulse": [1], "conductance_S": [1]}, "no column 'direction' among pulse, conductance_S; needed: direction"),
        ({"direction": ["up"], "pulse": [1], "G": [1]}, "no column 'conductance_S' among direction, pulse, G; needed"),
        ({"direction": ["up", "down"], "pulse": [1, 1], "conductance_S": [1, 1]}, "1 pulse numbers of direction 'up'"),
        (
            UP | {"direction": ["up"] * 6, "pulse": [0, 1, 2, 2, 1, 0]},
            "0 pulse numbers of direction 'down'; at least 2",
        ),
        (UP | {"direction": ["set"] * 6}, "direction is 'set'; it must be up or down"),
        (UP | {"conductance_uS": [2] * 6}, "does not rise under pulses up"),
        (UP | {"conductance_uS": [1, 2, 3, 1, 2, 3]}, "does not fall under pulses down"),
        (UP | {"conductance_uS": [1, -2, 3, 3, 2, 1]}, "conductance_uS is negative in row 2"),
        (UP | {"conductance_uS": [1, 2, np.nan, 3, 2, 1]}, "conductance_uS is no number in row 3"),
        (UP | {"conductance_uS": ["1", "2", "x", "3", "2", "1"]}, "conductance_uS is no number in row 3"),
        (UP | {"conductance_uS": [1, 2, 3, 9, 8, 7]}, "pulses up reach 25% of the range of both trains"),
        ({name: UP.get(name, UP["conductance_uS"]) for name in ("direction", "pulse", "conductance_mV")}, "dimensions"),
    ],
)
def test_bad_tables_are_named_in_one_line(table, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        Device.from_table(table)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"there is no file .*pulses\.csv"),
        ("", r"pulses\.csv is no table in CSV: No columns to parse"),
        ("direction,pulse,conductance_S\nup,1\n", "conductance_S is no number in row 1"),
        ("direction,pulse,conductance_S\nup,1,2\nup,2,3,4\n", "Expected 3 fields in line 3, saw 4"),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path, content, message):
    path = tmp_path / "pulses.csv"
    if content is not None:
        path.write_text(content)
    for make in (Device.from_table, lambda path: Device(file=path)):
        with pytest.raises(ConfigurationError, match=message) as caught:
            make(path)
        assert "\n" not in str(caught.value)


def test_wrong_laws_are_named_in_one_line(tmp_path):
    path = tmp_path / "device.toml"
    path.write_text("law = ")
    for fields, message in [
        ({"law": "table"}, "law 'table' is more than its name"),
        (
            {"law": DeviceLaw("odd", "", {"strength": Parameter(1.0, "")}, CubicStep)},
            "law 'odd': its parameters are no arg",
        ),
        ({"law": "odd"}, "no law 'odd'; known: continuous, exponential, soft-bounds"),
        ({"preset": CUBIC}, "a device is a DevicePreset, or a name"),
        ({"file": path}, r"device\.toml is not valid TOML: Invalid"),
        ({"law": {"name": "table", "up": [[0, 0], [1, 1]], "down": [[0, 0]]}}, "down of a table must be pairs"),
    ]:
        with pytest.raises(ConfigurationError, match=message) as caught:
            Device(**fields)
        assert "\n" not in str(caught.value)
