"""Commands that list what is there: devices, data sets, the installation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brianff.cli.common import DataDirectory, print_table

app = typer.Typer()
data_app = typer.Typer(help="List the data sets, or fetch one.", rich_markup_mode=None)


@app.command()
def devices(
    figure: Annotated[
        Path | None, typer.Option("--figure", help="Also draw the devices' curves into this file.")
    ] = None,
) -> None:
    """List the presets of synaptic devices: law, energy of a pulse in the middle of the range, source."""
    from brianff.description.device import DEVICES, LAWS, Device

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
def data(context: typer.Context, data_dir: DataDirectory = None) -> None:
    """List the data sets, or fetch one."""
    if context.invoked_subcommand is None:
        from brianff.data.named import available_datasets

        print_table([(name, str(path or "not found")) for name, path in available_datasets(data_dir).items()])


@data_app.command()
def fetch(name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a data set.")]) -> None:
    """Download a data set into the cache and check it."""
    from brianff.data.named import fetch_dataset

    typer.echo(fetch_dataset(name))
