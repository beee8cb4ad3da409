"""How intensities become presynaptic events: descriptions, each with the spikes that it gives."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from brian2 import Quantity
from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator
from scipy.sparse import csr_matrix

from brianff.description.base import Description
from brianff.description.fields import Count, Index, NotNegative, Positive, Share
from brianff.description.quantities import Time
from brianff.errors import DataError, missing
from brianff.registry import Registry

__all__ = [
    "ENCODINGS",
    "Encoding",
    "EventEncoding",
    "FrameEncoding",
    "InputEncoding",
    "LatencyEncoding",
    "PulseEncoding",
    "RateEncoding",
    "RepeatEncoding",
]


Steps = Annotated[tuple[Index, ...], Field(max_length=100_000)]


def _as_first_named(labels: Any) -> Any:
    return "once" if isinstance(labels, str) and labels == "first" else labels


class InputEncoding(Description):
    """Base of the encodings, a user's own too: input units spike at steps of their own.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    centred : {"two-lines", "bipolar"} or None
        Whether the mean training image is taken off, and how a crossbar is given what has a sign then. `two-lines`:
        each pixel has a second line with devices of its own, which is driven where the pixel is darker than the mean;
        `bipolar`: by pulses of both signs on one line. None: nothing is taken off. An image that is black all over
        stays silent.
    norm : float or None
        Every image is scaled to this Euclidean norm, after the mean was taken off; amplitudes may then exceed 1.
        None: they are not scaled.
    noise : float
        Relative standard deviation of the amplitude of a line's pulses, drawn once for each image of a batch: the
        labels that it is shown with share it. In training and in evaluation alike.
    labels : {"each", "once", "never"}
        How often a label is shown: its units are coded as those of the image are, or spike once, at the beginning, or
        not at all.
    """

    renamed: ClassVar[dict[str, str]] = {"kind": "name"}
    name: ClassVar[str] = ""
    """Name in files, as `kind`."""
    repeatable: ClassVar[bool] = True
    """Whether the same intensities give the same spikes each time."""
    steps: Count = 20
    centred: Literal["two-lines", "bipolar"] | None = None
    norm: Positive | None = None
    noise: NotNegative = 0.0
    labels: Annotated[Literal["each", "once", "never"], BeforeValidator(_as_first_named)] = "each"

    @model_validator(mode="after")
    def _signs_fit(self) -> Self:
        if self.centred == "bipolar" and not self.event_steps:
            raise ValueError(f"centred: spikes of {self.name!r} have no sign; use 'two-lines'")
        if self.noise and not self.event_steps:
            raise ValueError(f"noise: it is one of the amplitude, and spikes of {self.name!r} have none")
        return self

    @property
    def lines(self) -> int:
        """Lines of the crossbar, input units, for each pixel."""
        return 2 if self.centred == "two-lines" else 1

    @property
    def event_steps(self) -> tuple[tuple[int, ...], ...]:
        """Steps of the pulses of each event; empty where units spike at steps of their own."""
        return ()

    @property
    def frames(self) -> int:
        """Images that a presentation shows, one after the other."""
        return 1

    @property
    def timings_differ(self) -> bool:
        """Whether each presentation has event steps of its own."""
        return False

    def spikes(self, intensities: np.ndarray, generator: np.random.Generator) -> np.ndarray | csr_matrix:
        """Return the spikes of the input units.

        Parameters
        ----------
        intensities : ndarray, shape (presentations, inputs)
            Not negative.
        generator : numpy.random.Generator
            For encodings that draw.

        Returns
        -------
        ndarray of bool, shape (steps, presentations, inputs), or csr_matrix, shape (steps x presentations, inputs)
            A sparse matrix holds ones, step after step.
        """
        raise missing(self, "spikes")


class PulseEncoding(InputEncoding):
    """Every input unit emits the same train of alpha pulses; the amplitude of its pulses is its intensity.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    pulse_steps : tuple of int
        Steps at which the pulses arrive, in [0, steps).
    centred, norm, noise, labels : optional
        As of every `InputEncoding`.
    """

    name: ClassVar[str] = "pulses"
    pulse_steps: Steps = (0,)

    @model_validator(mode="after")
    def _pulses_inside(self) -> Self:
        if not self.pulse_steps or not all(0 <= step < self.steps for step in self.pulse_steps):
            raise ValueError(f"pulse_steps must name at least one step from 0 to {self.steps - 1}")
        if list(self.pulse_steps) != sorted(set(self.pulse_steps)):
            raise ValueError("pulse_steps must be in rising order, each step once")
        return self

    @property
    def event_steps(self):
        """One event: all pulses have the same amplitudes."""
        return (self.pulse_steps,)


class FrameEncoding(InputEncoding):
    """A presentation shows several images one after the other on the same input units; each is one pulse of all units.

    An image without any intensity is a pause: neither it nor a label gives a pulse.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    onset_steps : tuple of int
        Steps at which the images come, in [0, steps); the last has the time until the end.
    labels : {"each", "once", "never"}
        Whether the label is shown with each image, or with the first only.
    gap : pair of quantities or None
        Each presentation draws its own gaps between one image and the next, uniformly between these two; `onset_steps`
        then says when the first image comes and how many there are, and `steps` must hold the longest presentation.
        Shorter ones end in silence that is not measured.
    window_steps : int or None
        Goodness and plasticity see so many steps after each image, the last one too, and nothing in between. None:
        until the next image, the last until the end; under drawn gaps, the least gap.
    centred, norm, noise : optional
        As of every `InputEncoding`.

    Examples
    --------
    >>> FrameEncoding.every(40, frames=3)
    FrameEncoding(steps=120, onset_steps=(0, 40, 80))
    """

    name: ClassVar[str] = "frames"
    steps: Count = 80
    onset_steps: Steps = (0, 40)
    gap: tuple[Time, Time] | None = None
    window_steps: Count | None = None

    @model_validator(mode="after")
    def _onsets_inside(self) -> Self:
        onsets = self.onset_steps
        if not onsets or list(onsets) != sorted(set(onsets)) or onsets[0] < 0 or onsets[-1] >= self.steps:
            raise ValueError(f"onset_steps must be steps from 0 to {self.steps - 1} in rising order, each once")
        if (self.gap or self.window_steps) and len(onsets) < 2:
            raise ValueError("gap and window_steps belong to several images: give onset_steps at least two")
        return self

    def check(self, time_step: Quantity) -> None:
        """Raise a ValueError if the windows overlap, or the longest presentation does not fit into the steps."""
        window, onsets = self.window(time_step), self.onset_steps
        if window is None:
            return
        first, last = self._gap_steps(time_step) or (min(np.diff(onsets)), None)
        if not 1 <= window <= first or (last is not None and last < first):
            raise ValueError(f"windows of {window} steps under gaps from {first} steps: none may reach the next image")
        end = (onsets[-1] if last is None else onsets[0] + last * (len(onsets) - 1)) + window
        if end > self.steps:
            raise ValueError(f"the longest presentation has {end} steps, and steps is {self.steps}")

    def window(self, time_step: Quantity) -> int | None:
        """Return the steps of each image's window; None: until the next image."""
        gap = self._gap_steps(time_step)
        return self.window_steps or (gap[0] if gap else None)

    def _gap_steps(self, time_step: Quantity) -> tuple[int, int] | None:
        return self.gap and (round(float(self.gap[0] / time_step)), round(float(self.gap[1] / time_step)))

    def onsets(self, presentations: int, time_step: Quantity, generator: np.random.Generator) -> np.ndarray | None:
        """Return the steps at which images come, drawn anew, (presentations, frames); None: they are `onset_steps`."""
        if (gap := self._gap_steps(time_step)) is None:
            return None
        gaps = generator.integers(*gap, size=(presentations, self.frames - 1), endpoint=True)
        return self.onset_steps[0] + np.cumsum(np.pad(gaps, ((0, 0), (1, 0))), axis=1)

    @property
    def repeatable(self):  # type: ignore[override]
        """Whether no gaps are drawn."""
        return self.gap is None

    @property
    def timings_differ(self):
        """Whether gaps are drawn."""
        return self.gap is not None

    @classmethod
    def every(cls, gap_steps: int, frames: int = 2, **values: Any) -> Self:
        """Return frames that come every so many steps, each with a window of this length."""
        return cls(steps=frames * gap_steps, onset_steps=tuple(range(0, frames * gap_steps, gap_steps)), **values)

    @property
    def event_steps(self):
        """One event for each image."""
        return tuple((step,) for step in self.onset_steps)

    @property
    def frames(self):
        """Images that a presentation shows, one after the other."""
        return len(self.onset_steps)


class RepeatEncoding(FrameEncoding):
    """A presentation shows one image twice: in two of several frames, the others are pauses.

    It takes what `FrameEncoding` takes, an image for each frame, and both showings are its two events. Where the label
    is shown with each, a neuron has the same drive in both.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    onset_steps : tuple of int
        Steps at which an image may come, in [0, steps), at least two.
    gap : None
        The frames tell the gap.
    labels, window_steps, centred, norm, noise : optional
        As of a `FrameEncoding`.
    """

    name: ClassVar[str] = "repeats"
    steps: Count = 860
    onset_steps: Steps = (0, 60, 150, 400, 800)

    @model_validator(mode="after")
    def _twice(self) -> Self:
        if self.gap is not None or len(self.onset_steps) < 2:
            raise ValueError("repeats need at least two onset_steps, which tell the gaps: leave out gap")
        return self

    @property
    def timings_differ(self):
        """Whether there are several pairs of frames."""
        return True

    @property
    def event_steps(self):
        """Two events; in the first two frames, where nothing else is said."""
        return tuple((step,) for step in self.onset_steps[:2])

    def showings(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is shown, shape (presentations, pixels), and the steps of both showings, (presentations, 2).

        Parameters
        ----------
        images : ndarray, shape (presentations, frames x pixels)
            Presentations without any intensity have both showings in the first two frames.

        Raises
        ------
        DataError
            If a presentation does not show one image twice.
        """
        frames: np.ndarray = images.reshape(len(images), self.frames, -1)
        shown: np.ndarray = np.any(frames != 0, axis=2)
        shown[~shown.any(axis=1), :2] = True
        wrong = np.flatnonzero(shown.sum(axis=1) != 2)
        if not len(wrong):
            number = np.nonzero(shown)[1].reshape(-1, 2)
            first, second = (frames[np.arange(len(frames)), one] for one in number.T)
            wrong = np.flatnonzero((first != second).any(axis=1))
        if len(wrong):
            raise DataError(
                f"image {wrong[0]} is not one image in two of its {self.frames} frames: use encoding.kind = 'frames'"
            )
        return first, np.array(self.onset_steps)[number]


class RateEncoding(InputEncoding):
    """Bernoulli rate coding: an input unit spikes at each step with probability `maximum_probability` x intensity.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    maximum_probability : float
    rest_steps : int
        Steps of silence before each presentation; they matter where a layer's membrane is carried over.
    centred, norm, noise, labels : optional
        As of every `InputEncoding`.
    """

    name: ClassVar[str] = "rate"
    steps: Count = 23
    repeatable: ClassVar[bool] = False
    maximum_probability: Share = 0.25
    rest_steps: Index = 0

    def spikes(self, intensities, generator):
        """Draw for the units of some intensity only: four of five pixels of a handwritten digit are black."""
        presentations, inputs = intensities.shape
        active = np.flatnonzero(intensities)
        probability = (self.maximum_probability * intensities.ravel()[active]).astype(np.float32)
        spikes = generator.random((self.steps, len(active)), dtype=np.float32) < probability
        presentation, unit = np.divmod(active.astype(np.int32), np.int32(inputs))
        step, which = np.divmod(np.flatnonzero(spikes), len(active) or 1)  # faster than nonzero of two dimensions
        row = step.astype(np.int32) * np.int32(presentations) + presentation[which]
        rows = self.steps * presentations
        starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
        return csr_matrix((np.ones(len(which)), unit[which], starts), shape=(rows, inputs))


class LatencyEncoding(InputEncoding):
    """Latency coding: an input unit spikes once, the earlier the higher its intensity; zero intensity: no spike.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps.
    labels : {"each", "once", "never"}
        Under volleys "each" shows the label with each of them; otherwise label units have a latency as pixels have.
    volley_steps : tuple of int
        Spikes come at these steps only, the earliest for the upper part of the intensities, and so on in equal parts.
        Each volley is then an event with a postsynaptic factor of its own, and plasticity is resolved in time. Empty:
        spikes come at any step, from 0 for an intensity of 1 to the last for the faintest.
    centred, norm, noise : optional
        As of every `InputEncoding`.
    """

    name: ClassVar[str] = "latency"
    volley_steps: Steps = ()

    @model_validator(mode="after")
    def _volleys_inside(self) -> Self:
        volleys = self.volley_steps
        if volleys and (self.centred == "bipolar" or self.noise):
            raise ValueError("spikes of volleys have no sign and no amplitude: use centred 'two-lines' and noise 0")
        if list(volleys) != sorted(set(volleys)) or not all(0 <= step < self.steps for step in volleys):
            raise ValueError(f"volley_steps must be steps from 0 to {self.steps - 1} in rising order, each once")
        return self

    @property
    def event_steps(self):
        """One event for each volley."""
        return tuple((step,) for step in self.volley_steps)

    def volleys(self, intensities: np.ndarray) -> np.ndarray:
        """Return 1 where a unit spikes with a volley, else 0, shape (images, volleys, units)."""
        count = len(self.volley_steps)
        volley = np.minimum(np.floor((1.0 - np.minimum(intensities, 1.0)) * count), count - 1)
        return ((np.arange(count)[:, np.newaxis] == volley[:, np.newaxis]) & (intensities[:, np.newaxis] > 0)) * 1.0

    def spikes(self, intensities, generator):
        """Return a spike of each unit of some intensity."""
        spike_step = np.rint((1.0 - np.minimum(intensities, 1.0)) * (self.steps - 1))
        return (np.arange(self.steps)[:, np.newaxis, np.newaxis] == spike_step) & (intensities > 0)


class EventEncoding(InputEncoding):
    """The input is spikes already: data sets of spike trains, `SpikeTrains`, enter as they are; images do not.

    Parameters
    ----------
    steps : int
        Length of a presentation in time steps: that of the data's samples.
    rest_steps : int
        Steps of silence before each presentation.
    label_steps : tuple of int
        Steps at which the units of the label's code spike, whatever its strength; with `labels` "once" at the first of
        them only. With strength 0 they are silent.
    centred, norm, noise, labels : optional
        As of every `InputEncoding`.
    """

    name: ClassVar[str] = "events"
    rest_steps: Index = 0
    label_steps: Steps = (0,)

    @model_validator(mode="after")
    def _label_inside(self) -> Self:
        if not all(0 <= step < self.steps for step in self.label_steps):
            raise ValueError(f"label_steps must lie between 0 and {self.steps - 1}")
        if self.centred or self.norm:
            raise ValueError("spike trains are neither centred nor scaled: leave out centred and norm")
        return self


ENCODINGS = Registry(
    "encoding",
    InputEncoding,
    {
        one.name: one
        for one in (PulseEncoding, FrameEncoding, RepeatEncoding, RateEncoding, LatencyEncoding, EventEncoding)
    },
)


def _find(value: Any) -> InputEncoding:
    if isinstance(value, dict):
        value = {"name" if key == "kind" else key: item for key, item in value.items()}
    return ENCODINGS.make(ENCODINGS.find(value))


def _describe(encoding: InputEncoding) -> dict[str, Any]:
    return {"kind": ENCODINGS.name_of(type(encoding)), **encoding.model_dump(mode="json")}


Encoding = Annotated[InputEncoding, PlainValidator(_find), PlainSerializer(_describe)]
