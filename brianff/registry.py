"""Registries: one for each kind of part that a user may replace, by an object or by a name of her own.

A part is passed as an object, or named. Names are looked up in the registry of their kind: those of brianff, those that
`brianff.register` added, and the entry points of installed packages, in the group ``brianff.<kind>``.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, TypeVar

from brianff.errors import ConfigurationError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Mapping[str, Any]):
    """Parts of one kind by name.

    Parameters
    ----------
    kind : str
        What its parts are called, in the singular: "neuron".
    base : type or None
        Class of the parts; None: whatever can be called.
    parts : mapping of str to object
        Those that are known from the start: objects, or classes that are made when they are used.
    classes : bool
        Whether a class may stand for a part.
    called_with : tuple of str
        Arguments with which a part that is a function is called.
    """

    def __init__(
        self,
        kind: str,
        base: type | None,
        parts: Mapping[str, Any] | None = None,
        classes: bool = True,
        called_with: tuple[str, ...] = (),
    ):
        self.kind, self.base, self.classes, self.called_with = kind, base, classes, called_with
        self._parts = dict(parts or {})
        self.built_in = dict(self._parts)

    def __getitem__(self, name: str) -> Any:
        if name in self._parts:
            return self._parts[name]
        point = self._installed.get(name)
        if point is None:
            raise ConfigurationError(
                f"no {self.kind} {name!r}; known: {', '.join(self)}; to add one: brianff.register.{self.kind}(...), "
                "for the command line in a module that you --import"
            )
        try:
            self._parts[name] = self.checked(point.load())
        except Exception as error:
            raise ConfigurationError(f"{self.kind} {name!r} of {point.value!r} cannot be loaded: {error}") from error
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._parts, **self._installed})

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._parts or name in self._installed

    @cached_property
    def _installed(self) -> dict[str, Any]:
        """Entry points of installed packages by name."""
        return {point.name: point for point in entry_points(group=f"brianff.{self.kind}")}

    def register(self, part: T, name: str | None = None, replace: bool = False) -> T:
        """Give a part a name, its own by default, and return the part.

        Raises
        ------
        ConfigurationError
            If it is no part of this kind, has no name, or the name is another part's, unless `replace`.
        """
        self.checked(part)
        name = name or self.name_of(part)
        if name in self and self._parts.get(name) is not part and not replace:
            raise ConfigurationError(f"there is a {self.kind} {name!r} already: choose another name, or replace=True")
        self._parts[name] = part
        return part

    def find(self, value: Any) -> Any:
        """Return the part that a value means: a name, a table with a name and parameters, or the part itself.

        Raises
        ------
        ConfigurationError
            If the value means none.
        """
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping):
            return self.checked(value)
        parameters = {str(key): item for key, item in value.items() if key != "name"}
        if not isinstance(value.get("name"), str):
            raise ConfigurationError(f"a table for a {self.kind} needs a name; known: {', '.join(self)}")
        part = self[value["name"]]
        if not parameters:
            return part
        try:
            return self.checked(part(**parameters) if not self._has_parameters(part) else replace(part, **parameters))
        except TypeError as error:
            message = f"{self.kind} {value['name']!r} does not take these parameters: {error}"
            raise ConfigurationError(message) from None

    def _has_parameters(self, part: Any) -> bool:
        """Whether a part is an object of a kind of its own that takes parameters."""
        return not inspect.isclass(part) and is_dataclass(part) and type(part) is not self.base

    def checked(self, part: T) -> T:
        """Return a part; a ConfigurationError if it is none of this kind."""
        of_kind = part if inspect.isclass(part) else type(part)
        fits = callable(part) if self.base is None else issubclass(of_kind, self.base)
        if not fits or (part is of_kind and not self.classes):
            wanted = "something that can be called" if self.base is None else f"a {self.base.__name__}"
            given = f"the class {part.__name__}" if part is of_kind else f"{reprlib.repr(part)} ({of_kind.__name__})"
            article = "an" if self.kind[0] in "aeiou" else "a"
            raise ConfigurationError(f"{article} {self.kind} is {wanted}, or a name: {', '.join(self)}; not {given}")
        if self.called_with and inspect.isfunction(part):
            try:
                inspect.signature(part).bind(*self.called_with)
            except TypeError as error:
                arguments = ", ".join(self.called_with)
                message = f"{self.kind} {part.__name__!r} cannot be called with ({arguments}): {error}"
                raise ConfigurationError(message) from None
        return part

    def make(self, part: Any, **offered: Any) -> Any:
        """Return the part; one that is a class is made of those of the offered values that its constructor names."""
        if not inspect.isclass(part):
            return part
        signature = inspect.signature(part)
        taken = {name: offered[name] for name in signature.parameters if name in offered}
        try:
            signature.bind(**taken)
        except TypeError as error:
            raise ConfigurationError(
                f"{self.kind} {part.__name__} cannot be made, {error}: give the object itself, {part.__name__}(...)"
            ) from None
        return part(**taken)

    def _known_name(self, part: Any) -> str | None:
        """Return the name of a part that is known, or of a copy of one, as other processes have."""
        for name, known in self._parts.items():
            if known is part:
                return name
        for name, known in self._parts.items():
            with suppress(ValueError):  # arrays among the values
                if type(known) is type(part) and is_dataclass(part) and known == part:
                    return name
        return None

    def name_of(self, part: Any) -> str:
        """Return the name of a part: that in the registry, else its own."""
        if (name := self._known_name(part)) is not None:
            return name
        own = getattr(part, "name", None) or getattr(part, "__name__", None)
        return str(own or self.name_of(type(part)))

    def describe(self, part: Any) -> Any:
        """Return what stands for a part in a file: its name, or a table with the name of its class and its values."""
        kinds = [one if inspect.isclass(one) else type(one) for one in self._parts.values()]
        if self._known_name(part) is not None or type(part) not in kinds or not self._has_parameters(part):
            return self.name_of(part)
        values = {field.name: getattr(part, field.name) for field in fields(part) if field.init}
        names = {name: self.name_of(value) for name, value in values.items() if callable(value)}
        return {"name": self.name_of(type(part)), **values, **names}
