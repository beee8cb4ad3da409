"""The common look of figures, and how they are saved."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brianff.errors import ConfigurationError
from brianff.storage.checkpoint import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLUE", "COLOURS", "GREY", "ORANGE", "new_axes", "require", "save_figure"]

ORANGE, SKY_BLUE, GREEN, BLUE, VERMILION, PURPLE = "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#666666"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY_BLUE)
"""Colours that the colour-blind can tell apart (Okabe & Ito 2008)."""


def new_axes(ax: Axes | None, size: tuple[float, float] = (4.0, 3.0)) -> Axes:
    """Return `ax`, or the axes of a new figure that belongs to no window."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    ax = Figure(figsize=size, layout="constrained").add_subplot()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def require(condition: bool, message: str) -> None:
    """Raise a ConfigurationError with `message` unless `condition` holds."""
    if not condition:
        raise ConfigurationError(message)


def save_figure(drawn: Any, path: str | Path) -> Path:
    """Save the figure that holds some axes, at 200 dots per inch.

    Parameters
    ----------
    drawn : Figure, Axes or array of Axes
    path : str or Path
        File name; its ending gives the format. Missing directories are made.

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
        drawn = drawn.flat[0]
    figure, path, content = getattr(drawn, "figure", drawn), Path(path), BytesIO()
    formats = figure.canvas.get_supported_filetypes()
    form = path.suffix.removeprefix(".").lower()
    require(form in formats, f"cannot draw {path}: its name must end with a format, one of {', '.join(formats)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make the directory of {path}: {error.strerror}; name another") from None
    figure.savefig(content, format=form, dpi=200, bbox_inches="tight")
    write_atomically(path, content.getvalue())
    return path
