"""Presentations with all their steps fused into one call of the generated code.

Brian2's code advances all neurons by one step. Where nothing but a common time course acts on them during a
presentation, the same statements can run through all steps for the neurons of one lane, whose state stays in the
first-level cache meanwhile, and then for the next lane. They do so without Python's lock: threads can share lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import brian2
import numpy as np
from brian2.devices.device import runtime_device

from brianff.acceleration.compiled import CompiledCode
from brianff.acceleration.compiler import wide_flags
from brianff.engines.lanes.drive import Drive
from brianff.equations.functions import FUNCTIONS
from brianff.matching import FastPath

__all__ = ["FUSED", "FusedPresentations", "fused_code"]

NEURONS_TOGETHER = 512
"""Neurons of a lane whose state is held in the cache: 28 KiB at most."""

_UNLOCKED = {"abs", "exp", "log", "log10", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", *FUNCTIONS}
"""Functions that Brian2's code can call without Python's lock."""


FUSED = FastPath("fused", {"code": {"cython"}, "functions": lambda used: _UNLOCKED.issuperset(used)})
"""Only what generated code can do without Python's lock, and without anybody who looks or acts in between."""


def fused_code(started: Iterable[str], drives: Iterable[str], courses: Iterable[str]) -> type[CompiledCode]:
    """Return a NeuronGroup's `codeobj_class`, without events; its code puts the variables `started` to their start.

    `drives` are the variables of the drives, `courses` the shared ones that are given at each step.
    """
    names = {"started": tuple(started), "drives": tuple(drives), "courses": tuple(courses)}

    class FusedCode(CompiledCode):
        templater = CompiledCode.templater.derive(
            "brianff.engines.lanes", env_globals=names | {"neurons_together": NEURONS_TOGETHER}
        )

        def __init__(self, *arguments, **keywords):
            super().__init__(*arguments, **keywords)
            self.extra_compile_args = [*vars(self)["extra_compile_args"], *wide_flags()]

    return FusedCode


class FusedPresentations:
    """What the code of `fused_code` does when it is called.

    The `group` is lanes of so many `neurons`, with the shared variables and the variables of drives that `fused_code`
    was given. `starts` are the values that the variables which `fused_code` was given start from.
    """

    def __init__(
        self,
        group: brian2.NeuronGroup,
        starts: Mapping[str, np.ndarray | float],
        neurons: int,
        dtype: type[np.floating],
    ):
        self._namespace = group.state_updater.codeobj.namespace
        nothing = np.zeros((1, 1), dtype)
        self._names = {name: runtime_device.get_array_name(group.variables[name]) for name in starts}
        # What the code uses when it is called for single steps: the group's own arrays, and no drive to begin with.
        self._own = {array: self._namespace[array] for array in self._names.values() if array in self._namespace}
        self._own |= dict.fromkeys(("_image_drives", "_label_drives"), nothing)
        self._own |= dict.fromkeys(("_images", "_labels"), np.empty(0, np.int64))
        rows = [np.broadcast_to(start, neurons) for start in starts.values()]
        self._namespace |= self._own | {"_starts": np.array(rows, dtype).reshape(-1, neurons)}

    def step(self, courses: np.ndarray, timing: np.ndarray) -> None:
        """Let the next call make the steps of `courses`, see `present`, with the state and the drive as they are."""
        self._namespace |= {"_courses": np.ascontiguousarray(courses), "_timing": timing}

    def present(
        self,
        drive: Drive,
        courses: np.ndarray,
        timing: np.ndarray,
        results: Mapping[str, np.ndarray],
        call: Callable[[], None],
    ) -> None:
        """Let `call`, which calls the code, make all steps from the start with a drive.

        `courses` (timings, steps, variables) are the values of the shared variables, and `timing` (lanes,) says which
        of them each lane has.

        The variables in `results` are written to the arrays (presentations, neurons) given, instead of the group's own.
        """
        self._namespace |= {"_image_drives": drive.of_images, "_label_drives": drive.of_labels}
        self._namespace |= {"_images": drive.image, "_labels": drive.label}
        self.step(courses, timing)
        self._namespace |= {self._names[name]: array.reshape(-1) for name, array in results.items()}
        try:
            call()
        finally:
            self._namespace |= self._own
