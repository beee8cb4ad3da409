"""The fast engine: many presentations side by side as lanes of one Brian2 group, with shared weights.

Presentations are independent given the weights. A group of lanes x neurons is prepared once; every step is one call
of the generated code. Presynaptic events reach it by a sparse product with the one weight matrix, and input pulses
with a common time course by one dense product per batch.
"""

from collections.abc import Sequence

import numpy as np

from brianff.acceleration.buffers import Memory, layout_of
from brianff.acceleration.memory import DEFAULT_MEMORY, Need, check_memory, parse_bytes
from brianff.acceleration.threads import share
from brianff.description import Network
from brianff.engines.lanes.batching import BlockRunner, Observe, Plan
from brianff.engines.lanes.workers import RESULTS, Workers
from brianff.engines.population import PRECISIONS, LayerResult, Population, check_batch, populations, whole_number
from brianff.errors import BrianffError, ConfigurationError
from brianff.goodness import Goodness
from brianff.inputs import PulseInput, SpikeInput

__all__ = ["LanesEngine", "memory_bytes"]

EVEN_PARTS = 4
"""Many blocks are a multiple of this, so that 2 or 4 processes share them evenly."""


class LanesEngine:
    """Runs batches of presentations in blocks, each through all layers; its parameters are those of `Simulator`.

    The `workers`, this process or thread included, are threads where presentations are fused, and processes where there
    is work for Python at every step. With `energy`, the neurons' energies are integrated too, for observers.
    `credit` says how much of what an input event does its postsynaptic factor holds: see `brianff.equations.tangent`.
    """

    def __init__(
        self,
        network: Network,
        goodness: Goodness,
        lanes: int | None = None,
        memory: int | str = DEFAULT_MEMORY,
        workers: int = 1,
        seed: int = 0,
        energy: bool = False,
        precision: str = "double",
        credit: str = "held",
    ):
        workers, memory = whole_number("workers", workers, 1), memory_bytes(memory)
        self.populations = populations(network, goodness, seed, energy, precision, credit)
        self._dtype = PRECISIONS[precision]
        self.lanes = lanes_of(self.populations, lanes, memory)
        self._make(workers)
        self._presenting = False
        self._workers = Workers(self.populations, self.lanes, workers - 1) if workers > 1 else None

    def _make(self, runners: int) -> None:
        """Make what blocks run in, and the memory of their results."""
        self._runners = [BlockRunner(self.populations, self.lanes) for _ in range(runners)]
        self._memories = [Memory() for _ in range(RESULTS)]

    def present(
        self,
        inputs: PulseInput | SpikeInput,
        weights: Sequence[np.ndarray],
        *,
        spikes: bool = False,
        observe: Observe | None = None,
        membranes: Sequence[np.ndarray | None] = (),
        goodness_only: bool = False,
        first: int = 0,
    ) -> list[LayerResult]:
        """Present a batch to `len(weights)` layers.

        Parameters
        ----------
        inputs : PulseInput or SpikeInput
            Input of the first of these layers.
        weights : sequence of ndarray
            Weights (inputs, neurons) of each layer to run.
        spikes : bool
            Return the spikes of all these layers too.
        observe : callable, optional
            Called as ``observe(layer, presentations, step, read)`` after each step, where ``read(name)`` gives the
            variable `name` as an array (presentations, neurons). It may change the weights.
        membranes : sequence of ndarray, shape (presentations, states x neurons), or None
            States (SI units) from which layers that carry them over start, `Population.carried` side by side; they
            receive those at the end. The first of them is that of the layer `first`.
        goodness_only : bool
            Leave out what only plasticity needs: the sensitivity and the postsynaptic factor.
        first : int
            Number of the first layer to run; one above the network's first takes spikes.

        Raises
        ------
        ConfigurationError
            If it is called while it presents, by an observer.
        """
        if self._presenting:
            raise ConfigurationError("an observer cannot present with the simulator that calls it: give it another")
        try:
            self._presenting = True
            return self._present(inputs, weights, spikes, observe, membranes, goodness_only, first)
        except BrianffError:
            raise
        except BaseException:  # Ctrl-C too, which may come in the middle of anything
            self._make(len(self._runners))
            raise
        finally:
            self._presenting = False

    def _present(self, inputs, weights, spikes, observe, membranes, goodness_only, first) -> list[LayerResult]:
        check_batch(self.populations[first:], inputs, weights, membranes)
        presentations, pulses = len(inputs), isinstance(inputs, PulseInput)
        carried = {layer: membrane for layer, membrane in enumerate(membranes, first) if membrane is not None}
        plan = Plan(
            presentations,
            inputs.steps,
            self._block(presentations),
            range(first, first + len(weights)),
            pulses,
            spikes,
            {layer: membrane.shape[1] for layer, membrane in carried.items()},
            goodness_only,
            self._dtype,
            self.populations[first].events if pulses else 1,
        )
        # An observer may change the weights: it must see the arrays that are used.
        typed = [matrix if observe is not None else self._typed(matrix) for matrix in weights]
        given = self._given(inputs, typed, first) | {
            f"membrane {layer}": membrane for layer, membrane in carried.items()
        }
        shapes = plan.results([matrix.shape[1] for matrix in weights])
        runners = self._runners[: len(plan.blocks)] if observe is None else self._runners[:1]
        if self._workers is not None and len(runners) > 1 and not all(runner.runs_fused(plan) for runner in runners):
            results = self._workers.run(plan, given, shapes, runners[0])
        else:
            memory = next((memory for memory in self._memories if not memory.in_use), None) or Memory()
            results = memory.views(*layout_of((name, *shape_and_type) for name, shape_and_type in shapes.items()))
            free = list(runners)

            def run(block: int) -> None:
                runner = free.pop()
                runner.run(plan, block, given, results, observe)
                free.append(runner)

            share(run, plan.blocks, max(len(runners), 1))
        for layer, membrane in carried.items():
            membrane[:] = results[f"membrane {layer}"]
        return [
            LayerResult(
                results[f"goodness_terms {layer}"],
                results[f"postsynaptic {layer}"],
                results.get(f"raster {layer}"),
                results.get(f"averages {layer}"),
            )
            for layer in plan.layers
        ]

    def wait_for_workers(self) -> None:
        """Wait until all other processes take part, if the network needs any."""
        if self._workers is not None and not self._runs_fused:
            self._workers.wait()

    @property
    def _runs_fused(self) -> bool:
        """Whether training needs no other processes, because all presentations of the network are fused."""
        encoding, layers = self.populations[0].network.encoding, range(len(self.populations))
        if not encoding.event_steps:
            return False
        return self._runners[0].runs_fused(Plan(1, encoding.steps, 1, layers, pulses=True, spikes=False))

    @property
    def workers_peak_memory(self) -> int:
        """Largest resident memory of the other processes together, in bytes."""
        return 0 if self._workers is None else self._workers.peak_memory

    def _block(self, presentations: int) -> int:
        """Return the presentations of a block: equal parts of the batch, none larger than allowed."""
        parts = max(1, -(-presentations // self.lanes))
        if parts > EVEN_PARTS // 2:
            parts = -(-parts // EVEN_PARTS) * EVEN_PARTS
        return max(1, -(-presentations // parts))

    def _given(
        self, inputs: PulseInput | SpikeInput, weights: Sequence[np.ndarray], first: int
    ) -> dict[str, np.ndarray]:
        given = {f"weights {layer}": matrix for layer, matrix in enumerate(weights, first)}
        if isinstance(inputs, SpikeInput):
            return given | {"event starts": inputs.matrix.indptr, "event units": inputs.matrix.indices}
        matrix = given.pop(f"weights {first}")
        image_drive, label_drive = inputs.drives(matrix)
        drives = {"image drive": self._typed(image_drive), "label drive": self._typed(label_drive)}
        image, label = (numbers.astype(np.int64, copy=False) for numbers in (inputs.image, inputs.label))
        drawn = {"onsets": onsets} if (onsets := getattr(inputs, "onsets", None)) is not None else {}
        return given | drives | {"image": image, "label": label} | drawn

    def _typed(self, array: np.ndarray) -> np.ndarray:
        return array.astype(self._dtype, copy=False)


def lanes_of(populations: Sequence[Population], lanes: int | None, memory: int) -> int:
    """Return how many presentations run side by side; a ConfigurationError if their state is larger than what is free.

    Parameters
    ----------
    populations : sequence of Population
    lanes : int or None
        None: as many as `memory` holds.
    memory : int
        Bytes.
    """
    largest = max(population.lane_bytes for population in populations)
    asked = {"engine.memory": memory} if lanes is None else {"engine.lanes": lanes}
    lanes = max(1, memory // largest) if lanes is None else whole_number("lanes", lanes, 1)
    check_memory([Need("the state of presentations side by side", lanes * largest, asked)])
    return lanes


def memory_bytes(memory: int | str) -> int:
    """Return an amount of memory in bytes; a ConfigurationError if it is none."""
    try:
        number = parse_bytes(memory) if isinstance(memory, str) else memory
    except ValueError as error:
        raise ConfigurationError(f"memory is {memory!r}: {error}") from None
    return whole_number("memory", number, 1)
