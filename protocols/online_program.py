"""Learning with plasticity inside the presentations as one C++ program, for thousands of them.

They come one after the other (online), or in batches that share their weights and learn at the same steps: each
presentation of a batch has a lane of its own, with its own inputs and neurons. The network consists of ordinary Brian2
objects and is built once per kind of network, in a process of its own, because Brian2 has one device per process. The
program reads weights, traces and membranes from files, and the spikes step by step from its standard input, and writes
what became of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import brian2
import cloudpickle
import numpy as np

from brianff.acceleration import rows
from brianff.acceleration.compiled import generating, kept, unusable_compilers
from brianff.acceleration.compiler import compiler
from brianff.children import python
from brianff.description import RateEncoding
from brianff.engines.lanes.workers import processors
from brianff.engines.population import METHODS, PRECISIONS, Population
from brianff.engines.synaptic_current import method_options
from brianff.equations import eligibility as rule
from brianff.equations.composition import presentation_start
from brianff.errors import BrianffError
from brianff.goodness import SumOfTerms
from brianff.inputs import SpikeInput
from brianff.matching import FastPath
from brianff.protocols.configuration import Protocol
from brianff.protocols.modulators import Sigmoid, Symmetric
from brianff.protocols.plasticity import ModulatedHebbian
from brianff.protocols.samplers import RandomPolarity

__all__ = ["ONLINE_PROGRAM", "PRESENTATIONS", "OnlineProgram", "OnlineState"]

_NAMES = {"polarity", "presented", "gains", "first", "rate", "bound", "sharpness", "threshold", "epsilon"}
_NAMES |= {"rest_factor", "lanes", "units", "modulator", "change", "gain", "initial_v"}
"""What the program adds to the names of the neuron."""

ONLINE_PROGRAM = FastPath(
    "online program",
    {
        "engine": {"lanes"},
        "compiler": lambda form: form == "fastest" and compiler() is not None,
        "layers": {1},
        "encoding": {RateEncoding},
        "synapse": {"delta"},
        "names": _NAMES.isdisjoint,
        "readout": {"final"},
        "pooling": {SumOfTerms},
        "modulator": {Sigmoid, Symmetric},
        "plasticity": lambda rule: rule == ModulatedHebbian(),
        "sampler": {RandomPolarity},
        "carried membranes": {True},
    },
)

PRESENTATIONS = 3000
"""Presentations of one call of a program, or the next smaller number of whole batches."""


_GIVEN_TO_EACH_CALL: Any = {"epochs": True, "learning_rate": True, "schedule": True, "eligibility": {"gain"}}


@dataclass
class OnlineState:
    """What learning changes.

    Parameters
    ----------
    weights, eligibility : ndarray, shape (inputs, neurons)
    membrane : ndarray, shape (lanes, neurons)
        Membrane voltages (volt) where they are carried over from one presentation to the next.
    """

    weights: np.ndarray
    eligibility: np.ndarray
    membrane: np.ndarray


class OnlineProgram:
    """The C++ program of a protocol with an eligibility trace.

    Parameters
    ----------
    protocol : Protocol
        Its `engine.precision` is that of the program.
    batches : int, optional
        Batches of one call; fewer are padded by empty ones that change nothing.

    Attributes
    ----------
    presentations : int
        Presentations of one call.
    """

    def __init__(self, protocol: Protocol, batches: int | None = None):
        self.protocol = protocol
        self.lanes = protocol.learning.batch
        self.batches = batches or max(PRESENTATIONS // self.lanes, 1)
        self.presentations = self.batches * self.lanes

    @cached_property
    def directory(self) -> Path:
        """Directory of the program, in the cache of compiled code; it is built unless it is there.

        Raises
        ------
        BrianffError
            If it cannot be built.
        """
        description = {
            "network": self.protocol.network.model_dump(mode="json"),
            "learning": self.protocol.learning.model_dump(mode="json", exclude=_GIVEN_TO_EACH_CALL),
            "batches": self.batches,
            "precision": self.protocol.engine.precision,
            "source": [Path(str(file)).read_text() for file in (__file__, rule.__file__, *rows.SOURCES)],
        }
        key = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
        return kept(f"online_{key}", self._built)

    def _built(self, place: Path) -> Path:
        command, given = python(__name__, "build", f"{place}/program", self.batches), cloudpickle.dumps(self.protocol)
        done = subprocess.run(command, input=given, capture_output=True, check=False)
        if done.returncode != 0:
            last = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-1:]
            raise BrianffError(f"the online program cannot be built ({' '.join(last)}); use engine.online = 'steps'")
        return place / "program"

    def build(self) -> None:
        """Compile the program unless it is there; errors are those of `directory`."""
        _ = self.directory

    @cached_property
    def _layout(self) -> dict[str, list[str]]:
        return json.loads((self.directory / "layout.json").read_text())

    def spikes(self, inputs: SpikeInput) -> np.ndarray:
        """Return the spikes of batches as the program reads them, without a last batch that is not whole.

        For each step: their number, and the units that spike, numbered on from lane to lane.
        """
        batches = len(inputs) // self.lanes
        order = np.arange(inputs.matrix.shape[0]).reshape(inputs.steps, -1)[:, : batches * self.lanes]
        matrix = inputs.matrix[order.reshape(inputs.steps, batches, self.lanes).swapaxes(0, 1).ravel()]
        first_units = np.tile(np.arange(self.lanes, dtype=np.int32) * np.int32(matrix.shape[1]), batches * inputs.steps)
        units = matrix.indices.astype(np.int32, copy=False) + np.repeat(first_units, np.diff(matrix.indptr))
        ends = matrix.indptr[:: self.lanes]
        return np.insert(units, ends[:-1], np.diff(ends))

    def run(self, spikes: np.ndarray, positive: np.ndarray, state: OnlineState, gain: np.ndarray | float) -> np.ndarray:
        """Present and learn; `state` is changed in place.

        Parameters
        ----------
        spikes : ndarray
            Those of whole batches, at most `presentations`, in their order, as the method `spikes` returns them.
        positive : ndarray of bool, shape (presentations,)
        state : OnlineState
        gain : float or ndarray, shape (batches,)
            Gain of the eligibility trace; the same for all of them if they are presented one by one.

        Returns
        -------
        ndarray, shape (presentations, parts of the layer)
            Goodness at the end of each presentation: of the layer, or of its two halves for the symmetric form.
        """
        empty = self.batches - len(positive) // self.lanes
        present = np.arange(self.batches) >= empty
        polarity = np.where(positive, 1.0, -1.0)
        gain = np.broadcast_to(gain, self.batches - empty)
        given = {
            "polarity.values": np.pad(polarity, (empty * self.lanes, 0)),
            "presented.values": present,
            "synapses.w": state.weights,
            "synapses.eligibility": state.eligibility * self._kept_as,
            "gains.values": np.pad(gain, (empty, 0)),
        }
        carries = self.protocol.network.layers[0].membrane == "carried"
        if carries:
            given |= {"first.values": np.arange(self.batches) == empty, "neurons.initial_v": state.membrane}
        with tempfile.TemporaryDirectory() as place:
            arguments = ["./main", "--results_dir", f"{place}/"]
            for number, (name, values) in enumerate(given.items()):
                # Brian2's timed arrays are in double precision always.
                dtype = float if name.endswith(".values") else PRECISIONS[self.protocol.engine.precision]
                values.astype(dtype, copy=False).tofile(f"{place}/{number}.in")
                arguments.append(f"{name}={place}/{number}.in")
            none = np.zeros(empty * self.protocol.network.encoding.steps, spikes.dtype)
            with open(f"{place}/spikes", "w+b") as file:
                none.tofile(file)
                spikes.tofile(file)
                file.seek(0)
                done = subprocess.run(
                    arguments, cwd=self.directory, stdin=file, capture_output=True, text=True, check=False
                )
            if done.returncode != 0:
                raise BrianffError(f"the online program failed: {done.stderr.strip()[-300:]}")
            results = {name: np.fromfile(f"{place}/{file}", dtype) for name, (file, dtype) in self._layout.items()}
        self._take_over(results, state, gain[-1])
        if carries:
            state.membrane[:] = results["v"].reshape(state.membrane.shape)
        goodness = np.concatenate([results["goodness"], results["layer_goodness"]]).reshape(self.batches + 1, -1)
        return goodness[1 + empty :].reshape(len(positive), -1)

    @property
    def _kept_as(self) -> float:
        """What the program keeps of a trace between plastic steps."""
        assert self.protocol.learning.eligibility is not None
        return 1.0 if self.lanes == 1 else 1.0 - self.protocol.learning.eligibility.rate

    def _take_over(self, results: dict[str, np.ndarray], state: OnlineState, gain: float) -> None:
        """Take weights and traces over, those of all inputs up to date."""
        weights, trace = (results[name].reshape(state.weights.shape) for name in ("w", "eligibility"))
        if self.lanes > 1:
            state.weights[:], state.eligibility[:] = weights, trace / self._kept_as
            return
        learning, bound = self.protocol.learning, self.protocol.network.layers[0].weight_bound
        assert learning.eligibility is not None
        rate = learning.eligibility.rate
        retained = (1 - rate) ** (results["plastic_steps"][0] - results["settled_at"])[:, np.newaxis]
        weights = weights + gain * (1 - rate) / rate * (1 - retained) * trace
        state.weights[:] = weights if bound is None else np.clip(weights, -bound, bound)
        state.eligibility[:] = retained * trace


def _objects(protocol: Protocol, batches: int) -> brian2.Network:
    """Return the Brian2 network; objects that are written out have fixed names."""
    network, learning = protocol.network, protocol.learning
    assert learning.eligibility is not None
    population = Population(network, network.layers[0], learning.goodness)
    lanes, size, steps = learning.batch, population.layer.neurons, network.encoding.steps
    clock = brian2.Clock(network.time_step, name="step_clock")
    duration = steps * network.time_step
    each = {"clock": brian2.Clock(duration, name="presentation_clock"), "when": "start"}
    shapes: dict[str, tuple[int, ...]] = {
        "polarity": (batches, lanes),
        "presented": (batches,),
        "gains": (batches,),
        "first": (batches,),
    }
    shared = {name: brian2.TimedArray(np.zeros(shape), duration, name=name) for name, shape in shapes.items()} | {
        "rate": learning.eligibility.rate,
        "bound": population.layer.weight_bound or np.inf,
        "sharpness": learning.sharpness,
        "threshold": learning.threshold,
        "epsilon": getattr(learning.made_modulator, "epsilon", 0.0),
        "rest_factor": population.rest_factor,
        "lanes": lanes,
        "units": network.inputs,
    }
    assert shared.keys() <= _NAMES
    namespace = population.namespace | shared
    if protocol.engine.precision == "single":
        namespace = {name: _in_single_precision(value) for name, value in namespace.items()}
    along_rows = {"clock": clock, "codeobj_class": rows.row_code(lanes)}

    plasticity = _ONLINE if lanes == 1 else _TOGETHER
    inputs = brian2.NeuronGroup(
        lanes * network.inputs,
        rule.INPUT,
        threshold="False",  # the spikes are given
        reset="",
        events={event: pathway.condition for event, pathway in plasticity.items()},
        namespace=namespace,
        **along_rows,
        name="inputs",
    )
    inputs.thresholder["spike"].template, inputs.thresholder["spike"].order = "given_spikes", -1
    for event, pathway in plasticity.items():
        thresholder = inputs.thresholder[event]
        thresholder.when = "thresholds"  # with the spikes; the slot after it is Brian2's default
        thresholder.template = pathway.template
    inputs.run_regularly("step = -1", order=-2, **each)
    plastic = f"step >= {learning.eligibility.first_step} and step <= {learning.eligibility.last_step}"
    plastic = f"plastic = int({plastic} and presented(t) > 0)"
    inputs.run_regularly(f"step += 1\n{plastic}", when="start", order=-1, clock=clock)
    if lanes == 1:
        inputs.run_on_event("settle", rule.SETTLED, when="thresholds", order=1)
        # A row that takes part in a plastic step is up to date with it.
        inputs.run_on_event("potentiate", "settled_at = plastic_steps + 1", when="end")
        inputs.run_regularly("plastic_steps += plastic", when="end", order=1, clock=clock)

    equations = population.equations(population.synapse.equations, "time_course = 1 : 1")
    neurons = brian2.NeuronGroup(
        lanes * size,
        equations + brian2.Equations(rule.LEARNER + "initial_v : volt"),
        threshold=population.threshold,
        reset=population.neuron.reset,
        method=METHODS[network.method],
        method_options=method_options(network, equations),
        namespace=namespace,
        **along_rows,
        name="neurons",
    )
    start = presentation_start(population.neuron, equations)
    if population.carries:
        start = "\n".join(line for line in start.splitlines() if not line.startswith("v = "))
        start += "\nv = rest_factor*(v + first(t)*(initial_v - v))"
    neurons.run_regularly("gain = gains(t)", order=-2, **each)
    neurons.run_regularly(start, **each)
    neurons.thresholder["spike"].order = 3
    neurons.run_regularly("change = modulator*postsynaptic/lanes", when="after_resets", order=2, clock=clock)

    modulator = learning.made_modulator
    form, groups = modulator.name, modulator.groups(size)
    parts = int(groups.max()) + 1
    broadcast = brian2.NeuronGroup(
        lanes * parts, rule.BROADCAST[form], namespace=namespace, clock=clock, name="broadcast"
    )
    broadcast.run_regularly(rule.MODULATE[form], when="after_resets", order=1, clock=clock)
    lane, neuron = np.divmod(np.arange(lanes * size), size)
    part = parts * lane + groups[neuron]
    neurons.modulator = brian2.linked_var(broadcast, "modulator", index=part)
    if parts == 2:
        other = np.arange(2 * lanes) ^ 1
        broadcast.other_goodness = brian2.linked_var(broadcast, "layer_goodness", index=other)
    votes = brian2.Synapses(
        neurons,
        broadcast,
        "layer_goodness_post = goodness_pre : 1 (summed)",
        **along_rows,
        name="votes",
    )
    votes.connect(i=np.arange(lanes * size), j=part)
    votes.summed_updaters["layer_goodness_post"].when = "after_resets"

    synapses = brian2.Synapses(
        inputs,
        neurons,
        rule.SYNAPSE,
        on_pre={"deliver": rule.DELIVER} | {event: pathway.statements for event, pathway in plasticity.items()},
        on_event={"deliver": "spike"} | {event: event for event in plasticity},
        namespace=namespace,
        **along_rows,
        name="synapses",
    )
    synapses.deliver.when, synapses.deliver.order = "thresholds", 2
    for event, pathway in plasticity.items():
        path = getattr(synapses, event)
        path.when, path.order = pathway.when, pathway.order
    first_lane = np.divmod(np.arange(network.inputs * size), size)
    synapses.connect(i=first_lane[0], j=first_lane[1])
    goodness = brian2.StateMonitor(broadcast, "layer_goodness", True, name="goodness", order=-3, **each)
    return brian2.Network(inputs, neurons, broadcast, votes, synapses, goodness)


def _in_single_precision(value: Any) -> Any:
    """Return a constant of the equations in single precision, which makes it so in C++; functions as they are."""
    if isinstance(value, brian2.Quantity):
        return brian2.Quantity(np.float32(value), dim=value.dim)
    return np.float32(value) if isinstance(value, (int, float)) else value


class _Pathway(NamedTuple):
    """What an event of the inputs does to their synapses, and when."""

    condition: str
    statements: str
    when: str
    order: int
    template: str = "threshold_of_spikes"


_ONLINE = {
    "settle": _Pathway("settled_at < plastic_steps", rule.SETTLE, "thresholds", 1),
    "potentiate": _Pathway("plastic > 0", rule.POTENTIATE, "end", 0),
}
_TOGETHER = {
    "potentiate": _Pathway("plastic > 0", rule.POTENTIATE_TOGETHER, "end", 0),
    "move": _Pathway("plastic > 0 and i < units", rule.MOVE, "end", 1, "threshold"),
}


def build(directory: str, batches: int) -> None:
    """Build the program of the protocol that comes in, in a process of its own."""
    for variable in unusable_compilers():
        del os.environ[variable]
    protocol = cloudpickle.load(sys.stdin.buffer)
    brian2.set_device("cpp_standalone", build_on_run=False)
    device = brian2.get_device()
    with generating(PRECISIONS[protocol.engine.precision], runtime=False):
        # Linked so, the program takes numbers too small to be normal for zero: decayed traces would be slow.
        brian2.prefs.codegen.cpp.extra_link_args = ["-ffast-math"]
        brian2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{processors()}"]  # Brian2: all files at once
        network = _objects(protocol, batches)
        # Half a step less than the whole, which may be rounded up in single precision: no step more.
        network.run((batches * protocol.network.encoding.steps - 0.5) * protocol.network.time_step, namespace={})
        Path(directory).mkdir()
        shutil.copy(rows.ALIGNED, directory)
        device.build(directory=directory, run=False, with_output=False, additional_source_files=[rows.ALIGNED.name])
    wanted = {
        "synapses": ("w", "eligibility"),
        "inputs": ("settled_at", "plastic_steps"),
        "neurons": ("v",),
        "broadcast": ("layer_goodness",),
        "goodness": ("layer_goodness",),
    }
    layout = {}
    for owner, names in wanted.items():
        for name in names:
            variable = network[owner].variables[name]
            key = owner if owner == name or owner == "goodness" else name
            layout[key] = [device.get_array_filename(variable), np.dtype(variable.dtype).str]
    for left_over in Path(directory).rglob("*.o"):
        left_over.unlink()
    Path(directory, "layout.json").write_text(json.dumps(layout))
