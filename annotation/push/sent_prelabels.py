"""The pre-labels that were sent with a round's tasks, `rounds/NNN/prelabels.parquet`, so that labels can be held against
what was drawn already; and honeypots' pre-labels, which are wrong on purpose.

A honeypot that came with a good pre-label would score the model that made it. So its pre-label is damaged, by as much as
an annotator must see, and where it is damaged is told by the sample's key alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa

from occset.dataset import records
from occset.mining.signals import iou
from occset.pictures.masks import decode_rle, encode_rle
from occset.rounds.ledger import ledger_path
from occset.support.errors import BadInput

SENT = pa.schema(
    [
        ("id", pa.string()),  # of the face or honeypot
        ("side", pa.int32()),  # of the picture that annotators see, pixels
        ("label", pa.string()),  # COCO RLE counts over (side, side)
        ("version", pa.string()),  # of the model that drew it, or "label"
    ]
)
MOST_RIGHT = 0.85
"""IoU of a damaged pre-label with the truth, at most: annotators reach .9 and more."""

_FIRST, _GROWTH = 0.1, 1.2  # radius of a fault, in sides of a square of the face's area


@dataclass(frozen=True)
class Sent:
    """A pre-label: mask (side, side) uint8 0/255, and who drew it."""

    mask: np.ndarray
    version: str


def prelabels_path(root: Path, number: int) -> Path:
    """Where the pre-labels of a round of the set at ``root`` lie."""
    return ledger_path(root, number).with_name("prelabels.parquet")


def read_sent(root: Path, number: int) -> dict[str, Sent]:
    """The pre-labels of a round by the sample's id; empty where none is known.

    Raises:
        BadInput: the file is broken.
    """
    path = prelabels_path(root, number)
    rows: Any = records.read_table(path, SENT).to_dict("records")
    try:
        return {row["id"]: Sent(decode_rle(row["label"], row["side"], row["side"]), row["version"]) for row in rows}
    except BadInput as error:
        raise BadInput(f"{path}: {error}; remove it, and what was drawn beforehand is not known") from error


def add_sent(root: Path, number: int, sent: Mapping[str, Sent]) -> None:
    """Keep pre-labels, before they are sent; of two of one sample the later stays."""
    if not sent:
        return
    known = records.read_table(prelabels_path(root, number), SENT)
    fresh = [
        {"id": name, "side": one.mask.shape[0], "label": encode_rle(one.mask), "version": one.version}
        for name, one in sent.items()
    ]
    table = pd.concat([known[~known["id"].isin(list(sent))], pd.DataFrame(fresh, columns=SENT.names)])
    records.write_table(prelabels_path(root, number), table.sort_values("id", ignore_index=True), SENT)


def damage(mask: np.ndarray, truth: np.ndarray, key: str) -> np.ndarray:
    """A pre-label that is wrong where it can be seen: a piece of the face is left out, and a piece beside it is added.

    Args:
        mask: (side, side) uint8 0/255, what was found.
        truth: likewise, what is right; taken where the mask is empty.
        key: of the sample, hexadecimal; the only source of chance.

    Returns:
        (side, side) uint8 0/255 whose IoU with the truth is at most `MOST_RIGHT`, and of which something is left.
    """
    base = mask if mask.any() else truth
    if not base.any():
        return base
    rng = np.random.default_rng(int(key, 16))
    outlines, _ = cv2.findContours(base, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)[:, 0]
    at = int(rng.integers(len(outline)))
    bite, lobe = outline[at], outline[(at + int(len(outline) * rng.uniform(0.3, 0.7))) % len(outline)]
    radius = _FIRST * float(np.sqrt(np.count_nonzero(base)))
    while True:
        wrong = cv2.circle(base.copy(), [int(v) for v in lobe], round(0.7 * radius), 255, -1)
        bitten = cv2.circle(wrong.copy(), [int(v) for v in bite], max(1, round(radius)), 0, -1)
        if not bitten.any():
            return wrong  # a face of a few pixels
        if iou(bitten, truth) <= MOST_RIGHT:
            return bitten
        radius *= _GROWTH
