"""Commands that list what is there: parts that are known by name, data sets, the installation."""

from __future__ import annotations

import inspect
from collections.abc import ItemsView
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brianff.cli.common import DataDirectory, Imports, print_table
from brianff.cli.streams import echo, say
from brianff.errors import ConfigurationError

if TYPE_CHECKING:
    from brianff.equations import Preset

app = typer.Typer()
devices_app = typer.Typer(rich_markup_mode=None)
data_app = typer.Typer(help="List the data sets, or fetch one.", rich_markup_mode=None)


@app.command()
def neurons(imports: Imports = None) -> None:
    """List the neuron models: equations, unit of the activity, presets with their sources."""
    for name, model in _parts("neuron"):
        equations = [line for line in model.equations.splitlines() if "/dt =" in line or line.startswith("activity")]
        spike = f"spike where {model.threshold}: {model.reset or 'no reset'}" if model.threshold else ""
        unit = f"unit of the activity: {model.activity_unit or 1}"
        _print_part(name, *equations, spike, unit, *map(_cited, model.presets.values()))


@app.command()
def goodness(imports: Imports = None) -> None:
    """List the goodness functions of a layer: formula and source."""
    for name, part in _parts("goodness"):
        _print_part(name, part.formula, part.source)
    echo("z, the activity of a neuron, is in the unit that `brianff neurons` shows.")


@app.command()
def modulators(imports: Imports = None) -> None:
    """List the modulators: formula and source. They have the unit of 1 / goodness."""
    for name, part in _parts("modulator"):
        _print_part(name, part.formula or (inspect.getdoc(part) or "").partition("\n")[0], part.source)


def _parts(kind: str) -> ItemsView[str, Any]:
    from brianff.register import KINDS

    return KINDS[kind].registry.items()


def _cited(preset: Preset) -> str:
    sources = [preset.source, *(parameter.source for parameter in preset.parameters.values())]
    return f"{preset.name}: {'; '.join(source for source in dict.fromkeys(sources) if source)}"


def _print_part(name: str, *lines: str) -> None:
    for number, line in enumerate(filter(None, lines)):
        print_table([(f"{'' if number else name:24}", line)])


@devices_app.callback(invoke_without_command=True)
def devices(
    context: typer.Context,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Also draw the devices' curves into this file.")
    ] = None,
    imports: Imports = None,
) -> None:
    """List the presets of synaptic devices (law, range, energy of a pulse in its middle, source), or fit one."""
    if context.invoked_subcommand is not None:
        return
    from brianff.description.device import Device
    from brianff.description.parts import DEVICES, LAWS

    rows = []
    for name, preset in DEVICES.items():
        device = Device(preset=preset)
        ends = " to ".join(f"{1e6 * device.physics[end]:.3g} uS" for end in ("G_off", "G_on"))
        energies = ", ".join(f"{device.pulse_energy(way):.2g} J {way}" for way in ("up", "down"))
        rows += [(name, f"{preset.law.name}; {ends}; {energies}"), ("", preset.source)]
    drawn = []
    if figure is not None:
        from brianff.analysis.devices import device_sheet
        from brianff.analysis.style import save_figure

        drawn = [("figure", str(save_figure(device_sheet(), figure)))]
    print_table([*rows, ("laws", ""), *((name, law.formula) for name, law in LAWS.items()), *drawn])


@devices_app.command("fit")
def fit_devices(
    pulses: Annotated[Path, typer.Argument(metavar="PULSES.csv", help="Table of measured pulse trains.")],
    law: Annotated[
        str | None, typer.Option("--law", help="A law of `brianff devices`, or table; default: chosen.")
    ] = None,
    retention: Annotated[
        Path | None, typer.Option("--retention", metavar="CSV", help="Conductance against time_s, for the drift.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="MEANING=NAME", help="Another name in the tables: pulse=n, conductance_uS=G."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A known parameter: G_on='30 uS'.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The device, for `file` of a layer's device.")] = Path(
        "device.toml"
    ),
    imports: Imports = None,
) -> None:
    """Fit a device to measured pulse trains: values with 95 % intervals, a TOML file and a figure beside it."""
    import tomli_w

    from brianff.analysis.devices import measured_and_simulated
    from brianff.analysis.style import save_figure
    from brianff.device_fit import fit_device
    from brianff.storage.checkpoint import write_atomically

    fit = fit_device(pulses, law, retention, _pairs("--column", columns), _pairs("--set", settings))
    for note in fit.notes:
        say(f"brianff: note: {note}")
    content = fit.device.model_dump(mode="json", include={"law", "parameters"})
    write_atomically(out, tomli_w.dumps(content).encode())
    figure = save_figure(measured_and_simulated(fit), out.with_suffix(".png"))
    echo(fit.table().to_string(float_format="{:.4g}".format))
    echo("laws, by how much less likely they make a reading that was left out (log-likelihood); chosen: the simplest")
    echo("within two standard errors of the best")
    for name, deficit in fit.scores.items():
        echo(f"{name:24}{deficit:.4f}{' (chosen)' * (name == fit.law)}")
    echo(f"residual {fit.residual:.3g} S about the mean course")
    echo(out)
    echo(figure)


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    if wrong := [text for text in texts or () if "=" not in text]:
        raise ConfigurationError(f"{option} is {wrong[0]!r}; it takes NAME=VALUE")
    return dict((part.strip() for part in text.split("=", 1)) for text in texts or ())  # type: ignore[misc]


@app.command()
def doctor() -> None:
    """Show versions, compiler, code generation and data sets."""
    from brianff.doctor import report

    print_table(report())


@data_app.callback(invoke_without_command=True)
def data(context: typer.Context, data_dir: DataDirectory = None, imports: Imports = None) -> None:
    """List the data sets, or fetch one."""
    if context.invoked_subcommand is None:
        from brianff.data.named import available_datasets

        missing = "not found; `brianff data fetch {}` downloads it"
        found = available_datasets(data_dir).items()
        print_table([(name, str(path or missing.format(name))) for name, path in found])


@data_app.command()
def fetch(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set.")]) -> None:
    """Download a data set into the cache and check it."""
    from brianff.data.named import fetch_dataset

    echo(fetch_dataset(name))
