"""The energy ledger: its parts add up, and converters cost what their count and the cited figures say."""

import json

import pytest

from brianff.analysis import figures
from brianff.analysis.energy import ledger, ledger_rows
from brianff.protocols.configuration import load_protocol
from brianff.protocols.training import prepare

SETTINGS = ["data.training_images=32", "network.layers.0.neurons=16", "learning.epochs=1", "evaluation.epoch_images=1"]


@pytest.fixture(scope="module")
def entries():
    import brian2

    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "numpy"
    device = 'network.layers.0.device={preset="linear", programming="program-and-verify"}'
    trainer = prepare(load_protocol("msnn-digits", [*SETTINGS, device]))
    trainer.run_epoch()
    yield ledger(trainer)
    brian2.prefs.codegen.target = before


def test_parts_add_up(entries, numpy_target):
    inference, run = entries["per_inference"], entries["run"]
    total = inference["neurons_resting_joule"] + inference["neurons_above_rest_joule"]
    assert total == pytest.approx(inference["neurons_joule"])
    assert inference["neurons_resting_joule"] == pytest.approx(15.98e-9 * 16 * 10 * 20e-6, rel=2e-3)
    assert inference["imbalance_share"] < 0.05  # at the coarse time step of one microsecond
    presentations = 32 * 5 + 10  # one positive and four candidates; one image with every label
    assert run["presentations"] == presentations
    assert run["neurons_joule"] == pytest.approx(inference["neurons_joule"] / 10 * presentations)
    assert run["programming"]["verify_reads"] > 0
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries


def test_converters_cost_their_number_times_the_cited_figures(entries):
    of_a_presentation = 8 * (104 * 0.39e-12 + 16 * 1.67e-12)
    assert entries["what_if_converters"]["joule_per_inference"] == pytest.approx(10 * of_a_presentation)
    assert "ISAAC" in entries["what_if_converters"]["source"]


def test_rows_and_figures_show_the_ledger(entries):
    rows = dict(ledger_rows(entries))
    assert rows["  of it at rest"] == "51.1 pJ"
    assert all(value for value in rows.values())
    bars = figures.energy_bars(entries)
    assert [label.get_text() for label in bars.get_yticklabels()][:2] == ["neurons at rest", "neurons above rest"]
    assert bars.collections[-1].get_offsets()[0, 0] == entries["per_inference"]["neurons_resting_joule"]
    ax = figures.energy_by_rate(entries)
    rest = ax.get_lines()[0]
    assert rest.get_ydata()[0] == pytest.approx(15.98e-9 * 16, rel=2e-3)  # one inference a second
