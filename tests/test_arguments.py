"""Every public function, class and method answers nonsense with an error of brianff, in one line, or with a result.

What is public is listed by the floors themselves: a new function, parameter or class is tried without being named here,
or fails here until there is an example of it.
"""

import contextlib
import inspect
import warnings

import brian2
import matplotlib
import numpy as np
import pytest
from brian2 import mV
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import brianff
import brianff.analysis
import brianff.equations
import brianff.protocols
from brianff.errors import BrianffError
from brianff.protocols import Pair, Study, Sweep, Trainer, load_protocol

FLOORS = [brianff, brianff.equations, brianff.protocols, brianff.analysis]

NONSENSE = [
    np.full((2, 3), np.nan),
    3,
    -1.5,
    None,
    "nonsense",
    [],
    1j,
    {1: 2},
    object(),
    [[1], [2, 3]],
    float("nan"),
    b"x",
]

HOOKS = {
    "Augmentation",
    "Goodness",
    "Callback",
    "Contrast",
    "InputEncoding",
    "Modulator",
    "Negatives",
    "NeuronModel",
    "Optimiser",
}
HOOKS |= {"Pooling", "ReceptiveField", "Sampler", "SynapseModel", "ModulatedHebbian", "Preset", "Data", "DeviceFit"}
"""Classes to derive from, or whose methods are called by brianff with arguments of its own, and by nobody else."""

NOT_TRIED = {"show_versions", "Cluster.prepare", "Preset", "NeuronModel"}
"""Prints; needs a scheduler; physics knows Python's own errors only."""

SLOW = {
    "write_figures",
    "compare_layers",
    "Simulator.export_standalone",
    "Sweep.run",
    "run_sweep",
    "Trainer.fit",
    "Crossbar",
}
"""Works with most of the nonsense, for more than a second."""

SETTINGS = ["data.training_images=10", "network.layers.0.neurons=4", "learning.epochs=1", "learning.batch=5"]
SETTINGS += ["evaluation.epoch_images=5", "evaluation.training_images=5", "engine.workers=1", "engine.name=lanes"]


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Right values by the names of parameters, and objects by their classes."""
    directory = tmp_path_factory.mktemp("examples")
    before, brian2.prefs.codegen.target = brian2.prefs.codegen.target, "numpy"
    back_end = matplotlib.get_backend()
    matplotlib.use("agg")
    protocol = load_protocol("msnn-digits", SETTINGS)
    dataset = brianff.load_dataset("digits")
    trainer = Trainer(protocol, dataset)
    trainer.fit(directory / "run", progress=False)
    simulator = trainer.simulator
    images, labels = trainer.held_out.intensities(slice(6)), trainer.held_out.labels[:6]
    wrong = (labels + 1) % 10
    with simulator.evaluation():
        positive, negative = simulator.present(images, labels), simulator.present(images, wrong)
        recording = simulator.record(images[:2], labels[:2], [0, 1])
    generator = np.random.default_rng(1)
    latents = generator.random((6, 4))
    arrays, values = trainer.state()
    crossbar = simulator.layers[0].crossbar
    study = Study(directory / "study", {})
    sweep = Sweep(protocol=protocol, values={"learning.batch": [5]})
    right = {
        **{
            "protocol": protocol,
            "dataset": dataset,
            "trainer": trainer,
            "simulator": simulator,
            "network": simulator.network,
        },
        **{"images": images, "labels": labels, "wrong": wrong, "positive": positive, "negative": negative},
        **{"modulator": Pair(), "generator": generator, "latents": latents, "change": crossbar.weights},
        **{"gradient": crossbar.weights, "weights": crossbar.weights, "arrays": arrays, "values": values},
        **{"split": trainer.held_out.first(5), "train": dataset.train, "test": dataset.test, "image_shape": (8, 8)},
        **{"classes": 10, "name": "own", "path": directory / "file", "directory": directory / "made", "run": None},
        **{
            "settings": {},
            "goodness": simulator.goodness,
            "preset": "ecram",
            "inputs": simulator.inputs(images, labels),
        },
        **{
            "goodness_terms": positive.goodness_terms,
            "postsynaptic": positive.postsynaptic,
            "measure": simulator.goodness,
        },
        **{
            "pulse_response": positive.pulse_response,
            "matrix": None,
            "steps": 20,
            "time_step": 1e-6,
            "part": simulator.network,
        },
        **{
            "titles": ["one"],
            "drawn": None,
            "runs": [directory / "run"],
            "progress": 0.5,
            "image": np.zeros(6, dtype=int),
        },
        **{
            "activities": (latents, latents),
            "responses": positive,
            "polarity": np.ones(6),
            "form": Pair(),
            "number": 2,
        },
        **{"learning_rate": 0.1, "value": 1.0, "meaning": "of it", "source": "here", "parameters": {}, "equations": ""},
        **{"protocols": {"one": protocol}, "point": sweep.points[0], "points": [{"seed": 1}], "rows": [{"seed": 1}]},
        **{"pulses": {}, "presentations": 3, "count": 2, "size": 5, "done": 3, "quantity": "mood", "layer": 0},
        **{"state": crossbar.state(), "config": {}, "summary": {}, "protocol_name": "own", "parent": directory},
        **{"spikes": None, "raster": np.zeros((3, 2, 4), dtype=bool), "unit": [0], "time": [0.0], "sample": [0]},
        **{"samples": 1, "units": 3, "duration": 1e-5, "probability": 0.5, "direction": "up", "respond": None},
        **{
            "intervals": {},
            "scores": {},
            "law": "linear",
            "residual": 0.0,
            "notes": (),
            "trains": None,
            "device": None,
        },
        **{"times": recording.times, "traces": {}, "neurons": [0, 1], "measure_point": None, "cosine": 0.5},
        **{
            "seed": 1,
            "relative_error": 0.1,
            "scale": 1.0,
            "neuron_cosine": latents[0],
            "gap_steps": 40,
            "intensities": images,
        },
    }
    right["run"] = brianff.RunDirectory(directory / "run")
    right["device"] = brianff.Device(preset="ecram")
    objects = [simulator, trainer, dataset, dataset.train, recording, positive, crossbar, study, sweep, protocol]
    objects += [right["run"], right["device"], simulator.network, simulator.network.layers[0], simulator.network.label]
    objects += [simulator.goodness, simulator.network.encoding]
    yield right, objects
    brian2.prefs.codegen.target = before
    matplotlib.use(back_end)


def public(floor):
    """Yield the name and what makes a call of it, given the examples: functions, constructors, methods."""
    for name in dir(floor):
        one = getattr(floor, name)
        if inspect.isfunction(one):
            yield name, lambda objects, one=one: one
        elif inspect.isclass(one) and not issubclass(one, Exception):
            yield name, lambda objects, one=one: one
            for method in [] if HOOKS & {base.__name__ for base in one.__mro__} else dir(one):
                static = inspect.getattr_static(one, method)
                own = getattr(static, "__func__", static)
                if (
                    method[0] != "_"
                    and method != "replace"
                    and inspect.isfunction(own)
                    and own.__module__.startswith("brianff")
                ):
                    made = isinstance(static, classmethod | staticmethod)
                    yield (
                        f"{name}.{method}",
                        lambda objects, one=one, method=method, made=made: getattr(
                            one if made else next(o for o in objects if isinstance(o, one)), method
                        ),
                    )


def calls(function, right):
    """Yield arguments of which one, or all that are needed, are nonsense."""
    parameters = [one for one in inspect.signature(function).parameters.values() if one.kind not in (2, 4)]
    needed = {one.name for one in parameters if one.default is one.empty}
    base = {name: right[name] for name in needed if name in right}
    for value in NONSENSE:
        if needed:
            yield dict.fromkeys(needed, value)
        if base.keys() == needed:
            yield from ({**base, name: value} for name in base)
    for value in NONSENSE[::4]:
        if base.keys() == needed:
            yield from ({**base, one.name: value} for one in parameters if one.name not in needed)


PUBLIC = [(name, get) for floor in FLOORS for name, get in public(floor) if name not in NOT_TRIED]


@pytest.mark.parametrize(
    ("name", "get"),
    [pytest.param(name, get, id=name, marks=[pytest.mark.slow] if name in SLOW else []) for name, get in PUBLIC],
)
@pytest.mark.filterwarnings("ignore")
def test_nonsense_is_refused_in_one_line(name, get, examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    right, objects = examples
    function = get(objects)
    found = [attempt(function, arguments) for arguments in calls(function, right)]
    assert not any(found), {one for one in found if one}


def attempt(function, arguments):
    """Call a function; return what is wrong if that raises anything but an error of brianff in one line."""
    try:
        with warnings.catch_warnings(action="ignore"):
            function(**arguments)
    except BrianffError as error:
        return f"several lines: {error}"[:90] if "\n" in str(error) else ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:90]
    return ""


ODD = [2**63, -(2**63), 10**30, "\ud800", "x" * 300, np.timedelta64(1, "D")]
SCALARS = st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from(ODD) | st.floats()
SCALARS |= st.complex_numbers() | st.text("ab .\n\0é", max_size=6) | st.binary(max_size=4)
ARRAYS = st_numpy.arrays(
    st_numpy.scalar_dtypes(), st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
)
ANYTHING = st.recursive(
    SCALARS | ARRAYS | st.sampled_from([object(), object, len, mV, 3 * mV]),
    lambda one: (
        st.lists(one, max_size=3) | st.dictionaries(st.text("abc", max_size=2) | st.integers(), one, max_size=2)
    ),
    max_leaves=4,
)


@given(st.data())
@pytest.mark.filterwarnings("ignore")
def test_any_argument_is_taken_or_refused_in_one_line(examples, data):
    right, objects = examples
    name, get = data.draw(st.sampled_from(PUBLIC))
    function = get(objects)
    parameters = [one for one in inspect.signature(function).parameters.values() if one.kind not in (2, 4)]
    needed = [one.name for one in parameters if one.default is one.empty]
    if not parameters or not set(needed) <= right.keys():
        return
    changed = data.draw(st.sampled_from(parameters)).name
    arguments = {name: right[name] for name in needed} | {changed: data.draw(ANYTHING)}
    with contextlib.chdir(right["path"].parent):
        wrong = attempt(function, arguments)
    if wrong:  # not by `assert`: pytest would write out all the examples
        pytest.fail(f"{name}, {changed} = {arguments[changed]!r}: {wrong}", pytrace=False)
