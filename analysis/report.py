"""The standard figures of a run, written into its directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brianff.analysis import figures
from brianff.analysis.style import off_screen
from brianff.protocols.recording import held_out_contrast
from brianff.protocols.trainer import Trainer

__all__ = ["write_figures"]

IMAGES = 500
"""Held-out images whose goodness is shown."""

TRACED_NEURONS = 3
"""Neurons whose time courses are shown: of those that spike, the ones with the highest goodness."""


@off_screen()
def write_figures(trainer: Trainer, directory: str | Path) -> list[Path]:
    """Draw the standard figures of a trained network from its history and its weights.

    Parameters
    ----------
    trainer : Trainer
    directory : str or Path
        Receives them; made if missing.

    Returns
    -------
    list of Path
        learning-curve, goodness-layer-N, spike-raster, membrane-traces and receptive-fields, as PNG.

    Raises
    ------
    ConfigurationError
        If nothing was trained yet.
    """
    drawn = {"learning-curve": figures.learning_curve(trainer.history)}
    drawn |= _goodness(trainer)
    drawn |= _presentations(trainer)
    weights = trainer.simulator.layers[0].crossbar.weights
    drawn["receptive-fields"] = figures.receptive_fields(weights, trainer.dataset.image_shape)
    return [figures.save_figure(axes, Path(directory, f"{name}.png")) for name, axes in drawn.items()]


def _goodness(trainer: Trainer) -> dict:
    images, labels, _ = held_out_contrast(trainer, IMAGES)
    with trainer.simulator.evaluation():
        responses = trainer.simulator.present_layers(images, labels)
    drawn = {}
    for number, (layer, response) in enumerate(zip(trainer.protocol.network.layers, responses, strict=True)):
        positive, negative = response.goodness.reshape(2, -1)
        unit = layer.neuron.activity_unit
        squared = f"{unit}²" if unit and response.measure.density == "activity**2" else ""
        drawn[f"goodness-layer-{number}"] = figures.goodness_histogram(positive, negative, squared)
    return drawn


def _presentations(trainer: Trainer) -> dict:
    """Draw one image and its negative."""
    images, labels = (part[[0, 2]] for part in held_out_contrast(trainer, 2)[:2])
    with trainer.simulator.evaluation():
        response = trainer.simulator.present(images[:1], labels[:1], spikes=True)
    rank = response.goodness_terms[0] * (np.any(response.raster, axis=(0, 1)) + 1e-9)
    strongest = np.sort(np.argsort(rank)[-TRACED_NEURONS:])
    with trainer.simulator.evaluation():
        recording = trainer.simulator.record(images, labels, strongest, polarity=["positive", "negative"])
    return {
        "spike-raster": figures.spike_raster(recording.spikes, layer=recording.layer),
        "membrane-traces": figures.presentation_traces(recording),
    }
