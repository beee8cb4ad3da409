"""The STDP window, from the formula: exponentials in the time between two spikes."""

import brian2
import numpy as np
import pytest
from brian2 import ms, mV

from brianff.equations import stdp


def weight_after(pre_times, post_times, plastic=1.0):
    """Return the weight of one synapse, 0.5 at first, after forced pre- and postsynaptic spikes (ms)."""
    namespace = stdp.DIEHL_COOK_2015.namespace()
    clock = brian2.Clock(0.1 * ms)
    source = brian2.SpikeGeneratorGroup(1, np.zeros(len(pre_times), int), pre_times * ms, clock=clock)
    forced = brian2.TimedArray(np.isin(np.arange(2000), np.rint(np.array(post_times) * 10)).astype(float), dt=0.1 * ms)
    target = brian2.NeuronGroup(
        1,
        "g_e : 1\nplastic : 1 (shared)",
        threshold="forced(t) > 0",
        reset="",
        namespace={"forced": forced},
        clock=clock,
    )
    target.plastic = plastic
    synapse = brian2.Synapses(
        source, target, stdp.STDP, on_pre=stdp.STDP_PRE, on_post=stdp.STDP_POST, method="exact", namespace=namespace
    )
    synapse.connect()
    synapse.w = 0.5
    brian2.Network(source, target, synapse).run(100 * ms)
    assert target.g_e[0] > 0
    return synapse.w[0]


@pytest.mark.parametrize("interval", [2.0, 10.0, 40.0])
def test_window(interval, numpy_target):
    potentiated = weight_after([20.0], [20.0 + interval])
    assert potentiated - 0.5 == pytest.approx(1e-2 * np.exp(-interval / 20), rel=1e-6)
    depressed = weight_after([20.0 + interval], [20.0])
    assert depressed - 0.5 == pytest.approx(-1e-4 * np.exp(-interval / 20), rel=1e-6)


def test_nearest_spikes_count_and_nothing_changes_without_plasticity(numpy_target):
    # the second presynaptic spike sets the trace to 1 again: it does not add
    assert weight_after([10.0, 20.0], [25.0]) - 0.5 == pytest.approx(1e-2 * np.exp(-5 / 20), rel=1e-6)
    assert weight_after([10.0, 30.0], [25.0], plastic=0.0) == 0.5


def test_the_preset_is_diehl_and_cooks(numpy_target):
    values = stdp.DIEHL_COOK_2015.namespace()
    assert values["v_threshold"] + values["theta_initial"] == -52 * mV  # their threshold at the start
    assert values["w_mean"] * 784 == pytest.approx(78, abs=0.5)
