"""The simulator: a network built on one of the engines, ready to be presented with images and to learn."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any, cast

import brian2
import numpy as np

from brianff.acceleration.floating_point import error_handling_kept
from brianff.acceleration.memory import DEFAULT_MEMORY, Need, check_memory, peak_memory
from brianff.arguments import explained
from brianff.crossbar.crossbar import Crossbar, connections, make_crossbar
from brianff.describing import Described, layer_table
from brianff.description import EventEncoding, FrameEncoding, LatencyEncoding, Network, PulseEncoding, RepeatEncoding
from brianff.description.fields import TRUTH, Instance, Whole, argument, shown
from brianff.encoding import checked_images, code_matrix, encode_spikes, image_part, label_and_events
from brianff.engines import ENGINES, LanesEngine, ResponseEngine, make_engine
from brianff.engines.lanes.engine import memory_bytes
from brianff.engines.population import PRECISIONS, LayerResult, whole_number
from brianff.engines.response.engine import TOLERANCE
from brianff.equations.tangent import CREDITS
from brianff.errors import ConfigurationError, DataError
from brianff.goodness import Goodness
from brianff.inputs import FrameInput, Input, PulseInput, SparseSpikes, SpikeAverages, SpikeInput
from brianff.random import RandomStreams
from brianff.responses import Recording, Responses

if TYPE_CHECKING:
    import nir
    import pandas

__all__ = ["SimulatedLayer", "Simulator"]

Observer = Callable[[PulseInput | SpikeInput, int, slice, int, Callable[[str], np.ndarray]], None]


@dataclass
class SimulatedLayer:
    """One layer of a simulator: the crossbar that drives it, and the membranes where they are carried over.

    Parameters
    ----------
    crossbar : Crossbar
    membrane : ndarray, shape (presentations, states x neurons), or None
        What the n-th presentation of the next batch starts from, in SI units: membrane voltages and, side by side with
        them, states of memristors; None: not carried over.
    start : ndarray, shape (states x neurons,), or None
        What a presentation starts from that none was before.
    """

    crossbar: Crossbar
    membrane: np.ndarray | None = field(default=None, repr=False)
    start: np.ndarray | None = field(default=None, repr=False)

    def carried(self, presentations: int) -> np.ndarray | None:
        """Return the states of so many presentations, to be changed in place; new ones are those at the start."""
        if self.membrane is None or self.start is None:
            return None
        if (missing := presentations - len(self.membrane)) > 0:
            self.membrane = np.vstack([self.membrane, np.tile(self.start, (missing, 1))])
        return self.membrane[:presentations]

    def restore(self, membrane: np.ndarray | None) -> None:
        """Take carried states; of version 0.1 they are voltages alone."""
        if membrane is not None and self.start is not None:
            others = np.tile(self.start[membrane.shape[1] :], (len(membrane), 1))
            membrane = np.hstack([membrane, others])
        self.membrane = membrane

    def learn(self, change: np.ndarray) -> None:
        """Program a change of the weights: finite numbers of the shape (inputs, neurons), or a DataError."""
        self.crossbar.program(change)


class _Turn:
    """Which thread may use a simulator: one at a time presents, and the others wait; only one evaluates."""

    def __init__(self) -> None:
        self.lock, self.evaluating = RLock(), cast("int | None", None)

    def check(self) -> None:
        """Raise a ConfigurationError if another thread has the simulator in `evaluation`."""
        if self.evaluating not in (None, get_ident()):
            raise ConfigurationError(
                "another thread has this simulator in evaluation(): give each thread a copy, copy.deepcopy(simulator)"
            )


@explained
class Simulator(Described):
    """A network, built and ready to run.

    Parameters
    ----------
    network : Network
        What to simulate.
    goodness : Goodness
        What to measure; default: the mean square of the activity.
    engine : {"auto", "response", "lanes", "reference"}
        Responses looked up in a table of the neurons' drives, where they are functions of these alone; presentations
        integrated side by side; or ordinary Brian2 objects. "auto": the first of them that the network fits.
    lanes : int, optional
        Presentations side by side in the lanes engine; default: as many as `memory` holds.
    seed : int
        Seed of every random stream: weights, label codes, encoding, devices, and what differs between neurons.
    memory : int or str
        Bytes, or text such as "2 MiB", for the state of the presentations side by side, for each worker.
    workers : int
        Threads or processes among which the engine shares the work. Results do not depend on it.
    precision : {"double", "single"}
        Precision of the lanes engine's neurons or the table's lookups, and of the matrix products beside them. Single
        is about twice as fast.
    credit : {"held", "within-event", "memory"}
        How much of what an input event does its postsynaptic factor holds; see `brianff.equations.tangent`.
    table_step : quantity, optional
        Time step of the response engine's tables; default: halved until the `tolerance` is met. The network's own time
        step is that of the other engines.
    tolerance : float
        What halving the table's step again may change, relative to the largest goodness at usual drives.

    Attributes
    ----------
    layers : tuple of SimulatedLayer
    codes : ndarray, shape (classes, inputs)
        Input of each label.
    mean_image : ndarray, shape (pixels,), or None
        What an encoding that centres images takes off, such as ``split.mean_image``; trainers set that of the training
        images.
    streams : RandomStreams
    workers : int
        Threads or processes that share the work.
    precision : str
    dtype : type
        Type of what the engine computes.
    presentations, neuron_steps : int
        Presentations made so far, and neurons advanced by one time step.

    Raises
    ------
    ConfigurationError
        If an engine, a precision or what the network names is not known or does not fit, equations do not work in
        Brian2, or a number is less than it can be.

    Examples
    --------
    >>> from brianff import Network, Layer
    >>> simulator = Simulator(Network(pixels=4, classes=2, layers=(Layer(neurons=3),)), seed=1)
    >>> simulator.layers[0].crossbar.weights.shape
    (6, 3)
    """

    def __init__(
        self,
        network: Network,
        goodness: Goodness | None = None,
        engine: str = "auto",
        lanes: int | None = None,
        seed: int = 0,
        memory: int | str = DEFAULT_MEMORY,
        workers: int = 1,
        precision: str = "double",
        credit: str = "held",
        table_step: brian2.Quantity | None = None,
        tolerance: float = TOLERANCE,
    ):
        argument("network", network, _NETWORK)
        names = {
            "credit": (credit, CREDITS),
            "engine": (engine, ("auto", *ENGINES)),
            "precision": (precision, PRECISIONS),
        }
        for what, (name, known) in names.items():
            if not isinstance(name, str) or name not in known:
                raise ConfigurationError(f"no {what} {shown(name)}; known: {', '.join(known)}")
        argument("workers", workers, Whole(1, 1000))
        if engine == "reference" and precision != "double":
            raise ConfigurationError("the reference engine computes in double precision: use precision = 'double'")
        self.network = network
        self.goodness = _goodness(Goodness() if goodness is None else goodness)
        self.streams = RandomStreams(whole_number("seed", seed, 0))
        check_memory(_needs(network))
        self.codes = code_matrix(network, self.streams["label code"])
        sizes = [network.inputs, *(layer.neurons for layer in network.layers)]
        self.layers = tuple(
            SimulatedLayer(
                make_crossbar(layer, (rows, columns), self.streams, number, connections(network, number, self.streams))
            )
            for number, (layer, rows, columns) in enumerate(zip(network.layers, sizes, sizes[1:], strict=False))
        )
        self.precision, self.dtype = precision, PRECISIONS[precision]
        for layer in self.layers:
            layer.crossbar.threads = workers
        options: dict[str, Any] = {
            "lanes": None if lanes is None else whole_number("lanes", lanes, 1),
            "memory": memory_bytes(memory),
            "workers": workers,
            "precision": precision,
            "credit": credit,
        }
        options |= {"seed": seed, "table_step": table_step, "tolerance": tolerance}
        self.workers = workers if engine != "reference" else 1
        self._make_engine = partial(make_engine, engine, **options)
        self._use_engine()
        self._turn = _Turn()
        for layer, population in zip(self.layers, self.populations, strict=True):
            if population.carried:
                layer.start = population.carried_start
                layer.membrane = np.zeros((0, len(layer.start)))
        self._evaluation_generator: np.random.Generator | None = None
        self.mean_image: np.ndarray | None = None
        self.presentations = 0
        self.neuron_steps = 0

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made of: not the engine, which is made anew."""
        return {name: value for name, value in vars(self).items() if name not in ("_engine", "_turn")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._turn = _Turn()
        self._use_engine()

    def _use_engine(self) -> None:
        """Make the engine anew, for the network and the goodness."""
        made = self._make_engine(network=self.network, goodness=self.goodness)
        self._engine, self._engine_name, self._engine_reason = made

    def summary(self) -> pandas.DataFrame:
        """Return a table of the layers; state_bytes are those of the neurons for each presentation side by side."""
        return layer_table(self.network).assign(
            engine=f"{self.engine}: {self.engine_reason}",
            weight_bytes=[layer.crossbar.weights.nbytes for layer in self.layers],
            state_bytes=[population.lane_bytes for population in self._engine.populations],
        )

    @property
    def engine(self) -> str:
        """Name of the engine that runs: "response", "lanes" or "reference"."""
        return "lanes" if getattr(self._engine, "fallen_back", "") else self._engine_name

    @property
    def engine_reason(self) -> str:
        """Why this engine runs, in words."""
        return getattr(self._engine, "fallen_back", "") or self._engine_reason

    @property
    def response(self) -> ResponseEngine | None:
        """The response engine, if that runs."""
        return self._engine if self.engine == "response" else None

    def _facts(self) -> dict[str, Any]:
        own = {
            "goodness": self.goodness.name,
            "engine": self.engine,
            "dtype": self.dtype.__name__,
            "workers": self.workers,
        }
        return self.network._facts() | own | {"seed": self.streams.seed, "presentations": self.presentations}

    _table = summary

    @property
    def populations(self):
        """The neurons of each layer, as the engine integrates them."""
        return self._engine.populations

    @property
    def carries(self) -> bool:
        """Whether any layer carries its membrane over from one presentation to the next."""
        return any(layer.membrane is not None for layer in self.layers)

    def present(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        layer: int = -1,
        spikes: bool = False,
        observe: Observer | None = None,
        events: bool = False,
    ) -> Responses:
        """Present images with labels and return the responses of one layer.

        Parameters
        ----------
        images : ndarray of float, shape (images, pixels), or SpikeTrains
            Intensities in [0, 1]; spike trains to a network with an `EventEncoding`.
            Of several frames: (images, frames x pixels), those of a presentation side by side.
        labels : ndarray of int, shape (images,) or (images, labels per image)
            Label shown with each image. With several labels per image the presentations are ordered image by image.
        layer : int
            Layer whose responses are wanted; layers above it are not simulated.
        spikes : bool
            Keep the spikes of this layer and those below.
        observe : callable, optional
            Called as ``observe(inputs, layer, presentations, step, read)`` after each step of the lanes engine, where
            ``read(name)`` gives a variable as an array (presentations, neurons). It may change the weights.
        events : bool
            Measure the response to each frame or volley too: `peaks` and `latencies`, on the lanes engine.

        Raises
        ------
        DataError
            If shapes do not fit the network, intensities are not finite, or a label is not a class.
        ConfigurationError
            If there is no such layer, or there are no events to respond to.
        NumericalError
            If the integration diverged.
        """
        number = self._number(layer)
        if not argument("events", events, TRUTH):
            return self.present_layers(images, labels, number + 1, spikes, observe)[number]
        return self._present_events(self.inputs(images, labels), number, observe)

    def _present_events(self, inputs: PulseInput | SpikeInput, number: int, observe: Observer | None) -> Responses:
        """Present, and watch the activity of a layer in the window of each event."""
        if not isinstance(inputs, FrameInput):
            raise ConfigurationError(f"{self.network.encoding.name!r} encoding has no events: use frames or volleys")
        onsets = inputs.onset_steps
        windows = self.populations[0].windows(onsets)
        peaks = np.full((*onsets.T.shape, self.network.layers[number].neurons), -np.inf)

        def watch(inputs, layer, presentations, step, read):
            if observe is not None:
                observe(inputs, layer, presentations, step, read)
            if layer == number:
                seen = np.where(windows[:, presentations, step, np.newaxis], read("activity"), -np.inf)
                np.maximum(peaks[:, presentations], seen, out=peaks[:, presentations])

        responses = self.present_inputs(inputs, number + 1, spikes=True, observe=watch)[number]
        spikes = windows.transpose(2, 0, 1)[..., np.newaxis] & np.asarray(responses.raster)[:, np.newaxis]
        steps = spikes.argmax(axis=0) - onsets.T[..., np.newaxis]
        latencies = np.where(spikes.any(axis=0), steps * float(self.network.time_step), np.nan)
        return replace(responses, peaks=peaks, latencies=latencies)

    def present_layers(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        count: int | None = None,
        spikes: bool = False,
        observe: Observer | None = None,
        goodness_only: bool = False,
    ) -> list[Responses]:
        """Present images with labels to the first `count` layers and return the responses of each; see `present`.

        With `goodness_only`, what only plasticity needs is left out, the responses' postsynaptic factor.

        Parameters
        ----------
        images, labels, spikes, observe
            As in `present`.
        count : int, optional
            Default: all layers.
        goodness_only : bool
            Leave out what only plasticity needs: the responses' postsynaptic factor.
        """
        return self.present_inputs(self.inputs(images, labels), count, spikes, observe, goodness_only)

    def present_inputs(
        self,
        inputs: PulseInput | SpikeInput,
        count: int | None = None,
        spikes: bool = False,
        observe: Observer | None = None,
        goodness_only: bool = False,
    ) -> list[Responses]:
        """Present what `inputs` returned to the first `count` layers; see `present_layers`.

        Parameters
        ----------
        inputs : PulseInput or SpikeInput
        count, spikes, observe, goodness_only
            As in `present_layers`.
        """
        if observe is not None and not callable(observe):
            raise ConfigurationError(f"observe is {shown(observe)}; it must be a function")
        for name, value in {"spikes": spikes, "goodness_only": goodness_only}.items():
            argument(name, value, TRUTH)
        argument("inputs", inputs, Instance(Input, "what Simulator.inputs(images, labels) returns"))
        if count is not None:
            self._number(whole_number("count", count, 1) - 1)
        check_memory(self.needs(len(inputs), count, spikes, goodness_only))
        with self._turn.lock, error_handling_kept():
            self._turn.check()
            weights = self.read_weights(count)
            results = self._engine.present(
                inputs,
                weights,
                spikes=spikes or self._needs_raster,
                observe=None if observe is None else partial(observe, inputs),
                membranes=[layer.carried(len(inputs)) for layer in self.layers[:count]],
                goodness_only=goodness_only,
            )
            self._count(inputs, weights)
        return self._responses(inputs, results)

    def needs(
        self, presentations: int, count: int | None = None, spikes: bool = False, goodness_only: bool = False
    ) -> list[Need]:
        """Return what the responses of so many presentations take, for `check_memory`; parameters as in `present`.

        Parameters
        ----------
        presentations : int
        count, spikes, goodness_only
            As in `present_layers`.
        """
        itemsize, encoding = np.dtype(self.dtype).itemsize, self.network.encoding
        needs = []
        for number, layer in enumerate(self.network.layers[:count]):
            numbers = {"presentations": presentations, f"network.layers.{number}.neurons": layer.neurons}
            each = (1 if goodness_only else 2) * itemsize * layer.neurons
            needs.append(Need(f"the responses of layer {number}", presentations * each, numbers))
            if spikes:
                size = presentations * encoding.steps * layer.neurons
                numbers |= {"network.encoding.steps": encoding.steps}
                needs.append(Need(f"the spikes of layer {number}", size, numbers))
        return needs

    @property
    def _needs_raster(self) -> bool:
        """Whether spikes are counted, and neither by the neurons' own equations nor beforehand."""
        if self.engine == "response":
            return False
        return self.goodness.counts_spikes and not all(one.counts_crossings for one in self.populations)

    def present_spikes(self, spikes: SparseSpikes, layer: int) -> Responses:
        """Present spikes of the layer below to one layer, without simulating the layers below.

        Its responses are the same as if the layers below had been presented with what made them spike.

        Parameters
        ----------
        spikes : SparseSpikes
        layer : int
            At least 1.
        """
        layer = self._number(whole_number("layer", layer, 1))
        with self._turn.lock, error_handling_kept():
            self._turn.check()
            weights = self.layers[layer].crossbar.read(self._read_noise)
            membranes = [self.layers[layer].carried(len(spikes))]
            results = self._engine.present(spikes, [weights], first=layer, membranes=membranes)
            self._count(spikes, [weights])
        response = self._engine.populations[layer].current.pulse_response
        averages = SpikeAverages(spikes.averages(response, self.dtype), self.workers)
        return self._responses(averages, results, layer)[0]

    def read_weights(self, count: int | None = None) -> list[np.ndarray]:
        """Return the weights of the first `count` layers as one read shows them, shape (inputs, neurons) each.

        Parameters
        ----------
        count : int, optional
            Default: all layers.
        """
        number = len(self.layers) if count is None else whole_number("count", count, 0)
        return [layer.crossbar.read(self._read_noise) for layer in self.layers[:number]]

    def _number(self, layer: int) -> int:
        """Return the number of a layer, counted from the end if negative."""
        try:
            return range(len(self.layers))[operator.index(layer)]
        except (IndexError, TypeError):
            raise ConfigurationError(f"there is no layer {shown(layer)}: the network has {len(self.layers)}") from None

    @property
    def _read_noise(self) -> np.random.Generator:
        return self._evaluation_generator or self.streams["read noise"]

    def _count(self, inputs: PulseInput | SpikeInput, weights: Sequence[np.ndarray]) -> None:
        self.presentations += len(inputs)
        self.neuron_steps += len(inputs) * inputs.steps * sum(matrix.shape[1] for matrix in weights)

    def present_every_label(self, images: np.ndarray) -> list[Responses]:
        """Present each image with every label; return the responses of each layer, goodness only.

        The presentations are ordered image by image: row `image * classes + label`.

        Parameters
        ----------
        images : ndarray, shape (images, pixels)
        """
        classes, images = self.network.classes, checked_images(self.network, images)
        labels = np.broadcast_to(np.arange(classes), (len(images), classes))
        return self.present_layers(images, labels, goodness_only=True)

    def record(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        neurons: Sequence[int] | np.ndarray | Mapping[int, Sequence[int]] = (),
        layer: int = -1,
        polarity: Sequence[str] | None = None,
        *,
        variables: Sequence[str] | None = None,
        every: int = 1,
        presentations: Any = None,
        file: str | Path | None = None,
    ) -> Recording:
        """Present images with labels and record spikes of all neurons and traces of some, without a trace in training.

        Random encodings come from the stream of `evaluation`; membranes that are carried over start from where those of
        training are. It runs on the lanes engine, at the network's time step, whatever engine trains, in batches of
        some ten MB; what is recorded is kept in memory, or, with `file`, on disk only.

        Parameters
        ----------
        images, labels
            As in `present`, with one label per image; spike trains to a network with an `EventEncoding`.
        neurons : sequence of int, or mapping of int to sequence of int
            Neurons of `layer` whose traces are recorded; or those of several layers, by the layer's number.
        layer : int
            Layer of the traces; spikes are recorded of all layers up to it.
        polarity : sequence of str, optional
            "positive" or "negative" for each presentation, kept with the spikes.
        variables : sequence of str, optional
            What is traced: "I", the synaptic current, and variables of the neuron's equations. Default: the current and
            what the neuron names as its traces.
        every : int
            Keep every so many-th step of the traces.
        presentations : mapping of str to sequence, or pandas.DataFrame, optional
            More about each presentation: image, true_label, epoch, or columns of your own. Spikes carry them too.
        file : str or Path, optional
            An HDF5 file that receives the recording; replaced if it exists. `Recording.open` reads it again.

        Raises
        ------
        ConfigurationError
            If a neuron, layer or variable is not known, or there is not one label, or polarity, per image.
        MissingDependencyError
            If `file` is given without h5py, the extra ``brianff[hdf5]``.
        """
        from brianff.recording import record

        return record(self, images, labels, neurons, layer, polarity, variables, every, presentations, file)

    def export_weights(self, path: str | Path) -> Path:
        """Write weights and conductances to a NumPy archive.

        It holds ``weights_N`` (inputs, neurons) of each layer, ``conductances_N`` (siemens; of the plus and the minus
        device of each pair, row by row) where there are devices, ``connected_N`` where synapses are missing,
        ``label_codes`` (classes, inputs), and ``about``: the network, units, versions and commit as JSON.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        CheckpointError
            If the file cannot be written.
        """
        from brianff.export import export_weights

        return export_weights(self, path)

    def export_standalone(self, directory: str | Path, images: np.ndarray, labels: np.ndarray) -> Path:
        """Write the network, with its weights and some presentations, as a C++ program that runs without Python.

        It is Brian2's C++ standalone project of the reference engine, at the network's time step. README.txt in the
        directory tells how to compile it, where its results are and how to give it other inputs;
        `brianff.read_standalone` reads them.

        Parameters
        ----------
        directory : str or Path
            A new one, or an empty one.
        images, labels
            As in `present`; random encodings come from the stream of `evaluation`.

        Returns
        -------
        Path
            The directory.

        Raises
        ------
        ConfigurationError
            If the directory is not empty, there are no images, or neurons compete (`winners`).
        BrianffError
            If Brian2 cannot write the program.
        """
        from brianff.standalone import export_standalone

        return export_standalone(self, directory, images, labels)

    def describe(self) -> str:
        """Return the network as Brian2 objects in words (Markdown), for a paper's methods or a look inside.

        It is read off the reference engine's objects: groups with their equations, parameters, thresholds and resets,
        synapses, and the order in which a time step does what. ``engine="reference"`` runs exactly these.
        """
        from brianff.model_description import describe

        return describe(self)

    def to_nir(self) -> nir.NIRGraph:
        """Return the network as a graph of the Neuromorphic Intermediate Representation (``brianff[spikes]``).

        Spikes are kept: leaky integrate-and-fire neurons with `delta` synapses are NIR's LIF neurons, in seconds and
        volts. The traces from which goodness is computed have no place there. ``nir.write(path, graph)`` writes it.

        Raises
        ------
        ConfigurationError
            If anything that shapes the spikes would be lost, such as memristive neurons.
        MissingDependencyError
            Without nir.
        """
        from brianff.nir_export import nir_graph

        return nir_graph(self)

    def measuring(self, goodness: Goodness | None = None, network: Network | None = None) -> Simulator:
        """Return a simulator with the same weights that measures another goodness, or of other neurons.

        It shares the layers with this one and so follows what they learn; in its own `evaluation()` it leaves no trace.

        Parameters
        ----------
        goodness : Goodness or str, optional
        network : Network, optional
            With the same layers; default of both: as they are.
        """
        goodness = self.goodness if goodness is None else _goodness(goodness)
        network = self.network if network is None else argument("network", network, _NETWORK)
        other = object.__new__(Simulator)
        vars(other).update(vars(self))
        other.goodness, other.network = goodness, network
        other.codes, other._evaluation_generator = self.codes.copy(), None
        other.streams = RandomStreams(self.streams.seed)
        other._use_engine()
        return other

    @contextmanager
    def evaluation(self, membranes: bool = False) -> Iterator[None]:
        """Present without a trace.

        Inside, random encodings come from a stream of their own, the same every time, and membranes that are carried
        over start at 0, or with `membranes` from where they are; those of training come back afterwards.

        Parameters
        ----------
        membranes : bool

        Raises
        ------
        ConfigurationError
            If another thread has the simulator in `evaluation`.
        """
        with self._turn.lock:
            self._turn.check()
            kept = self._evaluation_generator, [layer.membrane for layer in self.layers], self._turn.evaluating
        try:
            with self._turn.lock:
                self._turn.evaluating = get_ident()
                self._evaluation_generator = RandomStreams(self.streams.seed)["evaluation"]
                for layer in self.layers:
                    if layer.membrane is not None:
                        layer.membrane = layer.membrane.copy() if membranes else layer.membrane[:0]
            yield
        finally:
            with self._turn.lock:
                self._evaluation_generator, membranes_before, self._turn.evaluating = kept
                for layer, membrane in zip(self.layers, membranes_before, strict=True):
                    layer.membrane = membrane

    def wait_for_workers(self) -> None:
        """Wait until all worker processes, if any, take part; it takes seconds, in which batches run without them.

        For measurements of speed: results do not depend on it.
        """
        if isinstance(self._engine, LanesEngine):
            self._engine.wait_for_workers()

    def peak_memory(self) -> int | None:
        """Return the largest resident memory so far of this process and its workers, in bytes; None: not known."""
        own = peak_memory()
        return None if own is None else own + getattr(self._engine, "workers_peak_memory", 0)

    def _responses(self, inputs: Input, results: list[LayerResult], first: int = 0) -> list[Responses]:
        responses = []
        for population, result in zip(self._engine.populations[first:], results, strict=False):
            measured, response = result.measured(self.goodness), population.current.pulse_response
            responses.append(Responses(inputs, *measured, self.goodness, response, result.raster))
            if result.raster is not None:
                inputs = SpikeInput(result.raster, self.workers)
            elif result.averages is not None:
                inputs = SpikeAverages(result.averages, self.workers)
        return responses

    def inputs(self, images: Any, labels: np.ndarray) -> PulseInput | SpikeInput:
        """Return images with labels as the input of the first layer; see `present`.

        Parameters
        ----------
        images, labels
            As in `present`.
        """
        images, labels = self._checked(images, labels)
        encoding = self.network.encoding
        image = np.repeat(np.arange(len(images)), labels.size // max(len(images), 1))
        if isinstance(encoding, EventEncoding):
            return label_and_events(self.network, images, image, self.codes[labels.ravel()] > 0, self.workers)
        if isinstance(encoding, RepeatEncoding):
            once, steps = encoding.showings(images)
            return self._frame_input(np.repeat(once, 2, axis=0), image, labels.ravel(), steps[image])
        if isinstance(encoding, FrameEncoding):
            generator = self._evaluation_generator or self.streams["gaps"]
            onsets = encoding.onsets(len(images), self.network.time_step, generator)
            frames = images.reshape(-1, self.network.pixels)
            return self._frame_input(frames, image, labels.ravel(), None if onsets is None else onsets[image])
        part = image_part(self.network, images, self.mean_image, self._encoding_generator)
        if isinstance(encoding, LatencyEncoding) and encoding.volley_steps:
            volleys = encoding.volleys(part).reshape(-1, part.shape[1])
            return self._frame_input(volleys, image, labels.ravel())
        if isinstance(encoding, PulseEncoding):
            part, codes = (array.astype(self.dtype, copy=False) for array in (part, self.codes))
            return PulseInput(part, codes, image, labels.ravel(), encoding.steps, encoding.pulse_steps, self.workers)
        label = self.codes[labels.ravel()]
        return encode_spikes(encoding, part[image], self._encoding_generator, self.workers, label)

    @property
    def _encoding_generator(self) -> np.random.Generator:
        """What draws for the encoding now."""
        return self._evaluation_generator or self.streams["encoding"]

    def _frame_input(
        self, frames: np.ndarray, presentation: np.ndarray, label: np.ndarray, onsets: np.ndarray | None = None
    ) -> FrameInput:
        """Return frames, those of an image one after the other, as an input; what is shown again is kept once."""
        encoding = self.network.encoding
        steps = tuple(step for (step,) in encoding.event_steps)
        numbers: dict[bytes, int] = {}
        image = np.array([numbers.setdefault(frame.tobytes(), len(numbers)) for frame in frames], dtype=int)
        _, first = np.unique(image, return_index=True)
        part = frames[first]
        if isinstance(encoding, FrameEncoding):  # volleys are what input units have already
            part = image_part(self.network, part, self.mean_image, self._encoding_generator)
        image = image.reshape(-1, len(steps))
        shown: np.ndarray = np.asarray(frames.any(axis=1)).reshape(image.shape)
        if encoding.labels == "once":
            shown &= np.cumsum(shown, axis=1) == 1
        no_label = np.zeros((1, self.network.inputs))
        part, codes = (array.astype(self.dtype, copy=False) for array in (part, np.vstack([self.codes, no_label])))
        label = np.where(shown[presentation], label[:, np.newaxis], len(self.codes))
        return FrameInput(part, codes, image[presentation], label, encoding.steps, steps, self.workers, onsets)

    def _checked(self, images: Any, labels: np.ndarray) -> tuple[Any, np.ndarray]:
        images = checked_images(self.network, images)
        try:
            labels = np.asarray(labels)
        except ValueError as error:  # rows of several lengths
            raise DataError(f"labels are no array: {error}") from None
        if labels.ndim not in (1, 2) or len(labels) != len(images) or 0 in labels.shape[1:]:
            raise DataError(f"labels have the shape {labels.shape}; there are {len(images)} images")
        if labels.size and (
            labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < self.network.classes
        ):
            raise DataError(f"labels must be whole numbers from 0 to {self.network.classes - 1}")
        return images, labels


_NETWORK = Instance(Network, "a Network")


def _needs(network: Network) -> list[Need]:
    """Return what a network takes before anything is presented: the least, whatever its parts add."""
    encoding, label = network.encoding, network.label
    labels = {"append": network.classes, "pixels": 0, "code": label.bits}[label.placement]
    key = "network.label.bits" if label.placement == "code" else "network.classes"
    below = {"network.pixels": network.pixels, key: labels, "network.label.rows": label.rows}
    codes = Need("the codes of the labels", 8 * network.classes * network.inputs, below)
    courses = 24 * max(len(encoding.event_steps), 1) * encoding.steps
    needs = [codes, Need("time courses", courses, {"network.encoding.steps": encoding.steps})]
    inputs = network.inputs
    for number, layer in enumerate(network.layers):
        numbers = below | {f"network.layers.{number}.neurons": layer.neurons}
        size = (8 if layer.device is None else 16) * inputs * layer.neurons
        needs.append(Need(f"the weights of layer {number}", size, numbers))
        below, inputs = {f"network.layers.{number}.neurons": layer.neurons}, layer.neurons
    return needs


def _goodness(value: Any) -> Goodness:
    if not isinstance(value, Goodness):
        raise ConfigurationError(f"goodness is {shown(value)}; it must be a Goodness, such as GOODNESS[name]")
    return value
