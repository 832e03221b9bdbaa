"""What the App shows of a set: every face, labelled or not, every cut-out and texture, with all that is known of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import FILES_OF, MACHINE, flags_of
from occset.mining.signals import SIGNALS, iou
from occset.pictures.duplicates import groups_of, near_pairs
from occset.pictures.masks import area, read_mask
from occset.publishing.formats.contents import Contents, cutouts_in_place, plain
from occset.publishing.formats.fiftyone import FACE, KINDS, OCCLUDERS, VIEWS, entry_of, piece_of, region_of
from occset.publishing.formats.fiftyone_layout import Entry, View
from occset.publishing.plan import read_score_rows
from occset.rounds.ledger import list_rounds, read_round
from occset.support.errors import BadInput, OccsetError
from occset.support.files import safe_join

PREDICTION = "prediction"
AGREE = 0.9
"""IoU of prediction and label below which they disagree."""

OF_SET = (
    View("hard examples", "By the score of mining, hardest first.", {"score": {"$ne": None}}, "score", True),
    View(
        "disagreements",
        f"Prediction and label have an IoU below {AGREE}, worst first.",
        {"prediction_iou": {"$lt": AGREE}},
        "prediction_iou",
    ),
    View("missing labels", "Faces without a mask.", {"labelled": False}),
    View("duplicates", "Faces that look the same, side by side.", {"duplicates": {"$ne": None}}, "duplicates"),
    View(
        "taken out of use", "What annotators called unusable, skipped or want to discuss.", {"verdict": {"$ne": None}}
    ),
    *VIEWS,
)
"""The saved views of a set; those that nothing is in are left out."""


def entries_of_set(
    data: OcclusionSet,
    out: Path,
    scores: Path | None = None,
    predictions: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """The entries of a set, whose masks are written below ``out``; pictures stay where they are.

    Args:
        data: the set.
        out: folder of the layout.
        scores: what ``occset mine --out`` wrote; else each face has the scores of the round that picked it last.
        predictions: folder of masks, ``<face id>.png``, 255 = visible face.
        progress: called with (done, all).

    Returns:
        The entries, and what is not shown, and why.

    Raises:
        BadInput: the scores, a ledger or the folder of predictions cannot be read.
    """
    rows = {table: [plain(row) for row in getattr(data, table).to_dict("records")] for table in KINDS}
    contents = Contents(data, **rows, splits=(), notes=())
    known = _scores(data, scores)
    alike = _alike(rows["faces"])
    masks = _masks_in(predictions)
    entries: list[Entry] = []
    problems: list[tuple[str, str]] = []
    for table in KINDS:
        for row in rows[table]:
            try:
                entry = entry_of(table, row, str(_picture(data, table, row)))
                if table == "faces":
                    entry = _face(contents, row, entry, out).saying(
                        **known.get(row["id"], {}), duplicates=alike.get(row["id"])
                    )
                    if row["id"] in masks:
                        entry = _predicted(entry, row, contents, masks[row["id"]], out, problems)
                entries.append(entry)
            except OccsetError as error:
                problems.append((row["id"], str(error)))
            if progress:
                progress(len(entries) + len(problems), len(contents))
    return entries, problems


def views_of(entries: Sequence[Entry], views: Sequence[View] = OF_SET) -> list[View]:
    """The views that something is in."""
    return [view for view in views if any(holds(view.match, entry.told) for entry in entries)]


def holds(match: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether an entry is in a view, by the filters that this room uses: a value, ``$ne`` None, or ``$lt``."""
    for key, wanted in match.items():
        value = told.get(key)
        if isinstance(wanted, dict):
            if "$ne" in wanted and value == wanted["$ne"]:
                return False
            if "$lt" in wanted and (value is None or not value < wanted["$lt"]):
                return False
        elif value != wanted:
            return False
    return True


def _picture(data: OcclusionSet, table: str, row: Mapping[str, Any]) -> Path:
    path = safe_join(data.path, row[FILES_OF[table]]).resolve()
    if not path.is_file():
        raise BadInput(f"{path}: is missing: restore it from a copy, or remove its row")
    return path


def _face(contents: Contents, row: dict[str, Any], entry: Entry, out: Path) -> Entry:
    """A face with its mask, where it has one, and the cut-outs that were cut from it."""
    origin = flags_of(row).get(MACHINE)
    if row["mask"] is None:
        return entry.saying(labelled=False, mask_from="none", area=None).showing(**{FACE: [], OCCLUDERS: []})
    mask = contents.mask(row)
    regions = {
        FACE: [region_of(out, FACE, row["id"], "face", mask)],
        OCCLUDERS: [piece_of(out, piece, where) for piece, where in cutouts_in_place(contents, row)],
    }
    told = {"labelled": True, "mask_from": origin or "source or annotators", "area": area(mask) / mask.size}
    return entry.saying(**told).showing(**regions)


def _predicted(
    entry: Entry, row: dict[str, Any], contents: Contents, file: Path, out: Path, problems: list[tuple[str, str]]
) -> Entry:
    try:
        mask = read_mask(file)
        if mask.shape != entry.size:
            size = f"{entry.size[1]} x {entry.size[0]}"
            raise BadInput(
                f"{file}: is {mask.shape[1]} x {mask.shape[0]}, the face is {size}: predict it at its own size"
            )
    except OccsetError as error:
        problems.append((row["id"], str(error)))
        return entry
    overlap = None if row["mask"] is None else iou(contents.mask(row), mask)
    entry = entry.saying(prediction_iou=overlap)
    return entry.showing(**{PREDICTION: [region_of(out, PREDICTION, row["id"], PREDICTION, mask)]})


def _masks_in(folder: Path | None) -> dict[str, Path]:
    if folder is None:
        return {}
    found = {path.stem: path for path in sorted(folder.rglob("*.png"))} if folder.is_dir() else {}
    if not found:
        raise BadInput(f"{folder}: holds no mask: give a folder with <face id>.png, 255 = visible face")
    return found


def _scores(data: OcclusionSet, file: Path | None) -> dict[str, dict[str, Any]]:
    """What mining made of each face, and what became of it in the round that picked it last."""
    known: dict[str, dict[str, Any]] = {}
    for number in list_rounds(data.path):
        ledger = read_round(data.path, number).rows
        for row in map(plain, ledger[ledger["arm"].ne("honeypot")].to_dict("records")):
            about = {
                "round": number,
                "arm": row["arm"],
                "decision": row["decision"],
                "iou_with_label_before": row["iou"],
            }
            known[row["id"]] = {**known.get(row["id"], {}), **about, **_signals(row)}
    if file is not None:
        for row in read_score_rows(file):
            known[str(row["id"])] = {**known.get(str(row["id"]), {}), **_signals(row)}
    return known


def _signals(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score, signals and reason as far as they are known; numbers of a CSV are text."""
    found: dict[str, Any] = {}
    for name in ("score", *SIGNALS):
        value = row.get(name)
        if value not in (None, "") and value == value:
            found[name] = float(value)
    if row.get("reason"):
        found["reason"] = str(row["reason"])
    return found


def _alike(faces: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Faces that look like others, each with the same name as those."""
    pairs = near_pairs([row["phash"] or "" for row in faces])
    groups = groups_of(len(faces), pairs)
    return {faces[at]["id"]: f"like {faces[groups[at]]['id']}" for one, other, _ in pairs for at in (one, other)}
