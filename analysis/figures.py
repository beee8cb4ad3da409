"""All figures in one place: each takes data and optional axes, and returns the axes."""

from brianff.analysis.devices import device_sheet, hysteresis, potentiation_depression
from brianff.analysis.energy import energy_bars, energy_by_rate
from brianff.analysis.learning import goodness_histogram, learning_curve, receptive_fields
from brianff.analysis.rasters import presentation_traces, spike_raster
from brianff.analysis.robustness import robustness
from brianff.analysis.style import save_figure

__all__ = [
    "device_sheet",
    "energy_bars",
    "energy_by_rate",
    "goodness_histogram",
    "hysteresis",
    "learning_curve",
    "potentiation_depression",
    "presentation_traces",
    "receptive_fields",
    "robustness",
    "save_figure",
    "spike_raster",
]
