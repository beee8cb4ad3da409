"""Wrong inputs of the command line: one line, status 2, the key or path, no traceback; nothing is made or changed.

Those of Python are in `test_refusals`.
"""

import hashlib
import os
import shlex
import shutil
import sys

import brian2
import numpy as np
import pytest

import brianff.cli
from brianff.protocols import Trainer, load_protocol

SETTINGS = ["data.training_images=10", "network.layers.0.neurons=4", "learning.epochs=1", "learning.batch=5"]
SETTINGS += ["evaluation.epoch_images=5", "evaluation.training_images=5", "engine.workers=1", "engine.name=lanes"]

VALUES = {
    "seed": ["-1", "1.5", "true", "nan", '"one"', "[]", "100000000000000000000"],
    "name": ["1", '""', "[]", "{}"],
    "network.pixels": ["0", "-1", "63", "1e3", "inf", "true"],
    "network.classes": ["1", "0", "-1", "11", "2.5"],
    "network.time_step": ['"0 us"', '"-1 us"', "nan", '"1 mV"', '"1e30 s"', "1", "{}", "1979-05-27"],
    "network.method": ['"runge"', "1", "[]"],
    "network.encoding.steps": ["0", "-1", "1.5", "3000000000"],
    "network.encoding.pulse_steps": ["[-1]", "[99]", "[0.5]", "0", '"first"'],
    "network.encoding.norm": ["0", "-1", "nan", "inf", "50"],
    "network.encoding.noise": ["-1", "nan", '"loud"'],
    "network.encoding.kind": ['"morse"', "1"],
    "network.encoding.centred": ['"three-lines"', "true"],
    "network.label.strength": ["-1", "nan", "5", '"1 V"'],
    "network.label.rows": ["0", "-1", "0.5", "1000000000000"],
    "network.label.placement": ['"behind"', "7"],
    "network.label.density": ["-0.1", "1.1", "nan"],
    "network.layers.0.neurons": ["0", "-1", "1.5", "true", "1000000000", "[]"],
    "network.layers.0.neuron": ['"lip"', "1", "{}"],
    "network.layers.0.preset": ['"unknown"', "1"],
    "network.layers.0.parameters": ["{ nothing = 1 }", "1", '{ R1 = "1 s" }', '"tau"'],
    "network.layers.0.neuron_spread": ["{ nothing = 0.1 }", "{ R1 = -1 }", "{ R1 = 11 }"],
    "network.layers.0.current_scale": ["nan", '"1 V"', "1", "[]"],
    "network.layers.0.synapse": ['"beta"', "0"],
    "network.layers.0.synapse_time_constant": ['"0 us"', '"-4 us"', '"4 mV"'],
    "network.layers.0.initial_weight_deviation": ["0", "-1", "nan", '"small"'],
    "network.layers.0.weight_bound": ["0", "-1", "inf"],
    "network.layers.0.winners": ["0", "201", "-1"],
    "network.layers.0.memristors": ['"stuck"', '{ x9 = "frozen" }'],
    "network.layers.0.membrane": ['"kept"', "1"],
    "network.layers.0.device.preset": ['"unobtainium"', "3"],
    "network.layers.0.device.parameters": ["{ nothing = 1 }", '{ G_on = "-1 uS" }', '{ G_on = "1 V" }'],
    "network.layers.0.device.stuck_on": ["-0.1", "1.5", "nan"],
    "network.layers.0.device.verify_rounds": ["0", "-1"],
    "network.layers.0.device.file": ['"nowhere.csv"', '"text.csv"', '"."', "3"],
    "network.layers.1.neurons": ["5"],
    "learning.goodness": ['"badness"', "1", "{}"],
    "learning.modulator": ['"none"', "2"],
    "learning.threshold": ["nan", "inf", '"high"'],
    "learning.sharpness": ["0", "-1", "nan"],
    "learning.learning_rate": ["-1", "nan", "inf", '"fast"'],
    "learning.optimiser": ['"sgdm"', "1"],
    "learning.schedule": ['"weekly"', "1"],
    "learning.negatives": ['"easy"', "1"],
    "learning.candidates": ["0", "10", "1.5"],
    "learning.epochs": ["-1", "1.5", "true", '"many"'],
    "learning.batch": ["0", "-1", "0.5"],
    "learning.epochz": ["3"],
    "data.dataset": ['"imagenet"', '"nowhere.npz"', '"text.npz"', '"short.npz"', "3", '{ path = "x" }'],
    "data.training_images": ["0", "-1", "1.5"],
    "data.validation_images": ["-1", "1797"],
    "data.shift": ["-1", "0.5", "1000000000000"],
    "evaluation.layers": ["[]", "[1]", "[-1]", "[0.5]", '"all"'],
    "evaluation.batch": ["0", "-1"],
    "evaluation.decision": ['"coin"', "1"],
    "evaluation.readout": ['"palm"', "1"],
    "engine.name": ['"steam"', "1"],
    "engine.lanes": ["0", "-1", "1000000000000"],
    "engine.memory": ['"1 XB"', "-1", '"much"', '"900 TB"'],
    "engine.workers": ["0", "-1", "1001"],
    "engine.precision": ['"triple"', "1"],
    "engine.table_step": ['"0 us"', '"-1 us"', "1"],
    "engine.tolerance": ["0", "-1", "nan"],
}
"""Wrong values by key, as TOML writes them."""

LINES = [
    ("demonstrate", "demonstrate"),
    ("train", "PROTOCOL or --resume"),
    ("train nowhere.toml", "nowhere.toml"),
    ("train .", "known: msnn-digits"),
    ("train text.toml", "text.toml"),
    ("train binary.toml", "binary.toml"),
    ("train unknown-key.toml", "epochz"),
    ("train unknown-table.toml", "learnin"),
    ("train pipe", "pipe"),
    (f"train {'x' * 3000}", "xxx"),
    ("train msnn-digits --set learning.epochs", "key=value"),
    ("train msnn-digits --set =3", "unknown key ''"),
    ("train msnn-digits --set learning..epochs=3", "learning"),
    ("train msnn-digits --set network.layers.x.neurons=3", "layers"),
    ("train msnn-digits --set network.layers.5.neurons=3", "layers"),
    ("train msnn-digits --set learning.epochs.deep=3", "epochs"),
    ("train msnn-digits --set self=3", "self"),
    ("train msnn-digits --set preset=3", "preset"),
    ("train msnn-digits --seed one", "one"),
    ("train msnn-digits --seed -1", "seed"),
    ("train msnn-mnist --data-dir nowhere", "--data-dir nowhere is no directory"),
    ("train msnn-mnist --data-dir cut", "train-images-idx3-ubyte"),
    ("train msnn-digits --out text.csv", "text.csv"),
    ("train msnn-digits --out text.csv/below", "text.csv"),
    ("train msnn-digits --import nowhere", "--import nowhere"),
    ("train msnn-digits --import nowhere.py", "--import nowhere.py"),
    ("train msnn-digits --import broken.py", "broken.py"),
    ("train --resume nowhere", "nowhere is not a run directory"),
    ("train --resume text.csv", "text.csv"),
    ("train --resume no-config", "config.toml"),
    ("train --resume run --seed 3", "--seed"),
    ("train --resume run --set learning.epochs=7", "learning.epochs"),
    ("train msnn-digits --resume run", "either a PROTOCOL or --resume"),
    ("evaluate", "RUN"),
    ("evaluate nowhere", "nowhere is not a run directory"),
    ("evaluate no-checkpoint", "checkpoint.npz"),
    ("evaluate bad-checkpoint", "checkpoint.npz"),
    ("evaluate pipe-checkpoint", "checkpoint.npz"),
    ("evaluate run --protocol msnn-digits", "either a RUN"),
    ("evaluate --protocol msnn-digits", "--weights"),
    ("evaluate --protocol msnn-digits --weights nowhere.npz", "nowhere.npz"),
    ("evaluate --protocol msnn-digits --weights .", "no file"),
    ("evaluate --protocol msnn-digits --weights text.npz", "text.npz"),
    ("evaluate --protocol msnn-digits --weights array.npz", "array.npz"),
    ("evaluate --protocol msnn-digits --weights short.npz", "short.npz"),
    ("evaluate --protocol msnn-digits --weights objects.npz", "objects.npz"),
    ("evaluate --protocol msnn-digits --weights complex.npz", "weights_0"),
    ("evaluate --protocol msnn-digits --weights nan.npz", "weights_0"),
    ("evaluate --protocol msnn-digits --weights other-shape.npz", "weights_0"),
    ("evaluate --protocol msnn-digits --weights other-name.npz", "weights_0"),
    ("plot nowhere", "nowhere is not a run directory"),
    ("plot no-checkpoint", "checkpoint.npz"),
    ("plot bad-checkpoint", "checkpoint.npz"),
    ("energy nowhere", "nowhere is not a run directory"),
    ("energy bad-checkpoint", "checkpoint.npz"),
    ("devices --figure nowhere.xyz", "nowhere.xyz"),
    ("devices --figure text.csv/x.png", "text.csv"),
    ("devices fit", "PULSES"),
    ("devices fit nowhere.csv", "nowhere.csv"),
    ("devices fit text.csv", "text.csv"),
    ("devices fit empty.csv", "empty.csv"),
    ("devices fit binary.csv", "binary.csv"),
    ("devices fit pulses.csv --column pulse", "--column"),
    ("devices fit pulses.csv --set G_on", "--set"),
    ("data fetch", "NAME"),
    ("data fetch imagenet", "imagenet"),
    ("data fetch digits", "digits"),
    ("data fetch kmnist-7k", "kmnist-7k"),
    ("data --data-dir nowhere", "nowhere"),
    ("study controls", "PROTOCOL"),
    ("study controls nowhere.toml", "nowhere.toml"),
    ("study controls msnn-digits --seeds 0", "seeds"),
    ("study martians", "martians"),
    ("study controls msnn-digits --out text.csv", "text.csv"),
    ('reproduce msnn --datasets ""', "--datasets"),
    ("reproduce msnn --datasets imagenet --quick", "imagenet"),
    ('reproduce msnn --seeds ""', "--seeds"),
    ("reproduce msnn --seeds 1,-2", "--seeds"),
    ("reproduce neohebbian --seeds 1,two", "--seeds"),
    ("reproduce neohebbian --models martian", "martian"),
    ("sweep nowhere.toml", "nowhere.toml"),
    ("sweep text.toml", "text.toml"),
    ("sweep binary.toml", "binary.toml"),
    ("sweep unknown-key.toml", "learning"),
]
CASES = [(line, (word,)) for line, word in LINES]
CASES += [
    (f"train msnn-digits --set {shlex.quote(f'{key}={value}')}", (*key.rsplit(".", 1), value.strip('"')))
    for key, values in VALUES.items()
    for value in values
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A directory with a run, and with damaged and other files."""
    directory = tmp_path_factory.mktemp("world")
    before, brian2.prefs.codegen.target = brian2.prefs.codegen.target, "numpy"
    Trainer(load_protocol("msnn-digits", SETTINGS)).fit(directory / "run", progress=False)
    for name in ("no-config", "no-checkpoint", "bad-checkpoint", "pipe-checkpoint"):
        shutil.copytree(directory / "run", directory / name)
    (directory / "no-config" / "config.toml").unlink()
    for name in ("no-checkpoint", "bad-checkpoint", "pipe-checkpoint"):
        for file in (directory / name).glob("checkpoint*"):
            file.unlink()
    (directory / "bad-checkpoint" / "checkpoint.npz").write_bytes(b"PK damaged")
    os.mkfifo(directory / "pipe-checkpoint" / "checkpoint.npz")
    os.mkfifo(directory / "pipe")
    for name in ("text.toml", "text.csv", "text.npz"):
        (directory / name).write_text("nothing, that is = [ of use\n1,2\n")
    for name in ("binary.toml", "binary.csv"):
        (directory / name).write_bytes(bytes(range(256)))
    (directory / "empty.csv").write_text("")
    (directory / "pulses.csv").write_text("direction,pulse,conductance_uS\nup,0,1\nup,1,2\ndown,0,2\ndown,1,1\n")
    (directory / "unknown-key.toml").write_text("[learning]\nepochz = 3\n")
    (directory / "unknown-table.toml").write_text("[learnin]\nepochs = 3\n")
    (directory / "broken.py").write_text("import nothing_of_this_name\n")
    cut = directory / "cut"
    cut.mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (cut / f"{name}-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0]))
    right = {"weights_0": np.zeros((104, 200)), "label_codes": np.zeros((10, 104))}
    np.savez(directory / "complex.npz", **right | {"weights_0": right["weights_0"] * 1j})
    np.savez(directory / "nan.npz", **right | {"weights_0": right["weights_0"] * np.nan})
    np.savez(directory / "objects.npz", **right | {"weights_0": np.array([object()])})
    np.savez(directory / "other-shape.npz", **right | {"weights_0": np.zeros((200, 104))})
    np.savez(directory / "other-name.npz", weights=right["weights_0"])
    np.save(directory / "array.npy", right["weights_0"])
    (directory / "array.npy").rename(directory / "array.npz")
    (directory / "short.npz").write_bytes((directory / "nan.npz").read_bytes()[:900])
    yield directory
    brian2.prefs.codegen.target = before


def content(directory):
    """Return what is in a directory: the digest of each file, None for what is no file."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def test_the_catalogue_is_large():
    assert len(CASES) >= 200
    assert len(set(CASES)) == len(CASES)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(line, words, id=line[:90], marks=[pytest.mark.slow] if "--figure" in line else [])
        for line, words in CASES
    ],
)
def test_a_wrong_input_is_refused_in_one_line(line, words, world, monkeypatch, capsys):
    monkeypatch.chdir(world)
    monkeypatch.setattr(sys, "argv", ["brianff", *shlex.split(line)])
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = content(world)
    with pytest.raises(SystemExit) as ended:
        brianff.cli.main()
    output, errors = capsys.readouterr()
    assert ended.value.code == 2
    assert output == ""
    (told,) = errors.splitlines()
    assert told.startswith("brianff: error: ")
    assert any(word in told for word in words)  # the key, what holds it, or the path
    assert len(told) < 1500
    assert content(world) == before
