"""Plasticity: modulated Hebbian, modulator x presynaptic x postsynaptic factor, or a rule of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from brianff.acceleration.contraction import contract
from brianff.arguments import explained
from brianff.description.fields import shown
from brianff.errors import ConfigurationError
from brianff.protocols.contrast import Contrast, Pairs
from brianff.protocols.modulators import Modulator
from brianff.registry import Registry
from brianff.responses import Responses

__all__ = ["PLASTICITY", "ModulatedHebbian", "NormalisedHebbian", "Postsynaptic", "modulated_hebbian", "rule_change"]

Postsynaptic = Callable[[Responses], np.ndarray]
"""Gives the postsynaptic factor of responses, shape (presentations, neurons)."""


@explained
@dataclass(frozen=True)
class ModulatedHebbian:
    """With m the modulator (-dL/dg), x the presynaptic and e the postsynaptic factor (dg/d(drive), 2 z for g = z^2)::

        change_ij = mean over images of the sum over their presentations of m x_i e_j

    In the analog limit, z = relu(W^T x) and g = z^2, this is -dL/dW exactly; see arXiv 2406.16479.

    Parameters
    ----------
    postsynaptic : callable or None
        Gives the postsynaptic factor of responses, (presentations, neurons); None: the derivative of the goodness terms
        with respect to the neurons' drive, as the neuron model's equations have it.
    clip : float or None
        Probabilities outside [clip, 1 - clip] change nothing; for modulators of single presentations.
    least : float
        Presentations whose modulator is smaller than so many times the largest of the batch are left out, and images
        without any other; it saves time where most images are learned. What each of them would have added to a weight
        is less than `least` times what one presentation with the largest modulator, and the same factors, adds. 0: all
        are learned from.
    """

    postsynaptic: Postsynaptic | None = None
    clip: float | None = None
    least: float = 0.0

    def __post_init__(self) -> None:
        if not (self.postsynaptic is None or callable(self.postsynaptic)):
            raise ConfigurationError(
                f"the postsynaptic factor {self.postsynaptic!r} is a function of a script: go on from there, with the "
                "same function"
            )
        if not 0 <= self.least < 1:
            raise ConfigurationError(f"modulated-hebbian: least is {self.least}; it must lie in [0, 1)")

    def change(self, contrast: Contrast, modulator: Modulator) -> np.ndarray:
        """Return the change of the weights, shape (inputs, neurons); zero for empty batches.

        Raises
        ------
        ConfigurationError
            If the responses hold goodness only, or an own postsynaptic factor has another shape.
        """
        factors = contrast.factors(modulator, self.clip)
        if self.least:
            limit = self.least * max(np.abs(modulated).max(initial=0.0) for _, modulated in factors)
            factors = [(one, np.where(np.abs(modulated) < limit, 0.0, modulated)) for one, modulated in factors]
        postsynaptic = [self._factor(responses) for responses, _ in factors]
        return contract(
            [responses.inputs for responses, _ in factors],
            [modulated / max(len(contrast), 1) for _, modulated in factors],
            postsynaptic,
            factors[0][0].pulse_response,
            active_only=bool(self.least),
        )

    def _factor(self, responses: Responses) -> np.ndarray:
        if self.postsynaptic is not None:
            factor = np.asarray(self.postsynaptic(responses))
            if factor.shape != responses.goodness_terms.shape:
                raise ConfigurationError(
                    f"the postsynaptic factor has the shape {factor.shape}; it needs (presentations, neurons) = "
                    f"{responses.goodness_terms.shape}"
                )
            return factor
        factor = responses.held("postsynaptic")
        if factor.shape[-2:] != responses.held("goodness_terms").shape:
            raise ConfigurationError("these responses hold goodness only: present without goodness_only to learn")
        return factor


@explained
@dataclass(frozen=True)
class NormalisedHebbian(ModulatedHebbian):
    """`ModulatedHebbian` with modulators over their root mean square: one number for a layer, such as of a capacitor.

    Modulators fall as presentations are told apart; normalised, they keep their size, as with Adam, whose number for
    each weight this one stands for.

    Parameters
    ----------
    postsynaptic : callable or None
        As of `ModulatedHebbian`.
    clip : float or None
        As there.
    least : float
        As there.
    decay : float
        Share of the mean square that stays after each batch.

    Attributes
    ----------
    state : dict of str to ndarray
        The mean square; goes into checkpoints.
    """

    decay: float = 0.99
    state: dict[str, np.ndarray] = field(default_factory=dict, init=False, compare=False, repr=False)
    digital_support: ClassVar[str] = "a running mean square of the layer's modulators, and dividing by its root"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise ConfigurationError(f"normalised-hebbian: decay is {self.decay}; it must lie in [0, 1)")

    def change(self, contrast: Contrast, modulator: Modulator) -> np.ndarray:
        squares = [np.mean(np.square(modulated)) for _, modulated in contrast.factors(modulator, self.clip)]
        for name, now in {"square": np.mean(squares), "weight": 1.0}.items():
            before = self.state.get(name, np.zeros(()))
            self.state[name] = np.asarray(before + (1 - self.decay) * (now - before), dtype=float)
        size = np.sqrt(self.state["square"] / self.state["weight"])
        return super().change(contrast, modulator) / (size or 1.0)


@explained
def modulated_hebbian(
    positive: Responses, negative: Responses, modulator: Modulator, postsynaptic: Postsynaptic | None = None
) -> np.ndarray:
    """Return the change of the weights after a positive and a negative pass; see `ModulatedHebbian`.

    Parameters
    ----------
    positive, negative : Responses
        Responses of the same layer.
    modulator : Modulator
    postsynaptic : callable, optional
        Gives another postsynaptic factor than the derivative of the goodness terms.

    Returns
    -------
    ndarray, shape (inputs, neurons)
        Zero for empty batches.

    Raises
    ------
    ConfigurationError
        If the responses hold goodness only, or something else is given.
    """
    for name, value, kind in (
        ("positive", positive, Responses),
        ("negative", negative, Responses),
        ("modulator", modulator, Modulator),
    ):
        if not isinstance(value, kind):
            raise ConfigurationError(f"{name} is {shown(value)}; it must be an object of {kind.__name__}")
    return ModulatedHebbian(postsynaptic).change(Pairs(positive, negative), modulator)


def rule_change(rule: object, contrast: Contrast, modulator: Modulator) -> np.ndarray:
    """Return the change that a rule wants: one with a method `change`, or a function like `modulated_hebbian`.

    Raises
    ------
    ConfigurationError
        If the change has not the shape of the weights, or is not finite.
    """
    own = getattr(rule, "change", None)
    if isinstance(rule, ModulatedHebbian):
        return rule.change(contrast, modulator)
    change = own(contrast, modulator) if own else rule(contrast.positive, contrast.negative, modulator)  # type: ignore[operator]
    change, name = np.ascontiguousarray(change), PLASTICITY.name_of(rule)
    shape = contrast.positive.presynaptic.shape[-1], contrast.positive.goodness_terms.shape[1]
    if change.shape != shape:
        raise ConfigurationError(
            f"plasticity {name!r} gave a change of the shape {change.shape}; the weights have {shape}"
        )
    if change.dtype.kind not in "biuf" or not np.isfinite(change).all():
        raise ConfigurationError(f"plasticity {name!r} gave a change that is not finite numbers")
    return change.astype(contrast.positive.goodness_terms.dtype, copy=False)


class _Rules(Registry):
    """Rules have a method `change(contrast, modulator)`, or are functions of positive, negative and modulator."""

    def checked(self, part):
        return part if callable(getattr(part, "change", None)) else super().checked(part)


PLASTICITY = _Rules(
    "plasticity",
    None,
    {"modulated-hebbian": ModulatedHebbian, "normalised-hebbian": NormalisedHebbian},
    called_with=("positive", "negative", "modulator"),
)
"""Plasticity rules by name."""
