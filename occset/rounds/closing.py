"""Closing a round: read the labels that came, refuse what cannot be used by name, merge the rest."""

from __future__ import annotations

import datetime
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flags_of, unpack_points, with_flag
from occset.mining.signals import iou
from occset.pictures.listing import LOSSLESS, check_kind, list_pictures, suffix_of
from occset.pictures.mask_doubts import doubt_of
from occset.pictures.masks import decode_rle, encode_rle, read_mask
from occset.rounds.ledger import Ledger, corrections, note_time, read_round, write_round
from occset.rounds.versions import REVOKED, Label, add_versions
from occset.support.errors import BadInput, OccsetError
from occset.support.locks import only_writer


@dataclass
class Closing:
    """What closing a round did.

    Attributes:
        ledger: as it is now.
        merged: picks whose label came now or came again.
        changed: how many faces of the set have another label than before this call.
        excluded: how many faces of the set came to have a verdict against them.
        refused: labels that cannot be used, by name, and why.
        notes: what was passed over, in sentences.
    """

    ledger: Ledger
    merged: int = 0
    changed: int = 0
    excluded: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def close_round(
    data: OcclusionSet,
    labels: Path,
    number: int | None = None,
    finish: bool = False,
    confirmed: Iterable[str] = (),
    threshold: int | None = None,
) -> Closing:
    """Merge the masks of a folder, ``<face id>.png``, into the set and into a round's ledger.

    Can be run again, with what was missing or after it was cut off: the same labels give the same set and ledger.

    Args:
        data: the set.
        labels: the folder.
        number: of the round; the latest by default.
        finish: call what has no label missing, so that the next round can be opened; a pick whose label was refused
            waits all the same.
        confirmed: ids of faces whose label is taken although it is doubted, see `Gate.let_in`.
        threshold: 0..254: takes masks with soft edges, JPEG included; on is what is above it.

    Raises:
        OccsetError: no such round or folder, or another process writes to the set.
    """
    if not labels.is_dir():
        raise OccsetError(f"{labels}: no such folder: give --labels the folder with the masks, <face id>.png")
    with only_writer(data.path):
        data.refresh()
        ledger = read_round(data.path, number)
        found, refused = read_labels(data, ledger, labels, confirmed, threshold)
        held_back = {Path(name).stem for name, _ in refused}
        closing = merge(data, ledger, found, finish, held_back)
        closing.refused, closing.notes = refused, list_pictures(labels).notes()
    return closing


def read_labels(
    data: OcclusionSet,
    ledger: Ledger,
    folder: Path,
    confirmed: Iterable[str] = (),
    threshold: int | None = None,
) -> tuple[dict[str, Label], list[tuple[str, str]]]:
    """The usable labels of a folder by face id, and those refused: name of the file, and why."""
    found: dict[str, Label] = {}
    refused: list[tuple[str, str]] = []
    gate = Gate(data, ledger, confirmed)
    for key in list_pictures(folder).keys:
        path = folder / key
        try:
            check_kind(path)
            if threshold is None and suffix_of(key) not in LOSSLESS:
                raise BadInput(
                    f"{path}: labels are PNG files named <face id>.png, and this kind blurs them: save it as PNG, or "
                    "take it with --threshold 127"
                )
            gate.check_pick(path.stem, str(path))
            counts = gate.let_in(path.stem, read_mask(path, threshold, "--threshold 127"), str(path))
            if path.stem in found:
                raise BadInput(f"{path}: {found[path.stem].origin} is a label of the same face: keep one of them")
            written = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC)
            found[path.stem] = Label(counts, written.isoformat(timespec="seconds"), origin=path.name)
        except OccsetError as error:
            refused.append((key, str(error)))
    return found, refused


class Gate:
    """What lets a label into a round, and so into the set.

    Args:
        data: the set.
        ledger: of the round.
        confirmed: faces of whose label a person says that it is right, although it is doubted.

    Raises:
        OccsetError: a face that is confirmed was not picked in the round.
    """

    def __init__(self, data: OcclusionSet, ledger: Ledger, confirmed: Iterable[str] = ()) -> None:
        self.points = dict(zip(data.faces["id"], data.faces["landmarks"], strict=True))
        self.confirmed = set(confirmed)
        if lost := self.confirmed - set(ledger.rows["id"]):
            raise OccsetError(
                f"--confirm {min(lost)}: no face of that id was picked in round {ledger.setup.number}: take the id from the "
                "message that holds its label back"
            )
        self.number = ledger.setup.number
        self.picks = {row["id"]: row for row in ledger.rows.to_dict("records")}
        self.known = set(data.faces["id"])
        later = {face: known for face, known in corrections(data.path).items() if known.round > self.number}
        self.change = data.replacing(later)
        self.change.load()

    def check_pick(self, face: str, where: str, verdict: bool = False) -> None:
        """Let a face pass whose label may change in this round; a honeypot passes too, its label changes nothing.

        Args:
            face: its id.
            where: what errors begin with.
            verdict: whether it is a verdict that came; it changes nothing of what a frozen recipe renders.

        Raises:
            BadInput: it may not; begins with ``where`` and says why.
        """
        is_honeypot = face in self.picks and self.picks[face]["arm"] == "honeypot"
        if is_honeypot:
            return
        if face not in self.known:
            raise BadInput(f"{where}: no face of the set is called {face}: labels are named <face id>.png")
        if face not in self.picks:
            raise BadInput(
                f"{where}: {face} was not picked in round {self.number}: put it with the round that picked it"
            )
        if verdict:
            self.change.check_verdict(face, where)
        else:
            self.change.check_label(face, where)

    def let_in(self, face: str, mask: np.ndarray, where: str) -> str:
        """The RLE counts of a label (H, W) uint8 0/255 of a pick.

        Raises:
            BadInput: another size than the face's, empty, or doubted (full, hardly anything, or the opposite of what it
                should be, see `occset.pictures.mask_doubts`) and not confirmed; begins with ``where``.
        """
        row = self.picks[face]
        if mask.shape != (row["height"], row["width"]):
            raise BadInput(
                f"{where}: is {mask.shape[1]} x {mask.shape[0]}, the face is {row['width']} x {row['height']}: "
                "label it at its own size"
            )
        if not mask.any():
            raise BadInput(f"{where}: the mask is empty: mark the visible face with 255, or remove the file")
        counts = encode_rle(mask)
        if row["arm"] != "honeypot" and face not in self.confirmed and counts != row["label_after"]:
            self._check_doubt(face, mask, where)
        return counts

    def _check_doubt(self, face: str, mask: np.ndarray, where: str) -> None:
        known = self.picks[face]["label_before"]
        before = decode_rle(known, *mask.shape) if isinstance(known, str) else None
        if doubt := doubt_of(mask, unpack_points(self.points.get(face)), before):
            raise BadInput(f"{where}: {doubt}: held back; if it is right all the same, take it with --confirm {face}")


def merge(
    data: OcclusionSet,
    ledger: Ledger,
    labels: dict[str, Label],
    finish: bool = False,
    held_back: Container[str] = (),
) -> Closing:
    """Put labels that were checked into a round's ledger and into the faces of the set, which the caller holds.

    Versions are kept first, then faces are written, and the ledger last, which knows the labels before: cut off in
    between, doing it again ends the same. Honeypots stay out of the set. A verdict keeps its face from being used until a
    label or the curator says otherwise; an unusable face is done with, the others wait for a label all the same. With
    ``finish``, or in a round that ended before, nothing waits but what is held back: what has a verdict is excluded, what
    has nothing is missing.
    """
    rows: Any = ledger.rows.astype(object).where(ledger.rows.notna(), None).to_dict("records")
    for row in rows:
        if row["id"] in labels:
            row.update(_decided(row, labels[row["id"]]))
        if row["decision"] is None and (finish or not ledger.is_open) and row["id"] not in held_back:
            row["decision"] = "excluded" if row["verdict"] else "missing"
    after = Ledger(ledger.setup, type(ledger.rows)(rows, columns=ledger.rows.columns))
    add_versions(data.path, ledger.setup.number, labels)
    picks = {row["id"] for row in rows if row["arm"] != "honeypot"}
    fresh = {face: _news(data.face_row(face), label) for face, label in labels.items() if face in picks}
    with data.replacing() as change:
        change.put_faces({"id": face, **news} for face, news in fresh.items() if news)
    write_round(data.path, after)
    data.note()
    if not after.is_open:
        note_time(data.path, after.setup.number, "closed")
    merged = sum(label.counts is not None for label in labels.values())
    changed = sum("mask" in news for news in fresh.values())
    return Closing(after, merged, changed, sum(bool(news.get("verdict")) for news in fresh.values()))


def _news(face: dict[str, Any], label: Label) -> dict[str, Any]:
    """What a label changes of a face of the set, by column."""
    news: dict[str, Any] = {}
    if label.counts is not None and face["mask"] != label.counts:
        news["mask"] = label.counts
    if label.counts is not None and MACHINE in flags_of(face):  # a person said it now, changed or not
        news["flags"] = with_flag(face, MACHINE, None)
    verdict = None if label.verdict == REVOKED else label.verdict
    if (face["verdict"] if isinstance(face["verdict"], str) else None) != verdict:
        news["verdict"] = verdict
    return news


def _decided(row: dict[str, Any], label: Label) -> dict[str, Any]:
    if label.verdict == REVOKED:  # who said what stays in the row
        return {"decision": "revoked", "verdict": None, "labelled": label.labelled}
    said = {
        "annotators": list(label.annotators) or None,
        "lead_time": label.lead_time,
        "agreement": label.agreement,
        "labelled": label.labelled,
        "verdict": label.verdict,
        "quality": label.quality,
        "comment": label.comment,
    }
    if label.counts is None:
        return {**said, "decision": "excluded" if label.verdict == "unusable" else None}
    before, height, width = row["label_before"], int(row["height"]), int(row["width"])
    if before is None:
        decision, overlap = "labelled", None
    else:
        decision = "confirmed" if label.counts == before else "corrected"
        overlap = iou(decode_rle(before, height, width), decode_rle(label.counts, height, width))
    return {**said, "label_after": label.counts, "iou": overlap, "decision": decision}
