"""The runs behind the fully memristive network's table of results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from brianff.errors import ConfigurationError
from brianff.protocols.configuration import Protocol, load_protocol

__all__ = ["DATASETS", "DEVICES", "SEEDS", "msnn_runs"]

DATASETS = ("mnist", "fashion-mnist", "kmnist-7k")
DEVICES = ("ideal", "ecram")
SEEDS = (1, 2, 3)

_QUICK_EPOCHS = {"mnist": 2, "fashion-mnist": 2, "kmnist-7k": 10}


def msnn_runs(
    datasets: Iterable[str] = DATASETS,
    devices: Iterable[str] = DEVICES,
    seeds: Sequence[int] = SEEDS,
    quick: bool = False,
) -> dict[str, Protocol]:
    """Return the protocols of a table: name of the run's directory to protocol.

    Parameters
    ----------
    datasets : iterable of str
        Some of DATASETS.
    devices : iterable of str
        Presets of synaptic devices.
    seeds : sequence of int
    quick : bool
        The small form: the first seed only, one layer of 512 neurons, few epochs.

    Raises
    ------
    ConfigurationError
        If a data set or a device is unknown.
    """
    runs = {}
    for dataset in datasets:
        if dataset not in DATASETS:
            raise ConfigurationError(f"no data set {dataset!r} to reproduce; known: {', '.join(DATASETS)}")
        name = f"msnn-{dataset}" if quick else f"msnn-{dataset}-large"
        settings = [f"learning.epochs={_QUICK_EPOCHS[dataset]}", "evaluation.training_images=1000"] if quick else []
        for device in devices:
            for seed in seeds[:1] if quick else seeds:
                protocol = load_protocol(name, [*settings, f"seed={seed}"])
                runs[f"{name}-{device}-seed{seed}"] = _with_device(protocol, device)
    return runs


def _with_device(protocol: Protocol, preset: str) -> Protocol:
    layers = [layer.replace(device={"preset": preset}) for layer in protocol.network.layers]
    return protocol.replace(network=protocol.network.replace(layers=layers))
