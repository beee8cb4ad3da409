"""A figure for a paper, of six panels: what the spikes of a trained network of two layers tell."""

from pathlib import Path

from brian2 import uA
from matplotlib import pyplot
from pandas import DataFrame

from brianff.analysis import figures, spikes
from brianff.protocols import Trainer, held_out_goodness, load_protocol, record_held_out

# Two layers of memristive neurons and synapses on the 8 x 8 digits; a short training.
protocol = load_protocol("msnn-digits", ["learning.epochs=3", "data.training_images=800"])
first = protocol.network.layers[0].replace(neurons=60)
second = first.replace(neurons=40, current_scale=60 * uA)
trainer = Trainer(protocol.replace(network=protocol.network.replace(layers=[first, second])))
summary = trainer.fit(progress=False)

# 200 test images, first with their own labels and then with wrong ones.
recording = record_held_out(trainer, images=200)
positive = recording.presentations["polarity"] == "positive"
goodness = held_out_goodness(trainer, images=200)
of_layers = {
    f"layer {layer}": [part.loc[part["polarity"] == name, "goodness"] for name in ("positive", "negative")]
    for layer, part in goodness.groupby("layer")
}
counts, true_labels = recording.spike_counts(0), recording.presentations["true_label"]

pyplot.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
figure, axes = pyplot.subplots(2, 3, figsize=(9.5, 5.6), layout="constrained")

# a: one image with its own and with a wrong label, in both layers; neurons sorted by the digit they prefer.
figures.spike_raster(recording, ax=axes[0, 0], presentation=[0, 200], sort="label")
# b: how many neurons spike, and when.
figures.population_rate(spikes.psth(recording, bin_width=2e-6), ax=axes[0, 1])
# c: which digits the neurons respond to, shown with wrong labels: tuning to the image, not to the label.
figures.tuning(counts[~positive], true_labels[~positive], ax=axes[0, 2])
# d: how well a threshold of the goodness tells right from wrong labels.
figures.roc_curves(of_layers, ax=axes[1, 0])
# e: when the second layer spikes, on average over its neurons, and how good the presentation is.
latencies = spikes.first_spike_latency(recording, layer=1)
last = goodness.loc[goodness["layer"] == 1, "goodness"]
figures.latency_against_goodness(
    DataFrame(latencies).mean(axis=1), last, ax=axes[1, 1], polarity=recording.presentations["polarity"]
)
# f: neurons that spike together; those that never do are left out.
table = spikes.selectivity(counts[positive], true_labels[positive]).query("preferred >= 0")
order = table.sort_values(["preferred", "index"]).index
correlation = spikes.pairwise_correlation(counts[positive][:, order])
figures.pair_matrix(correlation, "correlation of spike counts", ax=axes[1, 2], of="neuron, by preferred digit")

figures.letters(axes)
path = figures.save_figure(figure, Path("spikes.pdf"))
print(f"test accuracy {summary['test_accuracy']:.1%}; the figure is {path}")
