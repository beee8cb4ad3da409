"""What README and the pages of docs show is right: how-to scripts run, files are read, commands have these options."""

import re
import shlex
import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import typer

from brianff import Layer, Network, Simulator, load_dataset
from brianff.cli import app
from brianff.protocols import GOODNESS, Learning, Protocol, Sweep, load_protocol

ROOT = Path(__file__).parents[1]
MADE = {"_build", "generated", "jupyter_execute"}
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("**/*.md") if not MADE & {*page.parts})]
HOW_TO = [page for page in PAGES if page.parent.name == "how-to"]


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def commands(page):
    """Yield each command of brianff that a page shows, in a block or in the text."""
    lines = [line for block in blocks(page, "shell") for line in block.splitlines()]
    inline = re.findall(r"`(brianff [^`]*)`", page.read_text(encoding="utf-8").replace("\n", " "))
    for line in [*lines, *inline]:
        for part in line.partition("    #")[0].replace("[--", "--").replace("]", "").split("&&"):
            if part.strip().startswith("brianff "):
                yield shlex.split(part)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_that_are_shown_have_these_options(page):
    for words in commands(page):
        command, left = typer.main.get_command(app), list(words)
        while getattr(command, "commands", {}) and left and not left[0].startswith("-"):
            assert left[0] in command.commands, words
            command = command.commands[left.pop(0)]
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        assert {word.partition("=")[0] for word in left if word.startswith("-")} <= known, words


@pytest.fixture
def surroundings(tmp_path, monkeypatch, numpy_target):
    """What the scripts of how-to pages start from: a small simulator, some images, and a folder of photographs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GOODNESS, "_parts", dict(GOODNESS._parts))
    digits = load_dataset("digits")
    images, labels = digits.train.intensities(range(40)), digits.train.labels[:40]
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number, pixels in enumerate(digits.test.images[:10]):
            plt.imsave(tmp_path / "photos" / name / f"{number}.png", pixels.reshape(8, 8), cmap="gray")
    network = Network(pixels=64, layers=[Layer(neurons=5)])
    return {
        "network": network,
        "goodness": GOODNESS["l4-norm"],
        "simulator": Simulator(network, seed=1),
        "protocol": Protocol(network=network, learning=Learning(epochs=1)),
        "images": images,
        "labels": labels,
        "train_images": images,
        "train_labels": labels,
        "test_images": images,
        "test_labels": labels,
    }


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in HOW_TO if blocks(page, "python")], ids=lambda page: page.stem)
def test_how_to_scripts_run(page, surroundings):
    for script in blocks(page, "python"):
        exec(compile(script, page.name, "exec"), surroundings)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")], ids=lambda page: page.stem)
def test_files_that_are_shown_are_read(page, tmp_path):
    for number, text in enumerate(blocks(page, "toml")):
        content, file = tomllib.loads(text), tmp_path / f"{number}.toml"
        file.write_text(text)
        if "values" in content:
            assert Sweep.from_file(file).points
        elif "network" in content:
            assert load_protocol(file).network
        else:
            assert content["project"]["entry-points"]
