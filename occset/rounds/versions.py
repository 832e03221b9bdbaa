"""The versions of a face's label, `rounds/NNN/versions.parquet`: what a round's annotators gave, none ever overwritten.

The ledger and the set hold the latest label; here is each one that was merged, in the order in which they came.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from occset.dataset import records
from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds.ledger import list_rounds, read_round

VERSIONS = pa.schema(
    [
        ("id", pa.string()),  # face id, a point, number of the version in this round
        ("face", pa.string()),
        ("version", pa.int32()),  # from 1
        ("label", pa.string()),  # COCO RLE counts over the face's (height, width); null for a verdict
        ("labelled", pa.string()),  # when, ISO 8601 in UTC
        ("annotators", pa.list_(pa.string())),
        ("lead_time", pa.float64()),  # seconds
        ("agreement", pa.float64()),  # mean IoU of the annotators' masks
        ("origin", pa.string()),  # what it was read from
        ("verdict", pa.string()),  # what was said instead of a label, or REVOKED
        ("quality", pa.string()),
        ("comment", pa.string()),
    ]
)

REVOKED = "revoked"
"""The verdict of a version that takes back those before it."""


@dataclass(frozen=True)
class Label:
    """A label that came for a pick, or a verdict, which is one too.

    Attributes:
        counts: the mask, COCO RLE counts over the face's height and width; None for a verdict.
        labelled: when, ISO 8601 in UTC.
        annotators: who.
        lead_time: seconds of labelling, of all annotators.
        agreement: mean IoU of the annotators' masks.
        origin: what it was read from, such as the name of a file.
        verdict: one of `occset.dataset.records.VERDICTS`, `REVOKED`, or None for a mask.
        quality: "good", "unsure" or "unusable"; None where nobody was asked.
        comment: what annotators wrote.
    """

    counts: str | None
    labelled: str
    annotators: tuple[str, ...] = ()
    lead_time: float | None = None
    agreement: float | None = None
    origin: str = ""
    verdict: str | None = None
    quality: str | None = None
    comment: str | None = None


@dataclass(frozen=True)
class Version:
    """A label that a face has or had.

    Attributes:
        round: that gave it; 0 is what the set had before the first one.
        version: its number in the round.
        label: COCO RLE counts, or None where the face had no label or this is a verdict.
        labelled, annotators, lead_time, agreement, origin, verdict, quality, comment: see `Label`.
    """

    round: int
    version: int
    label: str | None
    labelled: str | None = None
    annotators: tuple[str, ...] = ()
    lead_time: float | None = None
    agreement: float | None = None
    origin: str | None = None
    verdict: str | None = None
    quality: str | None = None
    comment: str | None = None


def versions_path(root: Path, number: int) -> Path:
    """Where the versions of a round of the set at ``root`` lie."""
    return root / "rounds" / f"{number:03d}" / "versions.parquet"


def read_versions(root: Path, number: int) -> pd.DataFrame:
    """The versions of a round, `VERSIONS`; empty where none came.

    Raises:
        BadInput: the file is broken.
    """
    return records.read_table(versions_path(root, number), VERSIONS)


def add_versions(root: Path, number: int, labels: dict[str, Label]) -> int:
    """Keep labels by face as new versions; one that is the face's latest in this round already is not kept twice.

    Returns:
        How many were new.

    Raises:
        BadInput: the file is broken.
    """
    known = read_versions(root, number)
    columns = known.sort_values("version")[["face", "version", "label", "verdict"]]
    latest = {
        face: (int(version), _text(label), _text(verdict))
        for face, version, label, verdict in columns.itertuples(index=False)
    }
    fresh = []
    for face, label in sorted(labels.items()):
        version, *said = latest.get(face, (0, None, None))
        if said != [label.counts, label.verdict]:
            fresh.append(_row(face, version + 1, label))
    if fresh:
        rows: Any = [*known.astype(object).where(known.notna(), None).to_dict("records"), *fresh]
        records.write_table(versions_path(root, number), pd.DataFrame(rows, columns=VERSIONS.names), VERSIONS)
    return len(fresh)


def _row(face: str, version: int, label: Label) -> dict[str, Any]:
    return {
        "id": f"{face}.{version}",
        "face": face,
        "version": version,
        "label": label.counts,
        "labelled": label.labelled,
        "annotators": list(label.annotators) or None,
        "lead_time": label.lead_time,
        "agreement": label.agreement,
        "origin": label.origin or None,
        "verdict": label.verdict,
        "quality": label.quality,
        "comment": label.comment or None,
    }


def history(data: OcclusionSet, face: str) -> list[Version]:
    """All labels of a face and all verdicts on it, oldest first; the last label is what the set holds.

    Args:
        data: the set.
        face: its id.

    Raises:
        UnknownName: the set has no such face.
        BadInput: a ledger or a file of versions is broken.
    """
    held = data.face_row(face)["mask"]
    found: list[Version] = []
    for number in list_rounds(data.path):
        rows: Any = read_round(data.path, number).rows
        rows = rows[rows["id"].eq(face) & rows["arm"].ne("honeypot")].to_dict("records")
        if not rows:
            continue
        if not found:
            found.append(Version(0, 0, _text(rows[0]["label_before"])))
        known = read_versions(data.path, number)
        mine: Any = known[known["face"].eq(face)].sort_values("version")
        kept = [_version(number, row) for row in mine.to_dict("records")]
        if not kept and _text(rows[0]["label_after"]) is not None:  # by an occset that kept no versions
            kept = [Version(number, 1, _text(rows[0]["label_after"]), _text(rows[0]["labelled"]))]
        found += kept
    return found or [Version(0, 0, _text(held))]


def _version(number: int, row: dict[str, Any]) -> Version:
    names: Iterable[str] = () if row["annotators"] is None else row["annotators"]
    lead_time, agreement = (None if row[c] != row[c] else row[c] for c in ("lead_time", "agreement"))
    return Version(
        number,
        int(row["version"]),
        _text(row["label"]),
        _text(row["labelled"]),
        tuple(names),
        lead_time,
        agreement,
        _text(row["origin"]),
        *(_text(row[column]) for column in ("verdict", "quality", "comment")),
    )


def _text(cell: Any) -> str | None:
    return cell if isinstance(cell, str) else None
