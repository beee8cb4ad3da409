"""The study of arXiv 2406.16479 again: six models of one layer of 200, their accuracies, latents and controls."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from brianff.data.split import Split
from brianff.errors import ConfigurationError
from brianff.protocols.callbacks import HeldOutAccuracy
from brianff.protocols.configuration import Protocol, load_protocol
from brianff.protocols.latents import dead_units, hoyer_sparsity, latents, separability, without_rest
from brianff.protocols.studies.study import Map
from brianff.protocols.sweep import run_sweep
from brianff.protocols.trainer import Trainer
from brianff.storage.checkpoint import write_atomically

__all__ = ["MODELS", "PUBLISHED", "reproduce"]

PUBLISHED = pandas.DataFrame(
    {
        "analog-sigmoid": (89.74, 88.97, 0.9994, 0.9556, np.nan),
        "batched-sigmoid": (86.26, 85.38, 0.9650, 0.9969, np.nan),
        "online-sigmoid": (85.11, 81.72, 0.9664, 0.9974, np.nan),
        "analog-symmetric": (95.10, 94.87, 0.9789, 0.9865, np.nan),
        "batched-symmetric": (92.73, 92.73, 0.9782, 0.9650, 6.89),
        "online-symmetric": (94.36, 94.33, 0.9641, 0.9822, 308.0),
    },
    index=["best", "final", "hoyer", "separability", "weight_deviation"],
).T
"""Published figures, one seed: test accuracy in per cent (best and last of ten epochs), latents with the true label,
and the standard deviation of the weights at the end. Source: arXiv 2406.16479 and its authors' public notebook."""

READINGS: dict[str, tuple[str, str]] = {
    "batched-symmetric-gain-5.5": ("batched-symmetric", "learning.eligibility.gain=5.5"),
    "online-symmetric-gain-0.5": ("online-symmetric", "learning.eligibility.gain=0.5"),
    "batched-symmetric-epsilon-0.02": ("batched-symmetric", 'learning.modulator={name="symmetric",epsilon=0.02}'),
    "online-symmetric-epsilon-0.02": ("online-symmetric", 'learning.modulator={name="symmetric",epsilon=0.02}'),
}
"""Rows of the other reading of a published number: the model that they read, and what differs in its protocol.

The published learning rate, nu = 1, multiplies (t - P) x z: a gain of 0.5 in units of the loss's gradient, which has a
factor of 2; or that gradient, with the sigmoid form's a = 6 in it: a gain of 6. The batched protocol is named with the
first and the online one with the second; with 5.5 the batched one has the published deviation of weights. The symmetric
probability's eps, .01 in the formula, is .02 if its two halves are meant.
"""

MODELS = (*PUBLISHED.index, *READINGS)
"""Rows in the order of the study's figures, whose protocols are named neohebbian-MODEL, and those of other readings."""

QUICK = (
    "data.training_images=2000",
    "learning.epochs=2",
    "evaluation.epoch_images=200",
    "evaluation.training_images=200",
)
"""Settings of a quick look: it shows that everything runs, not what the models reach."""

QUICK_TEST_IMAGES = 500


Draw = Callable[[Sequence[np.ndarray], np.ndarray, Sequence[str], Path], None]
"""Takes latents (images, neurons) of each model, the images' labels, titles, and a directory for the figures."""


def reproduce(
    out: Path,
    data_dir: Path | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    models: Sequence[str] = MODELS,
    quick: bool = False,
    progress: bool = True,
    draw: Draw | None = None,
    map: Map = builtins.map,
) -> pandas.DataFrame:
    """Train what is missing, measure, and write the table.

    Parameters
    ----------
    out : Path
        Receives one run directory for each model and seed, neohebbian.csv and neohebbian.md. A call that is repeated
        resumes where the last one stopped.
    data_dir : Path, optional
        Where the data sets are.
    seeds : sequence of int
    models : sequence of str
        Of MODELS.
    quick : bool
        Few images and epochs.
    progress : bool
    draw : callable, optional
        Draws the latents of each model's first seed, such as `brianff.analysis.latents.draw_latents`.
    map : callable
        Makes the runs: a `Cluster`, or another one, see `brianff.protocols.studies.study.measure_points`.

    Returns
    -------
    pandas.DataFrame
        One row for each model; the columns are those of neohebbian.csv.

    Raises
    ------
    ConfigurationError
        If a model is unknown, or there are no models or seeds.
    """
    if unknown := set(models) - set(MODELS):
        raise ConfigurationError(f"no model {min(unknown)!r}; known: {', '.join(MODELS)}")
    if not models or not seeds:
        raise ConfigurationError("reproduce needs at least one model and one seed")
    protocols = {_run(model, seed): _protocol(model, seed, quick) for model in models for seed in seeds}
    run_sweep(protocols, out, data_dir, progress, map)
    rows, activity = {}, {}
    for model in models:
        trainers = [Trainer(_protocol(model, seed, quick), data_dir=data_dir) for seed in seeds]
        directories = [Path(out, _run(model, seed)) for seed in seeds]
        summaries = [trainer.fit(run, progress) for trainer, run in zip(trainers, directories, strict=True)]
        test = trainers[0].held_out.first(QUICK_TEST_IMAGES) if quick else trainers[0].held_out
        restless = [without_rest(trainer) for trainer in trainers]
        of_seeds = [latents(trainer, test) for trainer in restless]
        activity[model] = of_seeds[0]
        rows[model] = (
            _accuracies(trainers, summaries) | _sparsity(of_seeds) | _latent_figures(restless[0], test, of_seeds[0])
        )
        rows[model]["hoyer_with_rest"] = hoyer_sparsity(latents(trainers[0], test))
    table = pandas.DataFrame.from_dict(rows, orient="index")
    table.index.name = "model"
    published = PUBLISHED.loc[[READINGS.get(model, (model,))[0] for model in models]]
    for column, values in published.items():
        table[f"published_{column}"] = values.to_numpy()
    table["final_minus_published"] = table["final"] - table["published_final"]
    stem = Path(out, "neohebbian-quick" if quick else "neohebbian")
    write_atomically(stem.with_suffix(".csv"), table.to_csv(float_format="%.4f").encode())
    write_atomically(stem.with_suffix(".md"), markdown(table, len(seeds), quick).encode())
    if draw is not None:
        drawn = [model for model in models if model not in READINGS] or list(models)
        titles = [model.replace("-", ", ") for model in drawn]
        draw([activity[model] for model in drawn], test.labels, titles, Path(out, "figures"))
    return table


def _run(model: str, seed: int) -> str:
    return f"neohebbian-{model}-seed{seed}"


def _protocol(model: str, seed: int, quick: bool) -> Protocol:
    name, *reading = READINGS.get(model, (model,))
    protocol = load_protocol(f"neohebbian-{name}", [f"seed={seed}", *reading, *(QUICK if quick else ())])
    # Nothing is chosen by the test images: the published table quotes their accuracy after each epoch.
    return protocol.replace(callbacks=[HeldOutAccuracy(QUICK_TEST_IMAGES if quick else None)])


def _accuracies(trainers: Sequence[Trainer], summaries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return accuracies in per cent: mean and spread over the runs, best and last epoch."""
    histories = [trainer.history.pivot(index="epoch", columns="quantity", values="value") for trainer in trainers]
    accuracy = 100 * pandas.DataFrame([history["test_accuracy"] for history in histories])
    final = accuracy.iloc[:, -1]
    return {
        "seeds": len(trainers),
        "best": accuracy.max(axis=1).mean(),
        "final": final.mean(),
        "final_lowest": final.min(),
        "final_highest": final.max(),
        "final_by_log_odds": np.mean([100 * history["test_accuracy_by_log_odds"].iloc[-1] for history in histories]),
        "tied_percent": np.mean([100 * history["tied_images"].iloc[-1] for history in histories]),
        "weight_deviation_final": np.mean([history["weight_deviation"].iloc[-1] for history in histories]),
        "minutes": np.mean([sum(summary["wall_seconds"].values()) / 60 for summary in summaries]),
    }


def _sparsity(of_seeds: Sequence[np.ndarray]) -> dict[str, float]:
    """Return the Hoyer sparsity of the latents, mean and spread over the seeds, and how much of activity there is."""
    values = [hoyer_sparsity(active) for active in of_seeds]
    return {
        "hoyer": float(np.mean(values)),
        "hoyer_lowest": min(values),
        "hoyer_highest": max(values),
        "active_units": float(np.mean([np.count_nonzero(active, axis=1).mean() for active in of_seeds])),
        "rate": float(np.mean([active[active > 0].mean() for active in of_seeds])),
    }


def _latent_figures(trainer: Trainer, test: Split, active: np.ndarray) -> dict[str, float]:
    """Return what the latents of the first seed show, beside an untrained layer and the pixels."""
    untrained = type(trainer)(trainer.protocol, trainer.dataset)
    alive = active[active.any(axis=1)]
    return {
        "hoyer_without_silent": hoyer_sparsity(alive),
        "silent_images_percent": 100 * (1 - len(alive) / len(active)),
        "dead_units_percent": 100 * dead_units(active),
        "separability": separability(active, test.labels),
        "separability_zero_label": separability(latents(trainer, test, "zero"), test.labels),
        "separability_wrong_label": separability(latents(trainer, test, "wrong"), test.labels),
        "separability_untrained": separability(latents(untrained, test), test.labels),
        "separability_untrained_zero_label": separability(latents(untrained, test, "zero"), test.labels),
        "separability_pixels": separability(test.intensities(slice(None)), test.labels),
        "weight_deviation_initial": float(untrained.simulator.layers[0].crossbar.weights.std()),
    }


_TABLES = {
    "Test accuracy (%)": {
        "best": "best epoch",
        "published_best": "published best",
        "final": "last epoch",
        "final_lowest": "lowest seed",
        "final_highest": "highest seed",
        "published_final": "published last",
        "final_minus_published": "difference",
        "final_by_log_odds": "last, by log-odds",
        "tied_percent": "tied images (%)",
    },
    "Latents of the test images with the true label, without rest between presentations as published": {
        "hoyer": "Hoyer sparsity",
        "hoyer_lowest": "lowest seed",
        "hoyer_highest": "highest seed",
        "published_hoyer": "published Hoyer",
        "active_units": "active units per image",
        "rate": "their mean activity (spikes)",
        "hoyer_without_silent": "first seed: Hoyer without silent images",
        "hoyer_with_rest": "Hoyer with rest",
        "silent_images_percent": "silent images (%)",
        "dead_units_percent": "dead units (%)",
        "separability": "separability",
        "published_separability": "published separability",
    },
    "Controls (first seed)": {
        "separability_zero_label": "label bits zeroed",
        "separability_wrong_label": "wrong label",
        "separability_untrained": "untrained, true label",
        "separability_untrained_zero_label": "untrained, bits zeroed",
        "separability_pixels": "pixels",
        "weight_deviation_initial": "deviation of weights, start",
        "weight_deviation_final": "deviation of weights, end",
        "published_weight_deviation": "published deviation, end",
        "minutes": "minutes per run",
    },
}


def markdown(table: pandas.DataFrame, seeds: int, quick: bool) -> str:
    """Return the table as Markdown, in three parts."""
    scope = "quick look: few images and epochs, not a result" if quick else "full MNIST, ten epochs"
    lines = [f"# One layer of 200 neurons, arXiv 2406.16479 ({scope}; seeds: {seeds}; published: one seed)", ""]
    for title, columns in _TABLES.items():
        lines += [f"## {title}", "", f"| model | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
        for model, row in table.iterrows():
            cells = ("-" if np.isnan(x) else f"{x:.{4 if 0 < abs(x) < 1 else 2}f}" for x in row[list(columns)])
            lines.append(f"| {model} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)
