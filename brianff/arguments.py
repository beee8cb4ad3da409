"""Calls that fail because an argument is of another kind than its annotation says tell so, in one line.

::

    @explained
    def ledger(trainer: Trainer) -> dict: ...

What works is not looked at: nothing that is nearly of a kind is refused, and calls take no longer. Ranges, shapes and
what would be taken silently are checked where they matter: `brianff.description.fields`, `brianff.arrays`.
"""

from __future__ import annotations

import builtins
import collections.abc
import functools
import inspect
import operator
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np

from brianff.errors import BrianffError, ConfigurationError

__all__ = ["explained"]

Explained = TypeVar("Explained")


def explained(what: Explained) -> Explained:
    """Let a function, or the public methods of a class, tell which argument is of a wrong kind where a call fails."""
    if isinstance(what, classmethod | staticmethod):
        return type(what)(_explained(what.__func__))
    if not isinstance(what, type):
        return _explained(what)
    for name, member in [*vars(what).items()]:
        if name.startswith("_") and name != "__init__":
            continue
        if inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            setattr(what, name, explained(member))
    return what


def _explained(function: Any) -> Any:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BrianffError:
            raise
        except Exception as error:
            if told := _told(error, function, args, kwargs):
                raise ConfigurationError(told) from error
            raise

    return call


def _told(error: Exception, function: Any, args: tuple, kwargs: dict[str, Any]) -> str:
    """Return in a line which argument is not of the kind that its annotation says, or beyond the end; empty: none."""
    from brianff.description.fields import shown  # descriptions have methods that are explained

    signature, names = inspect.signature(function), _Names(inspect.unwrap(function).__globals__)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:  # names that it does not have: Python tells them well
        return ""
    for name, value in given.items():
        parameter = signature.parameters[name]
        if parameter.annotation is parameter.empty or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        kind = names.meaning(parameter.annotation)
        if wrong := _wrong(value, kind) or _because(error, value, kind):
            wrong = str(error) if wrong == NO and isinstance(error, OverflowError) else wrong
            written = getattr(parameter.annotation, "__name__", str(parameter.annotation)).replace(" | ", " or ")
            return f"{name} is {shown(value)}; {function.__name__} takes {written}{f': {wrong}' if wrong != NO else ''}"
    return ""


def _because(error: Exception, value: Any, kind: Any) -> str:
    """Return what an error tells of a value of the right kind: rows that are not there, a place that is none."""
    from brianff.description.fields import Rows

    if any(isinstance(one, Rows) for one in getattr(kind, "__metadata__", ())):
        return str(error)
    if isinstance(error, OSError) and isinstance(value, str | os.PathLike) and error.filename:
        at, given = Path(error.filename), Path(value)
        return str(error.strerror) if given in (at, *at.parents) or at in given.parents else ""
    return ""


NO = "not of the kind"


def _wrong(value: Any, kind: Any) -> str:
    """Return why a value is not of an annotated kind; empty: it may be."""
    if _is(value, kind):
        return ""
    for declared in getattr(kind, "__metadata__", ()):
        try:
            declared(value)
        except ValueError as error:
            return f"it {error}"
    return NO


class _Names(dict):
    """What names in an annotation mean, also those that are imported for type checkers only."""

    def meaning(self, annotation: Any) -> Any:
        try:
            return eval(annotation, {}, self) if isinstance(annotation, str) else annotation
        except Exception:
            return Any

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name):
            return getattr(builtins, name)
        for floor in ("brianff", "brianff.protocols", "brianff.analysis"):
            if hasattr(module := import_module(floor), name):
                return getattr(module, name)
        return sys.modules.get(name, Any)


def _is(value: Any, annotation: Any) -> bool:
    """Return whether a value may be of an annotated kind; what is not understood may be anything."""
    from brianff.description.fields import Declared, Place
    from brianff.equations.parameters import is_number

    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        if any(isinstance(one, type) and issubclass(one, os.PathLike) for one in inner):
            inner = tuple(one for one in inner if one is not str)  # text is a path, then
        return any(_is(value, one) for one in inner)
    if origin is Annotated:
        return _is(value, inner[0]) and all(_holds(one, value) for one in inner if isinstance(one, Declared))
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if annotation in (None, NoneType):
        return value is None
    if annotation is np.ndarray:
        return _numbers(value)
    if annotation is bool:
        return isinstance(value, bool | np.bool_)
    if annotation is int:
        return isinstance(value, collections.abc.Hashable) and hasattr(value, "__index__") and _whole(value)
    if annotation is float:
        return is_number(value)
    if isinstance(annotation, type) and issubclass(annotation, os.PathLike):
        return _holds(Place(), value)
    kind = origin or annotation
    if kind is collections.abc.Callable:
        return callable(value)
    if not isinstance(kind, type) or annotation is Any:
        return True
    if kind in (collections.abc.Sequence, collections.abc.Iterable):
        return _sequence(value) and all(_is(one, inner[0]) for one in (value if inner else ()))
    if kind is tuple and inner and inner[-1] is not Ellipsis and isinstance(value, tuple):
        return len(value) == len(inner) and all(map(_is, value, inner))
    if kind in (collections.abc.Mapping, dict) and inner:
        return isinstance(value, kind) and all(
            _is(key, inner[0]) and (isinstance(one, np.ndarray) or _is(one, inner[1])) for key, one in value.items()
        )
    return isinstance(value, kind)


def _holds(declared: Callable[[Any], Any], value: Any) -> bool:
    try:
        declared(value)
    except ValueError:
        return False
    return True


def _whole(value: Any) -> bool:
    try:
        return not isinstance(value, bool | np.bool_) and np.int64(operator.index(value)) == value
    except OverflowError:  # of no use as a number of things, or of one of them
        return False
    except TypeError:
        return False


def _numbers(value: Any) -> bool:
    try:
        array = np.asarray(value)
    except Exception:
        return False
    return array.dtype.kind in "biuf" and array.ndim > 0


def _sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return isinstance(value, collections.abc.Sequence | collections.abc.Set) and not isinstance(value, str | bytes)
