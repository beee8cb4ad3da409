"""Images and labels as input: intensities of the input units, and spikes where the encoding makes them."""

from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, vstack

from brianff.data.spikes import SpikeTrains
from brianff.description import EventEncoding, Network
from brianff.description.encodings import InputEncoding
from brianff.errors import ConfigurationError, DataError
from brianff.inputs import SparseSpikes, SpikeInput

__all__ = ["checked_images", "code_matrix", "encode_spikes", "image_part", "label_and_events"]


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
        `strength` at a label's active units, zero elsewhere; the codes of different classes differ. All zero where the
        encoding never shows labels.

    Raises
    ------
    ConfigurationError
        If the random code cannot give every class its own bits.
    """
    label, classes = network.label, network.classes
    codes = np.zeros((classes, network.inputs))
    if network.encoding.labels == "never":
        return codes
    code = np.eye(classes)
    if label.placement == "code":
        code = _random_code(classes, label.bits, label.density, generator)
    first = 0 if label.placement == "pixels" else network.image_units
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


def image_part(
    network: Network,
    images: np.ndarray,
    mean_image: np.ndarray | None = None,
    generator: np.random.Generator | None = None,
) -> np.ndarray:
    """Return the intensities that images give to the input units; the whole input is this plus the label's code.

    Parameters
    ----------
    network : Network
    images : ndarray, shape (images, pixels)
    mean_image : ndarray, shape (pixels,), or None
        What an encoding that centres images takes off.
    generator : numpy.random.Generator, optional
        Draws the noise of the amplitudes, where the encoding has some.

    Returns
    -------
    ndarray, shape (images, inputs)
        Zero at the units of the label: with the placement "pixels" these are the first pixels. Negative where an
        encoding gives pulses of both signs.

    Raises
    ------
    ConfigurationError
        If the encoding centres images, and there is no mean image; or its norm gives more than devices are read with.
    """
    encoding = network.encoding
    part = np.zeros((len(images), network.inputs))
    part[:, : network.pixels] = images
    if encoding.centred:
        _take_off(network, part, mean_image)
    if network.label.placement == "pixels":
        for line in range(encoding.lines):
            part[:, line * network.pixels :][:, : network.classes * network.label.rows] = 0.0
    if encoding.norm is not None:
        norms = np.linalg.norm(part, axis=1, keepdims=True)
        np.divide(part * encoding.norm, norms, out=part, where=norms > 0)
        highest = np.abs(part).max(initial=0.0)
        if highest > 1 + 1e-6 and network.layers[0].device is not None:
            raise ConfigurationError(
                f"network.encoding.norm is {encoding.norm:g}, which gives an amplitude of {highest:.3g}: more than 1, "
                f"the voltage that devices are read with; use a norm of at most {encoding.norm / highest:.3g} here"
            )
    if encoding.noise:
        assert generator is not None
        part *= generator.normal(1.0, encoding.noise, part.shape)
    return part


def _take_off(network: Network, part: np.ndarray, mean_image: np.ndarray | None) -> None:
    """Take the mean image off the pixels of images that are not black; what is negative goes to the second lines."""
    if mean_image is None or mean_image.shape != (network.pixels,):
        raise ConfigurationError(
            "the encoding takes the mean image off, and the simulator has none of this size: set "
            f"simulator.mean_image = split.mean_image, {network.pixels} intensities"
        )
    pixels = part[:, : network.pixels]
    pixels -= pixels.any(axis=1, keepdims=True) * mean_image
    if network.encoding.lines == 2:
        np.maximum(-pixels, 0.0, out=part[:, network.pixels : network.image_units])
        np.maximum(pixels, 0.0, out=pixels)


def encode_spikes(
    encoding: InputEncoding,
    intensities: np.ndarray,
    generator: np.random.Generator,
    threads: int = 1,
    label: np.ndarray | float = 0.0,
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
    label : ndarray, shape (presentations, inputs), optional
        Intensities of the label; they are added, or, where labels are shown once, active units spike at step 0.

    Raises
    ------
    DataError
        If the encoding's spikes have not the shape that they need.
    """
    once = encoding.labels == "once" and np.ndim(label) > 0
    spikes: Any = encoding.spikes(intensities if once else intensities + label, generator)
    presentations, inputs = intensities.shape
    sparse = isinstance(spikes, csr_matrix)
    shape = (encoding.steps * presentations, inputs) if sparse else (encoding.steps, presentations, inputs)
    if not sparse and np.asarray(spikes).dtype != bool:
        raise DataError(f"the spikes of {type(encoding).__name__} are {np.asarray(spikes).dtype}; they must be bool")
    if np.shape(spikes) != shape:
        raise DataError(
            f"the spikes of {type(encoding).__name__} have the shape {np.shape(spikes)}; {presentations} presentations "
            f"of {encoding.steps} steps to {inputs} input units need {shape}"
        )
    if not sparse:
        spikes = np.asarray(spikes).astype(bool, copy=once)
        if once:
            spikes[0] |= label > 0
        return SpikeInput(spikes, threads)
    if once:
        first = spikes[:presentations].maximum(csr_matrix(label > 0, dtype=float))
        spikes = vstack([first, spikes[presentations:]], format="csr")
    return SparseSpikes(spikes, encoding.steps, threads)


def checked_images(network: Network, images: Any) -> Any:
    """Return images as an array of float, or spike trains, after checking that a network can be shown them.

    Raises
    ------
    DataError
        If they are not intensities in [0, 1], one for each of the network's pixels, or, for an `EventEncoding`, not
        spike trains of its steps and units. All zeros are silence to every encoding.
    """
    encoding, events = network.encoding, isinstance(images, SpikeTrains)
    remedy = "use split.intensities(rows), or divide by the value of white, such as 255"
    shape = images.shape if isinstance(images, np.ndarray | SpikeTrains) else np.shape(np.asarray(images, dtype=object))
    width = network.pixels * encoding.frames
    if len(shape) != 2 or shape[1] != width:
        raise DataError(f"images have the shape {shape}; the network needs (images, {width})")
    if events and not isinstance(encoding, EventEncoding):
        raise DataError(f"images are spike trains: use encoding = EventEncoding(steps={images.steps}), kind 'events'")
    if events:
        own, step = float(network.time_step), images.time_step
        if images.steps != encoding.steps or abs((step or own) - own) > 1e-6 * own:
            raise DataError(
                f"spike trains have {images.steps} steps of {step or own} s, and the network {encoding.steps} of "
                f"{own} s: set network.encoding.steps and network.time_step"
            )
        return images
    array = np.asarray(images)
    plain = not isinstance(images, np.ndarray) or type(images) in (np.ndarray, np.memmap)
    if not plain or array.dtype.kind not in "fb":
        told = f"{type(images).__name__} of {array.dtype}"
        raise DataError(f"images are {told}; intensities are floats in [0, 1]: {remedy}")
    array = array.astype(float, copy=False)
    low, high = array.min(initial=0.0), array.max(initial=0.0)
    if not (low >= 0 and high < np.inf):
        raise DataError("images hold intensities that are negative or not finite; scale them to [0, 1]")
    if high > 1 + 1e-6:
        raise DataError(f"images hold intensities up to {high:.4g}; they lie in [0, 1]: {remedy}")
    if isinstance(encoding, EventEncoding):
        if high:
            raise DataError("the encoding 'events' takes spike trains, not images: see Dataset.from_spikes")
        return SpikeTrains(csr_matrix((len(array), encoding.steps * network.pixels)), encoding.steps)
    return array


def label_and_events(
    network: Network, trains: SpikeTrains, image: np.ndarray, active: np.ndarray, threads: int = 1
) -> SparseSpikes:
    """Return spike trains and the spikes of the label's units as input.

    Parameters
    ----------
    network : Network
        Its `EventEncoding` says at which steps the label's units spike. With the label in the first pixels, their own
        spikes are left out.
    trains : SpikeTrains
    image : ndarray of int, shape (presentations,)
        Which sample each presentation shows.
    active : ndarray of bool, shape (presentations, inputs)
        Units of each presentation's label.
    threads : int
        Threads for matrix products with the spikes.
    """
    shown = trains.matrix[image].tocoo()
    step, unit = np.divmod(shown.col.astype(np.int64), network.pixels)
    row = step * len(image) + shown.row
    if network.label.placement == "pixels":
        row, unit = row[unit >= network.classes], unit[unit >= network.classes]
    presentation, label_unit = np.nonzero(active)
    encoding = network.encoding
    assert isinstance(encoding, EventEncoding)
    steps = set(encoding.label_steps[: 1 if encoding.labels == "once" else None])
    rows = np.concatenate([row, *(one * len(image) + presentation for one in steps)])
    units = np.concatenate([unit, *(label_unit for _ in steps)])
    shape = (encoding.steps * len(image), network.inputs)
    return SparseSpikes(csr_matrix((np.ones(len(rows)), (rows, units)), shape), encoding.steps, threads)
