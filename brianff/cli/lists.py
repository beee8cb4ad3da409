"""Commands that list what is there: parts that are known by name, data sets, the installation."""

from __future__ import annotations

import inspect
from collections.abc import ItemsView
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brianff.cli.common import DataDirectory, Imports, print_table

if TYPE_CHECKING:
    from brianff.equations import Preset

app = typer.Typer()
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
    typer.echo("z, the activity of a neuron, is in the unit that `brianff neurons` shows.")


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


@app.command()
def devices(
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Also draw the devices' curves into this file.")
    ] = None,
    imports: Imports = None,
) -> None:
    """List the presets of synaptic devices: law, energy of a pulse in the middle of the range, source."""
    from brianff.description.device import Device
    from brianff.description.parts import DEVICES, LAWS

    rows = []
    for name, preset in DEVICES.items():
        device = Device(preset=preset)
        energies = ", ".join(f"{device.pulse_energy(way):.2g} J {way}" for way in ("up", "down"))
        rows += [(name, f"{preset.law.name}; {energies}"), ("", preset.source)]
    print_table([*rows, ("laws", ""), *((name, law.formula) for name, law in LAWS.items())])
    if figure is not None:
        from brianff.analysis.devices import device_sheet
        from brianff.analysis.style import save_figure

        typer.echo(save_figure(device_sheet(), figure))


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

        print_table([(name, str(path or "not found")) for name, path in available_datasets(data_dir).items()])


@data_app.command()
def fetch(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set.")]) -> None:
    """Download a data set into the cache and check it."""
    from brianff.data.named import fetch_dataset

    typer.echo(fetch_dataset(name))
