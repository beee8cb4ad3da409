"""All figures in one place: each takes data and optional axes, and returns the axes."""

from brianff.analysis.learning import goodness_histogram, learning_curve, receptive_fields
from brianff.analysis.rasters import presentation_traces, spike_raster
from brianff.analysis.robustness import robustness
from brianff.analysis.style import save_figure

__all__ = [
    "goodness_histogram",
    "learning_curve",
    "presentation_traces",
    "receptive_fields",
    "robustness",
    "save_figure",
    "spike_raster",
]
