"""The adaptive exponential neuron with the names and numbers of its paper, as a user would write it."""

from brian2 import ms, mV, nS, pA, pF

from brianff.equations import NeuronModel

ADEX = NeuronModel(
    name="adex",
    equations="""
dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) + I - w)/C : volt
dw/dt = (a*(v - E_L) - w)/tau_w : amp
dsensitivity/dt = (unit_current/mV - g_L*sensitivity)/C : 1
activity = (v - E_L)/mV : 1
""",
    presets={
        "C": 281 * pF,
        "g_L": 30 * nS,
        "E_L": -70.6 * mV,
        "V_T": -50.4 * mV,
        "Delta_T": 2 * mV,
        "tau_w": 144 * ms,
        "a": 4 * nS,
        "b": 80.5 * pA,
        "V_r": -70.6 * mV,
    },
    initial={"v": "E_L"},
    threshold="v > V_T + 5*Delta_T",
    reset="v = V_r; w += b",
    traces=("v", "w"),
)
"""Brette & Gerstner, J. Neurophysiol. 94:3637 (2005); spikes are cut 5 Delta_T above the threshold."""
