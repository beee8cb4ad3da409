"""Controls differ from their protocol in one thing; their table is that of paired differences."""

import cloudpickle
import numpy as np
import pandas
import pytest
from brian2 import nA

from brianff.analysis.controls import differences, summarise
from brianff.errors import BrianffError, ConfigurationError
from brianff.protocols import load_protocol
from brianff.protocols.studies.controls import AS_IT_IS, BACK_PROPAGATION, controls, run_study
from brianff.protocols.studies.over_images import paired
from brianff.protocols.trainer import Trainer

SMALL = [
    "data.training_images=300",
    "data.validation_images=100",
    "network.layers.0.neurons=20",
    "learning.epochs=1",
    "evaluation.epoch_images=1",
    "engine.workers=1",
]


def test_controls_change_one_thing():
    protocol = load_protocol("msnn-digits", [*SMALL, "network.layers.0.start=steady"])
    found = controls(protocol)
    assert next(iter(found)) == AS_IT_IS
    assert found["memristors frozen"].network.layers[0] == protocol.network.layers[0].replace(memristors="frozen")
    assert found["memristors undriven, preset's start"].network.layers[0].start == "preset"
    assert found["x2 alone frozen"].network.layers[0].courses == {"x1": "moving", "x2": "frozen"}
    for control, changed in found.items():
        assert changed.data == protocol.data
        assert changed.learning.replace(goodness=protocol.learning.goodness) == protocol.learning, control
    assert {one.evaluation.decision for one in found.values()} == {"log-odds", "spikes"}
    devices = {control: one.network.layers[0].device for control, one in found.items()}
    assert len({device is None for device in devices.values()}) == 2


def test_neurons_without_memristors_have_fewer_controls():
    protocol = load_protocol(
        "msnn-digits", [*SMALL, 'network.layers.0.neuron="lif"', "network.layers.0.preset=leak-0.85"]
    )
    assert not [name for name in controls(protocol) if "frozen" in name or "relu" in name]


def test_rectified_units_have_the_response_of_the_linear_membrane():
    """A pulse of charge Q through a conductance G leaves the voltage's integral Q / G, if one waits long enough."""
    settings = [*SMALL, "network.encoding.steps=400", "network.layers.0.current_scale=1 uA"]
    layer = controls(load_protocol("msnn-digits", settings))["relu of the drive"].network.layers[0]
    conductance = sum(x * 1e-3 + (1 - x) * 1e-5 for x in (0.0075232, 8.5863e-5))
    millivolt = 1e3 * 1e-6 * 4e-6 / conductance / 400e-6
    assert float(layer.current_scale / nA) == pytest.approx(millivolt, rel=1e-3)


@pytest.mark.slow
def test_a_study_measures_every_control_and_resumes(tmp_path, numpy_target):
    protocol = load_protocol("msnn-digits", SMALL)
    sizes = []

    def sent(function, points):
        """As to other processes, which need not see the directory."""
        sizes.append(len(content := cloudpickle.dumps(function)))
        return map(cloudpickle.loads(content), points)

    study = run_study(protocol, tmp_path, seeds=1, progress=False, map=sent)
    assert max(sizes) < 100_000  # no data set is sent
    assert len(list((tmp_path / "right").iterdir())) == len(controls(protocol)) + 1
    table = study.table("controls")
    assert list(table["control"]) == [*controls(protocol), BACK_PROPAGATION]
    alone = Trainer(controls(protocol)["memristors frozen"]).fit(progress=False)
    row = table.set_index("control").loc["memristors frozen"]
    assert row["accuracy"] == alone["validation_accuracy"]
    assert row["spiking_share"] == alone["layers"][0]["spiking_share"]
    before = study.path("controls").read_bytes()
    assert run_study(protocol, tmp_path, seeds=1, progress=False).path("controls").read_bytes() == before
    for other in (load_protocol("msnn-mnist-hybrid"), load_protocol("msnn-digits", ["evaluation.readout=linear"])):
        with pytest.raises(ConfigurationError, match="without labels, or a readout"):
            run_study(other, tmp_path)


def test_differences_are_paired_and_have_a_t_interval():
    reference, control = [0.90, 0.94, 0.98], [0.91, 0.96, 1.0]
    rows = [
        {"control": name, "seed": seed, "accuracy": value}
        for name, values in ((AS_IT_IS, reference), ("other", control))
        for seed, value in enumerate(values)
    ]
    summary = summarise(pandas.DataFrame(rows))
    other = summary.loc["other"]
    half = 4.30265273 * np.std([1, 2, 2], ddof=1) / np.sqrt(3)  # Student's t, two degrees of freedom, 95 %
    np.testing.assert_allclose([other["difference"], other["low"], other["high"]], [5 / 3, 5 / 3 - half, 5 / 3 + half])
    assert summary.loc[AS_IT_IS, "difference"] == 0
    assert np.isnan(summarise(pandas.DataFrame(rows[::3])).loc["other", "low"])
    assert len(differences(pandas.DataFrame(rows)).get_yticks()) == 1
    with pytest.raises(BrianffError):
        differences(pandas.DataFrame())


def test_presentations_that_share_images_are_not_independent():
    """Both orders of a pair count as one, and pairs that share an image are summed, term by term."""
    shown = np.array([[0, 1], [1, 0], [1, 2], [2, 1], [3, 4], [4, 3]])
    differences = np.array([1.0, 1.0, 1.0, 0.0, -1.0, 0.0])
    found = paired(differences, shown)
    residuals = differences - differences.mean()
    variance = sum(residuals[a] * residuals[b] for a in range(6) for b in range(6) if {*shown[a]} & {*shown[b]})
    assert found["points"] == pytest.approx(100 / 3)
    assert found["points_error"] == pytest.approx(100 * np.sqrt(variance) / 6)
    alone = paired(differences, np.arange(6)[:, np.newaxis])
    assert alone["points_error"] == pytest.approx(100 * differences.std() / np.sqrt(6))
    assert np.isnan(paired(np.zeros(4), np.arange(4)[:, np.newaxis])["p_images"])
