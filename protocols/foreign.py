"""Evaluating weights that were trained elsewhere, with the exact inference of a protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from brianff.arrays import checked
from brianff.errors import DataError
from brianff.protocols.configuration import Protocol
from brianff.protocols.trainer import Trainer
from brianff.protocols.training import measure, prepare
from brianff.storage.files import read_arrays
from brianff.storage.run_directory import RunDirectory

__all__ = ["adopt_weights", "evaluate_weights"]


def evaluate_weights(
    protocol: Protocol,
    weights: Path,
    out: Path,
    data_dir: Path | None = None,
    progress: bool = True,
) -> tuple[RunDirectory, dict[str, Any]]:
    """Evaluate foreign weights on the held-out images of a protocol.

    Parameters
    ----------
    protocol : Protocol
    weights : Path
        See `adopt_weights`.
    out : Path
        Directory in which a run directory with config.toml and summary.json is made.
    data_dir : Path, optional
        Where the data sets are.
    progress : bool

    Returns
    -------
    RunDirectory
    dict
        The summary.

    Raises
    ------
    DataError
        If the file does not hold what the protocol's network needs.
    """
    trainer = prepare(protocol, data_dir)
    adopt_weights(trainer, weights)
    summary = measure(trainer, progress) | {"weights": str(weights)}
    run = RunDirectory.create(out, f"{protocol.name}-evaluation", protocol.seed)
    run.write_config(protocol.model_dump(mode="json"))
    run.write_summary(summary)
    return run, summary


def adopt_weights(trainer: Trainer, path: Path) -> None:
    """Give a trainer's network the weights of a file.

    Parameters
    ----------
    trainer : Trainer
    path : Path
        A .npz file with the arrays weights_0, weights_1, ... (inputs, neurons), one for each layer, and, where labels
        enter as a random code, label_codes (classes, bits) of zeros and ones.

    Raises
    ------
    DataError
        If the file cannot be read, or arrays are missing, unknown, of another shape, not finite or beyond the bounds
        of the weights. The trainer is then unchanged.
    """
    simulator, network = trainer.simulator, trainer.protocol.network
    shapes = {f"weights_{number}": layer.crossbar.weights.shape for number, layer in enumerate(simulator.layers)}
    if network.label.placement == "code":
        shapes["label_codes"] = (network.classes, network.label.bits)
    arrays = read_arrays(path)
    for name in arrays.keys() - shapes.keys():
        raise DataError(f"{path} holds an array {name!r}; this network takes {', '.join(shapes)}")
    for name, shape in shapes.items():
        if name not in arrays:
            raise DataError(
                f"{path} has no array {name!r} of the shape {shape}; it holds {', '.join(arrays) or 'none'}"
            )
        arrays[name] = checked(f"{path}: {name}", arrays[name], shape)
    for number, layer in enumerate(network.layers):
        largest = np.abs(arrays[f"weights_{number}"]).max(initial=0.0)
        if layer.weight_bound is not None and largest > layer.weight_bound:
            raise DataError(
                f"{path}: weights_{number} reaches {largest:g}, beyond the weight_bound {layer.weight_bound:g}"
            )
    codes = arrays.get("label_codes")
    if codes is not None and not np.isin(codes, (0, 1)).all():
        raise DataError(f"{path}: label_codes holds other values than 0 and 1")
    for number, simulated in enumerate(simulator.layers):
        simulated.crossbar.adopt(arrays[f"weights_{number}"])
    if codes is not None:
        simulator.codes[:, network.image_units :] = codes * network.label.strength
