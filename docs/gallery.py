"""Makes the gallery: every figure of `brianff.analysis.figures`, from a small network that is trained for it.

    python docs/gallery.py

writes docs/gallery/*.png and docs/gallery.md, in two minutes of a processor.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import matplotlib
from brian2 import uA

matplotlib.use("agg")

from matplotlib import pyplot
from pandas import DataFrame

from brianff import Device
from brianff.analysis import figures, spikes
from brianff.analysis.energy import ledger
from brianff.analysis.latents import CAUTION, latents
from brianff.analysis.rasters import different_neurons
from brianff.protocols import (
    RecordGoodness,
    RecordSynapses,
    Trainer,
    held_out_goodness,
    load_protocol,
    predict,
    record_held_out,
)

PLACE = Path(__file__).with_name("gallery")

INTRODUCTION = """# Gallery

Figures of `brianff.analysis.figures`, as `python docs/gallery.py` draws them from a small network of two layers that is
trained on the 8 x 8 digits. Each function takes data, and `ax=` where it draws one panel, and returns the axes.
Statistics behind them: `brianff.analysis.spikes`.
"""


def trained(seed: int) -> tuple[Trainer, RecordGoodness, RecordSynapses]:
    """Train two layers of memristive neurons and synapses on the 8 x 8 digits."""
    protocol = load_protocol("msnn-digits", ["learning.epochs=4", "data.training_images=800", f"seed={seed}"])
    first = protocol.network.layers[0].replace(neurons=60)
    network = protocol.network.replace(layers=[first, first.replace(neurons=40, current_scale=60 * uA)])
    callbacks = RecordGoodness(200), RecordSynapses(600)
    trainer = Trainer(protocol.replace(network=network), callbacks=callbacks)
    trainer.fit(progress=False)
    return trainer, *callbacks


def draw() -> dict[str, object]:
    """Return the figures by name."""
    trainer, goodness, synapses = trained(1)
    others = [trained(seed)[0].history for seed in (2, 3)]
    recording = record_held_out(trainer, 200, neurons={0: range(60), 1: range(40)})
    about = recording.presentations
    positive = (about["polarity"] == "positive").to_numpy()
    own, wrong = recording.select(positive).at(0), recording.select(~positive).at(0)
    labels, counts = own.presentations["label"].to_numpy(), own.spike_counts(0)
    busiest = int(counts.sum(axis=0).argmax())
    few = recording.select([0, 200]).at(0)
    chosen = different_neurons(few.spike_counts(0), 3)
    traced = replace(few, neurons=chosen, traces={name: trace[:, :, chosen] for name, trace in few.traces.items()})
    last = held_out_goodness(trainer)
    pairs = {
        f"layer {layer}": [part.loc[part["polarity"] == name, "goodness"] for name in ("positive", "negative")]
        for layer, part in last.groupby("layer")
    }
    of_layer = synapses.table[synapses.table["layer"] == 0]
    epochs = {f"epoch {epoch}": part for epoch, part in of_layer.groupby("epoch")}
    weights = trainer.simulator.layers[0].crossbar.weights
    test = trainer.held_out.first(400)
    predicted = predict(trainer.simulator, test.intensities(slice(None)))
    known, zero = (latents(trainer, test, shown) for shown in ("true", "zero"))
    energies = ledger(trainer)
    every = [trainer.history, *others]
    distances = spikes.victor_purpura_distance(spikes.spike_trains(own.select(slice(30)), 0, [busiest]), 1e5, 2e-5)
    latency = DataFrame(spikes.first_spike_latency(own)).mean(axis=1)
    good = last.loc[(last["layer"] == 0) & (last["polarity"] == "positive"), "goodness"].to_numpy()
    training = goodness.table[goodness.table["layer"] == goodness.table["trained_layer"]]
    return {
        "spike_raster": figures.spike_raster(recording, presentation=[0, 200], sort="label"),
        "spike_raster-labels": figures.spike_raster(own, presentation=range(8), layer=0, colour="label", sort="label"),
        "spike_raster-trials": figures.spike_raster(own, layer=0, neurons=[busiest], colour="label"),
        "population_rate": figures.population_rate(spikes.psth(recording)),
        "interval_histogram": figures.interval_histogram(own, 0),
        "fano_factors": figures.fano_factors(spikes.spike_statistics(own, 0)),
        "latency_against_goodness": figures.latency_against_goodness(latency, good),
        "tuning": figures.tuning(wrong.spike_counts(0), wrong.presentations["true_label"]),
        "selectivity_of_neurons": figures.selectivity_of_neurons(spikes.selectivity(counts, labels)),
        "pair_matrix": figures.pair_matrix(
            spikes.pairwise_correlation(counts[:, counts.any(axis=0)]), "correlation of spike counts"
        ),
        "pair_matrix-distances": figures.pair_matrix(distances, "Victor-Purpura distance", of="presentation"),
        "contrast_traces": figures.contrast_traces(traced, (0, 1)),
        "presentation_traces": figures.presentation_traces(traced),
        "phase_portrait": figures.phase_portrait(traced),
        "goodness_histogram": figures.goodness_histogram(*pairs["layer 0"]),
        "roc_curves": figures.roc_curves(pairs),
        "discrimination_over_training": figures.discrimination_over_training(spikes.discrimination(training)),
        "learning_curve": figures.learning_curve(every, chance=0.1),
        "receptive_fields": figures.receptive_fields(
            weights, (8, 8), different_neurons(counts, 16), label_weights=trainer.simulator.codes @ weights
        ),
        "weight_distribution": figures.weight_distribution({name: part["weight"] for name, part in epochs.items()}),
        "weight_distribution-conductances": figures.weight_distribution(
            {name: 1e6 * part[["plus", "minus"]].to_numpy() for name, part in epochs.items()},
            quantity="conductance (µS)",
        ),
        "conductance_trajectories": figures.conductance_trajectories(of_layer),
        "confusion_matrix": figures.confusion_matrix(test.labels, predicted),
        "embedding": figures.embedding(zero, test.labels),
        "latent_embedding": figures.latent_embedding(
            [known, zero], test.labels, ["with its own label", "without a label (zero)"], caption=f"left: {CAUTION}"
        ),
        "latent_raster": figures.latent_raster([known, zero], ["with its own label", "without a label"], 60, slice(40)),
        "energy_bars": figures.energy_bars(energies),
        "energy_by_rate": figures.energy_by_rate(energies),
        "hysteresis": figures.hysteresis(),
        "potentiation_depression": figures.potentiation_depression(Device(preset="ecram")),
        "device_sheet": figures.device_sheet(),
    }


def main() -> None:
    """Draw, and write the page."""
    pyplot.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    lines = [INTRODUCTION]
    for name, drawn in draw().items():
        function, _, variant = name.partition("-")
        figures.save_figure(drawn, PLACE / f"{name}.png", dpi=75)
        summary = (inspect.getdoc(getattr(figures, function)) or "").partition("\n\n")[0].replace("\n", " ")
        title = f"`{function}`" + (f": {variant}" if variant else "")
        lines += [f"## {title}", "", summary, "", f"![{name}](gallery/{name}.png)", ""]
    PLACE.with_suffix(".md").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
