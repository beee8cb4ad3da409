"""What a network answered to positive and negative data: in pairs, or mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from brianff.arrays import answer
from brianff.protocols.modulators import Modulator
from brianff.responses import Responses

__all__ = ["Contrast", "Mixed", "Pairs"]


class Contrast:
    """Responses to positive and to negative data, the base of `Pairs` and `Mixed`.

    Attributes
    ----------
    positive, negative : Responses
        Both sorts apart.
    """

    positive: Responses
    negative: Responses

    def __len__(self) -> int:
        """Return the number of images."""
        raise NotImplementedError

    def factors(self, modulator: Modulator, clip: float | None = None) -> Sequence[tuple[Responses, np.ndarray]]:
        """Return responses, each with -dL/dg of its goodness terms, broadcastable to (presentations, neurons)."""
        raise NotImplementedError

    def figures(self, modulator: Modulator) -> dict[str, float]:
        """Return sums over the images: the loss, and what tells how learning goes."""
        raise NotImplementedError


@dataclass(frozen=True)
class Pairs(Contrast):
    """Each image as positive, and with as many negatives of its own, which follow each other.

    Parameters
    ----------
    positive, negative : Responses
    """

    positive: Responses
    negative: Responses

    def __len__(self) -> int:
        return len(self.positive)

    def factors(self, modulator, clip=None):
        both = self.positive, self.negative
        return list(zip(both, modulator(*both), strict=True))

    def figures(self, modulator):
        right, wrong = (modulator.score(responses) for responses in (self.positive, self.negative))
        return {
            "training_loss": answer(
                f"the loss of {type(modulator).__name__}", modulator.loss(self.positive, self.negative), (len(self),)
            ).sum(),
            "goodness_positive": self.positive.goodness.sum(),
            "goodness_negative": self.negative.goodness.mean() * len(self),
            "right_order": (right > wrong.reshape(len(right), -1).max(axis=1)).sum(),
        }


@dataclass(frozen=True)
class Mixed(Contrast):
    """Each image once, as positive or as negative.

    Parameters
    ----------
    responses : Responses
    polarity : ndarray of bool, shape (presentations,)
        Whether each is positive.
    """

    responses: Responses
    polarity: np.ndarray

    def __len__(self) -> int:
        return len(self.responses)

    @cached_property
    def positive(self) -> Responses:  # type: ignore[override]
        """Responses to positive data."""
        return self.responses.select(self.polarity)

    @cached_property
    def negative(self) -> Responses:  # type: ignore[override]
        """Responses to negative data."""
        return self.responses.select(~self.polarity)

    def factors(self, modulator, clip=None):
        return [(self.responses, modulator.mixed(self.responses, self.polarity, clip))]

    def figures(self, modulator):
        toward = np.where(self.polarity, 1.0, -1.0) * modulator.log_odds(self.responses)
        return {"training_loss": np.logaddexp(0.0, -toward).sum(), "right_polarity": (toward > 0).sum()}
