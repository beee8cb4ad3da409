"""Base of all descriptions: plain, immutable data with units, validated when they are made."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError, model_validator
from pydantic_core.core_schema import CoreSchema, no_info_before_validator_function

from brianff.describing import facts_table
from brianff.description.fields import shown
from brianff.errors import ConfigurationError

__all__ = ["Description", "FrozenDict"]


class FrozenDict(dict):
    """A dict of a description: it compares, is written and is copied as a dict, and cannot be changed."""

    def _refuse(self, *given: Any, **named: Any) -> Any:
        raise ConfigurationError("descriptions are immutable: make another one with replace(...)")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple:
        return type(self), (dict(self),)


def _by_name(values: Any) -> Any:
    if isinstance(values, dict) and not all(isinstance(name, str) for name in values):
        raise ValueError("keys must be text")
    return values


class Description(BaseModel):
    """Base of all descriptions: immutable, no unknown fields, errors that name the field and the remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
    renamed: ClassVar[dict[str, str]] = {}
    """Fields of version 0.1 by their old names; they are understood until version 0.3."""

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, /, **values: Any):
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise ConfigurationError(problems=_problems(error, type(self), values)) from None
            for name, value in vars(self).items():
                if type(value) is dict:
                    vars(self)[name] = FrozenDict(value)

        def __getattr__(self, name: str) -> Any:
            if name in type(self).renamed:
                return getattr(self, self._new_name(name))
            return super().__getattr__(name)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(_by_name, handler(source))

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

    def _repr_html_(self) -> str:
        """Show all fields, parts by their names."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        named = {
            name: getattr(value, "name", value) for name, value in values.items() if not isinstance(value, BaseModel)
        }
        return facts_table(self, values | named).to_html()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, validated again."""
        given = {name: getattr(self, name) for name in self.model_fields_set}  # what was left to a default still is
        return type(self)(**(given | changes))


def _problems(error: ValidationError, model: type[Description], values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return each wrong field of a description with what was given and what is allowed."""
    written = {model.renamed[name]: name for name in values if name in model.renamed}
    problems = []
    for item in error.errors(include_url=False):
        first, *rest = item["loc"] or ("",)
        # Where the value may be of several types, pydantic adds the type that it tried.
        field = ".".join(str(part) for part in (written.get(str(first), first), *rest) if "[" not in str(part))
        cause, given = item.get("ctx", {}).get("error"), shown(item["input"])
        if inner := getattr(cause, "problems", ()):
            problems += [(".".join(filter(None, (field, name))), problem) for name, problem in inner]
        elif item["type"] == "extra_forbidden":
            parent, _, name = field.rpartition(".")
            from difflib import get_close_matches

            similar = "".join(f"; did you mean {one}?" for one in get_close_matches(name, model.model_fields, 1))
            problems.append((parent, f"unknown key {shown(name)}; known: {', '.join(model.model_fields)}{similar}"))
        elif item["type"] == "missing":
            problems.append((field, "is missing"))
        else:
            problem = item["msg"].removeprefix("Value error, ")
            problem = problem.replace("Input should be an instance of Sequence", "must be a list, also of one")
            told = not field or isinstance(cause, ConfigurationError) or given in problem or problem.startswith("is ")
            problems.append((field, problem if told else f"{problem} (given: {given})"))
    return problems
