import os
import shlex
import signal
import subprocess
import sys
import time
import types
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
from cases import first_fast
from device_round_trip import measure, truth

from brianff import cli
from brianff.errors import BrianffError, DataError
from brianff.imports import IMPORTED
from brianff.storage.run_directory import RunDirectory

SUMMARY = {
    "protocol": "small",
    "test_accuracy": 0.96543,
    "train_accuracy": 1.0,
    "wall_seconds": {"compile": 10.0, "train": 12.5, "evaluate": 2.0},
}


@pytest.fixture
def calls(monkeypatch):
    """Stand in for training, figures and data sets, and record how they are called."""
    made = []

    def record(name, result):
        def call(*arguments, **options):
            made.append((name, *arguments))
            return result

        return call

    def module(name, **functions):
        fake = types.ModuleType(name)
        for function, result in functions.items():
            setattr(fake, function, record(function, result))
        monkeypatch.setitem(sys.modules, name, fake)
        parent, _, attribute = name.rpartition(".")
        monkeypatch.setattr(sys.modules[parent], attribute, fake, raising=False)

    import brianff.analysis
    import brianff.data
    import brianff.protocols.studies.study  # noqa: F401

    module(
        "brianff.protocols.training",
        prepare="trainer",
        train=SUMMARY,
        open_trainer="opened",
        evaluate={"test_accuracy": 0.5},
    )
    module("brianff.protocols.foreign", evaluate_weights=(RunDirectory(Path("made")), {"test_accuracy": 0.25}))
    module("brianff.protocols.studies.neohebbian", reproduce="table", markdown="| model |")
    sys.modules["brianff.protocols.studies.neohebbian"].MODELS = ("analog", "online")
    module("brianff.analysis.report", write_figures=[Path("a.png"), Path("b.png")])
    module("brianff.analysis.energy", write_ledger={"notes": ["n"]}, ledger_rows=[("neurons", "3 nJ")])
    module(
        "brianff.data.named", available_datasets={"digits": Path("/here"), "mnist": None}, fetch_dataset=Path("/cache")
    )
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # main replaces it: put it back
    return made


@pytest.fixture
def brianff(monkeypatch, calls, capsys, tmp_path):
    """Run a command line in an empty directory and return exit status, output and error output."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        monkeypatch.setattr(sys, "argv", ["brianff", *shlex.split(line)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def protocol(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\nseed = 3\n')
    return path


@pytest.fixture
def run(tmp_path):
    run = RunDirectory.create(tmp_path, "small", 1)
    run.write_config({"name": "small"})
    return run


def test_train(brianff, protocol, calls):
    status, output, errors = brianff(
        f"train {protocol} --seed 5 --set learning.epochs=2 --set learning.batch=7 --out o --data-dir images"
    )
    assert (status, errors) == (0, "")
    (_, trained, data_dir), (name, trainer, run), figures = calls
    assert (name, trainer) == ("train", "trainer")
    assert (trained.seed, trained.learning.epochs, trained.learning.batch) == (5, 2, 7)
    assert data_dir == Path("images")
    assert run.path.parent == Path("o")
    assert run.path.name.startswith("small-seed5-")
    assert figures == ("write_figures", "trainer", run.figures)
    assert output.splitlines() == [
        "protocol        small",
        "test accuracy   96.54%",
        "train accuracy  100.00%",
        "wall time       24.5 s (compile 10.0 s, train 12.5 s, evaluate 2.0 s)",
        f"run directory   {run.path}",
    ]


def test_seed_of_the_protocol_and_default_directory(brianff, protocol, calls):
    assert brianff(f"train {protocol}")[0] == 0
    assert calls[0][1].seed == 3
    assert calls[1][2].path.parent == Path("runs")


def test_demo_trains_the_digits(brianff, calls, monkeypatch, protocol):
    from brianff.cli import runs
    from brianff.protocols import configuration

    @contextmanager
    def beside(protocol, out):
        calls.append(("train beside",))
        yield lambda: "the order's run"

    asked, load = [], configuration.load_protocol
    monkeypatch.setattr(configuration, "load_protocol", lambda name, _=(): (asked.append(name), load(protocol))[1])
    monkeypatch.setattr(runs, "_trained_beside", beside)
    monkeypatch.setattr(runs, "_frozen_accuracy", lambda protocol: 0.54)
    monkeypatch.setattr(runs, "_against_frozen", lambda *run: calls.append(("against frozen", *run)))
    status, output, said = brianff("demo --out elsewhere")
    assert status == 0
    assert said.splitlines() == [  # each line of progress in a file of output comes after one of these
        "brianff: which digit? small trains; small does so meanwhile, without a bar",
        "brianff: which of two digits came first? small trains with frozen memristors",
    ]
    assert asked == ["msnn-digits", "msnn-order-digits"]
    assert [call[0] for call in calls] == ["train beside", "prepare", "train", "write_figures", "against frozen"]
    assert calls[-1] == ("against frozen", "the order's run", 0.54)
    assert "test accuracy" in output
    assert "elsewhere" in output


@pytest.mark.slow
def test_what_fails_in_a_training_beside_is_said_here(tmp_path, monkeypatch):
    from brianff.cli.runs import _trained_beside
    from brianff.protocols.configuration import load_protocol

    monkeypatch.chdir(tmp_path)
    wanted = load_protocol("msnn-digits", ["network.classes=3"])
    with _trained_beside(wanted, tmp_path) as ended, pytest.raises(BrianffError, match=r"^network[.]classes is 3"):
        ended()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), _trained_beside(wanted.replace(seed=2), tmp_path):
        raise KeyboardInterrupt  # of the training here: the one beside is stopped, not waited for
    assert time.monotonic() - started < 5


def test_resume(brianff, run, calls):
    assert brianff(f"train --resume {run.path} --set engine.workers=3")[0] == 0
    assert calls.pop(0)[1].engine.workers == 3
    calls.clear()
    assert brianff(f"train --resume {run.path} --data-dir images")[0] == 0
    assert [call[0] for call in calls] == ["prepare", "train", "write_figures"]
    assert (calls[0][1].name, calls[0][2]) == ("small", Path("images"))
    assert calls[1][2].path == run.path
    assert calls[2] == ("write_figures", "trainer", run.figures)


def test_evaluate_and_plot(brianff, run, calls):
    assert brianff(f"evaluate {run.path}") == (0, "test accuracy  50.00%\n", "")
    assert brianff(f"plot {run.path}") == (0, "a.png\nb.png\n", "")
    assert calls[-1] == ("write_figures", "opened", run.figures)


def test_evaluate_foreign_weights(brianff, protocol, calls):
    line = f"evaluate --protocol {protocol} --weights w.npz --set seed=9 --data-dir images --out o"
    assert brianff(line) == (0, "test accuracy  25.00%\nrun directory  made\n", "")
    ((name, described, weights, out, data_dir),) = calls
    assert (name, described.seed, weights) == ("evaluate_weights", 9, Path("w.npz"))
    assert (out, data_dir) == (Path("o"), Path("images"))


def test_reproduce_a_study(brianff, calls):
    line = "reproduce neohebbian --out o --data-dir images --models online"
    assert brianff(f"{line} --seeds 4,5") == (0, "| model |\nwritten to o\n", "")
    assert calls[0] == ("reproduce", Path("o"), Path("images").resolve(), [4, 5], ["online"], False)
    assert brianff("reproduce neohebbian --quick")[0] == 0
    assert calls[2] == ("reproduce", Path("runs/neohebbian"), None, [1], ("analog", "online"), True)


def test_data(brianff, calls):
    assert brianff("data") == (0, "digits  /here\nmnist   not found; `brianff data fetch mnist` downloads it\n", "")
    assert brianff("data --data-dir images")[0] == 0
    assert calls[-1] == ("available_datasets", Path("images"))
    assert brianff("data fetch mnist") == (0, "/cache\n", "")
    assert calls[-1] == ("fetch_dataset", "mnist")


def test_energy(brianff, run):
    assert brianff(f"energy {run.path}") == (0, "neurons  3 nJ\nnote: n\n", "")


def test_devices(brianff):
    status, output, _ = brianff("devices")
    assert status == 0
    lines = output.splitlines()
    assert [line.split()[0] for line in lines[:6:2]] == ["ideal", "linear", "ecram"]
    assert "linear-step; 0.1 uS to 5 uS; 1e-15 J up, 1e-15 J down" in lines[4]
    assert "Tang et al., IEDM 2018" in lines[5]
    assert "dy = step (1 - slope y)" in output


@pytest.mark.parametrize(
    ("kind", "named", "said"),
    [
        (
            "neurons",
            ["mif", "lif", "relu"],
            ["dv/dt = (R*I - v)/tau : volt", "activity: mV", "Kang et al., IEEE TCAS-I"],
        ),
        ("goodness", ["mean-square", "l4-norm"], ["time average of z**4"]),
        ("modulators", ["pair", "sigmoid"], ["P = 1 / (1 + exp(-a (G - theta)))", "arXiv 2406.16479"]),
    ],
)
def test_parts_are_listed_with_formula_unit_and_source(brianff, kind, named, said):
    status, output, errors = brianff(kind)
    assert (status, errors) == (0, "")
    assert set(named) <= {line.split()[0] for line in output.splitlines() if not line.startswith(" ")}
    assert [text for text in said if text not in output] == []


def test_version(brianff):
    from importlib.metadata import version

    expected = (0, f"brianff {version('brianff')}\n", "")
    assert brianff("--version") == brianff("--version train missing") == expected


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Write a module that registers a neuron; what it leaves in this process is removed afterwards."""
    from brianff.description.parts import NEURONS

    monkeypatch.setattr(NEURONS, "_parts", dict(NEURONS._parts))
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    path = tmp_path / "my_parts.py"
    path.write_text(
        "from dataclasses import replace\nimport brianff\nfrom brianff.equations import MIF\n"
        "brianff.register.neuron(replace(MIF, name='mine'))\n"
    )
    yield path
    for name in ("my_parts", "my_helper"):
        sys.modules.pop(name, None)
    IMPORTED.clear()


@pytest.mark.parametrize("name", ["my_parts.py", "my_parts"])
def test_a_run_remembers_what_was_imported(brianff, protocol, calls, parts, name):
    from hashlib import sha256

    line = f"train {protocol} --set network.layers.0.neurons=5 --set network.layers.0.neuron=mine"
    protocol.write_text("[[network.layers]]\nneurons = 4\n")
    status, _, errors = brianff(line)
    assert status == 2
    assert "no neuron 'mine'" in errors
    assert "--import" in errors
    assert brianff(f"{line} --import {name}")[0] == 0
    trained = calls[0][1]
    assert trained.network.layers[0].neuron.name == "mine"
    assert trained.imports == {name: sha256(parts.read_bytes()).hexdigest()}


@pytest.mark.parametrize("command", ["train --resume", "evaluate", "plot", "energy"])
def test_a_run_asks_for_the_same_imports(brianff, run, calls, parts, command):
    from brianff.imports import import_parts

    run.write_config({"imports": import_parts([str(parts)])})
    error = f"brianff: error: this run was made with --import {parts}; give it again\n"
    assert brianff(f"{command} {run.path}") == (2, "", error)
    assert brianff(f"{command} {run.path} --import my_parts.py")[0] == 0  # the same file, from another directory
    made = len(calls)
    parts.write_text("# changed\n")
    status, _, errors = brianff(f"{command} {run.path} --import my_parts.py")
    assert status == 2
    assert f"{parts}, or a module beside it that it imports, has changed since this run was made" in errors
    assert len(calls) == made


@pytest.mark.parametrize(
    "form", ["import my_helper", "from my_helper import size", "def late():\n    import my_helper"]
)
def test_a_helper_beside_an_imported_module_counts_as_part_of_it(brianff, run, calls, parts, form):
    from brianff.imports import import_parts

    helper, other = (parts.with_name(f"{name}.py") for name in ("my_helper", "unrelated"))
    helper.write_text("import json\nsize = 5\n")
    parts.write_text(f"{form}\n{parts.read_text()}")
    run.write_config({"imports": import_parts([str(parts)])})
    other.write_text("changed = True\n")
    assert brianff(f"evaluate {run.path} --import my_parts.py")[0] == 0
    helper.write_text("import json\nsize = 6\n")
    status, _, errors = brianff(f"evaluate {run.path} --import my_parts.py")
    assert status == 2
    assert "has changed since this run was made" in errors


COMMANDS = ["robustness", "locality", "equivalence", "stdp", "gap", "controls PROTOCOL"]
COMMANDS = [f"study {name}" for name in COMMANDS] + ["reproduce msnn", "reproduce neohebbian"]


@pytest.mark.parametrize("command", [*COMMANDS, "train PROTOCOL", "evaluate RUN", "devices", "data"])
def test_every_command_that_uses_parts_imports_them_first(brianff, command):
    """Before anything else happens: the module is missing, and nothing else is said."""
    status, output, errors = brianff(f"{command} --import no_such_module")
    assert (status, output) == (2, "")
    assert errors == "brianff: error: --import no_such_module: ModuleNotFoundError: No module named 'no_such_module'\n"


def test_protocols_of_a_study_remember_what_was_imported(brianff, monkeypatch, parts):
    from brianff.protocols import studies  # noqa: F401

    found = types.ModuleType("brianff.protocols.studies.msnn")

    def reproduce_msnn(*arguments):
        from brianff.protocols import load_protocol

        assert load_protocol("msnn-digits").imports.keys() == {"my_parts.py"}
        return [parts]

    found.reproduce_msnn = reproduce_msnn
    monkeypatch.setitem(sys.modules, found.__name__, found)
    assert brianff("reproduce msnn --import my_parts.py")[0] == 0


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("missing.py", None, "No module named 'missing'"),
        ("no.such.module", None, "No module named 'no'"),
        ("colorsys.py", "", "there is another module 'colorsys'"),
        ("json.py", "", "there is another module 'json'"),
        ("broken.py", "import brianff\n1 / 0", "ZeroDivisionError: division by zero"),
        ("broken.py", "import brianff\n1 / 0", "broken.py, line 2"),
        ("needs.py", "import not_installed", "No module named 'not_installed' ({tmp_path}/needs.py, line 1)"),
        ("needs_too", "import not_installed", "No module named 'not_installed'"),
        ("sys", None, "--import sys"),
    ],
)
def test_what_cannot_be_imported_is_an_error_of_one_line(brianff, tmp_path, name, content, fault, parts):
    if content is not None:
        (tmp_path / name).with_suffix(".py").write_text(content)
    status, output, errors = brianff(f"neurons --import {name}")
    assert (status, output) == (2, "")
    assert errors.startswith("brianff: error: --import ")
    assert errors.count("\n") == 1
    assert fault.format(tmp_path=tmp_path) in errors


def test_parts_of_an_imported_file_are_listed_and_pickled_by_value(brianff, parts):
    import pickle

    import cloudpickle

    parts.write_text(parts.read_text() + "class Mine:\n    answer = 42\n")
    assert "mine  " in brianff("neurons --import my_parts.py")[1]
    module = sys.modules.pop("my_parts")
    assert pickle.loads(cloudpickle.dumps(module.Mine)).answer == 42


def test_doctor(brianff, monkeypatch):
    from brianff import doctor

    monkeypatch.setattr(doctor, "report", lambda: [("python", "3"), ("SIMD exp", "yes")])
    assert brianff("doctor") == (0, "python    3\nSIMD exp  yes\n", "")


@pytest.mark.parametrize("name", ["equivalence", "robustness", "stdp"])
def test_study(brianff, monkeypatch, name):
    from importlib import import_module

    from brianff.analysis import style
    from brianff.protocols.studies.study import Study

    asked, drawn = [], []

    def run_study(directory, *arguments, map):
        asked.append((directory, *arguments))
        study = Study(directory, {})
        study.fill(name, [{"goodness": "max"}], lambda goodness: [{"cosine": 0.5}], progress=False)
        return study

    studied = types.ModuleType(f"brianff.protocols.studies.{name}")
    studied.run_study = run_study
    monkeypatch.setitem(sys.modules, studied.__name__, studied)
    analysed = import_module(f"brianff.analysis.{name}")
    assert all(callable(draw) for _, draw in analysed.FIGURES.values())
    monkeypatch.setattr(analysed, "summarise", lambda table: table.set_index("goodness"))
    monkeypatch.setattr(analysed, "FIGURES", {"figure": (name, drawn.append)})
    monkeypatch.setattr(style, "save_figure", lambda axes, path: path)
    status, output, errors = brianff(f"study {name} --quick --data-dir images")
    assert (status, errors) == (0, "")
    assert "0.500" in output
    directory = Path("runs", f"study-{name}-quick")
    assert output.splitlines()[-2:] == [str(directory / f"{name}.csv"), str(directory / "figure.png")]
    assert drawn[0].to_dict("list") == {"goodness": ["max"], "cosine": [0.5]}
    assert brianff(f"study {name} --out o")[0] == 0
    assert asked == [(directory, True, Path("images").resolve()), (Path("o"), False, None)]

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(studied, "run_study", stop)
    message = "brianff: stopped; the same command resumes, with what is missing\n"
    assert brianff(f"study {name}") == (130, "", message)


@pytest.mark.parametrize(
    "line", ["", "--help", "train --help", "data --help", "data fetch --help", "study --help", "study stdp --help"]
)
def test_help(brianff, line):
    status, output, errors = brianff(line)
    assert (status, errors) == (0, "")
    assert output.startswith("Usage: brianff")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("demonstrate", "demonstrate"),
        ("train --no-such-option x", "--no-such-option"),
        ("train", "PROTOCOL or --resume"),
        ("train no-such-protocol", "no-such-protocol"),
        ("train small.toml --seed one", "one"),
        ("train small.toml --seed -1", "-1"),
        ("train small.toml --set learning.epochz=3", "epochz"),
        ("train small.toml --set learning.epochs=none", "none"),
        ("train small.toml --set learning.epochs", "key=value"),
        ("train small.toml --out small.toml", "small.toml"),
        ("train small.toml --resume run", "either a PROTOCOL or --resume"),
        ("train --resume run --seed 3", "--seed"),
        ("train --resume missing", "missing is not a run directory"),
        ("evaluate missing", "missing is not a run directory"),
        ("evaluate", "either a RUN, or --protocol PROTOCOL and --weights"),
        ("evaluate run --protocol small.toml", "either a RUN, or --protocol PROTOCOL and --weights"),
        ("evaluate --protocol small.toml", "either a RUN, or --protocol PROTOCOL and --weights"),
        ("evaluate --weights w.npz", "either a RUN, or --protocol PROTOCOL and --weights"),
        ("reproduce neohebbian --seeds 1,two", "1,two"),
        ("plot missing", "missing is not a run directory"),
        ("plot", "RUN"),
        ("data fetch", "NAME"),
    ],
)
def test_errors_are_one_line_that_names_the_fault(brianff, protocol, calls, line, named):
    status, output, errors = brianff(line)
    assert (status, output) == (2, "")
    assert errors.startswith("brianff: error: ")
    assert errors.count("\n") == 1
    assert named in errors
    assert [call for call in calls if call[0] != "prepare"] == []


def test_an_error_of_several_lines_is_printed_as_one(brianff, monkeypatch, calls):
    def fail(name):
        raise DataError("kmnist-7k cannot be fetched:\nput it in a directory")

    monkeypatch.setattr(sys.modules["brianff.data.named"], "fetch_dataset", fail)
    expected = "brianff: error: kmnist-7k cannot be fetched: put it in a directory\n"
    assert brianff("data fetch kmnist-7k") == (2, "", expected)


def test_faults_of_the_program_are_not_hidden(brianff, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["brianff.data.named"], "available_datasets", fail)
    monkeypatch.setattr(sys, "argv", ["brianff", "data"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_warnings_are_one_line(brianff, monkeypatch, capsys):
    def warn(*_):
        warnings.warn("no compiler", stacklevel=1)
        return {}

    monkeypatch.setattr(sys.modules["brianff.data.named"], "available_datasets", warn)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda *arguments: sys.stderr.write(warnings.formatwarning(*arguments[:4]))
        assert brianff("data") == (0, "", "brianff: warning: no compiler\n")


_STAND_IN = """
import sys, time, types
import brianff.protocols
from brianff.storage.checkpoint import save_checkpoint

def work(run):
    if {checkpoint}:
        save_checkpoint(run.checkpoint_path, {{}}, {{}})
    print(run.path, flush=True)
    time.sleep(60)

training = types.ModuleType("brianff.protocols.training")
training.prepare = lambda protocol, data_dir: None
training.train = lambda trainer, run: work(run)
training.resume = lambda run, data_dir: work(run)
sys.modules["brianff.protocols.training"] = brianff.protocols.training = training

from brianff.cli import main
main()
"""


def stop(signal_number, arguments, checkpoint=True):
    """Start training in another process, stop it by a signal, and return exit status, run and error output."""
    process = subprocess.Popen(
        [sys.executable, "-c", _STAND_IN.format(checkpoint=checkpoint), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    path = process.stdout.readline().strip()
    time.sleep(0.1)
    os.kill(process.pid, signal_number)
    _, errors = process.communicate(timeout=20)
    return process.returncode, path, errors


@pytest.mark.parametrize(("signal_number", "status"), first_fast([(signal.SIGINT, 130), (signal.SIGTERM, 143)]))
def test_a_stopped_run_says_how_to_resume(protocol, tmp_path, signal_number, status):
    arguments = ["train", protocol, "--out", tmp_path / "my runs", "--data-dir", "my images"]
    stopped, path, errors = stop(signal_number, arguments)
    assert stopped == status
    assert errors == f"brianff: stopped; resume with: brianff train --resume '{path}' --data-dir 'my images'\n"


@pytest.mark.slow
def test_stopped_while_resumed(run, tmp_path):
    (tmp_path / "mine.py").touch()
    imports = ["--import", tmp_path / "mine.py", "--import", "colorsys"]
    status, path, errors = stop(signal.SIGTERM, ["train", "--resume", run.path, *imports])
    assert status == 143
    resumed = shlex.join(map(str, ["brianff", "train", "--resume", path, *imports]))
    assert errors == f"brianff: stopped; resume with: {resumed}\n"


@pytest.mark.slow
def test_stopped_before_the_first_checkpoint(protocol, tmp_path):
    status, path, errors = stop(signal.SIGINT, ["train", protocol, "--out", tmp_path], checkpoint=False)
    assert status == 130
    assert errors == f"brianff: stopped before the first checkpoint; start again ({path} is unused)\n"


def test_the_handler_of_sigterm_is_put_back(brianff, protocol):
    before = signal.getsignal(signal.SIGTERM)
    assert brianff(f"train {protocol}")[0] == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_help_is_quick_and_loads_nothing_heavy():
    script = (
        "import sys; sys.argv = ['brianff', '--help']\n"
        "from brianff.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'brian2', 'pandas', 'matplotlib', 'sklearn', 'pooch', 'scipy', 'pydantic'}\n"
        "print(heavy & set(sys.modules), file=sys.stderr)\n"
    )
    started = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stderr == "set()\n"
    assert time.perf_counter() - started < 5  # 0.2 s on an idle machine


def test_python_dash_m():
    result = subprocess.run([sys.executable, "-m", "brianff", "nothing"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (2, "brianff: error: No such command 'nothing'.\n")


def test_devices_fit_writes_a_device_and_a_figure(brianff, tmp_path):
    from brianff import Device

    path, out = tmp_path / "pulses.csv", tmp_path / "device.toml"
    measure(truth("linear-step"), devices=4, cycles=3).to_csv(path, index=False)
    given = ["--law", "linear-step", "--set", "G_on=5 uS", "--set", "G_off=0.1 uS", "--out", str(out)]
    status, output, _ = brianff(shlex.join(["devices", "fit", str(path), *given]))
    assert status == 0
    assert "slope_up" in output
    assert out.with_suffix(".png").exists()
    assert Device(file=out).physics["slope_up"] == pytest.approx(0.5, abs=0.1)
