"""Pair-based spike-timing-dependent plasticity (STDP), and the adaptive neuron that it is used with, for comparison.

Neuron: conductance-based leaky integrate-and-fire with an adaptive threshold::

    tau dv/dt = (v_rest - v) + g_e (E_e - v) + g_i (E_i - v)      spike where v > v_threshold + theta: v <- v_reset,
    tau_e dg_e/dt = -g_e,  tau_i dg_i/dt = -g_i                   theta <- theta + theta_plus
    tau_theta dtheta/dt = -theta

Plasticity: a presynaptic spike sets a trace x to 1 and depresses, a postsynaptic spike sets y to 1 and potentiates::

    tau_x dx/dt = -x,  tau_y dy/dt = -y
    pre:  w <- w - eta_pre y      post:  w <- w + eta_post x      w stays in [0, w_max]

Source: Diehl & Cook, Front. Comput. Neurosci. 9:99 (2015), and the first author's public code. That code multiplies the
potentiation by a slower postsynaptic trace (a triplet rule); this is the plain pair form. Its inhibitory population,
one neuron for each excitatory one, is replaced by direct inhibition of all other neurons.
"""

from brian2 import ms, mV

from brianff.equations.parameters import Parameter, Preset

__all__ = [
    "DIEHL_COOK_2015",
    "INHIBITION",
    "NEURON",
    "NEURON_RESET",
    "NEURON_THRESHOLD",
    "STDP",
    "STDP_POST",
    "STDP_PRE",
]

NEURON = """
dv/dt = ((v_rest - v) + g_e*(E_e - v) + g_i*(E_i - v))/tau : volt (unless refractory)
dg_e/dt = -g_e/tau_e : 1
dg_i/dt = -g_i/tau_i : 1
dtheta/dt = -plastic*theta/tau_theta : volt
plastic : 1 (shared)
"""
"""`plastic` is 1 while the network learns; at 0 the adaptive threshold stays as it is."""

NEURON_THRESHOLD = "v > v_threshold + theta"
NEURON_RESET = "v = v_reset; theta += plastic*theta_plus"

STDP = """
w : 1
dx/dt = -x/tau_x : 1 (event-driven)
dy/dt = -y/tau_y : 1 (event-driven)
"""
STDP_PRE = "g_e_post += gain*w; x = 1; w = clip(w - plastic_post*eta_pre*y, 0, w_max)"
STDP_POST = "y = 1; w = clip(w + plastic_post*eta_post*x, 0, w_max)"

INHIBITION = "g_i_post += inhibition"
"""What a spike does to all other neurons of the layer."""

DIEHL_COOK_2015 = Preset(
    "diehl-cook-2015",
    "Diehl & Cook, Front. Comput. Neurosci. 9:99 (2015), and the first author's public code",
    {
        "tau": Parameter(100 * ms, "membrane time constant"),
        "v_rest": Parameter(-65 * mV, "resting voltage"),
        "v_reset": Parameter(-65 * mV, "voltage after a spike"),
        "v_threshold": Parameter(-72 * mV, "threshold without adaptation: -52 mV less an offset of 20 mV"),
        "E_e": Parameter(0 * mV, "reversal voltage of excitation"),
        "E_i": Parameter(-100 * mV, "reversal voltage of inhibition"),
        "tau_e": Parameter(1 * ms, "decay of excitation"),
        "tau_i": Parameter(2 * ms, "decay of inhibition"),
        "refractory_period": Parameter(5 * ms, "time without spikes after a spike"),
        "theta_initial": Parameter(20 * mV, "adaptive threshold at the start"),
        "theta_plus": Parameter(0.05 * mV, "growth of the adaptive threshold at a spike"),
        "tau_theta": Parameter(1e7 * ms, "decay of the adaptive threshold"),
        "tau_x": Parameter(20 * ms, "decay of the presynaptic trace"),
        "tau_y": Parameter(20 * ms, "decay of the postsynaptic trace"),
        "eta_pre": Parameter(1e-4, "depression at a presynaptic spike"),
        "eta_post": Parameter(1e-2, "potentiation at a postsynaptic spike"),
        "w_max": Parameter(1.0, "largest weight"),
        "w_initial": Parameter(0.3, "initial weights are uniform in [0, w_initial]"),
        "w_mean": Parameter(0.1, "mean weight of a neuron after normalisation", "78 / 784 in the public code"),
        "gain": Parameter(1.0, "conductance of a unit weight, per leak conductance"),
        "inhibition": Parameter(17.0, "conductance of a spike in all other neurons", "weight in the public code"),
    },
)
