"""What a protocol needs beside crossbars and neurons: named, so that a reader knows what hardware would have to add."""

from brianff.protocols.configuration import Protocol
from brianff.protocols.schedules import constant
from brianff.simulator import Simulator

__all__ = ["digital_support"]


def digital_support(protocol: Protocol, simulator: Simulator) -> list[str]:
    """Return in words what learning needs beside analog crossbars and neurons; even a purely local rule needs some.

    The labels of images, the draw of wrong ones, and the comparison of goodness between labels at inference are part
    of the task and not listed.

    Parameters
    ----------
    protocol : Protocol
    simulator : Simulator
        The simulator of the protocol's network: its crossbars say what programming needs.
    """
    learning = protocol.learning
    needs = []
    if any(layer.device is None for layer in protocol.network.layers):
        needs.append("weights as plain numbers (no synaptic device is simulated)")
    encoding = protocol.network.encoding
    if encoding.centred:
        signs = "pulses of both signs" if encoding.centred == "bipolar" else "a second line for each pixel"
        needs.append(f"taking the mean image off each image, and {signs}")
    if encoding.norm is not None:
        needs.append("scaling each image to the same norm")
    if learning.made_modulator.paired and learning.batch == 1:
        needs.append("holding the goodness and both factors of a presentation until that of the other label is over")
    needs.append("a modulator for each presentation: a function of goodness, broadcast to the layer")
    needs.append("the postsynaptic factor of each neuron: the slope of its goodness term, held to the end")
    if support := getattr(learning.made_plasticity, "digital_support", ""):
        needs.append(support)
    if support := learning.made_optimiser.digital_support:
        needs.append(support)
    if learning.groups > 1:
        needs.append(f"a modulator for each of {learning.groups} blocks of neurons")
    if learning.batch > 1:
        needs.append(f"the sum of the change over {learning.batch} images for each weight")
    if learning.schedule is not constant:
        needs.append("a global schedule of the learning rate")
    if (count := learning.made_negatives.count) > 1:
        needs.append(f"comparing the goodness of {count} wrong labels for each image")
    if learning.collaboration and len(simulator.layers) > 1:
        needs.append("adding the goodness of the layers below to that of the layer that learns")
    for layer in simulator.layers:
        needs += [text for text in layer.crossbar.digital_support if text not in needs]
    return needs
