"""Honeypots: samples whose truth is known, mixed into a round to measure its annotators.

Half of them, where there are such, are real faces whose label annotators agreed on in an earlier round. The others are
rendered: a trusted face of the round's split gets an occluder by Eq. 2, and what is still seen of the face is the truth.
So that they look like any other picture of the round, these wear what real faces wear, in its own texture. Honeypots stay
out of the set, and are never trained on.

A honeypot that came with a good pre-label would score whoever made it. So its pre-label is damaged, by as much as an
annotator must see, and where it is damaged is told by the sample's key alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.composition.categories import category
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.mining.signals import iou
from occset.pictures.images import pixel_hash, write_png
from occset.pictures.masks import encode_rle
from occset.rounds.ledger import LEDGER, ledger_path, list_rounds, merged_rows, read_round
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import OccsetError

LARGEST = 512
"""Side of a honeypot, pixels, unless the picks are smaller: that of the pictures which annotators see."""

WORN = ("mask", "sunglasses", "hair", "hat", "hand")
"""Categories of occluders that real faces wear."""

AGREED = 0.95
"""Mean IoU of several annotators, from which on their label counts as the truth."""


MOST_RIGHT = 0.85
"""IoU of a damaged pre-label with the truth, at most: annotators reach .9 and more."""

_FIRST, _GROWTH = 0.1, 1.2  # radius of a fault, in sides of a square of the face's area


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
        OccsetError: none of these faces is labelled and has landmarks, or the split has no occluder that faces wear.
    """
    if not count:
        return []
    if not trusted:
        raise OccsetError(f"{data.path}: no face is left to make honeypots of: pick fewer faces, or take --honeypots 0")
    sides = [min(LARGEST, int(row["height"]), int(row["width"])) for row in picks]
    maker = _Maker(data, split, trusted, seed, _agreed(data, split, {row["id"] for row in picks}))
    rows: list[dict[str, Any]] = []
    tries = 0
    while len(rows) < count:
        size = sides[len(rows) * len(sides) // count]
        image, truth, reason = (maker.agreed(size) if len(rows) % 2 else None) or maker.rendered(size)
        tries += 1
        if tries > 4 * count + 20:
            raise OccsetError(f"{data.path}: its occluders leave nothing of a face to see: take --honeypots 0")
        name = "h" + pixel_hash(image)[:15]
        if not truth.any() or any(row["id"] == name for row in rows):
            continue
        write_png(honeypot_path(data.path, number, name), image)
        rows.append(
            {
                **dict.fromkeys(LEDGER.names),
                "id": name,
                "source_id": name,
                "arm": "honeypot",
                "rank": len(rows) + 1,
                "reason": reason,
                "width": size,
                "height": size,
                "label_before": encode_rle(truth),
            }
        )
    return rows


class _Maker:
    """Makes honeypots of one split, each (H, W, 3) uint8 RGB with its truth (H, W) uint8 0/255 and a reason."""

    def __init__(self, data: OcclusionSet, split: str, trusted: Collection[str], seed: int, agreed: list[str]) -> None:
        self.data, self.split, self.trusted, self.seed = data, split, trusted, seed
        self.renderer = Renderer(data)
        self.left = [agreed[at] for at in np.random.default_rng([seed, 0xA63EED]).permutation(len(agreed))]
        self._drawers: dict[int, Drawer] = {}
        self._index = 0

    def agreed(self, size: int) -> tuple[np.ndarray, np.ndarray, str] | None:
        """The next real face that is at least so large; None where none is left."""
        for face in self.left:
            if min(int(self.data.face_row(face)[side]) for side in ("height", "width")) >= size:
                self.left.remove(face)
                image, truth, _ = self.renderer.face(face, size)
                return image, truth, f"annotators agreed on {face} in an earlier round"
        return None

    def rendered(self, size: int) -> tuple[np.ndarray, np.ndarray, str]:
        """The next sample; raises `OccsetError` where there is nothing to draw from."""
        if size not in self._drawers:
            faces = _large(self.data, self.trusted, size)
            plan = Plan(split=self.split, size=size, faces=faces, types=_worn(self.data, self.split))
            self._drawers[size] = Drawer(self.data, plan, self.seed, retexture=0.0)
        drawer = self._drawers[size]
        sample = drawer.renderer.render(drawer.draw(self._index))
        self._index += 1
        return sample.image, sample.face, f"rendered, its truth is known (seed {self.seed})"


def _worn(data: OcclusionSet, split: str) -> dict[str, tuple[tuple[str, ...], float]]:
    """The types to draw: one for each category that real faces wear and the split has."""
    has = set(data.occluders.loc[data.occluders["split"] == split, "category"])
    if not has.intersection(WORN):
        raise OccsetError(
            f"{data.path}: no occluder of a kind that real faces wear ({', '.join(WORN)}) in the split '{split}', and "
            "others would be told at a glance: add some with --occluders, or take --honeypots 0"
        )
    return {name: ((name,), category(name).weight) for name in WORN if name in has}


def _agreed(data: OcclusionSet, split: str, picked: Collection[str]) -> list[str]:
    """Faces of the split on whose label annotators agreed in an earlier round, and which still have it, sorted."""
    labels: dict[str, str] = {}
    for number in list_rounds(data.path):
        for row in merged_rows(read_round(data.path, number)):
            agreed = row["agreement"] is not None and row["agreement"] >= AGREED
            labels[row["id"]] = row["label_after"] if agreed else ""
    usable = set(usable_faces(data, split, landmarks=False)) - set(picked)
    return sorted(face for face, label in labels.items() if face in usable and data.face_row(face)["mask"] == label)


def _large(data: OcclusionSet, trusted: Collection[str], size: int) -> tuple[str, ...]:
    """The trusted faces that can be rendered and need no enlarging to this size; all trusted ones where none is such."""
    usable = usable_faces(data, None, only=trusted)
    large = data.faces["id"].isin(usable) & data.faces[["height", "width"]].min(axis=1).ge(size)
    return tuple(data.faces.loc[large, "id"]) or tuple(trusted)


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
