"""`occset check`: read everything again and say what does not hold.

Here are the pictures, one row at a time, in workers; what the tables say of each other is in `occset.checks.tables`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from occset.checks.tables import Finding, check_tables
from occset.dataset import records
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures import images
from occset.pictures.landmarks import spans_a_face
from occset.pictures.masks import decode_rle
from occset.support.errors import OccsetError
from occset.support.files import safe_join
from occset.support.pools.processes import default_workers, map_chunks
from occset.support.reading import parse_json

__all__ = ["Finding", "check"]
_CHUNK = 32


def check(
    data: OcclusionSet, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Finding]:
    """Check files, hashes, masks, duplicates, leaks between splits and frozen protocols.

    Returns:
        All findings, errors first; an empty list means that everything holds.
    """
    jobs: list[tuple[str, list[dict[str, Any]]]] = []
    for table in records.TABLES:
        rows = getattr(data, table).to_dict("records")
        jobs += [(table, rows[i : i + _CHUNK]) for i in range(0, len(rows), _CHUNK)]
    found: list[Finding] = []
    done, total = 0, sum(len(rows) for _, rows in jobs)
    for some, (_, rows) in zip(
        map_chunks(partial(_make_checker, data.path), jobs, workers or default_workers()), jobs, strict=True
    ):
        found += some
        done += len(rows)
        if progress:
            progress(done, total)
    found += check_tables(data)
    return sorted(found, key=lambda f: (f.level != "error", f.where, f.message))


def _make_checker(root: Path) -> Callable[[tuple[str, list[dict[str, Any]]]], list[Finding]]:
    def run(job: tuple[str, list[dict[str, Any]]]) -> list[Finding]:
        table, rows = job
        found = []
        for row in rows:
            try:
                found += [Finding("error", f"{table} {row['id']}", m) for m in _check_row(root, table, row)]
            except OccsetError as error:
                found.append(Finding("error", f"{table} {row['id']}", str(error)))
            except (
                TypeError,
                ValueError,
                AttributeError,
                RuntimeError,
            ) as error:  # a cell that is null, a loop of links
                message = f"its row is damaged ({error}): restore {table}.parquet from a snapshot or a copy"
                found.append(Finding("error", f"{table} {row['id']}", message))
        return found

    return run


def _check_row(root: Path, table: str, row: dict[str, Any]) -> list[str]:
    path = safe_join(root, row[records.FILES_OF[table]])
    picture = images.read_rgba(path) if table == "occluders" else images.read_image(path)
    found = []
    if picture.shape[:2] != (row["height"], row["width"]):
        found.append(
            f"{path}: is {picture.shape[1]} x {picture.shape[0]}, the table says {row['width']} x {row['height']}"
        )
        return found
    if images.pixel_hash(picture) != row["sha256"]:
        found.append(f"{path}: its pixels are not those that were added: restore the file, or remove the row")
    if row["sha256"][:15] != row["id"][1:]:
        found.append(f"{path}: its id is not made from its pixels: the table was edited; restore it")
    if table == "faces":
        if isinstance(row["mask"], str) and not decode_rle(row["mask"], row["height"], row["width"]).any():
            found.append(f"{path}: its face mask is empty: label it again")
        parse_json(row["flags"])
        if isinstance(row["truth"], str):
            records.read_arrays(safe_join(root, row["truth"]))
    if table == "occluders" and not picture[..., 3].any():
        found.append(f"{path}: nothing of it is opaque")
    if table != "textures" and not spans_a_face(records.unpack_points(row["landmarks"])):
        found.append(f"{path}: its landmarks span no face: correct them, or remove the row")
    return found
