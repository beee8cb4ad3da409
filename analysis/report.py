"""The standard figures of a run, written into its directory."""

from __future__ import annotations

from pathlib import Path

from brianff.analysis import figures
from brianff.analysis.rasters import different_neurons
from brianff.analysis.style import off_screen
from brianff.arguments import explained
from brianff.protocols.recording import held_out_contrast
from brianff.protocols.trainer import Trainer

__all__ = ["write_figures"]

IMAGES = 500
"""Held-out images whose goodness is shown."""

TRACED_NEURONS = 3
"""Neurons whose time courses are shown: those that differ most in what they do."""


@explained
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
    summary = trainer.summary or {}
    held_out = summary.get("test_accuracy", summary.get("validation_accuracy"))
    chance = trainer.protocol.chance
    drawn = {"learning-curve": figures.learning_curve(trainer.history, chance=chance, held_out=held_out)}
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
    """Draw one image with its own label, and with a wrong one."""
    images, labels = (part[[0, 2]] for part in held_out_contrast(trainer, 2)[:2])
    neurons = range(trainer.protocol.network.layers[-1].neurons)
    with trainer.simulator.evaluation():
        recording = trainer.simulator.record(images, labels, neurons, polarity=["positive", "negative"])
    chosen = different_neurons(recording.spike_counts(), TRACED_NEURONS)
    return {
        "spike-raster": figures.spike_raster(recording, layer=recording.layer, sort="label"),
        "membrane-traces": figures.contrast_traces(recording, neurons=chosen),
    }
