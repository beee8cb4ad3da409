"""Python processes beside this one: they import what it imports, and nothing that lies where it was started."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

__all__ = ["python"]

# A json.py in the working directory would take the place of Python's own while brianff is imported. Whatever of the
# user's is sent to the process afterwards is searched for where this process would.
_CODE = """
import sys
{first}
sys.path[:] = {safe!r}
from {module} import {function}
sys.path[:] = {path!r}
{function}(*{arguments!r})
"""


def python(module: str, function: str, *arguments: Any, first: str = "") -> list[str]:
    """Return the command of a process that calls a function of brianff.

    Parameters
    ----------
    module, function : str
    *arguments
        Numbers and text.
    first : str
        Statements that are executed before anything is imported; `sys` is.
    """
    safe = [*filter(None, sys.path), str(Path(__file__).resolve().parents[1])]
    names = {"module": module, "function": function, "arguments": arguments}
    return [sys.executable, "-P", "-c", _CODE.format(first=first, safe=safe, path=sys.path, **names)]
