"""What the App shows of a bench: the worst cases of each method, input, its answer and the truth side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from occset.pictures.images import read_image, write_png
from occset.publishing.formats.fiftyone_layout import Entry, View
from occset.publishing.formats.fiftyone_schema import RESERVED
from occset.support.errors import OccsetError

_GAP = 8  # pixels between two pictures
_MOST_PIXELS = 1 << 24  # of a picture of a result


def entries_of_cases(
    cases: Sequence[Mapping[str, Any]], out: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[list[Entry], list[tuple[str, str]], int]:
    """One entry a case: a strip of its pictures, which is written below ``out``, and its scores.

    Args:
        cases: see `occset.benchmark.leaderboards.cases.worst_cases`.
        out: folder of the layout.
        progress: called with (done, all).

    Returns:
        The entries, what could not be read, and why, and of how many cases the bench kept no picture.
    """
    entries: list[Entry] = []
    problems: list[tuple[str, str]] = []
    missing = 0
    for at, case in enumerate(cases):
        name = f"{case['data']}, {case['protocol']}, {case['method']}, {case['sample']}"
        pictures = list(case["pictures"].values())
        if None in pictures:
            missing += 1
        else:
            try:
                strip = side_by_side([read_image(path, _MOST_PIXELS) for path in pictures])
                file = f"data/{at:06d}.png"
                write_png(out / file, strip)
                entries.append(_entry(name, case, file, strip))
            except OccsetError as error:
                problems.append((name, str(error)))
        if progress:
            progress(at + 1, len(cases))
    return entries, problems, missing


def side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) uint8 of one height beside each other, white between them.

    Raises:
        OccsetError: they differ in height.
    """
    height = pictures[0].shape[0]
    if any(picture.shape[0] != height for picture in pictures):
        raise OccsetError("its pictures differ in height: delete them and run the bench again")
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)]
    return np.hstack(parts[1:])


def _entry(name: str, case: Mapping[str, Any], file: str, strip: np.ndarray) -> Entry:
    scores = {(f"{key}_" if key in RESERVED else key): value for key, value in case["scores"].items()}
    told = {
        key: case[key] for key in ("protocol", "data", "task", "method", "control", "sample", "type", "worst", "metric")
    }
    shown = " | ".join(case["pictures"])
    return Entry(name, file, strip.shape[:2], told={**told, "person": case["face"], "shown": shown, **scores})


def views_of_cases(entries: Sequence[Entry]) -> list[View]:
    """For each method its worst cases, and these by type; and all methods on the same sample."""
    methods = list(dict.fromkeys(str(entry.told["method"]) for entry in entries))
    views = []
    for method in methods:
        match = {"method": method}
        views.append(View(f"worst of {method}", f"The worst cases of {method}, worst first.", match, "worst"))
        views.append(View(f"worst of {method} by type", "The same, one pile a type: open one.", match, group="type"))
    if len(methods) > 1:
        views.append(View("the same sample by all methods", "One pile a sample: open one.", group="sample"))
    return views
