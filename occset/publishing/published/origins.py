"""Where the items of a set come from: the key and the files of a source that give the very same pixels now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flags_of
from occset.pictures.images import pixel_hash
from occset.pictures.masks import decode_rle
from occset.publishing.formats.contents import plain
from occset.publishing.published.places import Keys, Place, Read, Seen, picture_of, read_key
from occset.publishing.published.terms import lets_masks_go
from occset.rounds.ledger import corrections
from occset.support.errors import OccsetError
from occset.support.pools.processes import map_chunks

_CHUNK = 8


@dataclass
class Origins:
    """Rows of the published tables.

    Attributes:
        items: rows of `occset.publishing.published.layout.TABLES`, by table, sorted by id.
        files: rows of `occset.publishing.published.layout.FILES`.
        unknown: items that no source gives any more, by name, and why: nobody will find them again.
        kept_in: faces whose mask terms keep with its source, although it is not what the source gives now.
    """

    items: dict[str, list[dict[str, Any]]]
    files: list[dict[str, Any]]
    unknown: list[tuple[str, str]] = field(default_factory=list)
    kept_in: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    """An item that its source still has: where, and whether the mask that it gives is the set's."""

    key: str
    place: int
    files: tuple[str, ...]
    same_mask: bool


def origins_of(
    data: OcclusionSet,
    used: dict[str, set[str]],
    places: Sequence[Place],
    free: Iterable[str],
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Origins:
    """Look for items in the sources of a set, and hash the files that they are read from.

    Args:
        data: the set.
        used: ids of the items, by table.
        places: the sources.
        free: names of sources whose masks may be published, as the publisher says.
        workers: processes.
        progress: called with (done, all).
    """
    rows = {table: _rows(data, table, used.get(table, set())) for table in ("faces", "occluders", "textures")}
    wanted = {row["id"]: (table, row) for table, some in rows.items() for row in some}
    found: dict[str, _Found] = {}
    files: dict[tuple[int, str], Seen] = {}
    for number, place in enumerate(places):
        for keys in _rounds(place, data, wanted, found):
            chunks = [list(keys.items())[at : at + _CHUNK] for at in range(0, len(keys), _CHUNK)]
            for some in map_chunks(partial(_make_looker, place), chunks, workers):
                for item, key, seen, same_mask in some:
                    if item not in found:
                        found[item] = _Found(key, number, tuple(seen), same_mask)
                        files |= {(number, name): one for name, one in seen.items()}
                if progress:
                    progress(len(found), len(wanted))
    origins = Origins({table: [_publish(row, found) for row in some] for table, some in rows.items()}, _files(files))
    _publish_masks(data, origins, rows["faces"], found, set(free))
    origins.unknown = [
        (f"{row['source']}:{row['source_id']}", _why(table, row))
        for item, (table, row) in wanted.items()
        if item not in found
    ]
    return origins


def _rows(data: OcclusionSet, table: str, ids: set[str]) -> list[dict[str, Any]]:
    frame = getattr(data, table)
    return [plain(row) for row in frame[frame["id"].isin(ids)].sort_values("id").to_dict("records")]


_Wanted = list[tuple[str, str, str, str, str | None]]  # table, id, name, hash of the pixels, mask


def _rounds(
    place: Place, data: OcclusionSet, wanted: dict[str, tuple[str, dict[str, Any]]], found: dict[str, _Found]
) -> Iterable[dict[str, _Wanted]]:
    """Keys of a source to read, with what is wanted of each: first those that names point to, then, if need be, all."""
    keys = Keys(place)
    faces = {str(face): str(name) for face, name in zip(data.faces["id"], data.faces["source_id"], strict=True)}
    for guessing in (True, False):
        asked: dict[str, _Wanted] = {}
        for item, (table, row) in wanted.items():
            cut_out = table == "occluders" and row["face"] is not None
            if item in found or row["source"] != place.name or place.kind != ("faces" if cut_out else table):
                continue
            name = faces.get(row["face"], row["source_id"]) if cut_out else row["source_id"]
            guess = keys.of(name) if guessing else None
            for key in ([guess] if guess else []) if guessing else keys.all:
                mask = row["mask"] if table == "faces" else None
                asked.setdefault(key, []).append((table, item, row["source_id"], row["sha256"], mask))
        if asked:
            yield asked


_Looked = list[tuple[str, str, dict[str, Seen], bool]]


def _make_looker(place: Place) -> Callable[[list[tuple[str, _Wanted]]], _Looked]:
    def look(chunk: list[tuple[str, _Wanted]]) -> _Looked:
        found: _Looked = []
        for key, some in chunk:
            read = read_key(place, key)
            for table, item, name, digest, mask in some:
                given = read.items.get((table, name))
                if given is not None and pixel_hash(picture_of(given)) == digest:
                    found.append((item, key, read.files, mask is None or _same_mask(read, table, name, mask)))
        return found

    return look


def _same_mask(read: Read, table: str, name: str, mask: str) -> bool:
    given = read.items[table, name].mask
    return given is not None and pixel_hash(given) == pixel_hash(decode_rle(mask, *given.shape))


def _publish(row: dict[str, Any], found: dict[str, _Found]) -> dict[str, Any]:
    """A row of a published table, but for what is said of masks; `place` is -1 where no source has it."""
    origin = found.get(row["id"])
    kept = ("id", "source", "source_id", "category", "face", "width", "height", "split", "licence", "sha256")
    return {
        **{name: row[name] for name in kept if name in row},
        "key": origin.key if origin else None,
        "place": origin.place if origin else -1,
        "files": sorted(origin.files) if origin else [],
    }


def _publish_masks(
    data: OcclusionSet, origins: Origins, rows: list[dict[str, Any]], found: dict[str, _Found], free: set[str]
) -> None:
    corrected = corrections(data.path)
    for row, published in zip(rows, origins.items["faces"], strict=True):
        by = "round" if row["id"] in corrected else "model" if MACHINE in flags_of(row) else "source"
        goes = by != "source" or row["source"] in free or lets_masks_go(row["licence"] or "")
        pixels = decode_rle(row["mask"], row["height"], row["width"])
        published |= {"mask": row["mask"] if goes else None, "mask_from": by, "mask_sha256": pixel_hash(pixels)}
        if not goes and row["id"] in found and not found[row["id"]].same_mask:
            origins.kept_in.append(f"{row['source']}:{row['source_id']}")


def _files(files: dict[tuple[int, str], Seen]) -> list[dict[str, Any]]:
    return [
        {
            "place": place,
            "file": name,
            "bytes": seen.bytes,
            "sha256": seen.sha256,
            "pixels": seen.pixels or None,
            "decoder": seen.decoder or None,
        }
        for (place, name), seen in sorted(files.items())
    ]


def _why(table: str, row: dict[str, Any]) -> str:
    if table == "occluders" and row["annotator"] is not None:
        return "annotators drew it, so that no source has it"
    return "no source that was opened gives these pixels now"


def check_labelled(data: OcclusionSet, faces: set[str]) -> None:
    """Raise `OccsetError` where a recipe names a face that has no mask any more."""
    bare = data.faces[data.faces["id"].isin(faces) & data.faces["mask"].isna()]
    if len(bare):
        raise OccsetError(
            f"{data.path}: the face {bare['id'].iloc[0]} has no mask, and recipes name it: label it again"
        )
