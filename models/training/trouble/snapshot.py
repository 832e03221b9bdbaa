"""A step whose loss is not finite: which samples it saw, and all of them in a folder to be looked at.

The samples are made again, which they can be, being functions of (seed, epoch, index): so nothing is kept while all is well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from occset.dataset.recipes import Recipe, recipes_to_bytes
from occset.models.training.loading import stack
from occset.models.training.task import Samples, Task
from occset.pictures.images import write_png
from occset.support.errors import NoSpace, OccsetError
from occset.support.files import atomic_path, write_atomic

FOLDER = "stopped"
"""In that of a training: a folder for each step that went wrong."""

SHEET, TENSORS, RECIPES, ABOUT = "sheet.png", "batch.pt", "recipes.parquet", "about.json"

_TILE = 128
_NAMED = 16  # samples in the message; the file names all of them

Place = tuple[int, int]


@dataclass(frozen=True)
class Trouble:
    """A loss that is not finite.

    Attributes:
        step: 0 for the first.
        network: whose loss.
        values: "loss", and its parts by name.
    """

    step: int
    network: str
    values: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        """In words."""
        found = ", ".join(f"{name} {value:g}" for name, value in self.values.items())
        return f"step {self.step + 1}: the loss of {self.network} is not finite ({found})"


def report(trouble: Trouble, task: Task, places: Sequence[Place], out: Path, about: dict[str, Any]) -> str:
    """Keep what a step saw, and say where; what cannot be kept is said as well, so that the trouble itself is always told.

    Args:
        trouble: what is wrong.
        task: whose samples they are.
        places: (epoch, index) of this process's samples in the step.
        out: folder to write, made if missing.
        about: plain values that are written beside the samples.

    Returns:
        The trouble, the ids of the samples and how to look at them, in one sentence without its full stop.
    """
    recipes = recipes_of(task.samples, places)
    ids = ids_of(places, recipes)
    named = ", ".join(ids[:_NAMED]) + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
    said = f"{trouble}; its samples are {named}"
    try:
        broken = _write(trouble, task.samples, places, recipes, out, about)
    except OccsetError as error:
        return f"{said}; they could not be kept ({error})"
    if broken:
        said += f", of which {broken[0]} is not finite itself"
    said += f"; {out} keeps them"
    if recipes:
        where = getattr(getattr(task, "data", None), "path", "SET")
        said += (
            f", and  occset explain {ids[0]} --data {where} --recipes {out / RECIPES}  shows the first of them again"
        )
    return said


def recipes_of(samples: Samples, places: Sequence[Place]) -> list[Recipe]:
    """The recipes of samples that are drawn by recipes, see `occset.models.training.task.Samples`; none of others."""
    draw = getattr(samples, "recipe", None)
    return [] if draw is None else [draw(epoch, index) for epoch, index in places]


def ids_of(places: Sequence[Place], recipes: Sequence[Recipe]) -> list[str]:
    """What samples are called: the ids of their recipes, or EPOCH/INDEX."""
    return [recipe.sample for recipe in recipes] or [f"{epoch}/{index}" for epoch, index in places]


def _write(
    trouble: Trouble, make: Samples, places: Sequence[Place], recipes: list[Recipe], out: Path, about: dict[str, Any]
) -> list[str]:
    """Write the folder; returns the names of samples that hold what is no number."""
    samples = [make(epoch, index) for epoch, index in places]
    ids = ids_of(places, recipes)
    sheet = picture_sheet(samples)
    if sheet is not None:
        write_png(out / SHEET, sheet)
    with atomic_path(out / TENSORS) as temporary, temporary.open("wb") as stream:
        try:
            torch.save(stack(samples), stream)
        except RuntimeError as error:  # how torch tells that a write failed
            raise NoSpace(f"cannot write {out / TENSORS}: free some space there") from error
    if recipes:
        write_atomic(out / RECIPES, recipes_to_bytes(recipes))
    broken = [
        f"{name} of {one}"
        for one, sample in zip(ids, samples, strict=True)
        for name in sample
        if not _finite(sample[name])
    ]
    rows = [{"id": one, "epoch": epoch, "index": index} for one, (epoch, index) in zip(ids, places, strict=True)]
    told = {
        "step": trouble.step + 1,
        "network": trouble.network,
        "values": {name: f"{value:g}" for name, value in trouble.values.items()},
        "samples": rows,
        "not_finite": broken,
        **about,
    }
    write_atomic(out / ABOUT, (json.dumps(told, indent=1) + "\n").encode())
    return broken


def _finite(values: Any) -> bool:
    found = np.asarray(values)
    return not np.issubdtype(found.dtype, np.floating) or bool(np.isfinite(found).all())


def picture_sheet(samples: Sequence[dict[str, np.ndarray]]) -> np.ndarray | None:
    """A row a sample with each of its pictures and masks, (H, W, 3) and (H, W) uint8, in the order of their names.

    Returns:
        (128 B, 128 N, 3) uint8 RGB, or None where samples hold no pictures.
    """
    names = [name for name, value in sorted(samples[0].items()) if _is_picture(value)]
    if not names:
        return None
    return np.vstack([np.hstack([_tile(sample[name]) for name in names]) for sample in samples])


def _is_picture(value: Any) -> bool:
    found = np.asarray(value)
    return found.dtype == np.uint8 and (found.ndim == 2 or (found.ndim == 3 and found.shape[2] == 3)) and found.size > 0


def _tile(picture: np.ndarray) -> np.ndarray:
    shown = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return cv2.resize(shown, (_TILE, _TILE), interpolation=cv2.INTER_AREA)
