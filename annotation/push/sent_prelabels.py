"""The pre-labels that were sent with a round's tasks, `rounds/NNN/prelabels.parquet`, so that labels can be held against
what was drawn already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from occset.dataset import records
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
