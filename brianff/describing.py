"""How objects show themselves: one line in a terminal, a table in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

    from brianff.description.network import Network

__all__ = ["Described", "facts_table", "layer_table"]


class Described:
    """Base of objects that show a few important facts instead of all their fields."""

    def _facts(self) -> dict[str, Any]:
        raise NotImplementedError

    def _table(self) -> pandas.DataFrame:
        return facts_table(self, self._facts())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._facts().items())})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self._table().to_html()


def facts_table(described: object, facts: Mapping[str, Any]) -> pandas.DataFrame:
    """Return a table of one column, the name of an object's class, with its facts by name."""
    import pandas

    return pandas.DataFrame({type(described).__name__: {name: str(value) for name, value in facts.items()}})


def layer_table(network: Network) -> pandas.DataFrame:
    """Return a table of a network's layers, by number: input, inputs, neurons, synapses, neuron, synapse, device."""
    import pandas

    layers = network.layers
    neurons = [layer.neurons for layer in layers]
    columns = {
        "input": [network.encoding.name, *(f"layer {number}" for number in range(len(layers) - 1))],
        "inputs": [network.inputs, *neurons[:-1]],
        "neurons": neurons,
        "neuron": [layer.neuron.name for layer in layers],
        "synapse": [layer.synapse.name for layer in layers],
        "device": [layer.device.name if layer.device else "none" for layer in layers],
    }
    table = pandas.DataFrame(columns).rename_axis("layer")
    return table.assign(synapses=table["inputs"] * table["neurons"])
