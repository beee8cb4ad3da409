"""The simulator: a network built on one of the engines, ready to be presented with images and to learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from brianff.crossbar import Crossbar
from brianff.description import Network, PulseEncoding
from brianff.encoding import code_matrix, encode_spikes, image_part
from brianff.engines import ENGINES
from brianff.engines.population import LayerResult
from brianff.errors import ConfigurationError, DataError
from brianff.goodness import Goodness
from brianff.inputs import PulseInput, SpikeAverages, SpikeInput
from brianff.memory import DEFAULT_MEMORY, peak_memory
from brianff.random import RandomStreams
from brianff.responses import Recording, Responses

__all__ = ["SimulatedLayer", "Simulator"]


@dataclass
class SimulatedLayer:
    """One layer of a simulator: the crossbar that drives it."""

    crossbar: Crossbar

    def learn(self, change: np.ndarray) -> None:
        """Program a change of the weights, shape (inputs, neurons)."""
        self.crossbar.program(change)


class Simulator:
    """A network, built and ready to run.

    Parameters
    ----------
    network : Network
        What to simulate.
    goodness : Goodness
        What to measure; default: the mean square of the activity.
    engine : {"lanes", "reference"}
    lanes : int, optional
        Presentations side by side in the lanes engine; default: as many as `memory` holds.
    seed : int
        Seed of every random stream: weights, label codes, encoding.
    memory : int
        Bytes for the state of the presentations side by side in the lanes engine, in each process.
    workers : int
        Processes among which the lanes engine shares the work, this one included. Results do not depend on it.

    Attributes
    ----------
    layers : tuple of SimulatedLayer
    codes : ndarray, shape (classes, inputs)
        Input of each label.
    streams : RandomStreams
    workers : int
        Processes that share the work.
    presentations, neuron_steps : int
        Presentations made so far, and neurons advanced by one time step.

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
        engine: str = "lanes",
        lanes: int | None = None,
        seed: int = 0,
        memory: int = DEFAULT_MEMORY,
        workers: int = 1,
    ):
        if engine not in ENGINES:
            raise ConfigurationError(f"no engine {engine!r}; known: {', '.join(ENGINES)}")
        self.network = network
        self.goodness = goodness or Goodness()
        self.streams = RandomStreams(seed)
        self.codes = code_matrix(network, self.streams["label code"])
        sizes = [network.inputs, *(layer.neurons for layer in network.layers)]
        self.layers = tuple(
            SimulatedLayer(
                Crossbar(
                    self.streams[f"weights {number}"].normal(0.0, layer.initial_weight_deviation, shape),
                    layer.weight_bound,
                )
            )
            for number, (layer, *shape) in enumerate(zip(network.layers, sizes, sizes[1:], strict=False))
        )
        options = {"lanes": lanes, "memory": memory, "workers": workers} if engine == "lanes" else {}
        self.workers = workers if engine == "lanes" else 1
        self._engine = ENGINES[engine](network, self.goodness, **options)
        self._evaluation_generator: np.random.Generator | None = None
        self.presentations = 0
        self.neuron_steps = 0

    def present(self, images: np.ndarray, labels: np.ndarray, layer: int = -1, spikes: bool = False) -> Responses:
        """Present images with labels and return the responses of one layer.

        Parameters
        ----------
        images : ndarray, shape (images, pixels)
            Intensities in [0, 1].
        labels : ndarray of int, shape (images,) or (images, labels per image)
            Label shown with each image. With several labels per image the presentations are ordered image by image.
        layer : int
            Layer whose responses are wanted; layers above it are not simulated.
        spikes : bool
            Keep the spikes of this layer and those below.

        Raises
        ------
        DataError
            If shapes do not fit the network, intensities are not finite, or a label is not a class.
        NumericalError
            If the integration diverged.
        """
        number = range(len(self.layers))[layer]
        return self.present_layers(images, labels, number + 1, spikes)[number]

    def present_layers(
        self, images: np.ndarray, labels: np.ndarray, count: int | None = None, spikes: bool = False
    ) -> list[Responses]:
        """Present images with labels to the first `count` layers and return the responses of each; see `present`."""
        inputs = self.inputs(images, labels)
        weights = [layer.crossbar.weights for layer in self.layers[:count]]
        responses = self._responses(inputs, self._engine.present(inputs, weights, spikes=spikes))
        self.presentations += len(inputs)
        self.neuron_steps += len(inputs) * inputs.steps * sum(matrix.shape[1] for matrix in weights)
        return responses

    def present_every_label(self, images: np.ndarray) -> list[Responses]:
        """Present each image with every label; return the responses of each layer.

        The presentations are ordered image by image: row `image * classes + label`.
        """
        classes = self.network.classes
        return self.present_layers(images, np.broadcast_to(np.arange(classes), (len(images), classes)))

    def record(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        neurons: Sequence[int] | np.ndarray,
        layer: int = -1,
        polarity: Sequence[str] | None = None,
    ) -> Recording:
        """Present images with labels and record spikes of all neurons and traces of some.

        Parameters
        ----------
        images, labels
            As in `present`, with one label per image.
        neurons : sequence of int
            Neurons of `layer` whose traces are recorded.
        layer : int
            Layer of the traces; spikes are recorded of all layers up to it.
        polarity : sequence of str, optional
            "positive" or "negative" for each presentation, kept with the spikes.
        """
        from brianff.recording import record

        return record(self, images, labels, np.asarray(neurons), range(len(self.layers))[layer], polarity)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Present without a trace: inside, random encodings come from a stream of their own, the same every time."""
        self._evaluation_generator = RandomStreams(self.streams.seed)["evaluation"]
        try:
            yield
        finally:
            self._evaluation_generator = None

    def peak_memory(self) -> int | None:
        """Return the largest resident memory so far of this process and its workers, in bytes; None: not known."""
        own = peak_memory()
        return None if own is None else own + getattr(self._engine, "workers_peak_memory", 0)

    def _responses(
        self, inputs: PulseInput | SpikeInput | SpikeAverages, results: list[LayerResult]
    ) -> list[Responses]:
        responses = []
        for population, result in zip(self._engine.populations, results, strict=False):
            responses.append(
                Responses(
                    inputs,
                    result.goodness_terms,
                    result.postsynaptic,
                    self.goodness,
                    population.pulse_response,
                    result.raster,
                )
            )
            if result.raster is not None:
                inputs = SpikeInput(result.raster, self.workers)
            elif result.averages is not None:
                inputs = SpikeAverages(result.averages, self.workers)
        return responses

    def inputs(self, images: np.ndarray, labels: np.ndarray) -> PulseInput | SpikeInput:
        """Return images with labels as the input of the first layer; see `present`."""
        images, labels = self._checked(images, labels)
        encoding = self.network.encoding
        image = np.repeat(np.arange(len(images)), labels.size // max(len(images), 1))
        part = image_part(self.network, images)
        if isinstance(encoding, PulseEncoding):
            return PulseInput(
                part, self.codes, image, labels.ravel(), encoding.steps, encoding.pulse_steps, self.workers
            )
        intensities = part[image] + self.codes[labels.ravel()]
        generator = self._evaluation_generator or self.streams["encoding"]
        return SpikeInput(encode_spikes(encoding, intensities, generator), self.workers)

    def _checked(self, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, labels = np.asarray(images, dtype=float), np.asarray(labels)
        if images.ndim != 2 or images.shape[1] != self.network.pixels:
            raise DataError(f"images have the shape {images.shape}; the network needs (images, {self.network.pixels})")
        if not np.isfinite(images).all() or images.min(initial=0.0) < 0:
            raise DataError("images hold intensities that are negative or not finite; scale them to [0, 1]")
        if labels.ndim not in (1, 2) or len(labels) != len(images):
            raise DataError(f"labels have the shape {labels.shape}; there are {len(images)} images")
        if labels.size and (
            labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < self.network.classes
        ):
            raise DataError(f"labels must be whole numbers from 0 to {self.network.classes - 1}")
        return images, labels
