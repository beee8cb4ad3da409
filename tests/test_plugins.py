"""One of every kind of part in a package of a user's own trains, resumes, evaluates and draws; nothing is edited."""

import subprocess
import sys
import textwrap

import pytest

import brianff.register

PARTS = '''
import numpy as np
from brian2 import Mohm, kohm, ms, mV, nA, uS, volt

import brianff
from brianff import Dataset, Goodness, InputEncoding, Pooling, ReceptiveField, Split
from brianff.equations import NeuronModel, Parameter, Preset, SynapseModel
from brianff.equations.devices import DeviceLaw
from brianff.equations.pulse_response import SoftBound
from brianff.protocols import Augmentation, Callback, Modulator, Negatives, Optimiser, Sampler, modulated_hebbian
from brianff.protocols.modulators import Pair
from brianff.protocols.samplers import BothPolarities

neuron = NeuronModel(
    name="own-neuron",
    equations="""
dv/dt = (R*I - v)/tau : volt
dtrace/dt = -trace/tau_trace : 1
activity = trace : 1
sensitivity = 1 : 1
""",
    presets={"own": Preset("own", "made up", {
        "tau": Parameter(5 * ms, "membrane time constant"),
        "tau_trace": Parameter(5 * ms, "time constant of the trace"),
        "R": Parameter(10 * Mohm, "membrane resistance"),
        "V_T": Parameter(8 * mV, "threshold"),
    })},
    threshold="v > V_T",
    reset="v = 0*mV; trace += 1",
    traces=("v", "trace"),
)
synapse = SynapseModel("own-synapse", "dI/dt = -I/tau_s : amp", target="I")
law = DeviceLaw(
    "own-law",
    "steps of 1/20",
    {"step": Parameter(0.05, "step"), "slope_up": Parameter(0.0, "up"), "slope_down": Parameter(0.5, "down")},
    SoftBound,
)
device = law.preset("own-device", "made up", G_on=4 * uS, G_off=0.2 * uS)


class OwnEncoding(InputEncoding):
    name = "own-encoding"
    early: int = 2

    def spikes(self, intensities, generator):
        when = np.where(intensities > 0.5, self.early, self.steps // 2)
        return (np.arange(self.steps)[:, None, None] == when) & (intensities > 0.1)


def dataset(data_dir=None):
    generator = np.random.default_rng(1)
    prototypes = generator.integers(0, 256, (3, 20))
    parts = []
    for count in (60, 30):
        labels = np.arange(count) % 3
        noise = generator.integers(-60, 60, (count, 20))
        parts.append(Split(np.clip(prototypes[labels] + noise, 0, 255).astype(np.uint8), labels))
    return Dataset("own-images", *parts, (4, 5), 3, "none: random")


class OwnField(ReceptiveField):
    name = "own-receptive_field"

    def connected(self, units, neurons, generator):
        return generator.random((units, neurons)) < 0.7


class OwnPooling(Pooling):
    name = "own-pooling"

    def total(self, terms):
        return (terms**2).sum(axis=1)

    def share(self, terms):
        return 2 * terms


goodness = Goodness("own-goodness", "activity**2 + activity", pooling="own-pooling")


class OwnModulator(Pair):
    name = "own-modulator"

    def broadcast(self, positive, negative):
        up, down = super().broadcast(positive, negative)
        return 2 * up, 2 * down


class OwnAugmentation(Augmentation):
    name = "own-augmentation"

    def __call__(self, images, generator):
        return images * generator.uniform(0.8, 1, (len(images), 1, 1))


class OwnNegatives(Negatives):
    name = "own-negatives"

    def draw(self, images, labels, dataset, generator):
        return None, (labels[:, None] + 1) % dataset.classes


class OwnSampler(BothPolarities):
    name = "own-sampler"


def plasticity(positive, negative, modulator):
    return np.sign(modulated_hebbian(positive, negative, modulator))


class OwnOptimiser(Optimiser):
    name = "own-optimiser"

    def __call__(self, change, factor=1.0):
        self.state.setdefault("sum", np.zeros_like(change))
        self.state["sum"] += change
        return factor * self.learning_rate * (change + 0.1 * self.state["sum"])


def schedule(progress):
    return 1.0 - 0.5 * progress


class OwnCallback(Callback):
    name = "own-callback"

    def on_epoch(self, trainer):
        trainer.note("own_quantity", trainer.epoch)


def readout(training, training_labels, latents, labels):
    return 0.125


class distribution:
    def ppf(self, share):
        return share / 2


def design(points, dimensions, generator):
    return np.full((points, dimensions), 0.5)
'''
NAMES = {
    kind: {"plasticity": "own-plasticity", "dataset": "own-images"}.get(kind, f"own-{kind}")
    for kind in brianff.register.KINDS
}
OBJECTS = {
    "encoding": "OwnEncoding",
    "receptive_field": "OwnField()",
    "pooling": "OwnPooling()",
    "modulator": "OwnModulator",
    "augmentation": "OwnAugmentation",
    "negatives": "OwnNegatives",
    "sampler": "OwnSampler",
    "optimiser": "OwnOptimiser",
    "callback": "OwnCallback",
}
PROTOCOL = """
name = "own"
callbacks = ["own-callback"]
data = {dataset = "own-images", augmentation = ["own-augmentation"]}

[network]
pixels = 20
classes = 3
time_step = "1 ms"
encoding = {kind = "own-encoding", steps = 12, early = 1}

[[network.layers]]
neurons = 10
neuron = "own-neuron"
synapse = "own-synapse"
synapse_time_constant = "3 ms"
current_scale = "3 nA"
initial_weight_deviation = 0.3
device.preset = "own-device"
receptive_field = "own-receptive_field"

[learning]
goodness = "own-goodness"
modulator = "own-modulator"
polarity = "own-sampler"
negatives = "own-negatives"
plasticity = "own-plasticity"
optimiser = "own-optimiser"
schedule = "own-schedule"
learning_rate = 0.01
epochs = 2
batch = 20

[engine]
workers = 2
"""


def command(*arguments, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "brianff", *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path):
    """A module that registers its parts when it is imported, and a protocol that names them all."""
    lines = [f"brianff.register.{kind}({OBJECTS.get(kind, kind)}, {name!r})" for kind, name in NAMES.items()]
    # The pooling is named by the goodness: it comes first.
    body, rest = PARTS.split("\n\ngoodness = ")
    first = "brianff.register.pooling(OwnPooling(), 'own-pooling')"
    lines = [line for line in lines if "pooling" not in line]
    (tmp_path / "own_parts.py").write_text(f"{body}\n\n{first}\ngoodness = {rest}\n" + "\n".join(lines))
    (tmp_path / "own.toml").write_text(PROTOCOL)
    return tmp_path


@pytest.mark.slow
def test_one_of_every_kind_trains_resumes_evaluates_and_draws(package):
    imported = "--import", "own_parts.py"
    command("train", "own.toml", *imported, cwd=package)
    (run,) = (package / "runs").iterdir()
    before = (run / "summary.json").read_text()
    config = (run / "config.toml").read_text()
    for kind, name in NAMES.items():
        if kind not in ("pooling", "law", "readout", "distribution", "design"):  # parts of goodness and device; below
            assert name in config, kind
    assert "own_quantity" in (run / "history.csv").read_text()
    accuracy = command("evaluate", run, *imported, cwd=package)
    assert "test accuracy" in accuracy
    assert "learning-curve.png" in command("plot", run, *imported, cwd=package)
    for needed in ("evaluate", "plot"):
        refused = subprocess.run(
            [sys.executable, "-m", "brianff", needed, str(run)], cwd=package, capture_output=True, text=True
        )
        assert refused.returncode == 2
        assert "was made with --import own_parts.py; give it again" in refused.stderr
    # Stopped after one epoch, and resumed.
    script = textwrap.dedent(
        """
        import own_parts
        from brianff.protocols import Callback, Sweep, Trainer, load_protocol
        values = {"learning.learning_rate": {"distribution": "own-distribution"}}
        sweep = Sweep(protocol="own.toml", values=values, samples=2, design="own-design")
        assert sweep.points == ({"learning.learning_rate": 0.25, "seed": 1},)
        trainer = Trainer(load_protocol("own.toml", ["evaluation.readout=own-readout"]))
        run_epoch = trainer.run_epoch
        def once(report):
            if trainer.epoch:
                raise SystemExit
            run_epoch(report)
        trainer.run_epoch = once
        trainer.fit("stopped", progress=False)
        """
    )
    subprocess.run([sys.executable, "-c", script], cwd=package, check=True)
    assert "12.5" in command("train", "--resume", "stopped", *imported, cwd=package)
    assert (
        before.split("weights_digest")[1][:70]
        == (package / "stopped" / "summary.json").read_text().split("weights_digest")[1][:70]
    )


@pytest.mark.slow
def test_an_installed_package_needs_no_import(package):
    """Entry points name the same parts; nothing registers them, and nothing is imported by option."""
    (package / "own_parts.py").write_text(PARTS)
    distribution = package / "own-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    objects = {kind: OBJECTS.get(kind, kind).removesuffix("()") for kind in NAMES}
    groups = [f"[brianff.{kind}]\n{name} = own_parts:{objects[kind]}\n" for kind, name in NAMES.items()]
    (distribution / "entry_points.txt").write_text("\n".join(groups))
    script = (
        "import sys; sys.path.insert(0, '.'); from brianff.cli import main; "
        "sys.argv = ['brianff', 'train', 'own.toml', '--set', 'learning.epochs=1']; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=package, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
