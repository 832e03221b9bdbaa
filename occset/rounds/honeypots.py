"""Honeypots: rendered samples whose truth is known exactly, mixed into a round to measure its annotators.

A trusted face of the round's split gets an occluder by Eq. 2; what is still seen of the face is the truth. They look
like any other picture of the round, stay out of the set, and are never trained on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.pictures.images import pixel_hash, write_png
from occset.pictures.masks import encode_rle
from occset.rounds.ledger import LEDGER, ledger_path
from occset.samples.draw import Drawer, Plan
from occset.support.errors import OccsetError

LARGEST = 512
"""Side of a honeypot, pixels, unless the picks are smaller: that of the pictures which annotators see."""


def how_many(rate: float, picks: int) -> int:
    """Honeypots for so many picks: the rate of them, at least one where there is a rate at all.

    Raises:
        OccsetError: the rate is outside 0..1.
    """
    if not 0 <= rate <= 1:
        raise OccsetError(f"a honeypot rate of {rate:g}: it is a share of the picks, from 0 to 1")
    return max(1, round(rate * picks)) if rate > 0 and picks else 0


def honeypot_path(root: Path, number: int, name: str) -> Path:
    """Where the picture of a honeypot lies."""
    return ledger_path(root, number).parent / "honeypots" / f"{name}.png"


def add_honeypots(
    data: OcclusionSet,
    number: int,
    count: int,
    split: str,
    trusted: Collection[str],
    seed: int,
    picks: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Render honeypots, write their pictures, and return their rows of the ledger.

    Each is as large as one of the picks, taken in turn at even steps: so its size tells nobody what it is.

    Args:
        data: the set.
        number: of the round.
        count: how many.
        split: of faces, occluders and textures.
        trusted: faces whose labels are believed.
        seed: the same seed gives the same ones.
        picks: the round's rows of the ledger so far.

    Raises:
        OccsetError: none of these faces is labelled and has landmarks, or the split has no occluder.
    """
    if not count:
        return []
    if not trusted:
        raise OccsetError(f"{data.path}: no face is left to make honeypots of: pick fewer faces, or take --honeypots 0")
    sides = [min(LARGEST, int(row["height"]), int(row["width"])) for row in picks]
    drawers: dict[int, Drawer] = {}
    rows: list[dict[str, Any]] = []
    index = 0
    while len(rows) < count:
        size = sides[len(rows) * len(sides) // count]
        if size not in drawers:
            drawers[size] = Drawer(data, Plan(split=split, size=size, faces=_large(data, trusted, size)), seed)
        drawer = drawers[size]
        sample = drawer.renderer.render(drawer.draw(index))
        index += 1
        if index > 4 * count + 20:
            raise OccsetError(f"{data.path}: its occluders leave nothing of a face to see: take --honeypots 0")
        name = "h" + pixel_hash(sample.image)[:15]
        if not sample.face.any() or any(row["id"] == name for row in rows):
            continue
        write_png(honeypot_path(data.path, number, name), sample.image)
        rows.append(
            {
                **dict.fromkeys(LEDGER.names),
                "id": name,
                "source_id": name,
                "arm": "honeypot",
                "rank": len(rows) + 1,
                "reason": f"rendered, its truth is known (seed {seed})",
                "width": size,
                "height": size,
                "label_before": encode_rle(sample.face),
            }
        )
    return rows


def _large(data: OcclusionSet, trusted: Collection[str], size: int) -> tuple[str, ...]:
    """The trusted faces that can be rendered and need no enlarging to this size; all trusted ones where none is such."""
    usable = usable_faces(data, None, only=trusted)
    large = data.faces["id"].isin(usable) & data.faces[["height", "width"]].min(axis=1).ge(size)
    return tuple(data.faces.loc[large, "id"]) or tuple(trusted)
