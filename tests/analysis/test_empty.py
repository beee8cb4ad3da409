"""What comes of nothing: every statistic and figure says so in its docstring, and does it without a warning."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from brianff import Recording
from brianff.analysis import equivalence, figures, latents, spikes
from brianff.errors import ConfigurationError

NONE = Recording.from_spikes({"time": [], "neuron": []}, {"label": [], "polarity": []}, sizes=[3], duration=1e-3)
EMPTY, LABELS = np.zeros((0, 3)), np.zeros(0, int)


def frame(columns):
    return pd.DataFrame({name: [] for name in columns.split()})


REFUSED = {
    "conductance_trajectories": lambda: figures.conductance_trajectories(frame("batch input neuron plus minus")),
    "confusion_matrix": lambda: figures.confusion_matrix(LABELS, LABELS),
    "contrast_traces": lambda: figures.contrast_traces(NONE),
    "discrimination_over_training": lambda: figures.discrimination_over_training(frame("layer epoch auc")),
    "embedding": lambda: figures.embedding(EMPTY, LABELS),
    "energy_bars": lambda: figures.energy_bars({}),
    "energy_by_rate": lambda: figures.energy_by_rate({}),
    "fano_factors": lambda: figures.fano_factors(spikes.spike_statistics(NONE, neurons=[])),
    "goodness_histogram": lambda: figures.goodness_histogram(LABELS, LABELS),
    "latent_embedding": lambda: figures.latent_embedding([], LABELS, []),
    "latent_raster": lambda: figures.latent_raster([EMPTY], ["none"]),
    "learning_curve": lambda: figures.learning_curve(frame("epoch layer quantity value")),
    "neuron_cosines": lambda: figures.neuron_cosines({}),
    "pair_matrix": lambda: figures.pair_matrix(np.zeros((0, 0)), "distance"),
    "phase_portrait": lambda: figures.phase_portrait(NONE),
    "population_rate": lambda: figures.population_rate(spikes.psth(NONE)),
    "presentation_traces": lambda: figures.presentation_traces(NONE),
    "receptive_fields": lambda: figures.receptive_fields(np.zeros((4, 0)), (2, 2)),
    "robustness": lambda: figures.robustness(pd.DataFrame()),
    "roc": lambda: spikes.roc(LABELS, LABELS),
    "roc_curves": lambda: figures.roc_curves({}),
    "save_figure": lambda: figures.save_figure(np.array([]), "nothing.png"),
    "selectivity_of_neurons": lambda: figures.selectivity_of_neurons(spikes.selectivity(EMPTY[:, :0], LABELS)),
    "separability": lambda: latents.separability(EMPTY, LABELS),
    "tuning": lambda: figures.tuning(EMPTY, LABELS),
    "weight_distribution": lambda: figures.weight_distribution({"none": LABELS}),
}
EMPTY_RESULTS = {
    "binned_spikes": lambda: spikes.binned_spikes(NONE).sum() == 0,
    "caution": lambda: spikes.caution(NONE) == "there are no spikes",
    "compare": lambda: np.isnan(equivalence.compare(EMPTY, EMPTY).cosine),
    "dead_units": lambda: latents.dead_units(EMPTY) == 1 and np.isnan(latents.dead_units(EMPTY[:, :0])),
    "discrimination": lambda: spikes.discrimination(frame("layer epoch goodness polarity")).empty,
    "first_spike_latency": lambda: spikes.first_spike_latency(NONE).shape == (0, 3),
    "hoyer_sparsity": lambda: np.isnan(latents.hoyer_sparsity(EMPTY)),
    "interspike_intervals": lambda: spikes.interspike_intervals(NONE).empty,
    "interval_histogram": lambda: not figures.interval_histogram(NONE).patches,
    "latency_against_goodness": lambda: "nan" in figures.latency_against_goodness(LABELS, LABELS).get_title(),
    "pairwise_correlation": lambda: np.isnan(spikes.pairwise_correlation(EMPTY)).all(),
    "psth": lambda: spikes.psth(NONE).empty,
    "selectivity": lambda: (spikes.selectivity(EMPTY, LABELS)["preferred"] == -1).all(),
    "spike_raster": lambda: not figures.spike_raster(NONE).collections,
    "spike_statistics": lambda: spikes.spike_statistics(NONE)["rate"].isna().all(),
    "spike_trains": lambda: spikes.spike_trains(NONE) == [],
    "tuning_curves": lambda: spikes.tuning_curves(EMPTY, LABELS).shape == (3, 0),
    "van_rossum_distance": lambda: spikes.van_rossum_distance([], 1e-3, 1.0).shape == (0, 0),
    "victor_purpura_distance": lambda: spikes.victor_purpura_distance([], 1.0, 1.0).shape == (0, 0),
}
WITHOUT_DATA = {"device_sheet", "hysteresis", "letters", "off_screen", "potentiation_depression"}


def documented(name):
    return next(
        inspect.getdoc(getattr(one, name)) for one in (figures, spikes, latents, equivalence) if hasattr(one, name)
    )


@pytest.mark.filterwarnings("error::RuntimeWarning", "error::UserWarning")
@pytest.mark.parametrize("name", [*REFUSED, *EMPTY_RESULTS])
def test_nothing_is_refused_or_gives_what_the_docstring_says(name):
    if name in REFUSED:
        with pytest.raises(ConfigurationError, match=r"^[^\n]+$"):
            REFUSED[name]()
        assert "Raises\n------\nConfigurationError" in documented(name)
    else:
        assert EMPTY_RESULTS[name]()
        assert re.search(r"nan|[Ee]mpty|[Ww]ithout|no rows", documented(name))
    pyplot.close("all")


def test_every_statistic_and_figure_is_tried_with_nothing():
    assert REFUSED.keys() | EMPTY_RESULTS.keys() | WITHOUT_DATA >= {*figures.__all__, *spikes.__all__}
