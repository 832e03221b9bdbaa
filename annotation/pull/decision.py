"""From what annotators gave for one sample to one label, to a reason to talk about it, or to waiting for more."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from occset.annotation.labels.agreement import consensus
from occset.annotation.labels.task_reader import Reading
from occset.mining.signals import iou

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
    about = _about(drawn, names)
    if flagged := _flags(readings, drawn, names):
        about.discuss = flagged
        return about
    if not drawn or (len(drawn) < overlap and not settle):
        return about
    masks = {_name(reading, names): reading.face for reading in drawn}
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
    about.best_name = _name(about.best, names)
    return about


def _about(drawn: list[Reading], names: dict[int, str]) -> Decision:
    times = [reading.lead_time for reading in drawn if reading.lead_time is not None]
    return Decision(
        names=tuple(sorted(_name(reading, names) for reading in drawn)),
        lead_time=sum(times) if times else None,
        labelled=max((reading.updated for reading in drawn), default=""),
        annotations=tuple(sorted(reading.annotation for reading in drawn)),
    )


def _flags(readings: list[Reading], drawn: list[Reading], names: dict[int, str]) -> str:
    """What annotators said that keeps a label out."""
    told = []
    for reading in sorted(readings, key=lambda reading: reading.annotator):
        who, comment = _name(reading, names), f": {reading.comment}" if reading.comment else ""
        if reading.skipped:
            if not drawn:  # else somebody else did it
                told.append(f"skipped by {who}{comment}")
        elif reading.discuss:
            told.append(f"{who} wants to discuss it{comment}")
        elif reading.quality == "unusable":
            told.append(f"called unusable by {who}{comment}")
    return "; ".join(told)


def _name(reading: Reading, names: dict[int, str]) -> str:
    return names.get(reading.annotator, f"annotator-{reading.annotator}")
