"""From what annotators gave for one sample to one label, to a reason to talk about it, or to waiting for more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from occset.annotation.labels.agreement import consensus
from occset.annotation.labels.regions import CHOICES
from occset.annotation.labels.task_reader import Reading
from occset.mining.signals import iou

QUALITIES = CHOICES["quality"]
"""From the best to the worst."""

Rule = Literal["staple", "majority"]
LEAST_AGREEMENT = 0.9
"""IoU below which annotators disagree."""

FARTHEST = 0.02
"""Mean distance of two annotators' outlines, in widths of the picture, above which they disagree."""


@dataclass
class Decision:
    """What becomes of a sample.

    Attributes:
        mask: the label, (side, side) uint8 0/255, or None where there is none yet.
        best: the reading whose face is nearest to the label, of equal ones one with occluders; they become cut-outs.
        best_name: of the annotator who gave it.
        names: of the annotators whose masks went in.
        lead_time: seconds of all of them; None where no server counted.
        agreement, distance: means over pairs of annotators, IoU and pixels; None for a single one.
        labelled: when the last of them finished.
        annotations: the server's numbers of what went in.
        discuss: why people should talk about it; "" when they need not.
        verdict: what was said instead of a label, one of `occset.dataset.records.VERDICTS`; "" where nothing was.
        quality: the worst that those said who did not skip it, "good", "unsure" or "unusable".
        comment: what was written, "name: words".
        wanted: how many annotators it needs in all, where more than it has; 0 otherwise.
    """

    mask: np.ndarray | None = None
    best: Reading | None = None
    best_name: str = ""
    names: tuple[str, ...] = ()
    lead_time: float | None = None
    agreement: float | None = None
    distance: float | None = None
    labelled: str = ""
    annotations: tuple[int, ...] = ()
    discuss: str = ""
    verdict: str = ""
    quality: str = "good"
    comment: str = ""
    wanted: int = 0
    pairs: list[dict[str, Any]] = field(default_factory=list)


def decide(
    readings: list[Reading],
    names: dict[int, str],
    overlap: int,
    rule: Rule = "staple",
    least: float = LEAST_AGREEMENT,
    farthest: float = FARTHEST,
    settle: bool = False,
) -> Decision:
    """Decide on one sample.

    Two annotators agree when their masks' IoU is at least ``least`` and their outlines are at most ``farthest`` widths
    apart. Of three and more, more than half must agree with the consensus.

    Args:
        readings: of the sample, one an annotator.
        names: of the annotators, by number.
        overlap: how many annotators the server asks for.
        rule: of the consensus, see `occset.annotation.labels.agreement.consensus`.
        least, farthest: see above.
        settle: take what is there, however few annotators gave it.
    """
    drawn = [reading for reading in readings if not reading.skipped]
    about = _about(drawn or readings, names)
    about.verdict = _verdict(drawn, bool(readings))
    if about.verdict:
        about.discuss = _flags(readings, drawn, names)
        return about
    if not drawn or (len(drawn) < overlap and not settle):
        return about
    masks = {name_of(reading, names): reading.face for reading in drawn}
    found = consensus(masks, rule)
    about.agreement, about.distance = found.agreement, found.distance
    about.pairs = [{"one": p.one, "other": p.other, "iou": p.iou, "distance": p.distance} for p in found.pairs]
    side = found.mask.shape[1]
    if len(drawn) == 2:
        agree = found.pairs[0].iou >= least and found.pairs[0].distance <= farthest * side
    else:
        agree = 2 * sum(iou(mask, found.mask) >= least for mask in masks.values()) > len(masks)
    if not agree:
        about.discuss = (
            f"annotators disagree: mean IoU {found.agreement or 0:.2f}, outlines {found.distance or 0:.1f} px apart "
            f"({', '.join(masks)})"
        )
        about.wanted = len(drawn) + 1
        return about
    if not found.mask.any():
        about.discuss = "nothing of the face is left in the consensus"
        return about
    about.mask = found.mask
    about.best = max(drawn, key=lambda r: (iou(r.face, found.mask), bool(r.occluders), -r.annotator))
    about.best_name = name_of(about.best, names)
    return about


def _about(readings: list[Reading], names: dict[int, str]) -> Decision:
    times = [reading.lead_time for reading in readings if reading.lead_time is not None]
    in_order = sorted(readings, key=lambda reading: reading.annotator)
    return Decision(
        names=tuple(sorted(name_of(reading, names) for reading in readings)),
        lead_time=sum(times) if times else None,
        labelled=max((reading.updated for reading in readings), default=""),
        annotations=tuple(sorted(reading.annotation for reading in readings)),
        quality=max((reading.quality for reading in readings), key=QUALITIES.index, default=QUALITIES[0]),
        comment="; ".join(f"{name_of(reading, names)}: {reading.comment}" for reading in in_order if reading.comment),
    )


def _verdict(drawn: list[Reading], is_said: bool) -> str:
    """What keeps a label out: somebody wants to talk, or all call it unusable (some: they must talk), or all skipped it."""
    if any(reading.discuss for reading in drawn):
        return "discuss"
    unusable = sum(reading.quality == "unusable" for reading in drawn)
    if unusable:
        return "unusable" if unusable == len(drawn) else "discuss"
    return "skipped" if is_said and not drawn else ""


def _flags(readings: list[Reading], drawn: list[Reading], names: dict[int, str]) -> str:
    """What annotators said that keeps a label out."""
    told = []
    for reading in sorted(readings, key=lambda reading: reading.annotator):
        who, comment = name_of(reading, names), f": {reading.comment}" if reading.comment else ""
        if reading.skipped:
            if not drawn:  # else somebody else did it
                told.append(f"skipped by {who}{comment}")
        elif reading.discuss:
            told.append(f"{who} wants to discuss it{comment}")
        elif reading.quality == "unusable":
            told.append(f"called unusable by {who}{comment}")
    return "; ".join(told)


def name_of(reading: Reading, names: dict[int, str]) -> str:
    """What the annotator of a reading is called."""
    return names.get(reading.annotator, f"annotator-{reading.annotator}")
