"""What the tables of a set, and the files beside them, say of each other: splits, duplicates, references, frozen recipes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occset.dataset import records
from occset.dataset.embeddings import load_embeddings
from occset.dataset.frozen import frozen_cutouts, frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import hash_recipes, named_items, read_metadata, read_recipes
from occset.dataset.splits import SAME_PERSON, near_items, same_person_pairs
from occset.pictures.duplicates import near_pairs
from occset.pictures.masks import decode_rle
from occset.rounds.ledger import list_rounds, merged_rows, read_round, verdicts_of
from occset.rounds.versions import read_versions
from occset.support.errors import OccsetError
from occset.support.reading import parse_json

_LARGE_GROUP = 0.05
_FOLDERS = {"faces": "images", "occluders": "cutouts", "textures": "textures"}


@dataclass(frozen=True)
class Finding:
    """One thing that was found: `level` is "error" (the set must not be used so) or "warning"."""

    level: str
    where: str
    message: str


def check_tables(data: OcclusionSet) -> list[Finding]:
    """Everything that can be checked without decoding a picture."""
    checks = (
        *(_splits, _people, _duplicates, _look_alikes, _flagged, _items, _recipe_files, _snapshots, _orphans, _head),
        _rounds,
    )
    return [finding for part in checks for finding in part(data)]


def _splits(data: OcclusionSet) -> Iterator[Finding]:
    for table in records.TABLES:
        missing = int(getattr(data, table)["split"].isna().sum())
        if missing:
            yield Finding("error", table, f"{missing} rows have no split: an import was cut off; run it again")
    by_face = dict(zip(data.faces["id"], data.faces["split"], strict=True))
    for row in data.occluders[data.occluders["face"].notna()].to_dict("records"):
        where, split, of_face = f"occluders {row['id']}", row["split"], by_face.get(row["face"])
        if row["face"] not in by_face:
            yield Finding("warning", where, f"the face it was cut from, {row['face']}, is not in the set")
        elif isinstance(split, str) and split not in (of_face, "excluded"):
            yield Finding("error", where, f"split {split}, but its face is in {of_face}: a leak")


def _people(data: OcclusionSet) -> Iterator[Finding]:
    faces = data.faces.reset_index(drop=True)
    used = faces[faces["split"].notna() & (faces["split"] != "excluded")]
    for kind, columns in (("group", ["group"]), ("identity", ["source", "identity"])):
        for name, splits in used.dropna(subset=columns).groupby(columns)["split"]:
            if splits.nunique() > 1:
                where = f"{kind} {':'.join(map(str, name))}"
                yield Finding("error", where, f"one person lies in {' and '.join(sorted(set(splits)))}: a leak")
    for group, count in faces["group"].value_counts().items():
        if count > max(20, _LARGE_GROUP * len(faces)):
            yield Finding(
                "warning", f"group {group}", f"{count} of {len(faces)} faces count as one person and share a split"
            )
    try:
        embeddings = load_embeddings(data)
    except OccsetError as error:
        yield Finding("error", "embeddings.npz", str(error))
        return
    for i, j in same_person_pairs(faces, embeddings):
        if _apart(faces["split"][i], faces["split"][j]):
            where = f"faces {faces['id'][i]}, {faces['id'][j]}"
            message = f"ArcFace takes them for one person (cosine {SAME_PERSON} or more), in two splits: a leak"
            yield Finding("error", where, message)


def _duplicates(data: OcclusionSet) -> Iterator[Finding]:
    faces = data.faces.reset_index(drop=True)
    for i, j, bits in near_pairs(list(faces["phash"])):
        names = f"{faces['source_id'][i]} and {faces['source_id'][j]}"
        leaks = _apart(faces["split"][i], faces["split"][j])
        level, leak = ("error", ", in two splits: a leak") if leaks else ("warning", "")
        where = f"faces {faces['id'][i]}, {faces['id'][j]}"
        yield Finding(level, where, f"{names} look the same ({bits} of 64 bits differ){leak}")


def _look_alikes(data: OcclusionSet) -> Iterator[Finding]:
    """Within a split, cut-outs and textures may look the same."""
    for table in ("occluders", "textures"):
        frame = getattr(data, table).reset_index(drop=True)
        for i, j, bits in near_items(frame):
            if _apart(frame["split"][i], frame["split"][j]):
                names = f"{frame['source_id'][i]} and {frame['source_id'][j]}"
                where = f"{table} {frame['id'][i]}, {frame['id'][j]}"
                yield Finding(
                    "error", where, f"{names} look the same ({bits} of 64 bits differ), in two splits: a leak"
                )


def _flagged(data: OcclusionSet) -> Iterator[Finding]:
    for face, name, cell in zip(*(data.faces[c] for c in ("id", "source_id", "flags")), strict=True):
        try:
            flags = parse_json(cell)
        except (TypeError, ValueError):
            continue  # told where the rows are read
        if not isinstance(flags, dict):
            continue
        if flags.get("turned"):
            message = f"{name} lies turned: turn it by {flags['turned']} degrees anticlockwise and import it again"
            yield Finding("warning", f"faces {face}", message)
        if flags.get("doubtful"):
            yield Finding("warning", f"faces {face}", f"{name} is doubtful, look at it: {flags['doubtful']}")
        if flags.get("errata"):
            yield Finding("warning", f"faces {face}", f"{name} is in its source's errata: {flags['errata']}")


def _apart(a: object, b: object) -> bool:
    used = {split for split in (a, b) if isinstance(split, str) and split != "excluded"}
    return len(used) > 1


def _items(data: OcclusionSet) -> Iterator[Finding]:
    for table in records.TABLES:
        frame = getattr(data, table)
        for sha, index in frame.groupby("sha256").groups.items():
            if len(index) > 1:
                names = " and ".join(frame.loc[index, "id"])
                yield Finding("error", f"{table} {names}", f"hold the same pixels ({sha[:12]}): remove one of the rows")


def _recipe_files(data: OcclusionSet) -> Iterator[Finding]:
    for path in frozen_files(data.path):
        where = str(path.relative_to(data.path))
        try:
            recipes, note = read_recipes(path), read_metadata(path)
        except OccsetError as error:
            yield Finding("error", where, str(error))
            continue
        if note.get("hash", "" if path.parent.name == "protocols" else None) not in (None, hash_recipes(recipes)):
            yield Finding("error", where, "its recipes are not those that were frozen: restore the file")
        for table, named in named_items(recipes).items():
            rows = getattr(data, table)
            lost = sorted(named - set(rows["id"]))
            if lost:
                yield Finding("error", where, f"names {table} that are not in the set: {', '.join(lost[:3])}")
            outside = rows.loc[rows["id"].isin(list(named)) & rows["split"].ne("test"), "id"]
            if path.parent.name == "protocols" and len(outside):
                some = ", ".join(sorted(outside)[:3])
                yield Finding("error", where, f"uses {table} that are not in the test split: {some}: a leak")


def _snapshots(data: OcclusionSet) -> Iterator[Finding]:
    for note in sorted(data.path.glob("snapshots/**/snapshot.json")):
        where = str(note.parent.relative_to(data.path))
        try:
            frozen = {
                t: records.read_table(note.parent / f"{t}.parquet", schema) for t, schema in records.TABLES.items()
            }
            if records.read_note(note).get("content_hash") != records.content_hash(frozen):
                yield Finding("error", where, "its tables are not those that were frozen: restore them")
        except OccsetError as error:
            yield Finding("error", where, str(error))


def _orphans(data: OcclusionSet) -> Iterator[Finding]:
    for table, folder in _FOLDERS.items():
        held = {data.path / name for name in getattr(data, table)[records.FILES_OF[table]].dropna()}
        if table == "occluders":
            with contextlib.suppress(OccsetError):  # told by `_snapshots`
                held |= {data.path / name for name in frozen_cutouts(data.path)}
        loose = [path for path in sorted(data.path.glob(f"{folder}/*/*")) if path not in held and path.name[0] != "."]
        if loose and not (data.path / f"{table}.parquet").exists():
            message = "missing, and yet there are pictures: restore it from a snapshot, or run the import again"
            yield Finding("error", f"{table}.parquet", message)
        elif loose:
            some = ", ".join(str(Path(path).relative_to(data.path)) for path in loose[:3])
            message = (
                f"{len(loose)} files belong to no row ({some}): an import was cut off; run it again, or remove them"
            )
            yield Finding("warning", table, message)


def _head(data: OcclusionSet) -> Iterator[Finding]:
    known = data.head.get("content_hash")
    if known is not None and known != data.content_hash():
        message = "the tables changed since the last import or snapshot: take a snapshot to name what is there now"
        yield Finding("warning", "occset.json", message)


def _rounds(data: OcclusionSet) -> Iterator[Finding]:
    """Ledgers and versions can be read, and the set holds the label and the verdict that the latest round gave a face."""
    latest: dict[str, tuple[int, str]] = {}
    verdicts: dict[str, tuple[int, Any]] = {}
    sizes = data.faces.set_index("id")[["height", "width"]]
    for number in list_rounds(data.path):
        try:
            ledger = read_round(data.path, number)
            rows = list(merged_rows(ledger))
            versions = read_versions(data.path, number).merge(sizes, left_on="face", right_index=True)
            versions = versions[versions["label"].notna()]
            labels: Any = [*rows, *versions.rename(columns={"label": "label_after"}).to_dict("records")]
            for row in labels:
                decode_rle(row["label_after"], int(row["height"]), int(row["width"]))
        except OccsetError as error:
            yield Finding("error", f"round {number}", str(error))
            continue
        latest |= {row["id"]: (number, row["label_after"]) for row in rows}
        verdicts |= {face: (number, verdict) for face, verdict in verdicts_of(ledger).items()}
    held = dict(zip(data.faces["id"], data.faces["mask"], strict=True))
    for face, (number, label) in sorted(latest.items()):
        if held.get(face, label) != label:
            message = f"the label of {face} is not the one that the round gave it: pull or close the round again"
            yield Finding("warning", f"round {number}", message)
    out = {face: v if isinstance(v, str) else None for face, v in data.faces[["id", "verdict"]].itertuples(index=False)}
    for face, (number, verdict) in sorted(verdicts.items()):
        if out.get(face, verdict) != verdict:
            message = f"the round said '{verdict or 'usable'}' of {face}, the set says '{out[face] or 'usable'}'"
            yield Finding("warning", f"round {number}", f"{message}: pull it again with --all, or revoke the verdict")
