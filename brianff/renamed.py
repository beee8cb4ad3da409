"""Modules under the names of version 0.1: each warns, and is the module of today. They go with version 0.3."""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

__all__ = ["install"]

RENAMED = {
    "validation": "description.base",
    "quantities": "description.quantities",
    "device": "description.device",
    "datasets": "data",
    "device_array": "crossbar.device_array",
    "engines.blocks": "engines.lanes.batching",
    "engines.lane_group": "engines.lanes.group",
    "engines.whole": "engines.lanes.fused",
    "engines.workers": "engines.lanes.workers",
    "engines.drive": "engines.lanes.drive",
    "engines.shared": "acceleration.buffers",
    "engines.rows": "acceleration.rows",
    "codegeneration": "acceleration.compiler",
    "sharing": "acceleration.threads",
    "products": "acceleration.matrix_products",
    "statements": "acceleration.elementwise",
    "stepping": "acceleration.prepared_network",
    "contraction": "acceleration.contraction",
    "memory": "acceleration.memory",
    "runs": "storage.run_directory",
    "checkpoint": "storage.checkpoint",
    "provenance": "storage.provenance",
    "protocols.step_rules": "protocols.optimisers",
    "protocols.robustness": "protocols.studies.robustness",
    "protocols.reproduction": "protocols.studies.msnn_runs",
    "protocols.baseline": "protocols.studies.backpropagation",
    "protocols.stdp": "protocols.studies.stdp_layer",
    "protocols.temporal_patterns": "protocols.studies.temporal_patterns",
    "analysis.studies": "protocols.studies.study",
    "analysis.layers": "protocols.layers",
    "analysis.equivalence_study": "protocols.studies.equivalence",
    "analysis.stdp_study": "protocols.studies.stdp",
    "analysis.neohebbian": "protocols.studies.neohebbian",
    "analysis.msnn": "protocols.studies.msnn",
    "analysis.published": "protocols.studies.published",
}
"""Old to new name, both below ``brianff``."""


class _Renamed(MetaPathFinder, Loader):
    def find_spec(self, fullname, path=None, target=None):
        root, _, name = fullname.partition(".")
        return ModuleSpec(fullname, self) if root == "brianff" and name in RENAMED else None

    def exec_module(self, module):
        old = module.__name__
        new = f"brianff.{RENAMED[old.removeprefix('brianff.')]}"
        warnings.warn(f"{old} is now {new}; the old name goes with version 0.3", DeprecationWarning, stacklevel=2)
        sys.modules[old] = import_module(new)


def install() -> None:
    """Let imports under old names find the modules of today."""
    sys.meta_path.append(_Renamed())
