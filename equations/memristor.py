"""Volatile memristor: the generalised metastable switch.

The state x in [0, 1] is the share of switches that are on; thermal transitions follow the voltage u across it::

    dx/dt = ((1 - x) s((u - v_on) / k) - x s((v_off - u) / k)) / tau        s(y) = 1 / (1 + exp(-y))
    G     = x / R_on + (1 - x) / R_off

Sources: Nugent & Molter, PLoS ONE 9:e85175 (2014); Kang et al., IEEE TCAS-I 68(12):4837-4850 (2021).

With u = v - E, a battery E in series, both rates are functions of the Boltzmann factor q = exp(v / k)::

    s((u - v_on) / k)  = q / (q + exp((E + v_on) / k))
    s((v_off - u) / k) = exp((E + v_off) / k) / (q + exp((E + v_off) / k))

so that one exponential in each step serves all memristors of a membrane. This is the form below.
"""

__all__ = ["BOLTZMANN_FACTOR", "volatile_memristor"]

BOLTZMANN_FACTOR = "boltzmann = exponential(v/k) : 1\n"
"""Equation of the Boltzmann factor of the membrane voltage, which `volatile_memristor` reads."""


def volatile_memristor(number: int) -> str:
    """Return the Brian2 equations of one volatile memristor in series with the battery `E<number>`.

    Parameters
    ----------
    number : int
        Suffix of the names.

    Returns
    -------
    str
        Equations of the state `x<number>` (1) and the conductance `G<number>` (siemens). They need `boltzmann` and the
        constants R_on, R_off, v_on, v_off, k, tau and `E<number>`.
    """
    x, battery = f"x{number}", f"E{number}"
    on, off = f"exp(({battery} + v_on)/k)", f"exp(({battery} + v_off)/k)"
    return f"""
G{number} = {x}/R_on + (1 - {x})/R_off : siemens
turn_on_{number} = boltzmann*reciprocal(boltzmann + {on}) : 1
turn_off_{number} = {off}*reciprocal(boltzmann + {off}) : 1
d{x}/dt = ((1 - {x})*turn_on_{number} - {x}*turn_off_{number})/tau : 1
"""
