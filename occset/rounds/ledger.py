"""The ledger of a round, `rounds/NNN/ledger.parquet`: one row a picked face. A round exists once its ledger does.

The ledger follows from what went in and from nothing else, so that a round run twice gives the same bytes. When a round
was opened and closed stands beside it in `times.json`, which nothing reads but the report.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from occset.dataset import records
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.parquet_files import read_parquet_notes
from occset.support.reading import parse_json

LEDGER = pa.schema(
    [
        ("id", pa.string()),  # of the face
        ("source_id", pa.string()),
        ("arm", pa.string()),  # see ARMS
        ("rank", pa.int32()),  # within its arm, in the order of the choice
        ("score", pa.float64()),
        ("entropy", pa.float64()),  # the signals, see occset.mining.signals; null where there is none
        ("instability", pa.float64()),
        ("label_disagreement", pa.float64()),
        ("fragments", pa.float64()),
        ("render_disagreement", pa.float64()),
        ("pieces", pa.int32()),
        ("holes", pa.int32()),
        ("distance", pa.float64()),  # to the picks before it, in the model's features; null for the random arm
        ("signal", pa.string()),  # the leading one; null for the random arm
        ("reason", pa.string()),
        ("model", pa.string()),
        ("weights_hash", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("label_before", pa.string()),  # COCO RLE counts over (height, width); null for a face without a label
        ("label_after", pa.string()),  # null until a label arrives
        ("iou", pa.float64()),  # of the two
        ("annotators", pa.list_(pa.string())),
        ("lead_time", pa.float64()),  # seconds of labelling, of all annotators
        ("agreement", pa.float64()),  # mean IoU of the annotators' masks; null for a single one
        ("decision", pa.string()),  # null while it waits; see DECISIONS
        ("labelled", pa.string()),  # when, ISO 8601 in UTC
        ("verdict", pa.string()),  # what was said instead of a label, see occset.dataset.records.VERDICTS
        ("quality", pa.string()),  # "good", "unsure" or "unusable"; the worst that an annotator said
        ("comment", pa.string()),  # what annotators wrote, "name: words"
    ]
)
ARMS = ("mined", "random", "chosen", "honeypot")
"""Picked by the model, drawn at random as its control, named by the curator, and samples of known truth that measure
annotators only: their `label_before` is the truth, so that their IoU is the annotator's score."""

MERGED = ("labelled", "corrected", "confirmed")
"""First label, another label than before, the same label."""

DECISIONS = (*MERGED, "excluded", "revoked", "missing")
"""And: a verdict instead of a label keeps the face from being used; the verdict was taken back, the face is used with the
label that it has; none of all this before the round was finished."""

_FOLDER = re.compile(r"^\d{3,}$")


@dataclass(frozen=True)
class Setup:
    """What a round was opened with.

    Attributes:
        number: of the round, from 1.
        model, weights_hash: who mined; "" where nobody did.
        split: of the faces; "" where the curator named them.
        mined, random, chosen, honeypots: how many were picked in each arm.
        seed: of the random arm and of the honeypots.
        scored: how many faces were scored.
        content_hash: of the set as it was opened.
    """

    number: int
    model: str
    weights_hash: str
    split: str
    mined: int
    random: int
    seed: int
    scored: int
    content_hash: str
    chosen: int = 0
    honeypots: int = 0


@dataclass
class Ledger:
    """A round's ledger: what it was opened with, and its rows (`LEDGER`), honeypots last, each arm by rank."""

    setup: Setup
    rows: pd.DataFrame

    @property
    def waiting(self) -> list[str]:
        """Ids of the picks for which nothing was decided yet."""
        return list(self.rows.loc[self.rows["decision"].isna(), "id"])

    @property
    def is_open(self) -> bool:
        """Whether labels are still awaited."""
        return bool(self.waiting)

    def to_bytes(self) -> bytes:
        """The Parquet file; the same ledger gives the same bytes."""
        return records.to_bytes(self.rows, LEDGER, {"round": json.dumps(asdict(self.setup), sort_keys=True)})


def ledger_path(root: Path, number: int) -> Path:
    """Where the ledger of a round of the set at ``root`` lies."""
    return root / "rounds" / f"{number:03d}" / "ledger.parquet"


def list_rounds(root: Path) -> list[int]:
    """Numbers of the rounds of a set, in order."""
    folders = (path.parent.name for path in root.glob("rounds/*/ledger.parquet"))
    return sorted(int(name) for name in folders if _FOLDER.match(name))


def read_round(root: Path, number: int | None = None) -> Ledger:
    """Read a round's ledger; the latest one's when no number is given.

    Raises:
        OccsetError: there is no such round.
        BadInput: the ledger is broken.
    """
    known = list_rounds(root)
    if not known:
        raise OccsetError(f"{root}: no round was opened here: run  occset annotate push {root}  or  occset round open")
    number = known[-1] if number is None else number
    if number not in known:
        raise OccsetError(f"{root}: there is no round {number}: its rounds are {', '.join(map(str, known))}")
    path = ledger_path(root, number)
    rows = records.read_table(path, LEDGER)
    try:
        _, note = read_parquet_notes(path)
        setup = Setup(**parse_json(note[b"round"]))
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise BadInput(
            f"{path}: does not say what the round was opened with ({error}): restore it from a copy"
        ) from error
    if setup.number != number:
        raise BadInput(f"{path}: is the ledger of round {setup.number}: put each round back into its own folder")
    return Ledger(setup, rows)


def write_round(root: Path, ledger: Ledger) -> bool:
    """Write a ledger, atomically, where it differs from what is there; returns whether it did."""
    path, content = ledger_path(root, ledger.setup.number), ledger.to_bytes()
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomic(path, content)
    return True


def note_time(root: Path, number: int, what: str) -> None:
    """Write into `times.json` that a round was "opened" or "closed" now, unless it says so already."""
    path = ledger_path(root, number).with_name("times.json")
    times = read_times(root, number)
    if what not in times:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        write_atomic(path, (json.dumps({**times, what: now}, indent=2) + "\n").encode())


def read_times(root: Path, number: int) -> dict[str, Any]:
    """When a round was opened and closed, as far as it is known."""
    path = ledger_path(root, number).with_name("times.json")
    return records.read_note(path) if path.is_file() else {}


@dataclass
class Correction:
    """A face whose label came from a person.

    Attributes:
        round: the latest one that labelled it.
        replaced: the labels that it had before each round, null for none, and those that the rounds gave it.
    """

    round: int
    replaced: set[str | None] = field(default_factory=set)


def corrections(root: Path) -> dict[str, Correction]:
    """The faces of a set that rounds have labelled, by id.

    Raises:
        BadInput: a ledger is broken.
    """
    found: dict[str, Correction] = {}
    for number in list_rounds(root):
        for row in merged_rows(read_round(root, number)):
            known = found.setdefault(row["id"], Correction(number))
            known.round = number
            known.replaced |= {row["label_before"], row["label_after"]}
    return found


def merged_rows(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Rows whose label went into the set, nulls as None; honeypots never do."""
    merged = ledger.rows["label_after"].notna() & ledger.rows["arm"].ne("honeypot")
    rows: Any = ledger.rows[merged].to_dict("records")
    for row in rows:
        yield {**row, "label_before": row["label_before"] if isinstance(row["label_before"], str) else None}


def verdicts_of(ledger: Ledger) -> dict[str, str | None]:
    """The verdict on each face of a round of which something was said, None for those that may be used."""
    said = ledger.rows["decision"].isin([d for d in DECISIONS if d != "missing"]) | ledger.rows["verdict"].notna()
    rows: Any = ledger.rows.loc[said & ledger.rows["arm"].ne("honeypot"), ["id", "verdict"]].to_dict("records")
    return {row["id"]: row["verdict"] if isinstance(row["verdict"], str) else None for row in rows}
