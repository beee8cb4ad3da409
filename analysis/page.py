"""One HTML page that tells runs to a reader who has nothing installed: what was trained, how, and what came out."""

from __future__ import annotations

import base64
import inspect
import json
import os
import shlex
import string
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from brianff import __version__
from brianff.analysis.energy import ledger_rows
from brianff.analysis.learning import learning_curve
from brianff.analysis.mathematics import expression, model_equations, rendered
from brianff.analysis.style import off_screen, require
from brianff.arguments import explained
from brianff.errors import CheckpointError, ConfigurationError
from brianff.protocols.activity import complaints, notes
from brianff.protocols.configuration import Protocol, load_protocol, named_protocols
from brianff.protocols.plasticity import ModulatedHebbian
from brianff.protocols.training import check_same
from brianff.storage.checkpoint import load_checkpoint, write_atomically
from brianff.storage.files import read, read_json, read_text
from brianff.storage.run_directory import RunDirectory, without_none

__all__ = ["write_report"]

CAPTIONS = {
    "learning-curve": "Accuracy and loss after each epoch",
    "goodness-layer": "Goodness of held-out images with their own label (positive) and with a wrong one (negative)",
    "spike-raster": "Spikes of one held-out image with its own label (positive) and with a wrong one (negative)",
    "membrane-traces": "Time courses of three neurons that differ, for the same presentations as the spikes",
    "receptive-fields": "Weights from the pixels to some neurons",
    "energy-by-rate": "Energy of an inference against the number of inferences in a second",
    "energy": "Where the energy of an inference goes",
    "both-orders": "The same neuron and the same two images, in both orders",
}
"""Captions of a run's figures, by the beginning of the file's name."""


@explained
def write_report(runs: Sequence[str | Path | RunDirectory], path: str | Path = "report.html") -> Path:
    """Write finished runs side by side as one HTML page that loads nothing from elsewhere.

    Runs that differ in their seed only are one configuration: the page tells their mean and the 95 % interval of
    Student's t.

    Parameters
    ----------
    runs : sequence of str, Path or RunDirectory
        At least one; their figures and, if it was measured, the energy are those in their directories.
    path : str or Path
        Of the page.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigurationError
        If there is no run, or the page cannot be written there.
    CheckpointError
        If a directory holds no finished run, or another configuration than was trained.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    require(len(runs) > 0, "there is no run to report; name at least one run directory")
    told = [_Run(run if isinstance(run, RunDirectory) else RunDirectory.open(run)) for run in runs]
    found: dict[str, list[_Run]] = {}
    for run in told:
        found.setdefault(run.setup, []).append(run)
    groups = [_Group(letter, members) for letter, members in zip(_letters(), found.values(), strict=False)]
    loader = PackageLoader("brianff.analysis")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = environment.get_template("report.html").render(
        groups=groups,
        accuracies=list(dict.fromkeys(name for run in told for name in run.accuracies)),
        differences=_differences(groups),
        version=__version__,
    )
    path = Path(path)
    require(not path.is_dir(), f"{path} is a directory; name a file for the page with --out")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the directory of {path}: {error.strerror}; name another") from None
    write_atomically(path, page.encode())
    return path


class _Run:
    """What the page tells of a run."""

    def __init__(self, run: RunDirectory):
        self.run, self.name = run, run.path.resolve().name
        self.summary, self.protocol = run.read_summary(), Protocol(**run.read_config())
        self.accuracies = {
            name: value for name, value in self.summary.items() if name.endswith("_accuracy") and value is not None
        }
        self.described = without_none(self.protocol.model_dump(mode="json"))
        self.checkpoint: dict[str, Any] = {}
        with suppress(CheckpointError):  # a run of weights that were trained elsewhere has none
            self.checkpoint = load_checkpoint(run.checkpoint_path)[1]
        if trained := self.checkpoint.get("protocol"):  # else the page would tell what was not trained
            check_same(self.protocol.model_dump(mode="json"), trained, run.checkpoint_path)
        self.remarks = [*complaints(self.summary), *notes(self.summary)]

    @property
    def setup(self) -> str:
        """Everything that results depend on, but the seed, as text."""
        irrelevant = ("seed", "engine.workers", "engine.kept_spikes")
        return json.dumps({key: value for key, value in _flat(self.described).items() if key not in irrelevant})

    @cached_property
    def figures(self) -> list[tuple[str, str, int]]:
        """Caption, address and width of each figure: half its pixels, where its letters are like the text's."""
        paths = sorted(self.run.figures.glob("*.png"), key=lambda path: (_rank(path.stem), path.stem))
        drawn = [(_caption(path.stem), read(path, CheckpointError)) for path in paths]
        # A PNG file tells its width in the bytes from 16 on.
        return [(caption, _address(png, "png"), int.from_bytes(png[16:20], "big") // 2) for caption, png in drawn]

    @cached_property
    def energy(self) -> dict[str, list[Any]] | None:
        """Rows and notes of the energy ledger, if it was measured."""
        path = self.run.path / "energy.json"
        if not os.path.lexists(path):
            return None
        entries = read_json(path, CheckpointError)
        try:
            return {"rows": ledger_rows(entries), "notes": [*map(str, entries["notes"])]}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise CheckpointError(f"{path} is damaged: `brianff energy {self.run.path}` measures it anew") from None

    @property
    def activity(self) -> list[list[Any]]:
        """Number and figures of each layer."""
        return [[number, *layer.values()] for number, layer in enumerate(self.summary["layers"])]

    @property
    def seconds(self) -> float | None:
        return sum(self.summary["wall_seconds"].values()) if "wall_seconds" in self.summary else None

    @cached_property
    def provenance(self) -> list[tuple[str, str]]:
        """What made the run, and what it made."""
        summary, packages = self.summary, self.summary.get("packages", {})
        rows = {
            "commit": summary.get("commit") or "an installed package, without a checkout",
            "versions": ", ".join(f"{name} {one}" for name, one in packages.items() if one),
            "Python": summary.get("python"),
            "engine": summary.get("engine"),
            "worker processes": summary.get("workers"),
            "SHA-256 of the data": self.checkpoint.get("data_digest"),
            "SHA-256 of the weights": summary.get("weights_digest"),
            "to repeat": self.command,
        }
        return [(name, str(value)) for name, value in rows.items() if value not in (None, "")]

    @property
    def command(self) -> str:
        """The command that trains the same again: by name with what differs, else from the configuration's file."""
        name, wanted = self.protocol.name, _flat(self.described)
        imports = [part for module in self.described.get("imports", {}) for part in ("--import", module)]
        if name in named_protocols():
            before = _flat(without_none(load_protocol(name).model_dump(mode="json")))
            changes = {key: value for key, value in wanted.items() if before.get(key) != value}
            changes = {key: value for key, value in changes.items() if not key.startswith("imports.")}
            settings = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
            with suppress(ConfigurationError):
                made = without_none(load_protocol(name, settings).model_dump(mode="json"))
                if {**made, "imports": None} == {**self.described, "imports": None}:
                    parts = [part for setting in settings for part in ("--set", setting)]
                    return shlex.join(["brianff", "train", name, *parts, *imports])
        return shlex.join(["brianff", "train", "config.toml", *imports])

    @property
    def config(self) -> str:
        return read_text(self.run.path / "config.toml", CheckpointError)


@dataclass
class _Group:
    """Runs of one configuration."""

    letter: str
    runs: list[_Run]

    @property
    def protocol(self) -> Protocol:
        return self.runs[0].protocol

    @cached_property
    def spread(self) -> list[dict[str, Any]]:
        """Mean, interval and range of each accuracy over the runs; none of one run."""
        from scipy.stats import t

        rows: list[dict[str, Any]] = []
        for name in self.runs[0].accuracies if len(self.runs) > 1 else ():
            values = np.array([run.accuracies[name] for run in self.runs if name in run.accuracies], float)
            if len(values) < 2:
                continue
            half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
            mean, lowest, highest = values.mean(), values.min(), values.max()
            rows.append({"name": name, "mean": mean, "half": half, "lowest": lowest, "highest": highest})
        return rows

    @cached_property
    def curve(self) -> str | None:
        """The learning curve of all runs as the address of a picture; None without a history."""
        histories = []
        for run in self.runs:
            with suppress(CheckpointError):
                histories.append(run.run.read_history())
        if not any(len(history) for history in histories):
            return None
        drawn = BytesIO()
        with off_screen():
            names = "test_accuracy", "validation_accuracy"
            held_out = [run.accuracies[name] for run in self.runs for name in names if name in run.accuracies] or None
            ax = learning_curve(histories, chance=self.protocol.chance, held_out=held_out)
            save_figure_to = ax.figure.savefig  # type: ignore[union-attr]
            save_figure_to(drawn, format="svg", bbox_inches="tight")
        return _address(drawn.getvalue(), "svg+xml")

    @property
    def words(self) -> list[tuple[str, str]]:
        """The protocol in words: part and what it is."""
        protocol, network, learning = self.protocol, self.protocol.network, self.protocol.learning
        written = self.runs[0].described["network"]
        named = self.runs[0].described["learning"]
        data = f"{protocol.data.dataset if isinstance(protocol.data.dataset, str) else self.runs[0].summary['dataset']}"
        rows = [
            ("data", f"{data}: images of {network.pixels} pixels in {network.classes} classes"),
            ("task", _first_sentence(protocol.data.task)),
            ("input", f"{_first_sentence(network.encoding)} {network.encoding.steps} steps of {written['time_step']}."),
        ]
        if network.shows_labels:
            code = network.label
            units = network.inputs - network.pixels
            where = f"{units} input units beside the pixels" if units else "on the pixels' own input units"
            rows.append(("label", f"{where} ({code.placement}), of strength {code.strength:g}"))
        for number, layer in enumerate(network.layers):
            courses = "".join(f", memristor {state} {course}" for state, course in layer.courses.items())
            scale = written["layers"][number]["current_scale"]
            device = f"devices {layer.device.name} ({layer.device.base.source})" if layer.device else "plain numbers"
            text = (
                f"{layer.neurons} neurons {layer.neuron.name}{courses}; synapses {layer.synapse.name}, "
                f"{scale} for a weight of 1; weights: {device}"
            )
            rows.append((f"layer {number}", text))
        rows.append(("goodness", _with_source(learning.goodness.formula, learning.goodness.source)))
        formula = learning.modulator.formula or _first_sentence(learning.modulator)
        text = f"{formula}, with a = {learning.sharpness:g} and theta = {learning.threshold:g}"
        rows.append(("loss", _with_source(text, learning.modulator.source)))
        for part in ("plasticity", "polarity", "negatives", "optimiser", "schedule"):
            rows.append((part, f"{named[part]}: {_first_sentence(getattr(learning, part))}"))
        epochs = f"{learning.epochs} epoch{'s' * (learning.epochs != 1)}"
        rows.append(("training", f"{epochs}, {learning.batch} images in a batch"))
        rows.append(("decision", self.runs[0].summary.get("decision", protocol.evaluation.decision)))
        return rows

    @cached_property
    def formulas(self) -> list[tuple[str, list[str]]]:
        """Headings and their formulas as SVG elements: the neurons, the goodness, the rule."""
        learning, shown = self.protocol.learning, []
        for model in dict.fromkeys(layer.neuron.name for layer in self.protocol.network.layers):
            neuron = next(layer.neuron for layer in self.protocol.network.layers if layer.neuron.name == model)
            equations = [*model_equations(neuron), rf"\mathrm{{spike\ where}}\ \ {_condition(neuron.threshold)}"]
            shown.append((f"Neuron {model}", [rendered(one) for one in equations]))
        if not learning.goodness.counts_spikes:
            term = rf"g_j = {expression(learning.goodness.density)}"
            when = {"average": "averaged over the presentation", "final": "at its end", "peak": "at the peak"}
            place = when.get(learning.goodness.readout, learning.goodness.readout)
            shown.append((f"Goodness of a neuron, {place}", [rendered(term)]))
        if learning.plasticity is ModulatedHebbian:
            rule = (
                r"\Delta W_{ij} \propto \sum_{p} M_{p}\, \sum_{k} x_{ik}\, \frac{\partial g_j}{\partial d_{jk}}",
                r"M = -\frac{\partial L}{\partial G},\qquad d_{jk} = \sum_{i} W_{ij} x_{ik}",
            )
            shown.append(("Change of the weights, presentations p, events k", [rendered(one) for one in rule]))
        return shown

    @property
    def parameters(self) -> list[tuple[str, str, str, str, str]]:
        """Neuron, parameter, value, meaning and source, for each model and preset of the layers."""
        rows: dict[tuple[str, str, str, str, str], None] = {}
        for layer in self.protocol.network.layers:
            preset = layer.neuron.preset(layer.preset)
            for name, one in preset.parameters.items():
                value = layer.parameters.get(name, one.value)
                source = "own value" if name in layer.parameters else one.source or preset.source
                rows[layer.neuron.name, name, str(value), one.meaning, source] = None
        return list(rows)

    @property
    def settings(self) -> dict[str, Any]:
        return _flat(self.runs[0].described)


def _differences(groups: list[_Group]) -> list[tuple[str, list[Any]]]:
    """Return the settings in which configurations differ, each with its value in all of them."""
    settings = [group.settings for group in groups]
    keys = dict.fromkeys(key for one in settings for key in one if key != "seed")
    rows = [(key, [one.get(key) or "-" for one in settings]) for key in keys]
    told = [(key, values) for key, values in rows if key not in ("name", "description")]
    return [(key, values) for key, values in told if any(value != values[0] for value in values)]


def _letters() -> Iterator[str]:
    """Yield A, B, ..., Z, A2, B2, ..."""
    number = 1
    while True:
        yield from (f"{letter}{number if number > 1 else ''}" for letter in string.ascii_uppercase)
        number += 1


def _flat(value: Any, key: str = "") -> dict[str, Any]:
    """Return the values of a configuration by their dotted keys; lists of plain values stay whole."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        value = dict(enumerate(value))
    if not (value and isinstance(value, dict)):
        return {key: value}
    return {one: held for name, item in value.items() for one, held in _flat(item, f"{key}.{name}".lstrip(".")).items()}


def _first_sentence(part: Any) -> str:
    """Return the first line of what documents a part, or its class."""
    documented = part if inspect.isclass(part) or inspect.isfunction(part) else type(part)
    first = (inspect.getdoc(documented) or "").partition("\n\n")[0].replace("\n", " ").replace("`", "").rstrip(":")
    return first.removeprefix("Return ")


def _with_source(text: str, source: str) -> str:
    return f"{text} ({source})" if source else text


def _condition(threshold: str) -> str:
    """Return a condition in TeX, its sides apart: sympy would put them in another order."""
    left, sign, right = threshold.partition(">")
    return (
        f"{expression(left)} > {expression(right)}" if sign and right.strip().isidentifier() else expression(threshold)
    )


def _rank(stem: str) -> int:
    return next((rank for rank, start in enumerate(CAPTIONS) if stem.startswith(start)), len(CAPTIONS))


def _caption(stem: str) -> str:
    start = next((start for start in CAPTIONS if stem.startswith(start)), None)
    if start is None:
        return stem.replace("-", " ")
    number = stem.removeprefix(start).lstrip("-")
    return f"Layer {number}. {CAPTIONS[start]}" if number else CAPTIONS[start]


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
