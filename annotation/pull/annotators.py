"""What a round tells of each annotator: how well honeypots were drawn, how often a pre-label was left as it came.

A honeypot scores the annotator only where the annotator drew: one that is to be discussed or was called unusable does not
count, nor does one whose pre-label was submitted untouched, unless it is known how wrong that pre-label was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from occset.annotation.labels.agreement import score_annotators
from occset.annotation.labels.resizing import enlarge
from occset.annotation.labels.task_reader import Reading
from occset.annotation.pull.decision import name_of
from occset.annotation.pull.samples import Sample
from occset.annotation.push.sent_prelabels import Sent
from occset.mining.signals import iou
from occset.pictures.masks import decode_rle


def annotators_of(samples: Iterable[Sample], names: dict[int, str], sent: Mapping[str, Sent]) -> list[dict[str, Any]]:
    """One row an annotator, by name.

    Args:
        samples: of the round.
        names: of the annotators, by number.
        sent: the pre-labels that are known, by the sample's id.

    Returns:
        `annotator`; `labels` that are no honeypots; of these and the honeypots together: `untouched`, submitted with the
        pre-label as it came; `prelabel_iou`, mean IoU with the pre-label, None where none is known; `unsure`; `comments`,
        how many were written. Of honeypots: `count` and the scores of
        `occset.annotation.labels.agreement.score_annotators`, None where there is none; and `given_iou`, mean IoU of
        their pre-labels with the truth, which is what an annotator who draws nothing would score.
    """
    rows: dict[str, dict[str, Any]] = {}
    answers: list[tuple[str, np.ndarray, np.ndarray]] = []
    to_prelabel: dict[str, list[float]] = defaultdict(list)
    given: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        guess = sent.get(sample.id)
        for reading in sample.readings:
            name = name_of(reading, names)
            row = rows.setdefault(name, {"labels": 0, "untouched": 0, "unsure": 0, "comments": 0})
            row["comments"] += bool(reading.comment)
            if reading.skipped or not reading.face.any():
                continue
            row["labels"] += not sample.is_honeypot
            row["untouched"] += reading.untouched
            row["unsure"] += reading.quality == "unsure"
            if guess is not None:
                to_prelabel[name].append(iou(reading.face, guess.mask))
            if sample.is_honeypot and _counts(reading, guess):
                truth = decode_rle(sample.row["label_before"], int(sample.row["height"]), int(sample.row["width"]))
                answers.append((name, enlarge(reading.face, *truth.shape), truth))
                if guess is not None:
                    given[name].append(iou(enlarge(guess.mask, *truth.shape), truth))
    scores = {score["annotator"]: score for score in score_annotators(answers)}
    nothing = {"count": 0, **dict.fromkeys(("iou", "distance", "precision", "recall", "lowest_iou"))}
    return [
        {"annotator": name}
        | row
        | {"prelabel_iou": _mean(to_prelabel[name]), "given_iou": _mean(given[name])}
        | {**nothing, **scores.get(name, {})}
        for name, row in sorted(rows.items())
    ]


def _counts(reading: Reading, guess: Sent | None) -> bool:
    if reading.discuss or reading.quality == "unusable":
        return False
    return not reading.untouched or guess is not None


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
