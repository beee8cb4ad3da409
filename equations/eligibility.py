"""Synapses with an eligibility trace, and the neurons that broadcast the modulator of a layer, as Brian2 text.

At each plastic step, with D = modulator x presynaptic spike x postsynaptic factor::

    e <- (1 - rate) e + rate D          w <- w + gain e          (w kept within its bounds)

The trace never rests, but between two spikes of its input it only decays, and the weight moves in one direction. After
n plastic steps without a spike::

    e_n = (1 - rate)^n e_0          w_n = w_0 + gain e_0 (1 - rate) (1 - (1 - rate)^n) / rate

so that a row of synapses is brought up to date (settled) when its input spikes, exactly. In a batch hardly any input is
silent in all presentations; there every synapse moves at every plastic step, and D is the mean over the presentations.
Rule: arXiv 2406.16479.
"""

__all__ = [
    "BROADCAST",
    "DELIVER",
    "INPUT",
    "LEARNER",
    "MODULATE",
    "MOVE",
    "POTENTIATE",
    "POTENTIATE_TOGETHER",
    "SETTLE",
    "SETTLED",
    "SYNAPSE",
]

INPUT = """
settled_at : integer
retained : 1
released : 1
step : integer (shared)
plastic_steps : integer (shared)
plastic : integer (shared)
"""
"""An input unit; whether this step is plastic is an integer, which counts the plastic steps."""

SETTLED = """
retained = (1 - rate)**(plastic_steps - settled_at)
released = (1 - rate)/rate*(1 - retained)
settled_at = plastic_steps
"""
"""Statements of an input unit that spikes for the first time after plastic steps."""

SYNAPSE = """
w : 1
eligibility : 1
"""

SETTLE = """
w = clip(w + gain_post*released_pre*eligibility, -bound, bound)
eligibility = retained_pre*eligibility
"""
"""Brings a synapse up to date."""

DELIVER = "v_post += R*current_scale*w"
"""An input spike kicks the membrane."""

POTENTIATE = """
eligibility = (1 - rate)*eligibility + rate*change_post
w = clip(w + gain_post*eligibility, -bound, bound)
"""
"""An input spike at a plastic step, after the neuron's own spike."""

POTENTIATE_TOGETHER = "eligibility += rate*change_post"
"""The same in a batch, where the trace is kept as what it will have decayed to at the next plastic step."""

MOVE = """
w = clip(w + gain_post*eligibility, -bound, bound)
eligibility = (1 - rate)*eligibility
"""
"""What follows for every synapse once all presentations have potentiated."""

LEARNER = """
modulator : 1 (linked)
change : 1
gain : 1 (shared)
"""
"""What a neuron needs beside its model: the modulator that is broadcast to it, and its factor of the change."""

BROADCAST = {
    "sigmoid": """
layer_goodness : 1
modulator : 1
""",
    "symmetric": """
layer_goodness : 1
other_goodness : 1 (linked)
own = layer_goodness + epsilon : 1
other = other_goodness + epsilon : 1
toward = polarity(t, i//2)*(1 - 2*(i % 2)) : 1
modulator : 1
""",
}
"""Neurons that sum the goodness of their part of the layer and broadcast -dL/dG to it; `polarity` of a presentation is
1 or -1, or 0 for none. Sigmoid: one for each presentation of the batch. Symmetric: one for each half, "+" first."""

MODULATE = {
    "sigmoid": "modulator = polarity(t, i)*sharpness/(1 + exp(polarity(t, i)*sharpness*(layer_goodness - threshold)))",
    "symmetric": "modulator = (int(toward > 0)*other/own - int(toward < 0))/(own + other)",
}
"""What they broadcast."""
