"""A round in a folder: the pictures that wait for a label, with their present masks, for any editor of pictures.

DIR/pictures/ID.png   what is to be labelled
DIR/masks/ID.png      its mask so far, 255 = visible face; none where it has none
DIR/labels/           empty: for the masks that are right, of the same names
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import read_image, write_png
from occset.pictures.masks import decode_rle, write_mask
from occset.rounds.honeypots import damage, honeypot_path
from occset.rounds.ledger import Ledger
from occset.support.errors import BadInput


class HandedOut(NamedTuple):
    """What was written: pictures, masks, the folder that labels go into, and pictures that could not be read, and why."""

    pictures: int
    masks: int
    labels: Path
    problems: list[tuple[str, str]]


def hand_out(
    data: OcclusionSet, ledger: Ledger, out: Path, progress: Callable[[int, int], None] | None = None
) -> HandedOut:
    """Write what waits of a round into a folder; again does no harm, and writes what was cut off before.

    A label is never taken from ``masks``: what nobody looked at stays as it was. A honeypot's mask is wrong on purpose.

    Args:
        data: the set.
        ledger: of the round.
        out: the folder, made if missing.
        progress: called with (done, all).

    Raises:
        NoSpace: the folder cannot be written.
    """
    rows = ledger.rows.set_index("id").loc[ledger.waiting]
    labels, written, masks = out / "labels", 0, 0
    labels.mkdir(parents=True, exist_ok=True)
    problems: list[tuple[str, str]] = []
    for done, (name, row) in enumerate(rows.iterrows(), 1):
        face, pot = str(name), row["arm"] == "honeypot"
        try:
            image = read_image(honeypot_path(data.path, ledger.setup.number, face)) if pot else data.load_image(face)
        except BadInput as error:
            problems.append((face, str(error)))
            continue
        write_png(out / "pictures" / f"{face}.png", image)
        written += 1
        label = row["label_before"] if pot else data.face_row(face)["mask"]
        if isinstance(label, str):
            mask = decode_rle(label, *image.shape[:2])
            if pot:
                mask = damage(np.zeros_like(mask), mask, face.removeprefix("h"))
            write_mask(out / "masks" / f"{face}.png", mask)
            masks += 1
        if progress:
            progress(done, len(rows))
    return HandedOut(written, masks, labels, problems)
