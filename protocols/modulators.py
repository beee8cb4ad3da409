"""Modulators: how strongly, and with which sign, each presentation changes the weights.

A probability P that a presentation is positive is built from the goodness G, and the loss is its negative log
likelihood. The modulator of a presentation is -dL/dG: the one or two scalars that are broadcast to all synapses of a
layer. Decisions and losses are computed from log-odds, never from P, which saturates.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit, logit

from brianff.arguments import explained
from brianff.arrays import answer
from brianff.errors import ConfigurationError, missing
from brianff.registry import Registry
from brianff.responses import Responses

__all__ = ["MODULATORS", "Grouped", "Modulator", "Pair", "Sigmoid", "Symmetric"]


@dataclass(frozen=True)
class Modulator:
    """Base of the modulators.

    One of your own overrides `loss` and `broadcast`, its derivative with the sign turned (`brianff.check_gradient`
    compares them), and `log_odds`; `score` where it is not the goodness that inference compares; `groups` where not
    all neurons of a layer receive the same. With further parameters it is a frozen dataclass too.

    Parameters
    ----------
    sharpness : float
        Factor of the goodness in the log-odds.
    threshold : float
        Goodness at which the odds are even, or the margin of a pair.

    Attributes
    ----------
    name : str
    paired : bool
        Whether it compares an image's own positive and negatives; then the probability of one presentation is not
        defined.
    formula, source : str
        The loss or probability in one line, and where it is published.
    """

    sharpness: float = 1.0
    threshold: float = 0.0

    name: ClassVar[str] = ""
    paired: ClassVar[bool] = False
    formula: ClassVar[str] = ""
    source: ClassVar[str] = ""
    unit: ClassVar[str] = "1 / goodness"

    def __call__(self, positive: Responses, negative: Responses) -> tuple[np.ndarray, np.ndarray]:
        """Return -dL/dg of each goodness term for both passes, broadcastable to (presentations, neurons)."""
        up, down = self._broadcast(positive, negative)
        return up * self._share(positive), down * self._share(negative)

    def _share(self, responses: Responses) -> np.ndarray:
        rows, columns = responses.held("goodness_terms").shape
        shapes = (1, 1), (rows, 1), (1, columns), (rows, columns)
        return answer(f"the share of {type(self).__name__}", self.share(responses), *shapes)

    def _broadcast(self, *both: Responses) -> tuple[np.ndarray, np.ndarray]:
        """Return what is broadcast, after a look at its shapes: others would spread over the neurons unseen."""
        given = self.broadcast(*both)
        if not isinstance(given, tuple | list) or any(np.asarray(one).dtype.kind not in "buif" for one in given):
            raise ConfigurationError(
                f"the broadcast of {type(self).__name__} is {given!r}; it must be two arrays of numbers"
            )
        shapes = [np.shape(one) for one in given]
        fitting = [(len(one), 1) for one in both], [one.held("goodness_terms").shape for one in both]
        if len(shapes) != 2 or any(shape not in fits for shape, *fits in zip(shapes, *fitting, strict=True)):
            raise ConfigurationError(
                f"the broadcast of {type(self).__name__} has the shapes {shapes}; both need (presentations, 1) or "
                f"(presentations, neurons), such as {fitting[0]}"
            )
        return given

    def broadcast(self, positive: Responses, negative: Responses) -> tuple[np.ndarray, np.ndarray]:
        """Return -dL/dG for both passes: what is broadcast to all synapses, whatever the neurons' shares of G.

        The shape is (presentations, 1), or (presentations, neurons) where halves of the layer receive different ones.

        Parameters
        ----------
        positive, negative : Responses
        """
        raise missing(self, "broadcast")

    def groups(self, neurons: int) -> np.ndarray:
        """Return which group each neuron of a layer belongs to, ints from 0 of shape (neurons,).

        The neurons of a group receive the same modulator; all of them, unless overridden.

        Parameters
        ----------
        neurons : int
        """
        return np.zeros(neurons, dtype=int)

    def mixed(self, responses: Responses, positive: np.ndarray, clip: float | None = None) -> np.ndarray:
        """Return -dL/dg of each goodness term where `positive` (presentations,) tells the polarity of each.

        With `clip`, presentations whose probability is outside [clip, 1 - clip] have a modulator of zero.

        Parameters
        ----------
        responses : Responses
        positive : ndarray of bool, shape (presentations,)
        clip : float, optional
            Largest size of a factor.
        """
        up, down = self._broadcast(responses, responses)
        modulator = np.where(positive[:, np.newaxis], up, down) * self._share(responses)
        if clip is not None:
            modulator = modulator * (np.abs(self.log_odds(responses)) < -logit(clip))[:, np.newaxis]
        return modulator

    def share(self, responses: Responses) -> np.ndarray:
        """Return dG/dg of each goodness term, broadcastable to (presentations, neurons).

        Parameters
        ----------
        responses : Responses
        """
        return responses.share

    def loss(self, positive: Responses, negative: Responses) -> np.ndarray:
        """Return the loss of each pair of presentations, shape (presentations,).

        Parameters
        ----------
        positive, negative : Responses
        """
        raise missing(self, "loss")

    def log_odds(self, responses: Responses) -> np.ndarray:
        """Return log P / (1 - P), shape (presentations,).

        Parameters
        ----------
        responses : Responses
        """
        raise missing(self, "log_odds")

    def probability(self, responses: Responses) -> np.ndarray:
        """Return P in single precision, shape (presentations,): it saturates at 0 and 1.

        Parameters
        ----------
        responses : Responses
        """
        return expit(self.log_odds(responses).astype(np.float32))

    def score(self, responses: Responses) -> np.ndarray:
        """Return what inference compares between labels, shape (presentations,): it rises with the log-odds.

        Parameters
        ----------
        responses : Responses
        """
        return responses.collective_goodness


class Sigmoid(Modulator):
    """P = s(a (G - theta)): the modulator is a (1 - P) for positive and -a P for negative data.

    Source: arXiv 2406.16479.

    Parameters
    ----------
    sharpness, threshold : float
        a and theta.
    """

    name = "sigmoid"
    formula = "P = 1 / (1 + exp(-a (G - theta))), L = -log P of the truth"
    source = "arXiv 2406.16479"

    def broadcast(self, positive, negative):
        return self._signed(positive, 1.0), self._signed(negative, -1.0)

    def loss(self, positive, negative):
        return np.logaddexp(0.0, -self.log_odds(positive)) + np.logaddexp(0.0, self.log_odds(negative))

    def log_odds(self, responses):
        return self.sharpness * (responses.collective_goodness - self.threshold)

    def _signed(self, responses, sign):
        return sign * self.sharpness * expit(-sign * self.log_odds(responses))[:, np.newaxis]


class Pair(Modulator):
    """L = log(1 + sum over k of exp(theta - a (G_positive - G_k))): one image with its label and with wrong labels k.

    With one wrong label, L = softplus(theta - a (G_positive - G_negative)), and the modulators are
    +-a s(theta - a (G_positive - G_negative)) (SymBa, arXiv 2303.08418). With several (the N-pair loss of Sohn,
    NIPS 2016), -a exp(...) / (1 + sum of exp(...)) for each, and minus their sum for the right label. The negatives of
    an image follow each other.

    Parameters
    ----------
    sharpness, threshold : float
        a and theta.
    """

    name = "pair"
    paired = True
    formula = "L = log(1 + sum over negatives k of exp(theta - a (G_positive - G_k)))"
    source = "SymBa, arXiv 2303.08418; several negatives: Sohn, NIPS 2016"

    def broadcast(self, positive, negative):
        violation = self._violation(positive, negative)
        shares = self.sharpness * np.exp(violation - self._log_sum(violation)[:, np.newaxis])
        return shares.sum(axis=1, keepdims=True), -shares.reshape(-1, 1)

    def loss(self, positive, negative):
        return self._log_sum(self._violation(positive, negative))

    def _violation(self, positive, negative):
        """Return the exponents, shape (images, negatives of each)."""
        images, count = len(positive), max(len(negative) // max(len(positive), 1), 1)
        if len(negative) != count * images:
            raise ConfigurationError(
                f"the pair form needs as many negatives for each positive; got {len(negative)} for {images}"
            )
        wrong = negative.collective_goodness.reshape(images, count)
        return self.threshold - self.sharpness * (positive.collective_goodness[:, np.newaxis] - wrong)

    @staticmethod
    def _log_sum(violation):
        return np.logaddexp.reduce(violation, axis=1, initial=0.0)


@dataclass(frozen=True)
class Symmetric(Modulator):
    """P = (G+ + eps) / (G+ + G- + 2 eps): the goodness G+ of the first half of the neurons, G- of the second.

    The modulator has one scalar for each half; `sharpness` and `threshold` have no place in it.

    Parameters
    ----------
    sharpness, threshold : float
        Without effect here.
    epsilon : float
        eps, 0.01 as in arXiv 2406.16479; in TOML ``modulator = {name = "symmetric", epsilon = 0.02}``.
    """

    name = "symmetric"
    formula = "P = (G+ + eps) / (G+ + G- + 2 eps), L = -log P of the truth; G+, G- of the first, second half"
    source = "arXiv 2406.16479"
    epsilon: float = 0.01

    def groups(self, neurons):
        return (np.arange(neurons) >= neurons // 2).astype(int)

    def broadcast(self, positive, negative):
        return self._toward(positive, plus=True), self._toward(negative, plus=False)

    def share(self, responses):
        halves = self._split(responses)
        return np.hstack([np.broadcast_to(responses.measure.share(half), half.shape) for half in halves])

    def loss(self, positive, negative):
        plus, minus = self._halves(positive)
        negative_plus, negative_minus = self._halves(negative)
        return np.log1p(minus / plus) + np.log1p(negative_plus / negative_minus)

    def score(self, responses):
        plus, minus = self._halves(responses)
        return np.log(plus) - np.log(minus)

    log_odds = score

    def probability(self, responses):
        plus, minus = (half.astype(np.float32) for half in self._halves(responses))
        return plus / (plus + minus)

    def _split(self, responses):
        terms = responses.goodness_terms
        half = np.searchsorted(self.groups(terms.shape[1]), 1)
        return terms[:, :half], terms[:, half:]

    def _halves(self, responses):
        plus, minus = (responses.measure.total(half) + self.epsilon for half in self._split(responses))
        return plus, minus

    def _toward(self, responses, plus):
        own, other = self._halves(responses) if plus else self._halves(responses)[::-1]
        total = own + other
        in_own_half = (self.groups(responses.goodness_terms.shape[1]) == 0) == plus
        return np.where(in_own_half, (other / own / total)[:, np.newaxis], (-1.0 / total)[:, np.newaxis])


@explained
class Grouped(Modulator):
    """Blocks of neurons, side by side in a layer, each with a goodness, a loss and a modulator of its own.

    The layer's loss is the sum of the blocks', and so is what inference compares. `learning.groups` makes one of the
    protocol's modulator.

    Parameters
    ----------
    form : Modulator
        That of each block.
    number : int
        Number of blocks: all of the same size, up to one neuron.
    """

    name = "grouped"
    formula = "L = sum over blocks of neurons of the form's L"

    def __init__(self, form: Modulator, number: int):
        super().__init__(form.sharpness, form.threshold)
        if number < 1:
            raise ConfigurationError(f"{number} blocks of neurons: there must be at least one")
        self.__dict__.update(form=form, number=number)  # the dataclass is frozen

    form: Modulator
    number: int

    @property
    def paired(self) -> bool:  # type: ignore[override]
        """Whether the form compares an image's own positive and negatives."""
        return self.form.paired

    def groups(self, neurons):
        if self.number > neurons:
            raise ConfigurationError(f"{self.number} blocks of {neurons} neurons: there are too few")
        return np.arange(neurons) * self.number // neurons

    def broadcast(self, positive, negative):
        blocks = zip(self._blocks(positive), self._blocks(negative), strict=True)
        each = [(*self.form.broadcast(*both), both[0].goodness_terms.shape[1]) for both in blocks]
        return tuple(np.hstack([np.broadcast_to(one[way], (len(one[way]), one[2])) for one in each]) for way in (0, 1))

    def share(self, responses):
        each = [(self.form.share(block), block.goodness_terms.shape) for block in self._blocks(responses)]
        return np.hstack([np.broadcast_to(*one) for one in each])

    def loss(self, positive, negative):
        blocks = zip(self._blocks(positive), self._blocks(negative), strict=True)
        return np.sum([self.form.loss(*both) for both in blocks], axis=0)

    def log_odds(self, responses):
        return np.sum([self.form.log_odds(block) for block in self._blocks(responses)], axis=0)

    def score(self, responses):
        return np.sum([self.form.score(block) for block in self._blocks(responses)], axis=0)

    def _blocks(self, responses: Responses) -> list[Responses]:
        """Return the responses of each block."""
        terms = responses.goodness_terms
        starts = np.searchsorted(self.groups(terms.shape[1]), np.arange(1, self.number))
        factor = np.empty((len(terms), 0))
        given = responses.measure, responses.pulse_response
        return [Responses(responses.inputs, block, factor, *given) for block in np.split(terms, starts, axis=1)]


MODULATORS = Registry("modulator", Modulator, {"pair": Pair, "sigmoid": Sigmoid, "symmetric": Symmetric})
"""Modulators by the name of their probability."""
