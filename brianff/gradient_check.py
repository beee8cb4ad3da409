"""Is the factor that plasticity uses the derivative of the goodness? Measured by central differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import nA, second
from brian2.units.fundamentalunits import have_same_dimensions
from brian2.utils.stringtools import get_identifiers

from brianff.arguments import explained
from brianff.arrays import checked
from brianff.description import Layer, Network, PulseEncoding
from brianff.description.fields import shown
from brianff.description.parts import NEURONS
from brianff.engines import LanesEngine
from brianff.equations import NeuronModel
from brianff.equations.semi_implicit import unsolvable
from brianff.errors import ConfigurationError, NumericalError
from brianff.goodness import Goodness
from brianff.inputs import PulseInput
from brianff.responses import Responses

if TYPE_CHECKING:
    import pandas

__all__ = ["GradientCheck", "check_gradient", "loss_slopes", "slopes"]

TOLERANCE = 1e-4
"""Relative error up to which a factor counts as the derivative."""


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """What `check_gradient` found.

    Parameters
    ----------
    title, verdict : str
        What was checked, and what the postsynaptic factor is.
    relative_error : float
        Norm over the drives of (factor - derivative), over that of the derivative; nan if nothing responded.
    cosine : float
        Cosine of the angle between the two: 1 for a factor that is wrong by a constant only.
    share_error : float
        The same relative error for the pooling's share against the derivative of its total.
    modulator_error : float or None
        The same for the modulator against -dL/dg; None: there was no modulator.
    table : pandas.DataFrame
        Columns drive, term, derivative, factor.
    """

    title: str
    verdict: str
    relative_error: float
    cosine: float
    share_error: float
    modulator_error: float | None
    table: pandas.DataFrame

    @property
    def exact(self) -> bool:
        """Whether all parts are derivatives to 1e-4."""
        errors = (self.relative_error, self.share_error, self.modulator_error or 0.0)
        return all(error <= TOLERANCE for error in errors)

    def __repr__(self) -> str:
        lines = [
            f"{self.title}: {'exact' if self.exact else 'not exact'}",
            f"  postsynaptic factor: {self.verdict}",
            f"    relative error {self.relative_error:.2g}, cosine {self.cosine:.4f}, {len(self.table)} drives",
        ]
        for name, error in (("pooling's share", self.share_error), ("modulator", self.modulator_error)):
            if error is not None:
                wrong = "" if error <= TOLERANCE else "not "
                lines.append(f"  {name}: {wrong}the derivative, relative error {error:.2g}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>{self.table.to_html(max_rows=10)}"


@explained
def check_gradient(
    part: NeuronModel | Layer | Network | str,
    goodness: Goodness | None = None,
    modulator: Any = None,
    drives: np.ndarray | None = None,
) -> GradientCheck:
    """Say whether the factors of three-factor plasticity are the derivatives that they stand for.

    For the drive u = W^T x of a neuron, its goodness term g, the goodness G of a layer and the loss L::

        dL/dW_ij = sum over presentations of x_i (dg_j/du_j) (dG/dg_j) (dL/dG)

    The postsynaptic factor stands for dg/du: slope x sensitivity, averaged as the goodness is. The pooling's share
    stands for dG/dg, the modulator for -dL/dG times it. Each is compared with central differences: the first through a
    simulation of the neuron on the lanes engine in double precision, one presentation of pulses for each drive, the
    others at random terms. For a neuron that a spike resets the goodness is a staircase of the drive; there the slopes
    between neighbouring drives are taken.

    A neuron whose sensitivity holds some of its states, as MIF does with its memristors' conductances, is exact as far
    as these stay; the relative error says how far that is.

    Parameters
    ----------
    part : NeuronModel, Layer, Network or str
        A network: its first layer, with its pulses, time step and method. A layer: pulses of steps of a quarter of its
        synapse_time_constant. A neuron model, or its name: steps of a hundredth of its shortest time constant (euler
        where semi_implicit does not fit it), and currents around that at which it begins to respond.
    goodness : Goodness, optional
        Default: the mean square of the activity.
    modulator : Modulator, optional
    drives : array_like, shape (drives,), optional
        In units of the layer's current_scale; at least two. Default: 40 between -2 and 2; of a neuron model, times the
        least power of two at which it spikes, or, if it does not spike, its activity reaches 1.

    Raises
    ------
    ConfigurationError
        If what is given does not fit, or a neuron model responds to no current.
    NumericalError
        If the integration diverged: give a network with a smaller time step, or smaller drives.

    Examples
    --------
    >>> check_gradient("relu", Goodness("cubic", "activity**3")).exact
    True
    """
    goodness = Goodness() if goodness is None else goodness
    if not isinstance(goodness, Goodness):
        raise ConfigurationError(f"goodness is {goodness!r}; give a Goodness, of a known name GOODNESS[name]")
    if modulator is not None and (isinstance(modulator, type) or not hasattr(modulator, "loss")):
        raise ConfigurationError(f"modulator is {shown(modulator)}; give an object such as Pair(0.1, 1.0)")
    usual = drives is None
    wanted = np.linspace(-2, 2, 40) if usual else drives
    grid = np.sort(checked("drives", wanted, (None,), error=ConfigurationError).astype(float))
    if len(grid) < 2:
        raise ConfigurationError(f"drives are {drives!r}; give at least two")
    network = _network(part, len(grid))
    neuron = network.layers[0].neuron
    engine = LanesEngine(network, goodness)
    if usual and not isinstance(part, (Layer, Network)):
        grid = grid * _threshold_drive(network)
    staircase = bool(neuron.reset) or goodness.counts_spikes
    step = np.gradient(grid) / 2 if staircase else np.full(len(grid), 1e-6 * np.sqrt(np.mean(grid**2)))
    terms, factors = _present(engine, goodness, grid, step)
    derivative, factor = (terms[2] - terms[0]) / (2 * step), factors[1]
    error, norms = _relative_error(factor, derivative), np.linalg.norm(factor) * np.linalg.norm(derivative)

    drawn = np.random.default_rng(0).random((2, 5, 30)) + 0.1
    share = np.broadcast_to(goodness.share(drawn[0]), drawn[0].shape)
    import pandas

    return GradientCheck(
        f"neuron {neuron.name!r}, goodness {goodness.name!r}" + (f", {type(modulator).__name__}" if modulator else ""),
        _verdict(error, terms, neuron, goodness),
        error if np.any(terms != terms[1, 0]) else np.nan,
        float(factor @ derivative / norms) if norms else np.nan,
        _relative_error(share, slopes(goodness.total, drawn[0])),
        None if modulator is None else _modulator_error(modulator, goodness, drawn),
        pandas.DataFrame({"drive": grid, "term": terms[1], "derivative": derivative, "factor": factor}),
    )


def slopes(function: Callable[[np.ndarray], np.ndarray], terms: np.ndarray) -> np.ndarray:
    """Return d(function)/d(term) by central differences, neuron after neuron.

    Parameters
    ----------
    function : callable
        Gives an array (presentations,) of terms (presentations, neurons).
    terms : ndarray, shape (presentations, neurons)
    """
    step = 1e-4 * np.abs(terms).mean() or 1e-4
    shifts = step * np.eye(terms.shape[1])
    differences = [function(terms + shift) - function(terms - shift) for shift in shifts]
    return np.stack(differences, axis=1) / (2 * step)


def _network(part: NeuronModel | Layer | Network | str, neurons: int) -> Network:
    """Return a network of one layer of so many neurons that differ in nothing but their drive."""
    if isinstance(part, Network):
        network = part
    elif isinstance(part, Layer):
        network = Network(layers=(part,), time_step=part.synapse_time_constant / 4)
    else:
        model = NEURONS.find(part)
        constants = model.namespace().values()
        times = [value for value in constants if have_same_dimensions(value, second) and value > 0 * second]
        synapse = "alpha" if "I" in get_identifiers(model.equations) else "delta"
        step = min(times, default=100e-6 * second) / 100
        layer = Layer(neuron=model, synapse=synapse, current_scale=1 * nA, synapse_time_constant=4 * step)
        solvable = not unsolvable(model.variables)
        network = Network(layers=(layer,), time_step=step, method="semi_implicit" if solvable else "euler")
    alike: dict[str, Any] = {"neuron_spread": {}, "winners": None, "device": None, "membrane": "reset"}
    pulses = isinstance(network.encoding, PulseEncoding)
    encoding = network.encoding if pulses else PulseEncoding(steps=network.encoding.steps)
    return network.replace(layers=(network.layers[0].replace(neurons=neurons, **alike),), encoding=encoding)


def _present(engine: LanesEngine, goodness: Goodness, drives: np.ndarray, step: np.ndarray):
    """Return terms and factors, shape (3, drives): below, at and above each drive."""
    encoding, shifts = engine.populations[0].network.encoding, np.array([-1.0, 0.0, 1.0])
    assert isinstance(encoding, PulseEncoding)
    amplitudes, no_label = np.column_stack([np.ones(3), shifts]), (np.zeros((1, 2)), np.arange(3), np.zeros(3, int))
    inputs = PulseInput(amplitudes, *no_label, encoding.steps, encoding.pulse_steps)
    (result,) = engine.present(inputs, [np.stack([drives, step])], spikes=goodness.counts_spikes)
    return result.measured(goodness)


def _threshold_drive(network: Network) -> float:
    """Return the least power of two that makes the neuron spike, or, if it does not spike, its activity 1."""
    neuron = network.layers[0].neuron
    measure = Goodness(counts_spikes=neuron.threshold not in ("", "False"))
    engine, alike = LanesEngine(network, measure), np.ones(network.layers[0].neurons)
    for power in range(-20, 40):
        try:
            terms, _ = _present(engine, measure, 2.0**power * alike, 0 * alike)
        except NumericalError:
            break
        if terms[1].max() >= 1:
            return 2.0**power
    raise ConfigurationError(f"neuron {neuron.name!r} responds to no current: give a Network that it responds in")


def _relative_error(value: np.ndarray, reference: np.ndarray) -> float:
    error, norm = np.linalg.norm(value - reference), np.linalg.norm(reference)
    return 0.0 if error == 0 else float(np.divide(error, norm)) if norm else np.inf


def loss_slopes(modulator: Any, *passes: Responses) -> list[np.ndarray]:
    """Return dL/d(term) of a modulator's loss for the positive and the negative pass."""

    def loss(number: int, terms: np.ndarray) -> np.ndarray:
        shifted = replace(passes[number], goodness_terms=terms)
        return modulator.loss(*(shifted if other == number else kept for other, kept in enumerate(passes)))

    return [slopes(partial(loss, number), kept.goodness_terms) for number, kept in enumerate(passes)]


def _modulator_error(modulator: Any, goodness: Goodness, drawn: np.ndarray) -> float:
    """Return the larger error of the two passes, at random goodness terms."""
    inputs = PulseInput(np.zeros((5, 1)), np.zeros((1, 1)), np.arange(5), np.zeros(5, dtype=int), 1, (0,))
    passes = [Responses(inputs, terms, terms, goodness, np.ones(1)) for terms in drawn]
    pairs = zip(modulator(*passes), loss_slopes(modulator, *passes), strict=True)
    return max(_relative_error(factor + np.zeros_like(slope), -slope) for factor, slope in pairs)


def _verdict(error: float, terms: np.ndarray, neuron: NeuronModel, goodness: Goodness) -> str:
    if not np.isfinite(terms).all():
        return "goodness terms are not finite: the density does not fit these activities"
    if np.all(terms == terms[1, 0]):
        silent = "no neuron spikes, " if neuron.reset else ""
        return f"unknown: {silent}all drives have the same goodness: raise Layer.current_scale, or give larger `drives`"
    if goodness.counts_spikes:
        return "the count itself, a surrogate: a count has no derivative"
    if neuron.reset:
        return "a surrogate: a neuron that spikes reset has no derivative"
    if error <= TOLERANCE:
        return "the derivative"
    return "not the derivative: the sensitivity is wrong, or holds states that move, as MIF does its conductances"
