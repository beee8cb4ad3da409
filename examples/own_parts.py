"""Adaptive exponential neurons, a cubic goodness, a rule with decay and a measured device learn the digits."""

from pathlib import Path

from brian2 import ms, mV, nA, nS, pA, pF

from brianff import Device, Goodness, Layer, Network, RateEncoding, check_gradient
from brianff.equations import NeuronModel
from brianff.protocols import Engine, Learning, Protocol, Trainer, modulated_hebbian

# Brette & Gerstner, J. Neurophysiol. 94:3637 (2005), with a faster adaptation, for presentations of 40 ms.
MEMBRANE = {"C": 281 * pF, "g_L": 30 * nS, "E_L": -70.6 * mV, "V_T": -50.4 * mV, "Delta_T": 2 * mV, "V_r": -70.6 * mV}
ADAPTATION = {"tau_w": 30 * ms, "a": 4 * nS, "b": 80.5 * pA}
ADEX = NeuronModel(
    name="adex",
    equations="""
dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w + I)/C : volt
dw/dt = (a*(v - E_L) - w)/tau_w : amp
dz/dt = -z/tau_z : 1
activity = z : 1
sensitivity = 1 : 1
""",
    presets=MEMBRANE | ADAPTATION | {"tau_z": 20 * ms},
    initial={"v": "E_L"},
    threshold="v > -40*mV",
    reset="v = V_r; w += b; z += 1",
    traces=("v", "w", "z"),
)


def forgetful(positive, negative, modulator):
    """The modulated Hebbian change, less for neurons that are active anyway."""
    change = modulated_hebbian(positive, negative, modulator)
    return change / (1 + positive.goodness_terms.mean(axis=0))


device = Device.from_table(Path(__file__).with_name("pulses.csv"))  # direction, pulse, conductance in microsiemens
layer = Layer(
    neurons=100,
    neuron=ADEX,
    device=device,
    current_scale=4 * nA,
    synapse_time_constant=3 * ms,
    initial_weight_deviation=0.05,
)
network = Network(pixels=64, encoding=RateEncoding(steps=80), layers=[layer], time_step=0.5 * ms, method="euler")
cubic = Goodness("cubic", "activity**3")
learning = Learning(goodness=cubic, plasticity=forgetful, sharpness=3, learning_rate=1e-2, epochs=6, batch=32)
trainer = Trainer(Protocol(name="own parts", network=network, learning=learning, engine=Engine(workers=2)))
print(check_gradient(network, learning.goodness))
print(f"test accuracy {trainer.fit('runs/own-parts')['test_accuracy']:.1%}")
