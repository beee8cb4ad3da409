"""All figures in one place: each takes data and optional axes, and returns the axes."""

from brianff.analysis.devices import device_sheet, hysteresis, potentiation_depression
from brianff.analysis.energy import energy_bars, energy_by_rate
from brianff.analysis.equivalence import neuron_cosines
from brianff.analysis.latents import confusion_matrix, embedding, latent_embedding, latent_raster
from brianff.analysis.learning import (
    conductance_trajectories,
    discrimination_over_training,
    goodness_histogram,
    learning_curve,
    receptive_fields,
    roc_curves,
    weight_distribution,
)
from brianff.analysis.rasters import contrast_traces, phase_portrait, presentation_traces, spike_raster
from brianff.analysis.robustness import robustness
from brianff.analysis.spike_figures import (
    fano_factors,
    interval_histogram,
    latency_against_goodness,
    pair_matrix,
    population_rate,
    selectivity_of_neurons,
    tuning,
)
from brianff.analysis.style import letters, off_screen, save_figure

__all__ = [
    "conductance_trajectories",
    "confusion_matrix",
    "contrast_traces",
    "device_sheet",
    "discrimination_over_training",
    "embedding",
    "energy_bars",
    "energy_by_rate",
    "fano_factors",
    "goodness_histogram",
    "hysteresis",
    "interval_histogram",
    "latency_against_goodness",
    "latent_embedding",
    "latent_raster",
    "learning_curve",
    "letters",
    "neuron_cosines",
    "off_screen",
    "pair_matrix",
    "phase_portrait",
    "population_rate",
    "potentiation_depression",
    "presentation_traces",
    "receptive_fields",
    "robustness",
    "roc_curves",
    "save_figure",
    "selectivity_of_neurons",
    "spike_raster",
    "tuning",
    "weight_distribution",
]
