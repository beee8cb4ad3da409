"""Modulated Hebbian plasticity: modulator x presynaptic x postsynaptic."""

import numpy as np

from brianff.acceleration.contraction import contract
from brianff.errors import ConfigurationError
from brianff.protocols.modulators import Modulator
from brianff.responses import Responses

__all__ = ["modulated_hebbian"]


def modulated_hebbian(positive: Responses, negative: Responses, modulator: Modulator) -> np.ndarray:
    """Return the change of the weights after a positive and a negative pass.

    With m the modulator (-dL/dg), x the presynaptic and e the postsynaptic factor (dg/d(drive), 2 z for g = z^2)::

        change_ij = mean over pairs of (m x_i e_j)_positive + (m x_i e_j)_negative

    In the analog limit, z = relu(W^T x) and g = z^2, this is -dL/dW exactly; see arXiv 2406.16479.

    Parameters
    ----------
    positive, negative : Responses
        Responses of the same layer.
    modulator : Modulator

    Returns
    -------
    ndarray, shape (inputs, neurons)
        Zero for empty batches.

    Raises
    ------
    ConfigurationError
        If the responses hold goodness only.
    """
    both = positive, negative
    for responses in both:
        if responses.postsynaptic.shape != responses.goodness_terms.shape:
            raise ConfigurationError("these responses hold goodness only: present without goodness_only to learn")
    return contract(
        [responses.inputs for responses in both],
        [factor / max(len(positive), 1) for factor in modulator(*both)],
        [responses.postsynaptic for responses in both],
        positive.pulse_response,
    )
