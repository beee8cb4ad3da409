"""What the parts of a protocol are, beyond their names: a run is resumed and evaluated with those it was made of."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from brian2 import Quantity

from brianff.description import Description
from brianff.protocols.callbacks import Callback
from brianff.protocols.configuration import Protocol
from brianff.register import KINDS

__all__ = ["fingerprints"]

_PLAIN = (str, bytes, bool, int, float, complex, type(None), np.generic)


def fingerprints(protocol: Protocol) -> dict[str, str]:
    """Return a digest of each part of a protocol by the key that holds it; of a part of brianff its name.

    The source of functions and classes counts, and the values that objects hold. What a callback collects does not.
    """
    known = [(name, part) for kind in KINDS.values() for name, part in kind.registry.built_in.items()]
    found = {}
    for key, part in _parts(protocol, ""):
        # Defaults of descriptions are copies.
        name = next((name for name, one in known if one is part or (type(one) is type(part) and one == part)), None)
        text = _text(part, ())
        found[key] = name or hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def _parts(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Description):
        for name in type(value).model_fields:
            yield from _parts(getattr(value, name), f"{key}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _parts(item, f"{key}.{number}")
    elif not isinstance(value, (*_PLAIN, Quantity, Mapping)) and key != "data.dataset":
        yield key, value


def _text(value: Any, inside: tuple[int, ...]) -> str:
    """Return a text that is the same for the same content in every process."""
    if isinstance(value, Quantity):
        return f"{np.asarray(value).tolist()!r} {value.dim!r}"
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    if id(value) in inside or len(inside) > 20:
        return "..."
    inside = (*inside, id(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {_text(item, inside)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        items = [_text(item, inside) for item in value]
        return str(sorted(items) if isinstance(value, set | frozenset) else items)
    if inspect.isclass(value) or inspect.isroutine(value):
        return _source(value)
    if is_dataclass(value):
        values = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
    else:
        values = {} if isinstance(value, Callback) else getattr(value, "__dict__", {})
    return _source(type(value)) + _text(values, inside)


def _source(code: Any) -> str:
    name = f"{code.__module__}.{getattr(code, '__qualname__', code)}"
    if name.startswith(("brianff.", "builtins.", "numpy.", "brian2.")):
        return name
    try:
        return f"{code.__name__} {inspect.getsource(code)}"
    except (OSError, TypeError):  # typed at a prompt
        compiled = getattr(code, "__code__", None)
        return f"{code.__name__} {compiled and (compiled.co_code, compiled.co_consts)}"
