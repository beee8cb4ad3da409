"""Volatile memristor: the generalised metastable switch.

The state x in [0, 1] is the share of switches that are on; thermal transitions follow the voltage u across it::

    dx/dt = ((1 - x) s((u - v_on) / k) - x s((v_off - u) / k)) / tau        s(y) = 1 / (1 + exp(-y))
    G     = x / R_on + (1 - x) / R_off

Sources: Nugent & Molter, PLoS ONE 9:e85175 (2014); Kang et al., IEEE TCAS-I 68(12):4837-4850 (2021).

With u = v - E, a battery E in series, both rates are functions of the Boltzmann factor q = exp(v / k)::

    s((u - v_on) / k)  = q / (q + exp((E + v_on) / k))
    s((v_off - u) / k) = exp((E + v_off) / k) / (q + exp((E + v_off) / k))

so that one exponential in each step serves all memristors of a membrane, and both rates have one denominator. This is
the form below; divided by the constants, it stays within single precision for larger voltages.
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
    on, off = (f"boltzmann*exp(-({battery} + {threshold})/k)" for threshold in ("v_on", "v_off"))
    return f"""
G{number} = {x}/R_on + (1 - {x})/R_off : siemens
d{x}/dt = ((1 - {x})*{on}*(1 + {off}) - {x}*(1 + {on}))*reciprocal((1 + {on})*(1 + {off}))/tau : 1
"""
