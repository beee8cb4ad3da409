"""Images and labels as input: intensities of the input units, and spikes where the encoding makes them."""

import numpy as np
from scipy.sparse import csr_matrix

from brianff.description.network import LatencyEncoding, Network, RateEncoding
from brianff.errors import ConfigurationError
from brianff.inputs import SparseSpikes, SpikeInput

__all__ = ["code_matrix", "encode_spikes", "image_part"]


def code_matrix(network: Network, generator: np.random.Generator) -> np.ndarray:
    """Return the intensities that each label gives to the input units.

    Parameters
    ----------
    network : Network
        Its `label` says how labels enter.
    generator : numpy.random.Generator
        Draws the random code of the placement "code"; not used otherwise.

    Returns
    -------
    ndarray, shape (classes, inputs)
        `strength` at a label's active units, zero elsewhere; the codes of different classes differ.

    Raises
    ------
    ConfigurationError
        If the random code cannot give every class its own bits.
    """
    label, classes = network.label, network.classes
    codes = np.zeros((classes, network.inputs))
    if label.placement == "code":
        codes[:, network.pixels :] = _random_code(classes, label.bits, label.density, generator)
    else:
        first = network.pixels if label.placement == "append" else 0
        codes[:, first : first + classes] = np.eye(classes)
    return codes * label.strength


def _random_code(classes, bits, density, generator) -> np.ndarray:
    for _ in range(1000):
        code = generator.random((classes, bits)) < density
        if len(np.unique(code, axis=0)) == classes:
            return code
    raise ConfigurationError(
        f"label.bits = {bits} with label.density = {density} gives no {classes} different codes; use more bits"
    )


def image_part(network: Network, images: np.ndarray) -> np.ndarray:
    """Return the intensities that images give to the input units; the whole input is this plus the label's code.

    Parameters
    ----------
    network : Network
    images : ndarray, shape (images, pixels)

    Returns
    -------
    ndarray, shape (images, inputs)
        Zero at the units of the label: with the placement "pixels" these are the first pixels.
    """
    part = np.zeros((len(images), network.inputs))
    part[:, : network.pixels] = images
    if network.label.placement == "pixels":
        part[:, : network.classes] = 0.0
    return part


def encode_spikes(
    encoding: RateEncoding | LatencyEncoding,
    intensities: np.ndarray,
    generator: np.random.Generator,
    threads: int = 1,
) -> SpikeInput:
    """Return the spikes of the input units.

    Parameters
    ----------
    encoding : RateEncoding or LatencyEncoding
        Rate: a spike at each step with probability maximum_probability x intensity, at most 1. Latency: one spike,
        at step 0 for an intensity of 1 or more, at the last step for the faintest, none for 0.
    intensities : ndarray, shape (presentations, inputs)
    generator : numpy.random.Generator
        Draws the spikes of the rate encoding; not used otherwise.
    threads : int
        Threads for matrix products with the spikes.
    """
    if isinstance(encoding, RateEncoding):
        return SparseSpikes(_rate_spikes(encoding, intensities, generator), encoding.steps, threads)
    last = encoding.steps - 1
    spike_step = np.rint((1.0 - np.minimum(intensities, 1.0)) * last)
    return SpikeInput((np.arange(encoding.steps)[:, np.newaxis, np.newaxis] == spike_step) & (intensities > 0), threads)


def _rate_spikes(encoding: RateEncoding, intensities: np.ndarray, generator: np.random.Generator) -> csr_matrix:
    """Draw for the units of some intensity only: four of five pixels of a handwritten digit are black."""
    presentations, inputs = intensities.shape
    active = np.flatnonzero(intensities)
    probability = (encoding.maximum_probability * intensities.ravel()[active]).astype(np.float32)
    spikes = generator.random((encoding.steps, len(active)), dtype=np.float32) < probability
    presentation, unit = np.divmod(active.astype(np.int32), np.int32(inputs))
    step, which = np.divmod(np.flatnonzero(spikes), len(active) or 1)  # faster than nonzero of two dimensions
    row = step.astype(np.int32) * np.int32(presentations) + presentation[which]
    rows = encoding.steps * presentations
    starts = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=rows))])
    return csr_matrix((np.ones(len(which)), unit[which], starts), shape=(rows, inputs))
