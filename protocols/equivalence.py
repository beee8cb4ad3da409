"""Is the Hebbian change the gradient? Changes of the weights beside a numerical gradient of the same loss.

Three changes of one layer's weights for a batch of positive and negative presentations:

- the *neo-Hebbian* change 2 m x z: modulator m = -dL/dG, presynaptic activity x, postsynaptic activity z, the same
  whatever the goodness (arXiv 2406.16479; the factor 2 belongs to the step size and makes it exact for sum z^2);
- the *local rule* that trains, `brianff.protocols.plasticity.modulated_hebbian`: m x dG/d(drive), with the derivative
  that the neuron model declares as its sensitivity;
- the *gradient* -dL/dW, which nothing of the two enters: only losses and goodness terms are evaluated, at shifted
  weights.

How the gradient is measured depends on the input:

- Pulses with a common time course: the drive is linear in the weights, so dL/dW_ij = sum of x_i dL/d(drive_j), over the
  events of a presentation too, each with a drive of its own. Central differences over the drive, through the whole
  simulation, memristors included, give every weight.
- Spikes: central differences over single weights, for a random sample of them, with the same spikes on both sides. The
  differences are small where the goodness is smooth: memristive neurons, also above another layer.

A neuron with a reset (LIF) has no derivative: for given input spikes its goodness is piecewise constant in the weights,
so its gradient is zero almost everywhere. What learning can descend is the *expected* loss over the input noise, which
is smooth up to steps far smaller than the differences that are taken. That is what is measured here: finite differences
of a size comparable with the weights, averaged over independent draws of the input spikes. The average is noisy, so two
halves of the draws are measured apart, and `Comparison.corrected_cosine` divides the attenuation out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from brianff.acceleration.contraction import contract
from brianff.arguments import explained
from brianff.arrays import checked
from brianff.errors import ConfigurationError, DataError
from brianff.goodness import Goodness
from brianff.gradient_check import loss_slopes
from brianff.inputs import FrameInput, PulseInput, SpikeInput
from brianff.protocols.layers import ACTIVITY, LayerFunction, simulated_layer
from brianff.protocols.modulators import Modulator
from brianff.protocols.plasticity import modulated_hebbian
from brianff.responses import Responses
from brianff.simulator import Simulator

__all__ = [
    "Comparison",
    "compare",
    "compare_layers",
    "cosine_interval",
    "equivalence",
    "hebbian_change",
    "numerical_gradient",
]

Inputs = PulseInput | SpikeInput

SMALL_STEP = 1e-6
"""Difference of the drive, per root mean square of it, where the goodness is smooth."""

SMALL_WEIGHT_STEP = 1e-4
"""Difference of a weight, per standard deviation of the weights, where the goodness is smooth."""

WEIGHT_STEP = 1.0
"""Difference of a weight, per standard deviation of the weights, where only an average over noise is smooth.

Many weights share in the noise of the drive, so it is smooth over far more than one of them: with 19 input spikes in a
step, 8 times as much. A smaller difference is closer to the derivative and, at equal cost, far noisier."""

SAMPLED_WEIGHTS = 16
"""Weights of each neuron that are differentiated where this has to be done one by one."""


LARGEST_COSINE = 1 - 1e-12
LEAST_RELIABILITY = 0.3
"""Reliability of a gradient below which no cosine is corrected for its noise: the correction would be noise itself."""


@dataclass(frozen=True)
class Comparison:
    """A change of the weights beside the gradient.

    Parameters
    ----------
    cosine : float
        Cosine of the angle between the two; nan if one is zero.
    relative_error : float
        Norm of the difference over the norm of the gradient, the change taken as it is.
    scale : float
        Factor of the change that fits the gradient best.
    neuron_cosine : ndarray, shape (neurons,)
        Cosine over the weights of each neuron; nan where one is zero.
    reliability : float
        Cosine that two measurements of the gradient with other noise would have; 1 without noise.
    interval : pair of float
        95 % interval of the cosine, by leaving out blocks of presentations; nan where there are none.
    permuted : float
        Cosine of the same change whose presynaptic activities are those of other presentations: what a rule has that
        knows nothing of which input made a neuron respond. nan where it was not measured.
    random : float
        Absolute cosine that one in twenty random changes exceeds.
    """

    cosine: float
    relative_error: float
    scale: float
    neuron_cosine: np.ndarray
    reliability: float = 1.0
    interval: tuple[float, float] = (np.nan, np.nan)
    permuted: float = np.nan
    random: float = np.nan

    @property
    def corrected_cosine(self) -> float:
        """The cosine with the gradient free of noise, as far as its halves tell: cosine / sqrt(reliability).

        nan where `unreliable` says why; noise can still lift it a little above 1.
        """
        return np.nan if self.unreliable else self.cosine / np.sqrt(self.reliability)

    @property
    def unreliable(self) -> str:
        """Why there is no corrected cosine; empty if there is one."""
        if self.reliability >= LEAST_RELIABILITY:
            return ""
        return (
            f"two measurements of the gradient agree with a reliability of {self.reliability:.2f}, below "
            f"{LEAST_RELIABILITY}: take more presentations or draws"
        )


@explained
def compare(change: np.ndarray, gradient: np.ndarray) -> Comparison:
    """Compare a change with a gradient.

    Parameters
    ----------
    change : ndarray, shape (inputs, neurons)
    gradient : ndarray, shape (inputs, neurons) or (1 or 2, inputs, neurons)
        With a leading axis of two: measurements of equal weight. Entries that were not measured are nan.

    Returns
    -------
    Comparison
        All nan where there is nothing to compare: no weights, or none that were measured.

    Raises
    ------
    DataError
        If the shapes differ.

    Examples
    --------
    >>> compare(np.array([[1.0], [1.0]]), np.array([[1.0], [0.0]])).cosine.__round__(3)
    0.707
    """
    change, gradient = checked("change", change, (None, None)), np.asarray(gradient, dtype=float)
    if gradient.shape not in (change.shape, (1, *change.shape), (2, *change.shape)):
        raise DataError(f"gradient has the shape {gradient.shape}; the change has {change.shape}")
    halves = gradient if gradient.ndim == 3 else gradient[np.newaxis]
    measured = np.isfinite(halves[0])
    first, last = (np.where(measured, half, 0.0) for half in (halves[0], halves[-1]))
    mean, change = (first + last) / 2, np.where(measured, change, 0.0)
    error = np.linalg.norm(change - mean)
    between_halves = float(_cosine(first.ravel(), last.ravel()))
    with np.errstate(divide="ignore", invalid="ignore"):
        return Comparison(
            cosine=float(_cosine(change.ravel(), mean.ravel())),
            relative_error=float(error / np.linalg.norm(mean)),
            scale=float(np.vdot(change, mean) / np.vdot(change, change)),
            neuron_cosine=_cosine(change.T, mean.T),
            # Spearman and Brown: the mean of two halves is more reliable than each
            reliability=2 * between_halves / (1 + between_halves) if len(halves) == 2 else 1.0,
            random=float(1.96 / np.sqrt(max(measured.sum(), 1))),
        )


def cosine_interval(changes: np.ndarray, gradients: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the cosine of two sums, by leaving out each of the blocks that are summed.

    A jackknife of the cosine's inverse hyperbolic tangent, with Student's t. Resampling with replacement is no
    alternative: blocks that are drawn twice make sums noisier, and noise makes a cosine smaller. Where noise
    is all that keeps the cosine from 1, the interval is up to half as wide again as it need be.

    Parameters
    ----------
    changes, gradients : ndarray, shape (blocks, inputs, neurons)
        What each block of presentations adds to the change and to the gradient. Entries that were not measured are nan.

    Returns
    -------
    pair of float
        nan for less than two blocks.
    """
    from scipy import stats

    blocks = len(gradients)
    if blocks < 2:
        return np.nan, np.nan
    measured = np.isfinite(gradients[0])
    one, other = (values[:, measured] for values in (changes, gradients))
    without = _cosine(one.sum(axis=0) - one, other.sum(axis=0) - other)
    cosines = np.append(_cosine(one.sum(axis=0), other.sum(axis=0)), without)
    whole, *rest = np.arctanh(np.clip(cosines, -LARGEST_COSINE, LARGEST_COSINE))
    error = np.sqrt((blocks - 1) / blocks * np.square(rest - np.mean(rest)).sum())
    low, high = np.tanh(whole + np.array([-1, 1]) * stats.t.ppf(0.975, blocks - 1) * error)
    return float(low), float(high)


def _cosine(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cosine over the last axis; nan where a vector is zero."""
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return np.divide((one * other).sum(axis=-1), norms, out=np.full(np.shape(norms), np.nan), where=norms > 0)


@explained
def hebbian_change(
    positive: Responses, negative: Responses, modulator: Modulator, activities: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the neo-Hebbian change 2 m x z, mean over the pairs, whatever the goodness.

    It is not `modulated_hebbian` with a postsynaptic factor of 2 z: here m is -dL/dG as it is broadcast, the rule as
    published, there it is multiplied by the pooling's share dG/dg, without which the change is no gradient.

    Parameters
    ----------
    positive, negative : Responses
        They give the modulator and the presynaptic activity.
    modulator : Modulator
    activities : pair of ndarray, shape (presentations, neurons)
        Postsynaptic activity z of the two passes.

    Returns
    -------
    ndarray, shape (inputs, neurons)
    """
    passes = zip((positive, negative), modulator.broadcast(positive, negative), activities, strict=True)
    change = sum(2 * responses.presynaptic.T @ (factor * activity) for responses, factor, activity in passes)
    return np.asarray(change) / max(len(positive), 1)


@explained
def numerical_gradient(
    respond: LayerFunction,
    positive: Inputs,
    negative: Inputs,
    weights: np.ndarray,
    modulator: Modulator,
    generator: np.random.Generator | None = None,
    weight_step: float | None = None,
    sampled_weights: int = SAMPLED_WEIGHTS,
) -> np.ndarray:
    """Return -dL/dW of the mean loss, from losses and goodness terms at shifted weights alone.

    Parameters
    ----------
    respond : LayerFunction
    positive, negative : PulseInput or SpikeInput
    weights : ndarray, shape (inputs, neurons)
    modulator : Modulator
        Its loss is differentiated, with respect to all events of a presentation.
    generator : numpy.random.Generator, optional
        Draws the sample of weights; needed for spikes only.
    weight_step : float, optional
        For spikes: difference of a weight per standard deviation of the weights, for a goodness that only its average
        over noisy presentations makes smooth, such as WEIGHT_STEP; None: the goodness is smooth.
    sampled_weights : int
        Weights of each neuron that are differentiated, for spikes.

    Returns
    -------
    ndarray, shape (inputs, neurons), or (2, inputs, neurons) with a `weight_step`
        Then the first half of the presentations and the second give two measurements. Entries that were not sampled
        are nan.

    Raises
    ------
    ConfigurationError
        If one pass has pulses and the other spikes.
    """
    count, middle = len(positive), len(positive) // 2
    order = np.arange(count)
    both = isinstance(positive, SpikeInput) and weight_step is not None
    parts = [order[:middle], order[middle:]] if both else [order]
    sums = _gradient_sums(
        respond, (positive, negative), weights, modulator, parts, generator, weight_step, sampled_weights
    )
    means = sums / np.maximum([len(part) for part in parts], 1)[:, np.newaxis, np.newaxis]
    return means if both else means[0]


def _gradient_sums(
    respond: LayerFunction,
    passes: tuple[Inputs, Inputs],
    weights: np.ndarray,
    modulator: Modulator,
    parts: Sequence[np.ndarray],
    generator: np.random.Generator | None,
    weight_step: float | None,
    sampled_weights: int = SAMPLED_WEIGHTS,
) -> np.ndarray:
    """Return the sums of -dL/dW over parts of the pairs, shape (parts, inputs, neurons)."""
    pulses = [inputs for inputs in passes if isinstance(inputs, PulseInput)]
    if len(pulses) == 1:
        raise ConfigurationError("one pass has pulses and the other spikes; give both the same kind of input")
    slopes = loss_slopes(modulator, *(respond(inputs, weights) for inputs in passes))
    if pulses:
        derivatives = [_drive_derivatives(respond, inputs, weights) for inputs in pulses]
        return np.array(
            [
                contract(
                    [inputs.select(part) for inputs in pulses],
                    [-slope[part] for slope in slopes],
                    [derivative[..., part, :] for derivative in derivatives],
                    np.ones(1),
                )
                for part in parts
            ]
        )
    spikes = [inputs for inputs in passes if isinstance(inputs, SpikeInput)]
    generator = generator or np.random.default_rng(0)
    step = (weight_step or SMALL_WEIGHT_STEP) * float(weights.std())
    used = np.flatnonzero(sum(inputs.spike_counts.sum(axis=0) for inputs in spikes))
    sampled, neurons = min(sampled_weights, len(used)), np.arange(weights.shape[1])
    rows = np.array([generator.permutation(used)[:sampled] for _ in neurons]).T
    sums = np.full((len(parts), *weights.shape), np.nan)
    for row in rows:  # neurons do not interact: one weight of each is shifted at a time
        shift = np.zeros_like(weights)
        shift[row, neurons] = step
        per_pair = np.zeros((len(passes[0]), len(neurons)))
        for inputs, slope in zip(spikes, slopes, strict=True):
            above, below = (respond(inputs, weights + sign * shift).goodness_terms for sign in (1, -1))
            per_pair -= slope * (above - below) / (2 * step)
        for number, part in enumerate(parts):
            sums[number, row, neurons] = per_pair[part].sum(axis=0)
    return sums


def _drive_derivatives(respond: LayerFunction, inputs: PulseInput, weights: np.ndarray) -> np.ndarray:
    """Return d(term)/d(drive), shape (presentations, neurons), with frames (frames, presentations, neurons).

    One more input unit, of amplitude 1 in this event, shifts the drive.
    """
    amplitudes = inputs.amplitudes.reshape(len(inputs), -1, inputs.codes.shape[1])
    step = SMALL_STEP * np.sqrt(np.mean(np.square(amplitudes @ weights)))
    presentations, events, units = amplitudes.shape
    number = np.arange(presentations * events).reshape(inputs.image.shape)
    derivatives = []
    for event in range(events):
        own = np.zeros((presentations, events, 1))
        own[:, event] = 1.0
        shown = np.concatenate([amplitudes, own], axis=2).reshape(-1, units + 1)
        shifted = replace(inputs, image_part=shown, codes=np.zeros((1, units + 1)), image=number, label=0 * number)
        above, below = (
            respond(shifted, np.vstack([weights, np.full((1, weights.shape[1]), sign * step)])).goodness_terms
            for sign in (1, -1)
        )
        derivatives.append((above - below) / (2 * step))
    return np.array(derivatives) if isinstance(inputs, FrameInput) else derivatives[0]


def equivalence(
    make_layer: Callable[[Goodness], LayerFunction],
    goodness: Goodness,
    modulator: Modulator,
    weights: np.ndarray,
    draw_inputs: Callable[[], tuple[Inputs, Inputs]],
    generator: np.random.Generator | None = None,
    weight_step: float | None = None,
    blocks: Sequence[np.ndarray] = (),
) -> dict[str, Comparison]:
    """Compare the neo-Hebbian change and the local rule of one layer with the gradient.

    Parameters
    ----------
    make_layer : callable
        Gives the layer that measures a goodness: `analog_layer`, or ``partial(simulated_layer, network)``.
    goodness : Goodness
    modulator : Modulator
    weights : ndarray, shape (inputs, neurons)
    draw_inputs : callable
        Gives positive and negative inputs, the same pairs at each call; noisy spikes are drawn anew, so that the
        changes and the gradient have independent noise.
    generator : numpy.random.Generator, optional
        Draws the sample of weights that are differentiated under spikes.
    weight_step : float, optional
        As in `numerical_gradient`.
    blocks : sequence of ndarray of int
        Pairs, by their number, that are left out together for the interval; none: no interval, and no null. With a
        `weight_step`, even and odd blocks are the two measurements of the gradient.

    Returns
    -------
    dict of str to Comparison
        "hebbian" and "local rule".
    """
    respond, respond_activity = make_layer(goodness), make_layer(ACTIVITY)
    inputs = draw_inputs()
    positive, negative = (respond(part, weights) for part in inputs)
    first, second = (respond_activity(part, weights).goodness_terms for part in inputs)

    def changes(order: np.ndarray, shown: np.ndarray) -> dict[str, np.ndarray]:
        """Return the sums of the changes over some pairs, with the presynaptic activities of pairs `shown`."""
        right = replace(positive.select(order), inputs=inputs[0].select(shown))
        false = replace(negative.select(order), inputs=inputs[1].select(shown))
        return {
            "hebbian": len(order) * hebbian_change(right, false, modulator, (first[order], second[order])),
            "local rule": len(order) * modulated_hebbian(right, false, modulator),
        }

    if len(blocks) < 2:
        everything = np.arange(len(positive))
        gradient = numerical_gradient(respond, *draw_inputs(), weights, modulator, generator, weight_step)
        whole = changes(everything, everything)
        return {name: compare(change / max(len(positive), 1), gradient) for name, change in whole.items()}
    sums = _gradient_sums(respond, draw_inputs(), weights, modulator, blocks, generator, weight_step)
    kept = np.concatenate(blocks)
    halves = sums.sum(axis=0)[np.newaxis]
    if weight_step is not None:
        halves = np.array([sums[start::2].sum(axis=0) / sum(map(len, blocks[start::2])) for start in (0, 1)])
    else:
        halves = halves / len(kept)
    of_blocks = [changes(block, block) for block in blocks]
    others = changes(kept, np.random.default_rng(0).permutation(kept))
    compared = {}
    for name, other in others.items():
        parts = np.array([one[name] for one in of_blocks])
        compared[name] = replace(
            compare(parts.sum(axis=0) / len(kept), halves),
            interval=cosine_interval(parts, sums),
            permuted=compare(other / len(kept), halves).cosine,
        )
    return compared


@explained
def compare_layers(
    simulator: Simulator,
    images: np.ndarray,
    labels: np.ndarray,
    wrong: np.ndarray,
    modulator: Modulator,
    blocks: int = 10,
    groups: np.ndarray | None = None,
) -> list[dict[str, Comparison]]:
    """Compare the changes of every layer of a simulator with its own local gradient.

    The layers below are as they are: a layer's gradient is that of its own loss with respect to its own weights.

    Parameters
    ----------
    simulator : Simulator
    images : ndarray, shape (images, pixels)
        Repeat images for neurons with a reset: half of the presentations against the other half tells the noise.
    labels, wrong : ndarray of int, shape (images,)
        Labels of the positive and of the negative passes.
    modulator : Modulator
    blocks : int
        Into so many blocks images are put, which are left out one by one for the intervals, fewer where there are fewer
        groups; 0: no intervals and no nulls.
    groups : ndarray of int, shape (images,), optional
        Presentations with the same number, such as those of one image with several draws of its spikes, stay in one
        block; default: each is its own.

    Returns
    -------
    list of dict of str to Comparison
        For each layer "hebbian" and "local rule".
    """
    compared = []
    own = np.arange(len(images)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    block = own % max(min(blocks, own.max(initial=0) + 1), 1)
    together = [np.flatnonzero(block == number) for number in range(block.max(initial=0) + 1)] if blocks else []
    for number, layer in enumerate(simulator.layers):

        def draw_inputs(number: int = number) -> tuple[Inputs, Inputs]:
            inputs: list[Inputs] = []
            for shown in (labels, wrong):
                if number == 0:
                    inputs.append(simulator.inputs(images, shown))
                else:
                    below = simulator.present(images, shown, number - 1, spikes=True)
                    inputs.append(SpikeInput(np.asarray(below.raster)))
            return inputs[0], inputs[1]

        make_layer = partial(simulated_layer, simulator.network, layer=number, seed=simulator.streams.seed)
        weight_step = WEIGHT_STEP if simulator.network.layers[number].neuron.reset else None
        weights = layer.crossbar.weights
        compared.append(
            equivalence(
                make_layer,
                simulator.goodness,
                modulator,
                weights,
                draw_inputs,
                weight_step=weight_step,
                blocks=together,
            )
        )
    return compared
