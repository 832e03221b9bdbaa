"""``occset gallery``: a page of faces with their masks, cut-outs and textures, filtered by split, kind and flag.

One HTML file that asks for nothing from outside, so that everybody can look at a set. It shows people: see its foot.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flags_of
from occset.pictures.images import shrink
from occset.pictures.masks import decode_rle, harden
from occset.publishing.formats.contents import plain
from occset.publishing.plan import BY_CODE
from occset.rounds.page_parts import Safe, attribute, join, text
from occset.rounds.page_pictures import data_uri, jpeg, outline, without_folder
from occset.sources.items import SPLITS
from occset.support import pages
from occset.support.errors import OccsetError
from occset.support.files import write_atomic

SIDE = 176
"""Longest side of a picture on the page, pixels."""
LIMIT = 400
"""Pictures of each table, unless more are asked for."""
LARGEST = 64_000_000
"""Bytes of a page; one that would be larger is refused before a browser has to open it."""

TABLES = {"faces": "Faces", "occluders": "Cut-outs", "textures": "Textures"}
_MOST_BROKEN = 20
_FEW = 12  # a flag with more values than this is a measurement, by which nobody filters
_WEBP = [cv2.IMWRITE_WEBP_QUALITY, 80]


@dataclass(frozen=True)
class Item:
    """What the page shows of a row.

    Attributes:
        table, id, name: of it.
        split: or "excluded".
        kind: source of a face, category of what is none.
        flags: what it can be filtered by.
        picture: HTML.
        reasons: why it is doubted.
    """

    table: str
    id: str
    name: str
    split: str
    kind: str
    flags: tuple[str, ...]
    picture: Safe
    reasons: tuple[str, ...] = ()


def write_gallery(
    data: OcclusionSet,
    out: Path,
    limit: int = LIMIT,
    progress: Callable[[int, int], None] | None = None,
    doubts: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> tuple[Path, list[tuple[str, str]]]:
    """Write ``index.html`` into a folder; the same set gives the same page.

    Args:
        data: the set.
        out: the folder; a page that is there is replaced.
        limit: most pictures of each table, as many of each split and kind as can be.
        progress: called with (done, all).
        doubts: kinds and reasons by face: the page shows these faces alone, with their reasons.

    Returns:
        The page, and what could not be shown: id and reason.

    Raises:
        OccsetError: ``out`` is a file, ``limit`` is below 1, or the page would be larger than `LARGEST`.
    """
    if limit < 1:
        raise OccsetError(f"a page of {limit} pictures: give a number from 1")
    if out.is_file():
        raise OccsetError(f"{out}: is a file: name a folder for the page")
    frames: dict[str, Any] = {table: getattr(data, table).to_dict("records") for table in TABLES}
    if doubts is not None:
        frames = {"faces": [row for row in frames["faces"] if row["id"] in doubts], "occluders": [], "textures": []}
    rows = [(table, plain(row)) for table in TABLES for row in _chosen(table, frames[table], limit)]
    items: list[Item] = []
    broken: list[tuple[str, str]] = []
    for done, (table, row) in enumerate(rows, start=1):
        try:
            items.append(_item(data, table, row, (doubts or {}).get(row["id"], ())))
        except OccsetError as error:
            broken.append((row["id"], without_folder(data, error)))
        if progress:
            progress(done, len(rows))
    page = _page(data, items, broken, {table: len(found) for table, found in frames.items()}).encode()
    if len(page) > LARGEST:
        raise OccsetError(
            f"{out}: a page of {len(page) // 1_000_000} MB, more than browsers like: give a smaller --limit"
        )
    path = out / "index.html"
    write_atomic(path, page)
    return path, broken


def _chosen(table: str, rows: Sequence[dict[Any, Any]], limit: int) -> list[dict[Any, Any]]:
    """At most ``limit`` rows in the order of their ids, taken from splits and kinds in turn."""
    seen: Counter[tuple[Any, ...]] = Counter()
    turns = []
    for at, row in enumerate(rows):
        key = (row["split"], row["source" if table == "faces" else "category"])
        turns.append((seen[key], at))
        seen[key] += 1
    return [rows[at] for at in sorted(at for _, at in sorted(turns)[:limit])]


def _item(data: OcclusionSet, table: str, row: dict[str, Any], doubts: Sequence[tuple[str, str]]) -> Item:
    kind = str(row["source"] if table == "faces" else row["category"])
    split = row["split"] if row["split"] in SPLITS else "excluded"
    words = f"{TABLES[table][:-1]} {row['source_id']}, {kind}, {split}"
    picture = {"faces": _face, "occluders": _cutout, "textures": _texture}[table](data, row, words)
    flags = (*_flags(table, row), *(f"doubt: {kind}" for kind in dict.fromkeys(kind for kind, _ in doubts)))
    reasons = tuple(reason for _, reason in doubts)
    return Item(table, row["id"], str(row["source_id"]), split, kind, flags, picture, reasons)


def _flags(table: str, row: dict[str, Any]) -> Iterator[str]:
    if table == "faces":
        flags = flags_of(row)
        yield "no mask" if row["mask"] is None else "mask by a model" if MACHINE in flags else "mask"
        if row["verdict"] is not None:
            yield f"out of use: {row['verdict']}"
        if row["landmarks"] is None:
            yield "no landmarks"
        yield from (f"{name}: {value}" for name, value in sorted(flags.items()) if name != MACHINE)
    elif table == "occluders" and row["source"] != BY_CODE:
        drawn = row["annotator"] is not None
        yield "drawn by an annotator" if drawn else "cut from a face" if row["face"] is not None else "collected"
    if row["source"] == BY_CODE:
        yield "made by code"


def _size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _image(words: str, size: tuple[int, int], address: str) -> Safe:
    return Safe(f'<img alt="{text(words)}" width="{size[1]}" height="{size[0]}" src="{address}">')


def _face(data: OcclusionSet, row: dict[str, Any], words: str) -> Safe:
    size = _size(row["height"], row["width"])
    parts = [_image(words, size, jpeg(shrink(data.load_image(row["id"]), size)))]
    if row["mask"] is not None:
        mask = decode_rle(row["mask"], row["height"], row["width"])
        small = mask if mask.shape == size else harden(shrink(mask, size))
        parts.append(
            Safe(f'<svg viewBox="0 0 {size[1]} {size[0]}" aria-hidden="true"><path d="{outline(small)}"/></svg>')
        )
    return join(parts)


def _cutout(data: OcclusionSet, row: dict[str, Any], words: str) -> Safe:
    size = _size(row["height"], row["width"])
    small = shrink(data.load_cutout(row["id"]), size)
    return _image(words, size, data_uri("webp", cv2.cvtColor(small, cv2.COLOR_RGBA2BGRA), _WEBP))


def _texture(data: OcclusionSet, row: dict[str, Any], words: str) -> Safe:
    image: np.ndarray = data.load_texture(row["id"])
    size = _size(*image.shape[:2])
    return _image(words, size, jpeg(shrink(image, size)))


def _page(data: OcclusionSet, items: list[Item], broken: list[tuple[str, str]], total: dict[str, int]) -> str:
    values = Counter(flag.partition(": ")[0] for flag in {flag for item in items for flag in item.flags})
    known = {flag for item in items for flag in item.flags if values[flag.partition(": ")[0]] <= _FEW}
    shown = Counter(item.table for item in items)
    counts = ", ".join(
        f"{total[table]} {name.lower()}" + (f" (of which {shown[table]} here)" if shown[table] < total[table] else "")
        for table, name in TABLES.items()
    )
    words = {
        "title": text(data.head["name"]),
        "lead": text(f"Version {data.head['version']}: {counts}."),
        "filters": join(
            [
                _select("table", "Show", [(table, TABLES[table]) for table in TABLES if shown[table]], items),
                _select("split", "Split", [(s, s) for s in (*SPLITS, "excluded")], items),
                _select("kind", "Source or category", [(k, k) for k in sorted({item.kind for item in items})], items),
                _select("flag", "Flag", [(flag, flag) for flag in sorted(known)], items),
            ]
        ),
        "note": _note(broken),
        "main": join(_figure(item, known) for item in items),
        "terms": join(Safe(f"<li>{text(entry)}</li>") for entry in _terms(data)),
        "hash": text(data.content_hash()),
    }
    return pages.fill("occset.publishing", words)


def _select(name: str, label: str, options: list[tuple[str, str]], items: list[Item]) -> Safe:
    """A choice of one value, with how many pictures have each; values that none has are left out."""

    def count(value: str) -> int:
        return sum(value in item.flags if name == "flag" else value == getattr(item, name) for item in items)

    counted = [(value, shown, count(value)) for value, shown in options]
    entries = join(
        Safe(f'<option value="{attribute(value)}">{text(f"{shown} ({number})")}</option>')
        for value, shown, number in counted
        if number
    )
    return Safe(
        f'<label>{text(label)} <select data-filter="{name}"><option value="">all</option>{entries}</select></label>\n'
    )


def _figure(item: Item, known: set[str]) -> Safe:
    flags = [flag for flag in item.flags if flag in known]
    pills = join(Safe(f"<span>{text(flag)}</span>") for flag in flags)
    reasons = join(Safe(f'<p class="reason">{text(reason)}</p>') for reason in item.reasons)
    data = (("table", item.table), ("split", item.split), ("kind", item.kind), ("flags", "\n".join(flags)))
    told = "".join(f' data-{name}="{attribute(value)}"' for name, value in data)
    return Safe(
        f'<figure class="{item.table}"{told}><div class="stage">{item.picture}</div><figcaption><b>{text(item.name)}</b>'
        f"<small>{text(item.id)}</small><p>{text(item.kind)}, {text(item.split)}</p>{reasons}<p>{pills}</p></figcaption>"
        "</figure>\n"
    )


def _note(broken: list[tuple[str, str]]) -> Safe:
    if not broken:
        return Safe("")
    entries = [f"{key}: {why}" for key, why in broken[:_MOST_BROKEN]]
    entries += [f"and {len(broken) - _MOST_BROKEN} more"] if len(broken) > _MOST_BROKEN else []
    listed = join(Safe(f"<li>{text(entry)}</li>") for entry in entries)
    return Safe(f'<div class="note" role="note">Without a usable picture, and left out here:<ul>{listed}</ul></div>')


def _terms(data: OcclusionSet) -> list[str]:
    from occset.publishing.facts import terms_of

    return [f"{row['source']}: {row['licence']}" for row in terms_of(data)] or ["none is written down"]
