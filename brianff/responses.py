"""What a layer answered to a batch of presentations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.acceleration.deferred import Deferred
from brianff.arguments import explained
from brianff.arrays import checked
from brianff.describing import Described
from brianff.description.fields import Chosen
from brianff.errors import ConfigurationError
from brianff.goodness import Goodness
from brianff.inputs import Input

if TYPE_CHECKING:
    import neo
    import pandas

__all__ = ["Recording", "Responses"]


@explained
@dataclass(frozen=True, repr=False)
class Responses(Described):
    """Answer of one layer to a batch of presentations.

    Parameters
    ----------
    inputs : Input
        What the layer received.
    goodness_terms : ndarray, shape (presentations, neurons)
        Goodness of each neuron, averaged over the presentation.
    postsynaptic : ndarray, shape (presentations, neurons), or (events, presentations, neurons)
        Derivative of the goodness terms with respect to the neuron's drive, or to that of each of several events; no
        neurons where only goodness was measured.
    measure : Goodness
    pulse_response : ndarray, shape (steps,)
        Current of a unit weight after a presynaptic event at step 0.
    raster : ndarray of bool, shape (steps, presentations, neurons), or None
        Spikes, where they were asked for.
    goodness_below : ndarray, shape (presentations,), or None
        Weighted goodness of the frozen layers below, where the layer collaborates with them.
    peaks, latencies : ndarray, shape (events, presentations, neurons), or None
        The highest activity in each event's window, and the time in seconds from the event to the first spike in it,
        nan without a spike; where they were asked for.
    """

    inputs: Input
    goodness_terms: np.ndarray
    postsynaptic: np.ndarray
    measure: Goodness
    pulse_response: np.ndarray
    raster: np.ndarray | None = None
    goodness_below: np.ndarray | None = None
    peaks: np.ndarray | None = None
    latencies: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("goodness_terms", "postsynaptic"):
            if isinstance(vars(self)[name], Deferred):
                vars(self)[f"deferred_{name}"] = vars(self).pop(name)

    if not TYPE_CHECKING:  # type checkers see the fields

        def __getattr__(self, name: str) -> Any:
            deferred = vars(self).get(f"deferred_{name}")
            if deferred is None:
                raise AttributeError(f"Responses have no attribute {name!r}")
            vars(self)[name] = np.asarray(deferred)
            return vars(self)[name]

    def held(self, name: str) -> Any:
        """Return `goodness_terms` or `postsynaptic`: an array, or what computes its elements when they are needed.

        Parameters
        ----------
        name : str
        """
        return vars(self).get(f"deferred_{name}", vars(self).get(name))

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def presynaptic(self) -> np.ndarray:
        """Presynaptic factor of each synapse's change, (presentations, inputs) or (presentations, events, inputs)."""
        return self.inputs.presynaptic(self.pulse_response)

    @cached_property
    def goodness(self) -> np.ndarray:
        """Goodness of the layer, shape (presentations,)."""
        return self.measure.total(self.held("goodness_terms"))

    @cached_property
    def share(self) -> np.ndarray:
        """Derivative of the goodness with respect to each term, broadcastable to (presentations, neurons)."""
        return self.measure.share(self.held("goodness_terms"))

    @property
    def collective_goodness(self) -> np.ndarray:
        """Goodness of the layer and of those below with which it collaborates, shape (presentations,)."""
        return self.goodness if self.goodness_below is None else self.goodness + self.goodness_below

    @property
    def spike_counts(self) -> np.ndarray | None:
        """Spikes of each neuron, shape (presentations, neurons); None if spikes were not asked for."""
        return None if self.raster is None else self.raster.sum(axis=0)

    def _facts(self) -> dict[str, Any]:
        presentations, neurons = self.held("goodness_terms").shape
        mean = f"{self.goodness.mean():.4g} ± {self.goodness.std():.2g}" if presentations else "none"
        spikes = "not kept" if self.raster is None else int(self.raster.sum())
        facts = {"presentations": presentations, "neurons": neurons, "goodness": mean, "measure": self.measure.name}
        return facts | {"spikes": spikes}

    def dropped(self, image: np.ndarray, probability: float, generator: np.random.Generator) -> Responses:
        """Return the responses without some neurons of each image, in whose place the others count for more.

        A neuron that is dropped has no goodness and no postsynaptic factor; those of the others are divided by
        1 - probability (Srivastava et al., JMLR 15:1929, 2014).

        Parameters
        ----------
        image : ndarray, shape (presentations,)
            Which image each presentation shows: those of an image lose the same neurons.
        probability : float
            For each neuron, in [0, 1).
        generator : numpy.random.Generator
        """
        terms = self.goodness_terms
        presentations, neurons = terms.shape
        images, which = np.unique(checked("image", image, (presentations,), kind="whole"), return_inverse=True)
        kept = generator.random((len(images), neurons), dtype=np.float32) >= probability
        factor = (kept / (1 - probability)).astype(terms.dtype)[which]
        return replace(self, goodness_terms=terms * factor, postsynaptic=self.postsynaptic * factor)

    def select(self, presentations: Chosen) -> Responses:
        """Return the responses to some presentations: an index array, a mask or a slice.

        Parameters
        ----------
        presentations : slice, ndarray of int, or ndarray of bool, shape (presentations,)
        """
        terms: Any = self.held("goodness_terms")
        factor: Any = self.held("postsynaptic")
        terms = terms.select(presentations) if isinstance(terms, Deferred) else terms[presentations]
        factor = factor.select(presentations) if isinstance(factor, Deferred) else factor[..., presentations, :]
        return Responses(
            self.inputs.select(presentations),
            terms,
            factor,
            self.measure,
            self.pulse_response,
            raster=None if self.raster is None else self.raster[:, presentations],
            goodness_below=None if self.goodness_below is None else self.goodness_below[presentations],
            peaks=None if self.peaks is None else self.peaks[:, presentations],
            latencies=None if self.latencies is None else self.latencies[:, presentations],
        )


@explained
@dataclass(frozen=True, repr=False)
class Recording(Described):
    """Spikes and time courses of some presentations, for figures and analyses.

    Parameters
    ----------
    times : ndarray, shape (steps,)
        Times in seconds of what `traces` hold, at the end of each step.
    spikes : pandas.DataFrame
        Columns time (s), neuron, layer, presentation, and those of `presentations`.
    traces : dict of str to ndarray, shape (presentations, steps, neurons)
        Recorded variables in SI units; of a file: HDF5 data sets, which read what an index asks for.
    neurons : ndarray of int
        Numbers of the neurons in `traces`.
    layer : int
        Layer of `traces`.
    presentations : pandas.DataFrame, optional
        A row for each presentation, silent ones too: image, label (shown), true_label (-1: not known), polarity, epoch
        (-1: not known), and whatever else was said about it.
    sizes : tuple of int
        Neurons of each recorded layer.
    duration : float
        Length of a presentation in seconds.
    threshold : float or None
        Voltage (V) above which a neuron of `layer` spikes; None where a spike is something else.
    others : tuple of Recording
        The same presentations with the traces of other layers; see `at`.
    units : dict of str to str
        SI unit of each of `traces`, such as "V"; "" of one without; see `unit`.
    """

    times: np.ndarray
    spikes: pandas.DataFrame
    traces: Mapping[str, np.ndarray]
    neurons: np.ndarray
    layer: int
    presentations: pandas.DataFrame | None = None
    sizes: tuple[int, ...] = ()
    duration: float = 0.0
    threshold: float | None = None
    others: tuple[Recording, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str | Path) -> Recording:
        """Return a recording that `Simulator.record` wrote to a file; traces are read when they are indexed.

        Parameters
        ----------
        path : str or Path

        Raises
        ------
        DataError
            If the file cannot be read, or holds no recording.
        MissingDependencyError
            Without h5py, the extra ``brianff[hdf5]``.
        """
        from brianff.recording import open_recording

        return open_recording(path)

    @classmethod
    def from_spikes(
        cls,
        spikes: pandas.DataFrame | Mapping[str, Any],
        presentations: pandas.DataFrame | Mapping[str, Any] | None = None,
        sizes: Sequence[int] | None = None,
        duration: float | None = None,
    ) -> Recording:
        """Return spikes from elsewhere, such as an exported file or another simulator, as a recording for analysis.

        Parameters
        ----------
        spikes : pandas.DataFrame, or mapping of str to sequence
            Columns time (s, from the start of the presentation) and neuron; layer and presentation, counted from 0
            (default: 0); and what is known about the presentations.
        presentations : pandas.DataFrame, or mapping of str to sequence, optional
            A row for each presentation, silent ones too, such as label and polarity; default: as far as spikes tell.
        sizes : sequence of int, optional
            Neurons of each layer; default: up to the last that spikes.
        duration : float, optional
            Of a presentation in seconds; default: up to the last spike.

        Raises
        ------
        ConfigurationError
            If time or neuron is missing, or spikes belong to a neuron, layer or presentation that there is not.

        Examples
        --------
        >>> recording = Recording.from_spikes({"time": [0.1, 0.2], "neuron": [3, 0]}, sizes=[5], duration=0.5)
        >>> recording.spike_counts().tolist()
        [[1, 0, 0, 1, 0]]
        """
        from brianff.recording import recording_of_spikes

        return recording_of_spikes(spikes, presentations, sizes, duration)

    def at(self, layer: int) -> Recording:
        """Return the same recording with the traces of another layer that was recorded too.

        Parameters
        ----------
        layer : int

        Raises
        ------
        ConfigurationError
            If no traces of that layer were recorded.
        """
        found = {one.layer: one for one in (self, *self.others)}
        if layer not in found:
            raise ConfigurationError(f"no traces of layer {layer} were recorded; of layers {sorted(found)} there are")
        return replace(found[layer], others=tuple(one for number, one in found.items() if number != layer))

    def select(self, presentations: Chosen) -> Recording:
        """Return the recording of some presentations only: an index array, a mask or a slice.

        They are numbered anew; traces of files are read. Those of the positive ones, for instance, are
        ``recording.select(recording.presentations["polarity"] == "positive")``.

        Parameters
        ----------
        presentations : slice, ndarray of int, or ndarray of bool, shape (presentations,)
        """
        if self.presentations is None:
            raise ConfigurationError("the recording knows nothing of its presentations: record it anew")
        chosen = presentations if isinstance(presentations, slice) else np.asarray(presentations)
        rows = np.arange(len(self.presentations))[chosen]
        place = np.full(len(self.presentations), -1)
        place[rows] = np.arange(len(rows))
        spikes = self.spikes.assign(presentation=place[self.spikes["presentation"]])
        spikes = spikes[spikes["presentation"] >= 0].sort_values(["layer", "presentation", "time"], kind="stable")
        return replace(
            self,
            spikes=spikes.reset_index(drop=True),
            traces={name: np.asarray(values)[rows] for name, values in self.traces.items()},
            presentations=self.presentations.iloc[rows].reset_index(drop=True).rename_axis("presentation"),
            others=tuple(one.select(presentations) for one in self.others),
        )

    def unit(self, name: str) -> str:
        """Return the SI unit of a trace; "" of one without.

        Parameters
        ----------
        name : str
            One of `traces`.
        """
        return self.units.get(name, {"v": "V", "I": "A"}.get(name, ""))

    def spike_counts(self, layer: int | None = None) -> np.ndarray:
        """Return the spikes of each neuron of a layer, shape (presentations, neurons); default: the layer of traces.

        Parameters
        ----------
        layer : int, optional
            Default: the layer of `traces`.
        """
        layer = self.layer if layer is None else layer
        if self.presentations is None or not 0 <= layer < len(self.sizes):
            raise ConfigurationError(f"layer {layer} was not recorded; there are {len(self.sizes)} layers")
        counts = np.zeros((len(self.presentations), self.sizes[layer]), dtype=int)
        spikes = self.spikes[self.spikes["layer"] == layer]
        np.add.at(counts, (spikes["presentation"], spikes["neuron"]), 1)
        return counts

    def export(self, path: str | Path) -> list[Path]:
        """Write the recording for other programs: CSV, Parquet or NWB, by the ending of the name.

        CSV and Parquet (``brianff[parquet]``) hold the spikes; the presentations, silent ones too, are written beside
        them. In an NWB file (``brianff[spikes]``) neurons are units and presentations trials that follow each other,
        with the traces as time series.

        Parameters
        ----------
        path : str or Path
            Such as "spikes.parquet"; `brianff.export.EXPORTS` has the known endings.

        Returns
        -------
        list of Path
            The files that were written.

        Raises
        ------
        ConfigurationError
            If the ending is not known, or the file cannot be written.
        MissingDependencyError
            Without the library of the format.
        """
        from brianff.export import export_recording

        return export_recording(self, path)

    def to_neo(self) -> neo.Block:
        """Return the recording as a Neo block, for Elephant and others (``brianff[spikes]``).

        Each presentation is a segment, each neuron in it a spike train, silent ones too; both are annotated with what
        is known about the presentation, spike trains also with layer and neuron. Traces are analog signals.

        Raises
        ------
        MissingDependencyError
            Without Neo.
        """
        from brianff.export import neo_block

        return neo_block(self)

    def _facts(self) -> dict[str, Any]:
        presentations = next((len(trace) for trace in self.traces.values()), 0)
        if self.presentations is not None:
            presentations = len(self.presentations)
        steps = {"presentations": presentations, "steps": len(self.times), "spikes": len(self.spikes)}
        return steps | {"layer": self.layer, "traces": f"{' '.join(self.traces)} of {len(self.neurons)} neurons"}
