"""Looking for the items of a published set in the sources of someone else, and making a set of those that are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.decoders import pixels_of
from occset.publishing.published.layout import Published
from occset.publishing.published.places import Keys, Place, Read, Seen, read_key
from occset.publishing.published.verdicts import EQUAL, MISSING, Report, Verdict, judge_files, judge_item, mask_of
from occset.support.errors import BadInput, NoSpace, OccsetError
from occset.support.files import join_below, sha256_bytes
from occset.support.pools.processes import map_chunks
from occset.support.reading import read_file

_CHUNK = 8
_Wanted = list[tuple[str, dict[str, Any]]]  # table, row


@dataclass
class _Judged:
    """What a worker found under some keys: verdicts, rows of the set, files by status."""

    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: dict[tuple[int, str], str] = field(default_factory=dict)


def rebuild(
    published: Published,
    places: Sequence[Place],
    data: OcclusionSet | None,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Judge all items of a published set by the sources that are here.

    Args:
        published: the set.
        places: the sources, the first ones first.
        data: a set that those which are equal are added to; None to judge alone.
        workers: processes.
        progress: called with (done, all).

    Raises:
        NoSpace: the set cannot be written to.
    """
    report, files = Report(), dict[tuple[int, str], str]()
    wanted = [(table, row) for table, rows in published.items.items() for row in rows.values()]
    report.names = {row["id"]: f"{row['source']}:{row['source_id']}" for _, row in wanted}
    seen: set[tuple[str, str]] = set()
    for place in places:
        asked = _asked(place, wanted, published, report)
        chunks = [list(asked.items())[at : at + _CHUNK] for at in range(0, len(asked), _CHUNK)]
        for judged in map_chunks(partial(_Judge, published, place, data), chunks, workers):
            for item, verdict in judged.verdicts.items():
                if verdict.tells_more(report.verdicts.get(item)):
                    report.verdicts[item] = verdict
            for table, rows in judged.rows.items():
                if data is not None:
                    data.add_rows(table, rows)
            for file, status in judged.files.items():
                if files.get(file) != EQUAL:
                    files[file] = status
            seen |= judged.verdicts.keys()
            if progress:
                progress(len(seen), len(wanted))
    for table, row in wanted:
        if (table, row["id"]) not in report.verdicts:
            report.verdicts[table, row["id"]] = Verdict(MISSING, _not_given(table, row))
    report.files = Counter(files.get(file, MISSING) for file in published.files)
    return report


def _not_given(table: str, row: Mapping[str, Any]) -> str:
    kind = "faces" if row.get("face") else table
    name = row["source"]
    return f"no source {name} of {kind} was given, or it has nothing of this name: give --{kind} {name}:FOLDER"


def _asked(place: Place, wanted: _Wanted, published: Published, report: Report) -> dict[str, _Wanted]:
    """What to ask a source for, by key."""
    keys = Keys(place)
    asked: dict[str, _Wanted] = {}
    for table, row in wanted:
        known = report.verdicts.get((table, row["id"]))
        cut_out = table == "occluders" and row["face"] is not None
        if row["source"] != place.name or place.kind != ("faces" if cut_out else table):
            continue
        if known is not None and known.status == EQUAL:
            continue
        name = row["source_id"]
        if cut_out and row["face"] in published.items["faces"]:
            name = published.items["faces"][row["face"]]["source_id"]
        key = row["key"] if row["key"] is not None else keys.of(name)
        if key is not None:
            asked.setdefault(key, []).append((table, row))
    return asked


class _Judge:
    """What a worker does: items under a key, judged and stored."""

    def __init__(self, published: Published, place: Place, data: OcclusionSet | None) -> None:
        self.published, self.place, self.data = published, place, data

    def __call__(self, chunk: Sequence[tuple[str, _Wanted]]) -> _Judged:
        judged = _Judged()
        for key, some in chunk:
            read = read_key(self.place, key)
            for table, row in some:
                verdict = self._one(table, row, read, judged)
                judged.verdicts[table, row["id"]] = verdict
        return judged

    def _one(self, table: str, row: dict[str, Any], read: Read, judged: _Judged) -> Verdict:
        noted = {name: self.published.files.get((row["place"], name)) for name in row["files"]}
        if None in noted.values():
            raise BadInput(f"{self.published.folder / 'files.parquet'}: lacks a file of {row['id']}: download it again")
        known: dict[str, dict[str, Any]] = {name: one for name, one in noted.items() if one is not None}
        files = judge_files(self.place, read, list(known), known, self._look)
        judged.files |= {(row["place"], name): status for name, status in files.items()}
        given = read.items.get((table, row["source_id"]))
        verdict = judge_item(row, given, read.refused, files, _decoders(known, read))
        if verdict.status == EQUAL and given is not None and self.data is not None:
            try:
                judged.rows.setdefault(table, []).append(self._store(table, row, given))
            except NoSpace:
                raise
            except OccsetError as error:
                return Verdict(MISSING, str(error))
        return verdict

    def _look(self, name: str) -> Seen | None:
        """A file of the source, whether or not an item was read from it here."""
        if self.place.folder is None:
            return None
        try:
            path = join_below(self.place.folder, name)
            data = read_file(path)
        except (OSError, OccsetError):
            return None
        pixels, decoder = pixels_of(data, path)
        return Seen(len(data), sha256_bytes(data), pixels, decoder)

    def _store(self, table: str, row: dict[str, Any], given: Any) -> dict[str, Any]:
        """Write an item into the set; its row has the split that was published."""
        assert self.data is not None
        if table == "faces":
            given.mask = mask_of(row, given)
            stored = self.data.store_face(given, self.place.name)
        elif table == "occluders":
            stored = self.data.store_occluder(given, self.place.name, row["face"])
        else:
            stored = self.data.store_texture(given, self.place.name)
        return {**stored, "split": row["split"]}


def _decoders(known: Mapping[str, Mapping[str, Any]], read: Read) -> str:
    then = sorted({one["decoder"] for one in known.values() if one["decoder"]})
    now = sorted({one.decoder for one in read.files.values() if one.decoder})
    return f"then {', '.join(then) or 'none'}; here {', '.join(now) or 'none'}"
