"""Whole presentations in one call of the generated code.

Brian2's code advances all neurons by one step. Where nothing but a common time course acts on them between the steps of
a presentation, the same statements can run through all steps for some neurons, whose state stays in the first-level
cache meanwhile, and then for the next.
"""

from __future__ import annotations

import brian2
import numpy as np
from brian2 import Equations
from brian2.codegen.runtime.cython_rt import CythonCodeObject

from brianff.codegeneration import wide_flags

__all__ = ["WholePresentations"]

NEURONS_TOGETHER = 512
"""Their state is at most 28 KiB; a multiple of what a vector holds, so that this decides on no result."""

_CHANGING = {"t", "i_t", "t_in_timesteps", "rand", "randn", "poisson"}


class WholePresentations(CythonCodeObject):
    """Class for `codeobj_class` of NeuronGroups without events that read a shared variable `time_course`."""

    templater = CythonCodeObject.templater.derive("brianff.engines", env_globals={"neurons_together": NEURONS_TOGETHER})

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.extra_compile_args = [*self.extra_compile_args, *wide_flags()]

    @staticmethod
    def possible(equations: Equations) -> bool:
        """Tell whether generated code is in use, and neither the time nor chance is in the equations."""
        compiled = brian2.prefs.codegen.target == "cython"
        return compiled and not equations.is_stochastic and not equations.identifiers & _CHANGING

    @staticmethod
    def follow(group: brian2.NeuronGroup, time_course: np.ndarray) -> None:
        """Let each call from now on make a step for each value of `time_course`."""
        group.state_updater.codeobj.namespace["_time_courses"] = time_course
