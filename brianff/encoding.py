"""Images and labels as input: intensities of the input units, and spikes where the encoding makes them."""

import numpy as np
from scipy.sparse import csr_matrix

from brianff.description import Network
from brianff.description.encodings import InputEncoding
from brianff.errors import ConfigurationError, DataError
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
    code = np.eye(classes)
    if label.placement == "code":
        code = _random_code(classes, label.bits, label.density, generator)
    first = 0 if label.placement == "pixels" else network.pixels
    codes[:, first : first + code.shape[1] * label.rows] = np.tile(code, label.rows)
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
        part[:, : network.classes * network.label.rows] = 0.0
    return part


def encode_spikes(
    encoding: InputEncoding, intensities: np.ndarray, generator: np.random.Generator, threads: int = 1
) -> SpikeInput:
    """Return the spikes of the input units.

    Parameters
    ----------
    encoding : InputEncoding
    intensities : ndarray, shape (presentations, inputs)
    generator : numpy.random.Generator
        For encodings that draw.
    threads : int
        Threads for matrix products with the spikes.

    Raises
    ------
    DataError
        If the encoding's spikes have not the shape that they need.
    """
    spikes, (presentations, inputs) = encoding.spikes(intensities, generator), intensities.shape
    sparse = isinstance(spikes, csr_matrix)
    shape = (encoding.steps * presentations, inputs) if sparse else (encoding.steps, presentations, inputs)
    if np.shape(spikes) != shape:
        raise DataError(
            f"the spikes of {type(encoding).__name__} have the shape {np.shape(spikes)}; {presentations} presentations "
            f"of {encoding.steps} steps to {inputs} input units need {shape}"
        )
    return (
        SparseSpikes(spikes, encoding.steps, threads)
        if sparse
        else SpikeInput(spikes.astype(bool, copy=False), threads)
    )
