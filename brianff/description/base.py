"""Base of all descriptions: plain, immutable data with units, validated when they are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from brianff.errors import ConfigurationError

__all__ = ["Description", "FrozenDict", "describe_errors"]


class FrozenDict(dict):
    """A dict of a description: it compares, is written and is copied as a dict, and cannot be changed."""

    def _refuse(self, *given: Any, **named: Any) -> Any:
        raise ConfigurationError("descriptions are immutable: make another one with replace(...)")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple:
        return type(self), (dict(self),)


class Description(BaseModel):
    """Base of all descriptions: immutable, no unknown fields, errors that name the field and the remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)
    renamed: ClassVar[dict[str, str]] = {}
    """Fields of version 0.1 by their old names; they are understood until version 0.3."""

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **values: Any):
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ConfigurationError(describe_errors(error, type(self))) from None
            for name, value in vars(self).items():
                if type(value) is dict:
                    vars(self)[name] = FrozenDict(value)

        def __getattr__(self, name: str) -> Any:
            if name in type(self).renamed:
                return getattr(self, self._new_name(name))
            return super().__getattr__(name)

    @model_validator(mode="before")
    @classmethod
    def _understand_old_names(cls, values: Any) -> Any:
        old = cls.renamed.keys() & values.keys() if isinstance(values, dict) else ()
        if not old:
            return values
        # Where both names are given, the old one was set on top of a file.
        kept = {key: value for key, value in values.items() if key not in old}
        return kept | {cls._new_name(name): values[name] for name in old}

    @classmethod
    def _new_name(cls, old: str) -> str:
        new = cls.renamed[old]
        warnings.warn(f"{old} is now {new}; the old name goes with version 0.3", DeprecationWarning, stacklevel=3)
        return new

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show what differs from the defaults, and parts by their names."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.get_default(call_default_factory=True):
                yield name, value if isinstance(value, BaseModel) else getattr(value, "name", value)

    def __str__(self) -> str:
        return repr(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, validated again."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(fields | changes))


def describe_errors(error: ValidationError, model: type[BaseModel]) -> str:
    """Return one line for a pydantic error: each field, what was given, what is allowed."""
    lines = []
    for item in error.errors(include_url=False):
        field = ".".join(str(part) for part in item["loc"]) or model.__name__
        if item["type"] == "extra_forbidden":
            lines.append(f"unknown key {field!r}; known: {', '.join(model.model_fields)}")
        elif item["type"] == "missing":
            lines.append(f"{field} is missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            told = isinstance(item["input"], dict) or isinstance(item.get("ctx", {}).get("error"), ConfigurationError)
            given = "" if told else f" (given: {item['input']!r})"
            lines.append(f"{field}: {message}{given}")
    return "; ".join(lines)
