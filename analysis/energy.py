"""The energy ledger of a run: neurons, synapse reads, programming, and what converters would have cost."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.analysis.style import BLUE, GREY, ORANGE, new_axes, off_screen, require, save_figure
from brianff.arguments import explained
from brianff.crossbar.crossbar import DeviceCrossbar
from brianff.description import Device, Network
from brianff.energy import LayerEnergy, measure, programming_energy
from brianff.storage.checkpoint import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from brianff.protocols.trainer import Trainer

__all__ = ["energy_bars", "energy_by_rate", "ledger", "ledger_rows", "write_ledger"]

IMAGES, BATCH = 100, 1000
"""Held-out images that are measured, each with every label, where presentations are integrated; where they are looked
up, all are, so many at a time."""

ADC_JOULE, DAC_JOULE, BITS = 1.67e-12, 0.39e-12, 8
"""Energy of an 8-bit analog-to-digital conversion and of driving one row with one bit, and the bits of an input:
Shafiee et al., ISAAC, ISCA 2016, table 1: ADC 2 mW at 1.2 GS/s; 1-bit DACs 4 mW for 1,024 rows of 100 ns. Inputs enter
bit by bit, and every column is converted for every bit."""


@explained
def ledger(trainer: Trainer) -> dict[str, Any]:
    """Return the energies of inference and of a whole run, in joule.

    Parameters
    ----------
    trainer : Trainer
        A trained network; see `brianff.protocols.training.open_trainer`.

    Returns
    -------
    dict
        per_inference: mean energy of inferring one image, that is of presenting it with every label, by part; spikes,
        synaptic events, energy per spike and per synaptic event. run: energies of all presentations made so far, taken
        as the mean of those measured, and of programming, counted. what_if_converters: what ADCs and DACs at the edge
        of every crossbar would add to one inference. silence_until_rest_dominates_s: the time without input after which
        the neurons' rest has used more than one inference's activity.
    """
    simulator, split = trainer.simulator, trainer.held_out
    if simulator.response is None or simulator.response.account_table is None:
        split = split.first(IMAGES)
    network, classes = simulator.network, simulator.network.classes
    duration = network.encoding.steps * float(network.time_step)
    labels, batches = np.arange(classes), [slice(start, start + BATCH) for start in range(0, len(split), BATCH)]
    measured = [
        measure(simulator, images, np.broadcast_to(labels, (len(images), classes)))
        for images in map(split.intensities, batches)
    ]
    layers = [LayerEnergy.joined(parts) for parts in zip(*measured, strict=True)]
    inference = _per_inference(layers, len(split))
    programming = [
        programming_energy(layer.crossbar) for layer in simulator.layers if isinstance(layer.crossbar, DeviceCrossbar)
    ]
    presentations = simulator.presentations
    sizes = [network.inputs, *(layer.neurons for layer in network.layers)]
    converters = (
        classes * BITS * sum(rows * DAC_JOULE + columns * ADC_JOULE for rows, columns in itertools.pairwise(sizes))
    )
    entries = {
        "images": len(split),
        "presentations_per_inference": classes,
        "duration_of_presentation_s": duration,
        "resting_power_per_neuron_w": [
            energy.resting / layer.neurons / duration for energy, layer in zip(layers, network.layers, strict=True)
        ],
        "per_inference": inference,
        "run": {
            "presentations": presentations,
            "neurons_joule": inference["neurons_joule"] / classes * presentations,
            "reads_joule": inference["reads_joule"] / classes * presentations,
            "programming": {key: sum(part[key] for part in programming) for key in programming[0]}
            if programming
            else None,
        },
        "silence_until_rest_dominates_s": inference["neurons_above_rest_joule"]
        / inference["neurons_resting_joule"]
        * (classes * duration),
        "what_if_short_reads": {
            "joule_per_inference": _short_reads(network, layers) / len(split),
            "source": "the width of a read of the device's preset in place of the alpha-shaped pulse",
        },
        "what_if_read_disturb": _read_disturb(trainer, layers, len(split)),
        "what_if_converters": {
            "joule_per_inference": converters,
            "times_everything_else": converters / (inference["neurons_joule"] + inference["reads_joule"]),
            "source": "ISAAC (Shafiee et al., ISCA 2016, table 1): 8-bit ADC 1.67 pJ, 1-bit DAC 0.39 pJ; 8-bit inputs "
            "bit by bit",
        },
        "reported_elsewhere": {
            "joule_per_spike": {"Ag/HfO2 neuron": 18e-12, "NbO2 neuron": 52e-12},
            "joule_per_synaptic_event": {"brain": [1e-15, 100e-15]},
        },
        "notes": _notes(trainer),
    }
    return _finite(entries)


def _per_inference(layers: list[LayerEnergy], images: int) -> dict[str, float]:
    neurons = sum(layer.dissipated.sum() for layer in layers) / images
    presentations = len(layers[0].spikes) / images
    resting = sum(layer.resting for layer in layers) * presentations
    reads = sum(layer.read.sum() for layer in layers) / images
    spikes = sum(layer.spikes.sum() for layer in layers) / images
    events = sum(layer.synaptic_events.sum() for layer in layers) / images
    imbalance = sum((layer.delivered - layer.dissipated - layer.stored).sum() for layer in layers) / images
    return {
        "neurons_joule": float(neurons),
        "neurons_resting_joule": float(resting),
        "neurons_above_rest_joule": float(neurons - resting),
        "reads_joule": float(reads),
        "spikes": float(spikes),
        "synaptic_events": float(events),
        "joule_per_spike_total": float(neurons / spikes) if spikes else float("nan"),
        "joule_per_spike_above_rest": float((neurons - resting) / spikes) if spikes else float("nan"),
        "joule_per_synaptic_event": float(reads / events) if events else float("nan"),
        "imbalance_share": float(abs(imbalance) / neurons) if neurons else float("nan"),
    }


def _short_reads(network: Network, layers: list[LayerEnergy]) -> float:
    """Return the heat of all reads if they were as short as those of the devices' presets."""
    pairs = zip(layers, network.layers, strict=True)
    times = [(energy, (layer.device or Device()).physics["read_time"]) for energy, layer in pairs]
    return float(sum(energy.read.sum() / energy.exposure * read_time for energy, read_time in times))


def _read_disturb(trainer: Trainer, layers: list[LayerEnergy], images: int) -> dict[str, Any]:
    """Return what reading would do to the devices, which presentations leave out."""
    pulses, inferences = [], []
    for energy, simulated in zip(layers, trainer.simulator.layers, strict=True):
        crossbar = simulated.crossbar
        pulses.append(float(energy.synaptic_events.sum() / images / max(crossbar.fan_out.sum(), 1)))
        p = crossbar.device.physics if isinstance(crossbar, DeviceCrossbar) else Device().physics
        creep = 1e-6 * pulses[-1] * np.hypot(p["read_disturb"], p["read_disturb_spread"])
        inferences.append(float(-np.log(0.98) / creep) if creep else None)
    return {
        "read_pulses_per_device_and_inference": pulses,
        "inferences_to_creep_1_percent_of_the_range": inferences,
        "source": "read_disturb of the device, for one in the middle of its range; every pulse counted in full; None: "
        "the device has no read disturb. Devices creep where crossbar.disturb(pulses) says so",
    }


def _notes(trainer: Trainer) -> list[str]:
    """Return what a reader of the figures must know."""
    notes = ["the circuit that measures goodness, wires and drivers are not counted"]
    for number, (layer, simulated) in enumerate(
        zip(trainer.protocol.network.layers, trainer.simulator.layers, strict=True)
    ):
        crossbar = simulated.crossbar
        if not isinstance(crossbar, DeviceCrossbar):
            notes.append(f"layer {number} has no devices: reads are those of the preset 'ideal'; programming unknown")
            continue
        p = crossbar.device.physics
        given, wanted = p["read_voltage"] * crossbar.devices.span, float(layer.current_scale) * crossbar.full_scale
        notes.append(
            f"layer {number}: a pair at full range gives {given:.3g} A at the read voltage, the network wants "
            f"{wanted:.3g} A: a current gain of {wanted / given:.3g}, whose cost is not counted"
        )
    return notes


def ledger_rows(entries: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a ledger as rows of name and text, in units that are easy to read."""
    inference, whole = entries["per_inference"], entries["run"]
    rows = [
        ("one inference: neurons", _joule(inference["neurons_joule"])),
        ("  of it at rest", _joule(inference["neurons_resting_joule"])),
        ("  of it above rest", _joule(inference["neurons_above_rest_joule"])),
        ("  for each spike, in all", _joule(inference["joule_per_spike_total"])),
        ("  for each spike, above rest", _joule(inference["joule_per_spike_above_rest"])),
        ("one inference: synapse reads", _joule(inference["reads_joule"])),
        ("  for each synaptic event", _joule(inference["joule_per_synaptic_event"])),
        ("  if reads were as short as the preset's", _joule(entries["what_if_short_reads"]["joule_per_inference"])),
        ("  read pulses on a device, by layer", _by_layer(entries["what_if_read_disturb"])),
        ("one inference: converters, if there were any", _joule(entries["what_if_converters"]["joule_per_inference"])),
        ("whole run: neurons", _joule(whole["neurons_joule"])),
        ("whole run: synapse reads", _joule(whole["reads_joule"])),
    ]
    if whole["programming"]:
        pulses = whole["programming"]["pulses_up"] + whole["programming"]["pulses_down"]
        rows.append(
            ("whole run: programming pulses", f"{_joule(whole['programming']['pulses_joule'])}, {pulses:.3g} pulses")
        )
        rows.append(("whole run: verifying reads", _joule(whole["programming"]["verify_joule"])))
    silence = entries["silence_until_rest_dominates_s"]
    rows.append(("silence in which rest uses as much as one inference", "-" if silence is None else f"{silence:.3g} s"))
    return rows


def _by_layer(disturb: dict[str, Any]) -> str:
    pulses, inferences, _ = disturb.values()
    pairs = zip(pulses, inferences, strict=True)
    return ", ".join(f"{n:.3g}" + (f" (1 % creep after {m:.3g} inferences)" if m else "") for n, m in pairs)


def _joule(value: float | None) -> str:
    if value is None:
        return "-"
    power = int(np.clip(np.floor(np.log10(value) / 3), -6, 0)) if value > 0 else 0
    return f"{value / 1000.0**power:.3g} {('', 'm', 'u', 'n', 'p', 'f', 'a')[-power]}J"


def _finite(entries: Any) -> Any:
    """Return entries with None in place of what is not a finite number: JSON has no nan."""
    if isinstance(entries, dict):
        return {key: _finite(value) for key, value in entries.items()}
    if isinstance(entries, list):
        return [_finite(value) for value in entries]
    return None if isinstance(entries, float) and not np.isfinite(entries) else entries


def energy_bars(entries: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Plot the parts of the energy of one inference as points on a logarithmic axis, which has no zero for bars.

    Parameters
    ----------
    entries : dict
        From `ledger`.
    ax : Axes, optional

    Raises
    ------
    ConfigurationError
        If the ledger has no energy of an inference.

    Examples
    --------
    >>> inference = {"neurons_resting_joule": 1e-9, "neurons_above_rest_joule": 2e-9, "reads_joule": 5e-8}
    >>> parts = {"run": {"programming": None}, "what_if_converters": {"joule_per_inference": 2e-8}}
    >>> energy_bars({"per_inference": inference} | parts).get_xlabel()
    'energy of one inference (J)'
    """
    require("per_inference" in entries, "the ledger has no entry 'per_inference'")
    inference = entries["per_inference"]
    bars = {
        "neurons at rest": (inference["neurons_resting_joule"], BLUE),
        "neurons above rest": (inference["neurons_above_rest_joule"], BLUE),
        "synapse reads": (inference["reads_joule"], BLUE),
    }
    programming = entries["run"]["programming"]
    if programming:
        total = programming["pulses_joule"] + programming["verify_joule"]
        bars["programming, whole run"] = (total, ORANGE)
    bars["converters, if there were any"] = (entries["what_if_converters"]["joule_per_inference"], GREY)
    ax = new_axes(ax, (5.0, 2.4))
    bars = {name: bar for name, bar in bars.items() if bar[0]}  # neurons without power have none to show
    values = [value for value, _ in bars.values()]
    places = np.arange(len(values))
    ax.hlines(places, 0, 1, transform=ax.get_yaxis_transform(), color="0.9", lw=0.8, zorder=0)
    ax.scatter(values, places, 40, [colour for _, colour in bars.values()])
    ax.set_yticks(places, list(bars))
    of_the_run = ",\nprogramming: of the whole run" if programming else ""
    ax.set(xscale="log", xlabel=f"energy of one inference{of_the_run} (J)")
    ax.invert_yaxis()
    for place, value in enumerate(values):
        ax.annotate(_joule(value).replace("u", "µ"), (value, place), (6, 3), textcoords="offset points", fontsize=8)
    ax.margins(x=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def energy_by_rate(entries: dict[str, Any], ax: Axes | None = None) -> Axes:
    """Plot the energy of an inference against the number of inferences per second: at low rates, rest is all.

    Parameters
    ----------
    entries : dict
        From `ledger`.
    ax : Axes, optional

    Raises
    ------
    ConfigurationError
        If the ledger has no energy of an inference, or none of neurons at rest.

    Examples
    --------
    >>> inference = {"neurons_resting_joule": 1e-9, "neurons_above_rest_joule": 2e-9, "reads_joule": 5e-8}
    >>> parts = {"duration_of_presentation_s": 2e-5, "what_if_converters": {"joule_per_inference": 2e-8}}
    >>> energy_by_rate({"per_inference": inference, "presentations_per_inference": 10} | parts).get_xscale()
    'log'
    """
    require("per_inference" in entries, "the ledger has no entry 'per_inference'")
    inference, active = entries["per_inference"], entries["duration_of_presentation_s"]
    active *= entries["presentations_per_inference"]
    require(inference["neurons_resting_joule"] is not None, "the neurons of this network have no power")
    rates = np.geomspace(1.0, 1.0 / active, 50)
    ax = new_axes(ax, (4.0, 2.6))
    rest = inference["neurons_resting_joule"] / active / rates
    ax.plot(rates, rest, "-", color=BLUE, label="neurons at rest")
    for key, style, colour, name in (
        ("neurons_above_rest_joule", "--", BLUE, "neurons above rest"),
        ("reads_joule", "-.", ORANGE, "synapse reads"),
    ):
        ax.plot(rates, np.full_like(rates, inference[key]), style, color=colour, label=name)
    converters = entries["what_if_converters"]["joule_per_inference"]
    ax.plot(rates, np.full_like(rates, converters), ":", color=GREY, label="converters, if any")
    ax.set(xscale="log", yscale="log", xlabel="inferences per second", ylabel="energy of one inference (J)")
    ax.legend(frameon=False, fontsize=7, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


@off_screen()
def write_ledger(trainer: Trainer, directory: str | Path) -> dict[str, Any]:
    """Measure the energies of a trained network, write energy.json and its figures, and return the ledger.

    Parameters
    ----------
    trainer : Trainer
    directory : str or Path
        That of the run: it receives energy.json and, in figures/, energy and energy-by-rate, as PNG. Made if missing.
    """
    entries, directory = ledger(trainer), Path(directory)
    save_figure(energy_bars(entries), directory / "figures" / "energy.png")
    if entries["per_inference"]["neurons_joule"] is not None:
        save_figure(energy_by_rate(entries), directory / "figures" / "energy-by-rate.png")
    write_atomically(directory / "energy.json", (json.dumps(entries, indent=2) + "\n").encode())
    return entries
