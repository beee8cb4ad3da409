import platform
import sys
import types
from importlib.metadata import version
from pathlib import Path

import pytest

import brianff
from brianff import codegeneration, doctor
from brianff.acceleration import compiled


@pytest.fixture(autouse=True)
def datasets(monkeypatch):
    fake = types.ModuleType("brianff.data.named")
    fake.available_datasets = lambda data_dir=None: {"digits": Path("/somewhere"), "mnist": None}
    monkeypatch.setitem(sys.modules, "brianff.data.named", fake)
    return fake


@pytest.fixture(autouse=True)
def target(monkeypatch):
    monkeypatch.setattr(compiled, "code_target", lambda: "cython")
    monkeypatch.setattr(codegeneration, "simd_exponential", lambda: True)


def test_report():
    items = dict(doctor.report())
    assert items["python"] == platform.python_version()
    assert items["brian2"] == version("brian2")
    assert items["code generation target"] == "cython"
    assert items["SIMD exp"] == "yes"
    assert items["cache directory"] == str(codegeneration.cache_directory())
    assert items["data set digits"] == "/somewhere"
    assert items["data set mnist"] == "not found"
    assert all(isinstance(value, str) and "failed" not in value for value in items.values())


def test_compiler_is_named_with_its_version():
    expected = codegeneration.compiler()
    assert dict(doctor.report())["compiler"].startswith(f"{expected} (" if expected else "none")


def test_no_compiler(monkeypatch):
    monkeypatch.setattr(codegeneration, "compiler", lambda: None)
    assert dict(doctor.report())["compiler"] == "none"


def test_what_fails_is_reported_as_a_value(monkeypatch, datasets):
    def fail(*_):
        raise RuntimeError("out of order")

    monkeypatch.setattr(compiled, "code_target", fail)
    for name in ("compiler", "simd_exponential", "cache_directory"):
        monkeypatch.setattr(codegeneration, name, fail)
    datasets.available_datasets = fail
    monkeypatch.setattr(doctor, "_PACKAGES", ("brian2", "no-such-package"))
    items = dict(doctor.report())
    assert items["no-such-package"] == "not installed"
    failed = {item for item, value in items.items() if value == "failed: RuntimeError: out of order"}
    assert failed == {"compiler", "code generation target", "SIMD exp", "cache directory", "data sets"}


def test_versions_are_shown_to_a_script(capsys):
    brianff.show_versions()
    shown = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert shown["brian2"] == version("brian2")
    assert shown["compiler"]
