"""How objects show themselves: one line in a terminal, a table in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

    from brianff.description.network import Network

__all__ = ["Described", "layer_table"]


class Described:
    """Base of objects that show a few important facts instead of all their fields."""

    def _facts(self) -> dict[str, Any]:
        """Return what is worth knowing at a glance, by name."""
        raise NotImplementedError

    def _table(self) -> pandas.DataFrame:
        """Return what a notebook shows: the facts, one a row."""
        import pandas

        return pandas.DataFrame({type(self).__name__: {name: str(value) for name, value in self._facts().items()}})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._facts().items())})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return self._table().to_html()


def layer_table(network: Network) -> pandas.DataFrame:
    """Return a table of a network's layers.

    Columns are input, inputs, neurons, synapses, neuron, synapse and device; the index is the number of the layer.
    """
    import pandas

    rows, source, inputs = [], network.encoding.name, network.inputs
    for number, layer in enumerate(network.layers):
        rows.append(
            {
                "input": source,
                "inputs": inputs,
                "neurons": layer.neurons,
                "synapses": inputs * layer.neurons,
                "neuron": layer.neuron.name,
                "synapse": layer.synapse.name,
                "device": "none" if layer.device is None else layer.device.preset,
            }
        )
        source, inputs = f"layer {number}", layer.neurons
    return pandas.DataFrame(rows).rename_axis("layer")
