"""A contact sheet from result files: for every sample that has pictures, what all methods share and what each made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from occset.benchmark.leaderboards.page import stored_picture
from occset.benchmark.results.result import Result
from occset.benchmark.tasks.registry import task_named
from occset.models.photos.sheet import contact_sheet, tile
from occset.pictures.images import write_png
from occset.support.errors import OccsetError


def write_sheet(results: Sequence[Result], path: Path) -> list[str]:
    """Write a sheet of the methods that are no controls, in the order of the results.

    Args:
        results: of one protocol, on the same samples; written ones.
        path: of the PNG.

    Returns:
        What stands beside each other in a tile, from left to right.

    Raises:
        OccsetError: no sample has all of its pictures.
        NoSpace: the file cannot be written.
    """
    methods = [result for result in results if not result.control]
    if not methods:
        raise OccsetError(f"{path}: no method has a result, so there is nothing to show on a contact sheet")
    words = task_named(methods[0].task).words
    tiles = []
    for sample in methods[0].scores["sample"]:
        before, after = (_shared(results, sample, names) for names in (words.before, words.after))
        pictures = [*before, *(stored_picture(result, sample) for result in methods), *after]
        found = [picture for picture in pictures if picture is not None]
        if len(found) == len(pictures):
            tiles.append(tile(*found))
    if not tiles:
        raise OccsetError(f"{path}: no pictures beside the results: delete these and run the bench again")
    write_png(path, contact_sheet(tiles))
    return [*words.before.values(), *(result.method for result in methods), *words.after.values()]


def _shared(results: Sequence[Result], sample: str, names: Iterable[str]) -> list[np.ndarray | None]:
    return [stored_picture(results[0], sample, what) for what in names]
