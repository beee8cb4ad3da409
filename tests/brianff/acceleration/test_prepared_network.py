"""Prepared stepping against plain `Network.run`, spike for spike."""

import brian2
import numpy as np
import pytest
from brian2 import ms

from brianff.acceleration.prepared_network import PreparedNetwork


def build(network_class):
    clock = brian2.Clock(1 * ms, name="stepping_clock")
    group = brian2.NeuronGroup(
        20,
        "dv/dt = (1.3 + 0.1*i/20 - v)/tau : 1\ntau = 7*ms : second",
        threshold="v > 1",
        reset="v = 0",
        refractory=2 * ms,
        method="exact",
        clock=clock,
        name="stepping",
    )
    synapses = brian2.Synapses(group, group, on_pre="v_post += 0.05", clock=clock, name="stepping_synapses")
    synapses.connect(condition="j == (i + 1) % N_pre")
    spikes = brian2.SpikeMonitor(group, name="stepping_spikes")
    voltage = brian2.StateMonitor(group, "v", record=True, clock=clock, name="stepping_voltage")
    return network_class(group, synapses, spikes, voltage), spikes, voltage


def test_stepping_equals_run(numpy_target):
    plain, plain_spikes, plain_voltage = build(brian2.Network)
    plain.run(100 * ms)
    prepared, spikes, voltage = build(PreparedNetwork)
    prepared.prepare()
    for _ in range(100):
        prepared.step()
    assert plain_spikes.num_spikes > 100
    np.testing.assert_array_equal(plain_spikes.i, spikes.i)
    np.testing.assert_array_equal(plain_spikes.t, spikes.t)
    np.testing.assert_array_equal(plain_voltage.v, voltage.v)


def test_several_clocks_are_refused(numpy_target):
    first = brian2.NeuronGroup(1, "dv/dt = -v/ms : 1", method="exact", dt=1 * ms, name="first_group")
    second = brian2.NeuronGroup(1, "dv/dt = -v/ms : 1", method="exact", dt=2 * ms, name="second_group")
    with pytest.raises(ValueError, match="single clock"):
        PreparedNetwork(first, second).prepare()


@pytest.mark.parametrize("target", ["numpy", pytest.param("cython", marks=pytest.mark.slow)])
def test_a_restricted_group_is_a_smaller_group(target, numpy_target):
    """Neurons beyond those in use neither move nor spike, and the others do not notice."""
    brian2.prefs.codegen.target = target

    def make(size):
        clock = brian2.Clock(1 * ms, name="restricted_clock")
        group = brian2.NeuronGroup(
            size,
            "dv/dt = (1.3 + 0.1*i - v)/(7*ms) : 1",
            threshold="v > 1",
            reset="v = 0",
            refractory=2 * ms,
            method="exact",
            clock=clock,
            name="restricted",
        )
        network = PreparedNetwork(group)
        network.prepare()
        return group, network

    (small, small_network), (large, large_network) = make(5), make(12)
    use = large_network.restrict(large)
    use(12)
    use(5)
    spikes = 0
    for _ in range(40):
        small_network.step()
        large_network.step()
        np.testing.assert_array_equal(small.v[:], large.v[:5])
        space, expected = (group.variables["_spikespace"].get_value() for group in (large, small))
        np.testing.assert_array_equal(space[: space[5]], expected[: expected[5]])
        spikes += expected[5]
    assert spikes > 5
    assert (large.v[5:] == 0).all()
