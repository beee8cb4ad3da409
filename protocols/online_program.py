"""Online learning as one C++ program: thousands of presentations, one after the other, with plasticity inside.

The network consists of ordinary Brian2 objects and is built once per kind of network, in a process of its own, because
Brian2 has one device per process. The program reads spikes, weights, traces and membranes from files and writes what
became of them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import brian2
import numpy as np

from brianff.codegeneration import cache_directory, compiler, configure
from brianff.description import RateEncoding
from brianff.engines.population import METHODS, Population
from brianff.equations import eligibility as rule
from brianff.equations.composition import presentation_start
from brianff.errors import BrianffError
from brianff.inputs import SpikeInput
from brianff.protocols.configuration import Protocol
from brianff.protocols.goodness import GOODNESS
from brianff.protocols.modulators import Symmetric

__all__ = ["PRESENTATIONS", "OnlineProgram", "OnlineState"]

PRESENTATIONS = 3000
"""Presentations of one call of a program; fewer are padded by empty ones that change nothing."""

_LARGEST_STEPS = 52  # spikes of a presentation are the binary digits of one number in double precision


_GIVEN_TO_EACH_CALL: Any = {"epochs": True, "step_size": True, "step_schedule": True, "eligibility": {"gain"}}


@dataclass
class OnlineState:
    """What online learning changes.

    Parameters
    ----------
    weights, eligibility : ndarray, shape (inputs, neurons)
    membrane : ndarray, shape (neurons,)
        Membrane voltage (volt) where it is carried over from one presentation to the next.
    """

    weights: np.ndarray
    eligibility: np.ndarray
    membrane: np.ndarray


class OnlineProgram:
    """The C++ program of a protocol with batch = 1 and an eligibility trace.

    Parameters
    ----------
    protocol : Protocol
    presentations : int
        Presentations of one call.
    """

    def __init__(self, protocol: Protocol, presentations: int = PRESENTATIONS):
        self.protocol, self.presentations = protocol, presentations

    @staticmethod
    def fits(protocol: Protocol) -> bool:
        """Whether a protocol can be learned in this form here."""
        network = protocol.network
        population = Population(network, network.layers[0], GOODNESS[protocol.learning.goodness])
        return (
            protocol.learning.eligibility is not None
            and protocol.learning.batch == 1
            and isinstance(network.encoding, RateEncoding)
            and network.encoding.steps <= _LARGEST_STEPS
            and population.synapse.immediate
            and population.goodness.readout == "final"
            and population.rest_factor is not None
            and population.layer.device is None
            and protocol.learning.clip is None
            and protocol.engine.name == "lanes"
            and compiler() is not None
        )

    @cached_property
    def directory(self) -> Path:
        """Directory of the built program, in the cache of compiled code."""
        description = {
            "network": self.protocol.network.model_dump(mode="json"),
            "learning": self.protocol.learning.model_dump(mode="json", exclude=_GIVEN_TO_EACH_CALL),
            "presentations": self.presentations,
            "source": [Path(file).read_text() for file in (__file__, rule.__file__)],
        }
        key = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
        return cache_directory() / "online" / key

    def build(self) -> None:
        """Compile the program unless it is there.

        Raises
        ------
        BrianffError
            If it cannot be built.
        """
        if (self.directory / "layout.json").is_file():
            return
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.directory.parent, prefix="building-") as place:
            arguments = [sys.executable, "-m", __name__, f"{place}/program", str(self.presentations)]
            description = json.dumps(self.protocol.model_dump(mode="json"))
            done = subprocess.run(arguments, input=description, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                last = (done.stderr or done.stdout).strip().splitlines()[-1:]
                raise BrianffError(
                    f"the online program cannot be built ({' '.join(last)}); use engine.online = 'steps'"
                )
            shutil.rmtree(self.directory, ignore_errors=True)
            Path(place, "program").rename(self.directory)

    @cached_property
    def _layout(self) -> dict[str, list[str]]:
        return json.loads((self.directory / "layout.json").read_text())

    def run(self, inputs: SpikeInput, positive: np.ndarray, state: OnlineState, gain: float) -> np.ndarray:
        """Present and learn; `state` is changed in place.

        Parameters
        ----------
        inputs : SpikeInput
            At most `presentations`, in their order.
        positive : ndarray of bool, shape (presentations,)
        state : OnlineState
        gain : float
            Gain of the eligibility trace.

        Returns
        -------
        ndarray, shape (presentations, parts of the layer)
            Goodness at the end of each presentation: of the layer, or of its two halves for the symmetric form.
        """
        self.build()
        empty = self.presentations - len(inputs)
        polarity = np.pad(np.where(positive, 1.0, -1.0), (empty, 0))
        given = {
            "input_pattern.values": np.pad(_patterns(inputs), ((empty, 0), (0, 0))),
            "polarity.values": polarity,
            "synapses.w": state.weights,
            "synapses.eligibility": state.eligibility,
            "neurons.gain": np.array([gain]),
        }
        carries = self.protocol.network.layers[0].membrane == "carried"
        if carries:
            first = np.arange(self.presentations) == empty
            given |= {"first.values": first.astype(float), "neurons.initial_v": state.membrane}
        with tempfile.TemporaryDirectory() as place:
            arguments = ["./main", "--results_dir", f"{place}/"]
            for number, (name, values) in enumerate(given.items()):
                values.astype(float).tofile(f"{place}/{number}.in")
                arguments.append(f"{name}={place}/{number}.in")
            done = subprocess.run(arguments, cwd=self.directory, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise BrianffError(f"the online program failed: {done.stderr.strip()[-300:]}")
            results = {name: np.fromfile(f"{place}/{file}", dtype) for name, (file, dtype) in self._layout.items()}
        self._settle(results, state, gain)
        if carries:
            state.membrane[:] = results["v"]
        parts = len(results["layer_goodness"])
        goodness = np.vstack([results["goodness"].reshape(-1, parts)[1:], results["layer_goodness"]])
        return goodness[empty:]

    def _settle(self, results: dict[str, np.ndarray], state: OnlineState, gain: float) -> None:
        """Bring the synapses of all inputs up to date."""
        learning, bound = self.protocol.learning, self.protocol.network.layers[0].weight_bound
        assert learning.eligibility is not None
        rate = learning.eligibility.rate
        retained = (1 - rate) ** (results["plastic_steps"][0] - results["settled_at"])[:, np.newaxis]
        trace = results["eligibility"].reshape(state.eligibility.shape)
        weights = results["w"].reshape(trace.shape) + gain * (1 - rate) / rate * (1 - retained) * trace
        state.weights[:] = weights if bound is None else np.clip(weights, -bound, bound)
        state.eligibility[:] = retained * trace


def _patterns(inputs: SpikeInput) -> np.ndarray:
    """Return the spikes of each unit in each presentation as binary digits of a number in [0, 1)."""
    patterns = np.zeros(inputs.at(0).shape)
    for step in range(inputs.steps):
        matrix = inputs.at(step).tocoo()
        patterns[matrix.row, matrix.col] += 0.5 ** (step + 1)
    return patterns


def _objects(protocol: Protocol, presentations: int) -> brian2.Network:
    """Return the Brian2 network; objects that are written out have fixed names."""
    network, learning = protocol.network, protocol.learning
    assert learning.eligibility is not None
    population = Population(network, network.layers[0], GOODNESS[learning.goodness])
    size, steps = population.layer.neurons, network.encoding.steps
    clock = brian2.Clock(network.time_step, name="step_clock")
    duration = steps * network.time_step
    each = {"clock": brian2.Clock(duration, name="presentation_clock"), "when": "start"}
    shared = {
        "input_pattern": brian2.TimedArray(np.zeros((presentations, network.inputs)), duration, name="input_pattern"),
        "polarity": brian2.TimedArray(np.zeros(presentations), duration, name="polarity"),
        "first": brian2.TimedArray(np.zeros(presentations), duration, name="first"),
        "rate": learning.eligibility.rate,
        "bound": population.layer.weight_bound or np.inf,
        "sharpness": learning.sharpness,
        "threshold": learning.threshold,
        "epsilon": Symmetric.epsilon,
        "rest_factor": population.rest_factor,
    }
    namespace = population.namespace | shared

    inputs = brian2.NeuronGroup(
        network.inputs,
        rule.INPUT,
        threshold="spiking",
        reset="",
        events={"settle": "spiking and settled_at < plastic_steps", "potentiate": "spiking and plastic"},
        namespace=namespace,
        clock=clock,
        name="inputs",
    )
    for event in ("settle", "potentiate"):
        inputs.thresholder[event].when = "thresholds"  # with the spikes; the slot after it is Brian2's default
    inputs.run_on_event("settle", rule.SETTLED, when="thresholds", order=1)
    inputs.run_regularly("step = -1", order=-2, **each)
    inputs.run_regularly("pattern = input_pattern(t, i)", order=-2, **each)
    plastic = f"step >= {learning.eligibility.first_step} and step <= {learning.eligibility.last_step}"
    inputs.run_regularly(f"step += 1\nplastic = {plastic} and polarity(t) != 0", when="start", order=-1, clock=clock)
    inputs.run_regularly(rule.NEXT_DIGIT, when="start", clock=clock)
    # A row that takes part in a plastic step is up to date with it.
    inputs.run_on_event("potentiate", "settled_at = plastic_steps + 1", when="end")
    inputs.run_regularly("plastic_steps += int(plastic)", when="end", order=1, clock=clock)

    equations = population.equations(population.synapse.equations, "time_course = 1 : 1")
    neurons = brian2.NeuronGroup(
        size,
        equations + brian2.Equations(rule.LEARNER + "initial_v : volt"),
        threshold=population.threshold,
        reset=population.neuron.reset,
        method=METHODS[network.method],
        method_options=population.method_options(equations),
        namespace=namespace,
        clock=clock,
        name="neurons",
    )
    start = presentation_start(population.neuron, equations)
    if population.carries:
        start = "\n".join(line for line in start.splitlines() if not line.startswith("v = "))
        start += "\nv = rest_factor*(v + first(t)*(initial_v - v))"
    neurons.run_regularly(start, **each)
    neurons.thresholder["spike"].order = 3
    neurons.run_regularly("change = modulator*postsynaptic", when="after_resets", order=2, clock=clock)

    parts = 2 if learning.probability == "symmetric" else 1
    broadcast = brian2.NeuronGroup(
        parts, rule.BROADCAST[learning.probability], namespace=namespace, clock=clock, name="broadcast"
    )
    broadcast.run_regularly(rule.MODULATE[learning.probability], when="after_resets", order=1, clock=clock)
    part = np.arange(size) // max(size // 2, 1) if parts == 2 else np.zeros(size, dtype=int)
    neurons.modulator = brian2.linked_var(broadcast, "modulator", index=np.minimum(part, parts - 1))
    if parts == 2:
        broadcast.other_goodness = brian2.linked_var(broadcast, "layer_goodness", index=np.array([1, 0]))
    votes = brian2.Synapses(
        neurons, broadcast, "layer_goodness_post = goodness_pre : 1 (summed)", clock=clock, name="votes"
    )
    votes.connect(i=np.arange(size), j=np.minimum(part, parts - 1))
    votes.summed_updaters["layer_goodness_post"].when = "after_resets"

    synapses = brian2.Synapses(
        inputs,
        neurons,
        rule.SYNAPSE,
        on_pre={"settle": rule.SETTLE, "deliver": rule.DELIVER, "potentiate": rule.POTENTIATE},
        on_event={"settle": "settle", "deliver": "spike", "potentiate": "potentiate"},
        namespace=namespace,
        clock=clock,
        name="synapses",
    )
    synapses.settle.when, synapses.settle.order = "thresholds", 1
    synapses.deliver.when, synapses.deliver.order = "thresholds", 2
    synapses.potentiate.when = "end"
    synapses.connect()
    goodness = brian2.StateMonitor(broadcast, "layer_goodness", True, name="goodness", order=-3, **each)
    return brian2.Network(inputs, neurons, broadcast, votes, synapses, goodness)


def _main(directory: str, presentations: int) -> None:
    """Build the program of the protocol that comes in as JSON."""
    protocol = Protocol(**json.load(sys.stdin))
    configure()
    brian2.set_device("cpp_standalone", build_on_run=False)
    network = _objects(protocol, presentations)
    network.run(presentations * protocol.network.encoding.steps * protocol.network.time_step, namespace={})
    device = brian2.get_device()
    device.build(directory=directory, compile=True, run=False, with_output=False)
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


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
