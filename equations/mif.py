"""Memristive integrate-and-fire (MIF) neuron: one capacitor, two volatile memristors, two batteries.

::

    C dv/dt = I - G1 (v - E1) - G2 (v - E2)

Each memristor follows `brianff.equations.memristor`. There is no reset: the first memristor turns on and repolarises
the membrane by itself. A spike is an upward crossing of `v_spike`: 30 mV, which most driven neurons cross, or in the
preset "switching" 110 mV = v_on, where half of memristor 1's switches turn on.

Both memristors turn power into heat; the synaptic current and the batteries deliver it. Energy is conserved::

    I v - E1 G1 (v - E1) - E2 G2 (v - E2) = G1 (v - E1)^2 + G2 (v - E2)^2 + d(C v^2 / 2)/dt

The sensitivity dv/d(drive) obeys the membrane equation's own derivative with the memristors' states held, so it is
local to the neuron::

    C ds/dt = unit_current - (G1 + G2) s

Source: Kang et al., IEEE TCAS-I 68(12):4837-4850 (2021). The first author's public code has no unit of time
(tau = 100 steps, C = 1e-4); with one step = 1 us the values read as below, and tau equals Knowm's 1e-4 s.
"""

from dataclasses import replace

from brian2 import kohm, mV, pF, us

from brianff.equations.memristor import BOLTZMANN_FACTOR, volatile_memristor
from brianff.equations.neuron import NeuronModel
from brianff.equations.parameters import POSITIVE, SHARE, Parameter, Preset

__all__ = ["MIF", "MIF_CLIPPED"]

KANG_2021 = Preset(
    "kang-2021",
    "Kang et al., IEEE TCAS-I 68(12):4837-4850 (2021), and the first author's public code with one step = 1 us",
    {
        "R_on": Parameter(1 * kohm, "resistance of a memristor that is fully on", range=POSITIVE),
        "R_off": Parameter(100 * kohm, "resistance of a memristor that is fully off", range=POSITIVE),
        "v_on": Parameter(110 * mV, "voltage at which half of the off switches turn on"),
        "v_off": Parameter(5 * mV, "voltage at which half of the on switches turn off"),
        "k": Parameter(15 * mV, "width of the switching thresholds", range=POSITIVE),
        "tau": Parameter(100 * us, "time constant of switching", range=POSITIVE),
        "E1": Parameter(0 * mV, "battery in series with memristor 1"),
        "E2": Parameter(50 * mV, "battery in series with memristor 2"),
        "C": Parameter(100 * pF, "membrane capacitance", range=POSITIVE),
        "x_initial": Parameter(0.0238, "state of both memristors at the start of a presentation", range=SHARE),
        "v_initial": Parameter(0 * mV, "membrane voltage at the start of a presentation"),
        "v_spike": Parameter(30 * mV, "voltage whose upward crossing is a spike"),
    },
)

SWITCHING = KANG_2021.derive(
    "switching", "choice: a spike is where the device itself switches, v_on, half of its switches on", v_spike=110 * mV
)

SYMMETRIC_BATTERIES = KANG_2021.derive(
    "symmetric-batteries", "variant in the first author's public code", E1=-25 * mV, E2=25 * mV
)

MIF = NeuronModel(
    name="mif",
    equations=f"""
dv/dt = (I - G1*(v - E1) - G2*(v - E2))/C : volt
dsensitivity/dt = (unit_current/mV - (G1 + G2)*sensitivity)/C : 1
{BOLTZMANN_FACTOR}
{volatile_memristor(1)}
{volatile_memristor(2)}
activity = v/mV : 1
""",
    presets={preset.name: preset for preset in (KANG_2021, SYMMETRIC_BATTERIES, SWITCHING)},
    initial={"v": "v_initial", "x1": "x_initial", "x2": "x_initial"},
    threshold="v > v_spike",
    spike_activity="v_spike/mV",
    refractory="v > v_spike",
    activity_unit="mV",
    memristors=("x1", "x2"),
    traces=("v", "x1", "x2"),
    dissipated_power="G1*(v - E1)**2 + G2*(v - E2)**2",
    delivered_power="I*v - E1*G1*(v - E1) - E2*G2*(v - E2)",
    stored_energy="C*v**2/2",
    largest_explicit_step="C*R_on",
    largest_exponent="max(abs(E + v) for E in (E1, E2) for v in (v_on, v_off))/k",
)
"""The MIF neuron; its activity is the membrane voltage in millivolt."""

CLIPPED = Preset(
    "kang-2021-clipped",
    KANG_2021.source,
    {
        **KANG_2021.parameters,
        "v_lowest": Parameter(0 * mV, "lowest membrane voltage", "the first author's public code"),
        "v_highest": Parameter(1000 * mV, "highest membrane voltage", "the first author's public code"),
    },
)

MIF_CLIPPED = replace(
    MIF,
    name="mif-clipped",
    presets={
        preset.name: preset
        for preset in (CLIPPED, CLIPPED.derive("switching", SWITCHING.parameters["v_spike"].source, v_spike=110 * mV))
    },
    update="""
sensitivity = chosen(v < v_lowest or v > v_highest, 0.0*sensitivity, sensitivity)
v = chosen(v < v_lowest, v_lowest, v)
v = chosen(v > v_highest, v_highest, v)
""",
)
"""The MIF neuron as its first author's public code has it: the membrane voltage is kept within [0, 1000] mV.

Without the limits a drive below zero takes the voltage below zero, where the memristors are off and nothing bounds it:
a goodness of squared voltages then rises with inhibition too, and more than half of the neurons of a trained network
can be hyperpolarised (`hyperpolarised_share` of a run's summary). Clipping is not a property of the circuit: the energy
that it takes from the membrane is in no balance.
"""
