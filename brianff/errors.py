"""The package's own exceptions: every error a user can cause is one of these, with a message that says what to do."""

from collections.abc import Sequence

__all__ = [
    "BrianffError",
    "CheckpointError",
    "ConfigurationError",
    "DataError",
    "MissingDependencyError",
    "NumericalError",
    "missing",
]


class BrianffError(Exception):
    """Base of all errors raised on purpose by brianff. The command line prints it in one line and exits with 2."""

    def __str__(self) -> str:
        told = super().__str__()
        return " ".join(told.split()) if "\n" in told else told  # arrays that a user gave have several lines


class ConfigurationError(BrianffError, ValueError):
    """A description or protocol has an unknown name, key or value.

    Parameters
    ----------
    message : str
    problems : sequence of pairs of str
        Of a description: each wrong field, by its dotted name as the user wrote it, and what is wrong with it.
    """

    def __init__(self, message: str = "", problems: Sequence[tuple[str, str]] = ()):
        super().__init__(message or "; ".join(": ".join(filter(None, problem)) for problem in problems))
        self.problems = tuple(problems)


class DataError(BrianffError):
    """A data set is missing, damaged or of the wrong shape."""


class NumericalError(BrianffError, ArithmeticError):
    """An integration diverged; the message says which time step or method would work."""


class CheckpointError(BrianffError):
    """A run directory or checkpoint cannot be read: missing, truncated, altered or from another version."""


class MissingDependencyError(BrianffError, ImportError):
    """An optional package is needed for what was asked; the message says how to install it."""


def missing(part: object, method: str) -> ConfigurationError:
    """Return the error of a part of a user's own that lacks a method of its kind."""
    return ConfigurationError(f"{type(part).__name__} has no method {method!r}, which its kind needs")
