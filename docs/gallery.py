"""Makes the gallery: every figure of `brianff.analysis.figures`, from a small network that is trained for it.

    python docs/gallery.py

writes docs/gallery/*.png and docs/gallery/index.md, in two minutes of a processor.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
from brian2 import ms, nA, uA

matplotlib.use("agg")


from brianff import Device, Layer, Network, RateEncoding, Simulator, load_dataset
from brianff.analysis import figures, spikes
from brianff.analysis.energy import ledger
from brianff.analysis.equivalence import compare_layers
from brianff.analysis.latents import CAUTION, latents
from brianff.analysis.rasters import different_neurons
from brianff.protocols import (
    HeldOutAccuracy,
    RecordGoodness,
    RecordSynapses,
    Trainer,
    held_out_contrast,
    held_out_goodness,
    load_protocol,
    predict,
    record_held_out,
)

PLACE = Path(__file__).with_name("gallery")

INTRODUCTION = """# Gallery

Every figure of `brianff.analysis.figures`, from a small network of two layers that is trained on the 8 x 8 digits and
shown 200 test images, with their own labels (positive) and with wrong ones (negative). Each function takes data, a
recording or a table, draws one thing, on `ax=` if it is given, and returns the axes, so that titles, limits and other
data can follow; `figures.save_figure(axes, "name.pdf")` writes it. The statistics behind them are in
[Statistics of spikes](../how-to/spike-statistics.md). `data` below is made by `python docs/gallery.py` of:

```python
%s
```
"""

STUDIES = """## Studies

The figures of whole studies are drawn from their tables.

![cosine of the Hebbian change with the gradient, by goodness function](../results/equivalence/cosine.png)

![accuracy against imperfections of devices](../results/robustness/robustness.png)

![accuracy of Forward-Forward and STDP](../results/stdp/stdp.png)

![t-SNE embedding of latents of six models](../results/neohebbian/latent-embedding.png)
"""


def trained(seed: int) -> tuple[Trainer, RecordGoodness, RecordSynapses]:
    """Train two layers of memristive neurons and synapses on the 8 x 8 digits."""
    protocol = load_protocol("msnn-digits", ["learning.epochs=4", "data.training_images=800", f"seed={seed}"])
    first = protocol.network.layers[0].replace(neurons=60)
    network = protocol.network.replace(layers=[first, first.replace(neurons=40, current_scale=60 * uA)])
    callbacks = RecordGoodness(200), RecordSynapses(600)
    trainer = Trainer(protocol.replace(network=network), callbacks=[HeldOutAccuracy(), *callbacks])
    trainer.fit(progress=False)
    return trainer, *callbacks


def measured() -> SimpleNamespace:
    """Return what the figures show."""
    trainer, record_goodness, record_synapses = trained(1)
    histories = [trainer.history, *(trained(seed)[0].history for seed in (2, 3))]
    recording = record_held_out(trainer, 200, neurons={0: range(60), 1: range(40)})
    positive = (recording.presentations["polarity"] == "positive").to_numpy()
    own, wrong = recording.select(positive).at(0), recording.select(~positive).at(0)
    labels, counts = own.presentations["label"].to_numpy(), own.spike_counts(0)
    pair = recording.select([0, 200]).at(0)
    three = different_neurons(pair.spike_counts(), 3)
    goodness = held_out_goodness(trainer)
    pairs = {
        f"layer {layer}": [part.loc[part["polarity"] == name, "goodness"] for name in ("positive", "negative")]
        for layer, part in goodness.groupby("layer")
    }
    during = record_goodness.table.query("layer == trained_layer")
    synapses = record_synapses.table.query("layer == 0")
    weights = trainer.simulator.layers[0].crossbar.weights
    test = trainer.held_out.first(400)
    zero, known = (latents(trainer, test, shown) for shown in ("zero", "true"))
    images, shown, _ = held_out_contrast(trainer, 100)
    compared = compare_layers(trainer.simulator, images[:100], *shown.reshape(2, 100), trainer.modulator)

    # Neurons that spike often: leaky integrate-and-fire ones under Poisson input, untrained.
    layer = Layer(
        neurons=40, neuron="lif-relu-trace", synapse="delta", current_scale=1 * nA, initial_weight_deviation=0.3
    )
    network = Network(
        pixels=64, time_step=1 * ms, encoding=RateEncoding(steps=200, maximum_probability=0.1), layers=[layer]
    )
    digits = load_dataset("digits").test.first(200)
    often = Simulator(network, seed=1, engine="lanes").record(digits.intensities(slice(None)), digits.labels)
    few = often.select(np.argsort(digits.labels, kind="stable")[::10])
    liveliest = int(few.spike_counts().sum(axis=0).argmax())
    return SimpleNamespace(
        histories=histories,
        recording=recording,
        own=own,
        wrong=wrong,
        labels=labels,
        counts=counts,
        by_label=np.argsort(labels, kind="stable"),
        busiest=int(counts.sum(axis=0).argmax()),
        pair=pair,
        three=three,
        goodness=goodness,
        pairs=pairs,
        discrimination=spikes.discrimination(during),
        synapses=synapses,
        epochs={f"epoch {epoch}": part for epoch, part in synapses.groupby("epoch")},
        weights=weights,
        label_weights=trainer.simulator.codes @ weights,
        test_labels=test.labels,
        predicted=predict(trainer.simulator, test.intensities(slice(None))),
        zero=zero,
        known=known,
        energies=ledger(trainer),
        compared=compared[0],
        often=often,
        distances=spikes.victor_purpura_distance(spikes.spike_trains(few, 0, [liveliest]), 50, few.duration),
    )


def draw(data: Any) -> dict[str, object]:
    """Return the figures by name."""
    return {
        "spike_raster": figures.spike_raster(data.recording, presentation=[0, 200], sort="label"),
        "spike_raster-labels": figures.spike_raster(
            data.own, presentation=range(8), layer=0, colour="label", sort="label"
        ),
        "spike_raster-trials": figures.spike_raster(
            data.own, presentation=data.by_label, layer=0, neurons=[data.busiest], colour="label"
        ),
        "population_rate": figures.population_rate(spikes.psth(data.recording)),
        "interval_histogram": figures.interval_histogram(data.often),
        "fano_factors": figures.fano_factors(spikes.spike_statistics(data.own, 0)),
        "fano_factors-rates": figures.fano_factors(spikes.spike_statistics(data.often)),
        "latency_against_goodness": figures.latency_against_goodness(
            np.nanmean(spikes.first_spike_latency(data.recording, layer=1), axis=1),
            data.goodness.loc[data.goodness["layer"] == 1, "goodness"],
            polarity=data.recording.presentations["polarity"],
        ),
        "tuning": figures.tuning(data.wrong.spike_counts(0), data.wrong.presentations["true_label"]),
        "selectivity_of_neurons": figures.selectivity_of_neurons(spikes.selectivity(data.counts, data.labels)),
        "pair_matrix": figures.pair_matrix(
            spikes.pairwise_correlation(data.often.spike_counts()), "correlation of spike counts"
        ),
        "pair_matrix-distances": figures.pair_matrix(
            data.distances, "Victor-Purpura distance", of="presentation, by label"
        ),
        "contrast_traces": figures.contrast_traces(data.pair, neurons=data.three),
        "presentation_traces": figures.presentation_traces(data.pair, neurons=data.three),
        "phase_portrait": figures.phase_portrait(data.pair, y="x1", neurons=data.three),
        "goodness_histogram": figures.goodness_histogram(*data.pairs["layer 0"]),
        "roc_curves": figures.roc_curves(data.pairs),
        "discrimination_over_training": figures.discrimination_over_training(data.discrimination),
        "learning_curve": figures.learning_curve(data.histories, chance=0.1),
        "receptive_fields": figures.receptive_fields(
            data.weights, (8, 8), different_neurons(data.counts, 16), label_weights=data.label_weights
        ),
        "weight_distribution": figures.weight_distribution(
            {name: part["weight"] for name, part in data.epochs.items()}
        ),
        "weight_distribution-conductances": figures.weight_distribution(
            {name: 1e6 * part[["plus", "minus"]].to_numpy() for name, part in data.epochs.items()},
            quantity="conductance (µS)",
        ),
        "conductance_trajectories": figures.conductance_trajectories(data.synapses),
        "confusion_matrix": figures.confusion_matrix(data.test_labels, data.predicted),
        "embedding": figures.embedding(data.zero, data.test_labels),
        "latent_embedding": figures.latent_embedding(
            [data.known, data.zero],
            data.test_labels,
            ["with its own label", "without a label (zero)"],
            caption=f"a: {CAUTION}",
        ),
        "latent_raster": figures.latent_raster(
            [data.known, data.zero], ["with its own label", "without a label (zero)"], 60, slice(40)
        ),
        "neuron_cosines": figures.neuron_cosines(data.compared),
        "energy_bars": figures.energy_bars(data.energies),
        "energy_by_rate": figures.energy_by_rate(data.energies),
        "hysteresis": figures.hysteresis(),
        "potentiation_depression": figures.potentiation_depression(Device(preset="ecram")),
        "device_sheet": figures.device_sheet(),
    }


def calls() -> Iterator[tuple[str, str]]:
    """Yield the name of each figure and the call that draws it."""
    source = inspect.getsource(draw)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            yield from (
                (ast.literal_eval(key), ast.unparse(call)) for key, call in zip(node.keys, node.values, strict=True)
            )
            return


def main() -> None:
    """Draw, and write the page."""
    body = inspect.getsource(measured).partition('"""\n')[2].partition("    return SimpleNamespace")[0]
    lines = [INTRODUCTION % (inspect.getsource(trained) + "\n\n" + dedent(body).strip())]
    code = dict(calls())
    for name, drawn in draw(measured()).items():
        function, _, variant = name.partition("-")
        figures.save_figure(drawn, PLACE / f"{name}.png", dpi=80)
        summary = (inspect.getdoc(getattr(figures, function)) or "").partition("\n\n")[0].replace("\n", " ")
        title = f"`{function}`" + (f": {variant}" if variant else "")
        lines += [f"## {title}", "", summary, "", "```python", code[name], "```", "", f"![{name}]({name}.png)", ""]
    (PLACE / "index.md").write_text("\n".join([*lines, STUDIES]), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(PLACE / "index.md")], check=True)


if __name__ == "__main__":
    main()
