"""``occset plan``: what a set lacks of the paper's, and which faces to label next.

The paper labelled 1700 occlusions on CelebAMask-HQ, collected some 300 more to balance their types, relabelled 500 hard
examples, and took 800 textures. What code makes can stand in for them and is counted apart.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from occset.composition.categories import CATEGORIES, category
from occset.dataset.frozen import frozen_faces
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flag_of
from occset.dataset.replacing import MAY_BE_RELABELLED
from occset.rounds.ledger import list_rounds, read_round
from occset.sources.items import SPLITS
from occset.support.errors import BadInput
from occset.support.parquet_files import read_frame
from occset.support.reading import read_file

AIMS = {
    "occlusions labelled on faces": 1700,
    "occlusions collected to balance types": 300,
    "hard examples relabelled": 500,
    "textures": 800,
}
"""What the paper had, and how many."""

BY_CODE = "builtin"
_BY_PEOPLE = ("mined", "chosen")  # arms of a round; those drawn at random are no hard examples


@dataclass(frozen=True)
class Next:
    """A face to label.

    Attributes:
        id, source_id, split: of the face.
        score: by `occset mine`; None where it was not scored.
        why: it comes now.
    """

    id: str
    source_id: str
    split: str
    score: float | None
    why: str


def missing(data: OcclusionSet) -> list[dict[str, Any]]:
    """What there is of `AIMS` and what is missing: "what", "aim", "there", "made by code", "missing"."""
    cutouts = _used(data.occluders)
    textures = _used(data.textures)
    code = {"occluders": cutouts["source"].eq(BY_CODE), "textures": textures["source"].eq(BY_CODE)}
    cut_from_faces = cutouts["face"].notna()
    there = {
        "occlusions labelled on faces": (int((cut_from_faces & ~code["occluders"]).sum()), 0),
        "occlusions collected to balance types": (
            int((~cut_from_faces & ~code["occluders"]).sum()),
            int(code["occluders"].sum()),
        ),
        "hard examples relabelled": (len(_relabelled(data)), 0),
        "textures": (int((~code["textures"]).sum()), int(code["textures"].sum())),
    }
    return [
        {"what": what, "aim": aim, "there": real, "made by code": made, "missing": max(0, aim - real)}
        for (what, aim), (real, made) in zip(AIMS.items(), there.values(), strict=True)
    ]


def by_category(data: OcclusionSet) -> list[dict[str, Any]]:
    """Cut-outs by category and split, and what each category lacks of its part of all occlusions.

    The parts are as the categories are drawn for training (`occset.composition.categories`), so that none has to be shown
    more often than another.
    """
    cutouts = _used(data.occluders)
    real = cutouts[cutouts["source"].ne(BY_CODE)]
    count = Counter(zip(real["category"], real["split"], strict=True))
    made = Counter(cutouts.loc[cutouts["source"].eq(BY_CODE), "category"])
    total = AIMS["occlusions labelled on faces"] + AIMS["occlusions collected to balance types"]
    weights = sum(one.weight for one in CATEGORIES.values())
    rows = []
    for name in [*CATEGORIES, *sorted(set(cutouts["category"]) - set(CATEGORIES))]:
        aim = round(total * category(name).weight / weights) if name in CATEGORIES else 0
        there = {split: count[name, split] for split in SPLITS}
        lacks = max(0, aim - sum(there.values()))
        rows.append({"category": name, **there, "made by code": made[name], "aim": aim, "missing": lacks})
    return rows


def next_faces(data: OcclusionSet, top: int, scores: Path | None = None) -> list[Next]:
    """Which faces to label next, the first one first.

    Those that wait in a round come first, then those that a model finds hard, then those without a mask and those whose
    mask a model made, unlike people first. Test faces, faces that recipes name and faces out of use never come.

    Args:
        data: the set.
        top: most of them.
        scores: what ``occset mine --out`` wrote.

    Raises:
        BadInput: the file of scores cannot be read, or a recipe file or a ledger of the set is broken.
    """
    faces = data.faces
    frozen = frozen_faces(data.path)
    may = faces[faces["split"].isin(MAY_BE_RELABELLED) & faces["verdict"].isna() & ~faces["id"].isin(list(frozen))]
    rows = {row["id"]: row for row in may.to_dict("records")}
    machine = dict(zip(faces["id"], flag_of(faces, MACHINE), strict=True))
    scored = {} if scores is None else read_scores(scores)
    waiting, done = _of_rounds(data)
    found: dict[str, Next] = {}

    def take(face: str, score: float | None, why: str) -> None:
        if face in rows and face not in found:
            found[face] = Next(face, str(rows[face]["source_id"]), str(rows[face]["split"]), score, why)

    for face, number in waiting.items():
        take(face, scored.get(face, (None, ""))[0], f"waits in round {number}")
    hard = sorted(scored.items(), key=lambda item: (-item[1][0], item[0]))
    for face, (score, reason) in hard:
        if face not in done:
            take(face, score, reason or "hard for the model")
    for face in _unlike_first(may[may["mask"].isna()]):
        take(face, None, "has no mask")
    for face in _unlike_first(may[may["mask"].notna() & may["id"].map(machine).ne("")]):
        take(face, None, f"its mask is by {machine[face]}")
    return list(found.values())[:top]


def read_scores(path: Path) -> dict[str, tuple[float, str]]:
    """Score and reason of each face in what ``occset mine --out`` wrote, CSV or Parquet.

    Raises:
        BadInput: as `read_score_rows`.
    """
    return {str(row["id"]): (float(row["score"]), str(row.get("reason") or "")) for row in read_score_rows(path)}


def read_score_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of what ``occset mine --out`` wrote, CSV (whose cells are text) or Parquet; each has an id and a score.

    Raises:
        BadInput: it cannot be read, or lacks the columns id and score.
    """
    remedy = "give what  occset mine --out  wrote"
    try:
        raw = read_file(path)
        if path.suffix.lower() == ".parquet":
            rows: Any = read_frame(path, raw, remedy).to_dict("records")
        else:
            rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
        for row in rows:
            _ = row["id"], float(row["score"])
        return rows  # type: ignore[no-any-return]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: holds no scores of faces ({error}): {remedy}") from error


def _used(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["split"].isin(SPLITS)]


def _relabelled(data: OcclusionSet) -> set[str]:
    rounds = (read_round(data.path, number).rows for number in list_rounds(data.path))
    return {
        face for rows in rounds for face in rows.loc[rows["arm"].isin(_BY_PEOPLE) & rows["label_after"].notna(), "id"]
    }


def _of_rounds(data: OcclusionSet) -> tuple[dict[str, int], set[str]]:
    """Faces that wait for a label, with their round, and faces that a round gave one."""
    waiting: dict[str, int] = {}
    done: set[str] = set()
    for number in list_rounds(data.path):
        ledger = read_round(data.path, number)
        picks = ledger.rows[ledger.rows["arm"].ne("honeypot")]
        done |= set(picks.loc[picks["label_after"].notna(), "id"])
        for face in picks.loc[picks["decision"].isna(), "id"]:
            waiting[face] = number
    return waiting, done


def _unlike_first(frame: pd.DataFrame) -> Iterator[str]:
    """Faces so that each person comes once before anyone comes again; in an order that says nothing."""
    order = sorted(
        zip(frame["id"], frame["group"].fillna(frame["id"]), strict=True),
        key=lambda item: hashlib.sha256(item[0].encode()).hexdigest(),
    )
    seen: Counter[str] = Counter()
    turns = []
    for at, (face, group) in enumerate(order):
        turns.append((seen[group], at, face))
        seen[group] += 1
    return (face for _, _, face in sorted(turns))
