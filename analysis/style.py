"""The common look of figures, and how they are saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.arguments import explained
from brianff.description.fields import shown
from brianff.errors import ConfigurationError
from brianff.storage.checkpoint import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "COLOURS",
    "GREY",
    "LABEL_COLOURS",
    "ORANGE",
    "colours_of",
    "legend_above",
    "letters",
    "new_axes",
    "new_figure",
    "off_screen",
    "require",
    "save_figure",
    "si_unit",
    "time_unit",
]

ORANGE, SKY_BLUE, GREEN, BLUE, VERMILION, PURPLE = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#666666"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)
"""Colours that the colour-blind can tell apart (Okabe & Ito 2008)."""


LABEL_COLOURS = (
    *("#332288", "#88CCEE", "#44AA99", "#117733", "#999933"),
    *("#DDCC77", "#CC6677", "#882255", "#AA4499", "#888888"),
)
"""Ten colours for classes that the colour-blind can tell apart (Tol, SRON/EPS/TN/09-002, 2021, "muted")."""

POLARITIES = {"positive": BLUE, "negative": ORANGE, "": "#000000"}

_SHOWN: ContextVar[bool] = ContextVar("figures are shown", default=True)


@contextmanager
def off_screen() -> Iterator[None]:
    """Keep new figures out of windows and notebooks: for those that are only written to files."""
    token = _SHOWN.set(False)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def new_figure(size: tuple[float, float]) -> Figure:
    """Return an empty figure of a size in inches, one of pyplot's, so that notebooks show it."""
    options: dict[str, Any] = {"figsize": size, "layout": "constrained"}
    if _SHOWN.get():
        from matplotlib import pyplot

        return pyplot.figure(**options)
    from matplotlib.figure import Figure

    return Figure(**options)


def new_axes(ax: Axes | None, size: tuple[float, float] = (4.0, 3.0)) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    ax = new_figure(size).add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def time_unit(span: float) -> tuple[float, str]:
    """Return the factor and symbol of the unit that suits a time span given in seconds."""
    return (1e6, "µs") if span < 1e-3 else (1e3, "ms") if span < 1 else (1.0, "s")


def si_unit(values: np.ndarray, unit: str) -> tuple[float, str]:
    """Return the factor and symbol, such as pA, of the unit that suits values in an SI unit; 1 and "" without one.

    Examples
    --------
    >>> si_unit(np.array([-2e-10, 0.0]), "A")
    (1000000000000.0, 'pA')
    """
    largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
    if not unit.isalpha() or largest == 0:  # no unit, or one such as A/s
        return 1.0, unit
    power = int(np.clip(np.floor(np.log10(largest) / 3), -5, 2))
    return 10.0 ** (-3 * power), ("f", "p", "n", "µ", "m", "", "k", "M")[power + 5] + unit


def colours_of(values: Sequence[Any]) -> dict[Any, Any]:
    """Return a colour for each value: polarities and classes have their own, others one after the other."""
    if set(values) <= POLARITIES.keys():
        return {value: POLARITIES[value] for value in values}
    if all(isinstance(value, int | np.integer) and 0 <= value < len(LABEL_COLOURS) for value in values):
        return {value: LABEL_COLOURS[value] for value in values}
    if len(values) <= len(COLOURS):
        return dict(zip(values, COLOURS, strict=False))
    from matplotlib import colormaps

    return dict(zip(values, colormaps["viridis"](np.linspace(0, 0.95, len(values))), strict=True))


def legend_above(ax: Axes, columns: int = 3, **options: Any) -> None:
    """Put the legend, if there is anything to tell, above the axes, where it hides nothing."""
    if ax.get_legend_handles_labels()[0] or "handles" in options:
        place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}
        ax.legend(frameon=False, fontsize=8, ncols=columns, **(place | options))


def letters(axes: Any, first: str = "a", offset: float = -34) -> None:
    """Write a bold letter at the upper left of each of several axes, `offset` points from their left edge."""
    for number, ax in enumerate(np.ravel(axes)):
        place = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "right"}
        ax.annotate(chr(ord(first) + number), (0, 1), (offset, 4), fontweight="bold", fontsize=11, **place)


def require(condition: bool, message: str) -> None:
    """Raise a ConfigurationError with `message` unless `condition` holds."""
    if not condition:
        raise ConfigurationError(message)


@explained
def save_figure(drawn: Any, path: str | Path, dpi: int = 200) -> Path:
    """Save the figure that holds some axes.

    Parameters
    ----------
    drawn : Figure, Axes or array of Axes
    path : str or Path
        File name; its ending gives the format. Missing directories are made.
    dpi : int
        Dots per inch, of formats that have some.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    ConfigurationError
        If the ending is no format, or the directory cannot be made.
    CheckpointError
        If the file cannot be written.
    """
    if isinstance(drawn, np.ndarray):
        drawn = drawn.flat[0] if drawn.size else None
    figure, path, content = getattr(drawn, "figure", drawn), Path(path), BytesIO()
    require(hasattr(figure, "savefig"), f"drawn is {shown(drawn)}; it must be a figure or what lies in one")
    formats = figure.canvas.get_supported_filetypes()
    form = path.suffix.removeprefix(".").lower()
    require(form in formats, f"cannot draw {path}: its name must end with a format, one of {', '.join(formats)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the directory of {path}: {error.strerror}; name another") from None
    figure.savefig(content, format=form, dpi=dpi, bbox_inches="tight")
    write_atomically(path, content.getvalue())
    return path
