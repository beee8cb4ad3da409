"""Volatile memristor: the generalised metastable switch.

The state x in [0, 1] is the share of switches that are on; thermal transitions follow the voltage u across it::

    dx/dt = ((1 - x) s((u - v_on) / k) - x s((v_off - u) / k)) / tau        s(y) = 1 / (1 + exp(-y))
    G     = x / R_on + (1 - x) / R_off

Sources: Nugent & Molter, PLoS ONE 9:e85175 (2014); Kang et al., IEEE TCAS-I 68(12):4837-4850 (2021).
"""

__all__ = ["volatile_memristor"]


def volatile_memristor(number: int | str = "", voltage: str = "v") -> str:
    """Return the Brian2 equations of one volatile memristor.

    Parameters
    ----------
    number : int or str
        Suffix of the names: state `x1` and conductance `G1` for 1.
    voltage : str
        Expression of the voltage across the device.

    Returns
    -------
    str
        Equations of the state `x<number>` and the conductance `G<number>` (siemens); they need the constants
        R_on, R_off, v_on, v_off, k and tau.
    """
    return f"""
G{number} = x{number}/R_on + (1 - x{number})/R_off : siemens
dx{number}/dt = ((1 - x{number})*logistic((({voltage}) - v_on)/k)
                 - x{number}*logistic((v_off - ({voltage}))/k))/tau : 1
"""
