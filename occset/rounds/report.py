"""What a round brought: for each arm, for each reason, for each face."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle
from occset.rounds.ledger import DECISIONS, ledger_path, read_round, read_times
from occset.support.errors import BadInput
from occset.support.reading import read_json

CHANGED = 0.98
"""A label counts as changed for good where its IoU with the one before is below this; above it a hand merely wobbled."""


@dataclass(frozen=True)
class RoundReport:
    """A round in figures.

    Attributes:
        setup: what it was opened with, and when it was opened and closed, where that is known.
        arms: one row an arm: how many picks, how many of each decision, mean IoU of label before and after, share of
            those compared that changed, mean change of the label's area.
        reasons: one row an arm and leading signal: picks, compared, mean IoU, share changed.
        samples: one row a pick.
        verdicts: one row a pick that got a verdict instead of a label, and so is used no more: which, why, by whom, when.
        work: one row an arm, and "all" of them: how long labelling took, and how far annotators agreed.
        annotators: one row an annotator (None: nobody was named): labels of picks, and honeypots with their IoU with
            the truth: of their own masks where `annotators.json` of the round tells, else of the label that was taken,
            which counts for each of those who drew it; "shared" says how many honeypots were such. "given IoU" is that of
            their pre-labels with the truth. Of all that was submitted: how many pre-labels were left "untouched", the mean
            "pre-label IoU", how many are "unsure" and how many "comments" were written; None where no pull has told.
        categories: one row a category and annotator of the occluders that this round cut out.
    """

    setup: dict[str, Any]
    arms: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    verdicts: list[dict[str, Any]]
    work: list[dict[str, Any]]
    annotators: list[dict[str, Any]]
    categories: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def report(data: OcclusionSet, number: int | None = None) -> RoundReport:
    """Figures of a round of a set; the latest by default.

    Raises:
        OccsetError: there is no such round.
        BadInput: its ledger is broken.
    """
    ledger = read_round(data.path, number)
    rows = ledger.rows.copy()
    picks: Any = rows.to_dict("records")
    rows["area_change"] = pd.Series([_area_change(row) for row in picks], index=rows.index, dtype=float)
    names = [None if row["annotators"] is None else list(row["annotators"]) for row in picks]
    rows["annotators"] = pd.Series(names, index=rows.index, dtype=object)
    arms = [_arm(arm, group) for arm, group in rows.groupby("arm", sort=False)]
    reasons = [
        {"arm": arm, "signal": signal, "picked": len(group), **_change(group)}
        for (arm, signal), group in rows[rows["signal"].notna()].groupby(["arm", "signal"], sort=True)
    ]
    shown = ["id", "source_id", "arm", "rank", "score", "decision", "iou", "area_change", "lead_time", "reason"]
    shown += ["agreement", "annotators", "verdict", "quality", "comment"]
    samples: Any = rows[shown].astype(object).where(rows[shown].notna(), None).to_dict("records")
    said: Any = rows.loc[rows["verdict"].notna(), ["id", "source_id", "verdict", "comment", "annotators", "labelled"]]
    verdicts: Any = said.astype(object).where(said.notna(), None).to_dict("records")
    setup = {**asdict(ledger.setup), **read_times(data.path, ledger.setup.number), "waiting": len(ledger.waiting)}
    work = [_work(arm, group) for arm, group in rows.groupby("arm", sort=False)] + [_work("all", rows)]
    own = _own_scores(data.path, ledger.setup.number)
    categories = _categories(data.occluders, ledger.setup.number)
    return RoundReport(setup, arms, reasons, samples, verdicts, work, _annotators(rows, own), categories)


def _arm(arm: Any, rows: pd.DataFrame) -> dict[str, Any]:
    decided = {decision: int((rows["decision"] == decision).sum()) for decision in DECISIONS}
    return {
        "arm": arm,
        "picked": len(rows),
        **decided,
        "waiting": int(rows["decision"].isna().sum()),
        **_change(rows),
        "area change": _mean(rows["area_change"].abs()),
        "seconds each": _mean(rows["lead_time"]),
    }


def _work(arm: Any, rows: pd.DataFrame) -> dict[str, Any]:
    times, agreement = rows["lead_time"].dropna(), rows["agreement"].dropna()
    return {
        "arm": arm,
        "timed": len(times),
        "median seconds": float(times.median()) if len(times) else None,
        "total seconds": float(times.sum()) if len(times) else None,
        "by several": len(agreement),
        "agreement": _mean(agreement),
        "lowest agreement": float(agreement.min()) if len(agreement) else None,
    }


def _own_scores(root: Path, number: int) -> dict[str, dict[str, Any]]:
    """What each annotator's own masks of honeypots scored, by name, as the last pull wrote it.

    Raises:
        BadInput: the file is broken.
    """
    path = ledger_path(root, number).with_name("annotators.json")
    if not path.is_file():
        return {}
    try:
        rows = read_json(path, any_number=True)
        return {str(row["annotator"]): _own_score(row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise BadInput(f"{path}: not the scores of annotators ({error}): remove it and pull again") from error


def _own_score(row: dict[str, Any]) -> dict[str, Any]:
    figures = ("iou", "lowest_iou", "given_iou", "prelabel_iou")
    iou, lowest, given, prelabel = (None if row.get(key) is None else float(row[key]) for key in figures)
    counts = {key: None if row.get(key) is None else int(row[key]) for key in ("untouched", "unsure", "comments")}
    scores = {"honeypots": int(row["count"]), "shared": 0, "honeypot IoU": iou, "lowest": lowest, "given IoU": given}
    return {**scores, **counts, "pre-label IoU": prelabel}


def _annotators(rows: pd.DataFrame, own: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    done: Any = rows[rows["label_after"].notna()].to_dict("records")
    by_name: dict[str | None, list[dict[str, Any]]] = {}
    for row in done:
        for name in dict.fromkeys(row["annotators"] or [None]):
            by_name.setdefault(name, []).append(row)
    names = sorted(by_name.keys() | own.keys(), key=lambda name: (name is None, name or ""))
    return [{**_annotator(name, by_name.get(name, [])), **own.get(name or "", {})} for name in names]


def _annotator(name: str | None, done: list[dict[str, Any]]) -> dict[str, Any]:
    alone = pd.Series([row["lead_time"] for row in done if len(row["annotators"] or ()) < 2], dtype=float).dropna()
    traps = [row for row in done if row["arm"] == "honeypot"]
    scores = pd.Series([row["iou"] for row in traps], dtype=float).dropna()
    return {
        "annotator": name,
        "labels": len(done) - len(traps),
        "median seconds": float(alone.median()) if len(alone) else None,  # of what this one labelled alone
        "honeypots": len(traps),
        "shared": sum(len(row["annotators"] or ()) > 1 for row in traps),
        "honeypot IoU": _mean(scores),
        "lowest": float(scores.min()) if len(scores) else None,
        **dict.fromkeys(("given IoU", "untouched", "unsure", "comments", "pre-label IoU")),
    }


def _categories(occluders: pd.DataFrame, number: int) -> list[dict[str, Any]]:
    brought = occluders[occluders["round"].eq(number)]
    found = []
    for (category, name), group in brought.groupby(["category", "annotator"], sort=True, dropna=False):
        times = group["lead_time"].dropna()
        found.append(
            {
                "category": category if isinstance(category, str) else None,
                "annotator": name if isinstance(name, str) else None,
                "cut-outs": len(group),
                "median seconds": float(times.median()) if len(times) else None,
            }
        )
    return found


def _change(rows: pd.DataFrame) -> dict[str, Any]:
    compared = rows["iou"].dropna()
    return {
        "compared": len(compared),
        "IoU before/after": _mean(compared),
        "changed": float((compared < CHANGED).mean()) if len(compared) else None,
    }


def _mean(values: pd.Series) -> float | None:
    known = values.dropna()
    return float(known.mean()) if len(known) else None


def _area_change(row: dict[str, Any]) -> float | None:
    """What the label's area grew by, as a share of the area before; None where one of the two is not there."""
    if not isinstance(row["label_before"], str) or not isinstance(row["label_after"], str):
        return None
    before, after = (
        int(np.count_nonzero(decode_rle(row[column], int(row["height"]), int(row["width"]))))
        for column in ("label_before", "label_after")
    )
    return (after - before) / before if before else None
