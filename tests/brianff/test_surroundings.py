"""What surrounds a process does no harm: files beside it, environment variables, standard streams."""

import os
import subprocess
import sys

import pytest

from brianff import doctor
from brianff.acceleration import compiled
from brianff.acceleration.compiler import cache_base, compiler
from brianff.children import python
from brianff.data.named import available_datasets
from brianff.engines.response import table
from brianff.errors import DataError
from brianff.progress import Progress


def test_children_import_nothing_from_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("")
    (tmp_path / "own.py").write_text("def tell(text): print(text)")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    command = python("json", "dumps", "x", first="print(sys.flags.safe_path)")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    # What is the user's is found where her own process finds it.
    command = python("builtins", "exec", "from own import tell; tell('found')")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "found\n"


@pytest.mark.parametrize("value", [None, "", "/nowhere/g++", "true -x"])
def test_a_compiler_that_is_named_and_not_there_is_left_aside(value, tmp_path, monkeypatch):
    expected = compiler()
    seen = []

    def create_extension(code, name, **options):
        seen.append(os.environ.get("CXX"))
        return object()

    monkeypatch.setattr(compiled._manager, "create_extension", create_extension)
    (monkeypatch.delenv("CXX", raising=False) if value is None else monkeypatch.setenv("CXX", value))
    compiled._compile(tmp_path, "name", "", {})
    usable = value == "true -x"
    assert seen == [value if usable else None]
    assert os.environ.get("CXX") == value
    assert compiler() == expected if not usable else compiler().endswith("/true")
    assert ("CXX" in doctor._surroundings()) == (value in ("", "/nowhere/g++"))


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"BRIANFF_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"BRIANFF_CACHE": "", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/brianff"),
        ({"BRIANFF_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/brianff"),
        ({"HOME": "/h"}, "/h/.cache/brianff"),
        ({"HOME": ""}, "/.cache/brianff"),
    ],
)
def test_where_the_cache_is(variables, expected, monkeypatch):
    for name in ("BRIANFF_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_base()) == expected


def test_a_user_without_a_home_has_no_cache_in_the_working_directory(monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.delenv("BRIANFF_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert str(cache_base()).startswith("/dev/null/")


def test_a_table_that_cannot_be_kept_is_made_once(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file in the way")
    monkeypatch.setenv("BRIANFF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(table, "_not_written", {})
    made = []

    def make():
        made.append(table.Interpolated(-1.0, 1.0))
        return 1, made[-1]

    assert table._kept("key", make)[1] is table._kept("key", make)[1]
    assert len(made) == 1
    assert "cannot be written" in doctor._cache()


def test_a_data_directory_that_is_none_is_named(monkeypatch, tmp_path):
    for value in (str(tmp_path), ""):
        monkeypatch.setenv("BRIANFF_DATA", value)
        assert available_datasets()["digits"]
    monkeypatch.setenv("BRIANFF_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"BRIANFF_DATA .*nowhere is no directory"):
        available_datasets()


class Full:
    def isatty(self):
        return False

    def write(self, text):
        raise OSError(28, "No space left on device")

    flush = write


@pytest.mark.parametrize("stream", [Full(), None])
def test_progress_that_cannot_be_shown_stops_nothing(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with Progress(2, stream=stream, seconds=0) as progress:
        progress.stage("working")
        progress.advance(2)


def test_standard_streams_that_are_closed_or_full():
    run = [sys.executable, "-c", "import sys, brianff.cli; sys.argv[1:] = ['--version']; brianff.cli.main()"]
    closed = subprocess.run(["sh", "-c", '"$@" 0<&- 2>&-', "sh", *run], capture_output=True, text=True, check=True)
    assert closed.stdout.startswith("brianff ")
    if os.path.exists("/dev/full"):
        for option in ("--version", "--help"):
            command = [*run[:-1], run[-1].replace("--version", option)]
            with open("/dev/full", "w") as full:
                done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode == 2
            assert done.stderr.startswith("brianff: error: standard output cannot be written (No space left on device)")
            assert len(done.stderr.splitlines()) == 1


def test_the_doctor_tells_what_hides_pythons_own_modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CXX", raising=False)
    assert "json.py" not in doctor._surroundings()
    (tmp_path / "json.py").write_text("")
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in doctor._surroundings()
    assert "json.py in the working directory" in doctor._surroundings()


OWN_RULE = """
import numpy as np
from brianff import Dataset, Layer, Network
from brianff.protocols import Learning, Protocol, Trainer

def rule(positive, negative, modulator):
    raise ValueError("of my own")

data = Dataset.from_arrays(np.random.default_rng(0).random((20, 4)), np.arange(20) % 2)
network = Network(pixels=4, classes=2, layers=[Layer(neurons=3, neuron="relu")])
Trainer(Protocol(network=network, learning=Learning(plasticity=rule, epochs=1)), data).fit(progress=False)
"""


@pytest.mark.parametrize(
    ("script", "told", "of_brian2"),
    [
        ("import brianff; brianff.Network; raise ValueError('of my own')", "ValueError: of my own", False),
        ("import brian2, brianff; brianff.Network; raise ValueError('of my own')", "ValueError: of my own", False),
        ("from brianff import ConfigurationError, Layer; Layer(neurons=0)", "ConfigurationError: neurons", False),
        (OWN_RULE, "ValueError: of my own", False),
        ("from brianff.equations import MIF; raise ValueError('of my own')", "ValueError: of my own", False),
        (
            "import brianff, brian2; brianff.Network; brian2.mV + brian2.ms",
            "DimensionMismatchError: Cannot calculate",
            True,
        ),
    ],
    ids=["brianff", "brian2 first", "a value", "own rule", "equations", "units"],
)
def test_only_brian2s_own_errors_are_told_as_bugs_of_brian2(script, told, of_brian2):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert told in done.stderr.rstrip().splitlines()[-1]
    assert ("report this issue" in done.stderr or "bug in Brian 2" in done.stderr) == of_brian2


def test_a_process_that_ignores_ctrl_c_goes_on_ignoring_it():
    script = "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN); import brianff, brian2\n"
    script += "os.kill(os.getpid(), signal.SIGINT); print('still here')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("still here\n", "")
