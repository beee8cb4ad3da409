"""Which held-out images runs were right about, and the difference between them that the images leave uncertain."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from brianff.errors import CheckpointError
from brianff.protocols.studies.study import Study
from brianff.storage.files import read_arrays

__all__ = ["compare", "paired", "right_of"]


def right_of(control: str, seed: int, right: np.ndarray, shown: np.ndarray | None) -> dict[str, bytes]:
    """Return the file of which presentations a run was right about, and what each showed (default: its own image)."""
    file = io.BytesIO()
    np.savez(file, right=right, shown=np.arange(len(right))[:, np.newaxis] if shown is None else shown)
    return {_path(control, seed): file.getvalue()}


def compare(study: Study, controls: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each control: how it differs from the first, over the images, averaged over the seeds."""
    shares = []
    for control in controls:
        kept = [read_arrays(study.directory / _path(control, seed), CheckpointError) for seed in seeds]
        shares.append(np.mean([one["right"] for one in kept], axis=0))
    shown = kept[0]["shown"]
    return [{"control": name, **paired(share - shares[0], shown)} for name, share in zip(controls, shares, strict=True)]


def paired(differences: np.ndarray, shown: np.ndarray) -> dict[str, float]:
    """Return the mean difference over presentations and its standard error, where presentations may share images.

    The variance sums the products of the residuals of all presentations that share an image, as for dyads (Aronow,
    Samii and Assenova, Political Analysis 23, 2015, 564). Presentations of the same images are one set; the variance is
    at least that of independent sets.

    Parameters
    ----------
    differences : ndarray, shape (presentations,)
        In shares.
    shown : ndarray of int, shape (presentations, frames)
        The images of each presentation.

    Returns
    -------
    dict
        `points` and `points_error`, in per cent, and `p_images` of no difference (normal); nan if nothing differs.
    """
    from scipy.stats import norm

    mean = differences.mean()
    sets, members = np.unique(np.sort(shown, axis=1), axis=0, return_inverse=True)
    sums = np.bincount(members.ravel(), differences - mean)
    images = np.concatenate([np.unique(one) for one in sets])
    sizes = np.array([len(np.unique(one)) for one in sets])
    per_image = np.bincount(images, np.repeat(sums, sizes))
    variance = max((per_image**2).sum() - ((sizes - 1) * sums**2).sum(), (sums**2).sum())
    error = float(np.sqrt(variance)) / len(differences)
    p_value = float(2 * norm.sf(abs(mean) / error)) if error else float("nan")
    return {"points": 100 * float(mean), "points_error": 100 * error, "p_images": p_value}


def _path(control: str, seed: int) -> str:
    return f"right/{re.sub('[^a-z0-9]+', '-', control.lower())}-seed{seed}.npz"
