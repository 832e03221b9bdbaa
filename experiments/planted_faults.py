"""What `occset check --doubts` finds of planted faults, and how often it doubts what is sound.

``python -m experiments.planted_faults SET [--source NAME] [--seed N] [--page DIR]`` copies the labelled faces of a set
into a new one, plants 13 photos that come twice (smaller and as JPEG, every other one mirrored), 5 people across splits,
20 labels shifted by 5 % of the face's width, 10 labels of another photo, 3 inverted and 3 full ones, and prints for each
kind how many were found, and the share of the other faces that were doubted.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.checks.check import check
from occset.checks.doubts import Doubt, find_doubts
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.mining.options import DEFAULT_MODEL
from occset.pictures.images import shrink
from occset.pictures.masks import encode_rle, write_mask
from occset.publishing.gallery import write_gallery
from occset.support.console import print_table, progress_bar, say

TWICE, ACROSS, SHIFTED, WRONG, INVERTED, FULL = 13, 5, 20, 10, 3, 3
SHIFT = 0.05
"""Of the width of the face's label."""


def main() -> None:
    """Plant, look, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--source", default="", help="only the faces of this source")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", type=Path, help="folder for a page of all that is doubted")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        data = copy_labelled(OcclusionSet(asked.set), Path(spare) / "planted", asked.source)
        planted = plant(data, np.random.default_rng(asked.seed), Path(spare))
        with progress_bar("looking") as progress:
            found = find_doubts(data, DEFAULT_MODEL, progress=progress)
        print_table(rows(data, planted, found.doubts), f"planted faults, seed {asked.seed}")
        if asked.page:
            by_face = found.by_face()
            write_gallery(data, asked.page, limit=len(by_face) or 1, doubts=by_face)
            say(f"{asked.page}/index.html")


def copy_labelled(data: OcclusionSet, folder: Path, source: str = "") -> OcclusionSet:
    """The labelled faces of a set as a set of their own, in their splits."""
    images, masks = folder.with_name("photos") / "images", folder.with_name("photos") / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    faces = data.faces[data.faces["mask"].notna() & (data.faces["source"].eq(source) | (not source))]
    for row in faces.to_dict("records"):
        path = data.path / row["image"]
        (images / f"{row['id']}{path.suffix}").symlink_to(path.absolute())
        write_mask(masks / f"{row['id']}.png", data.load_face(row["id"])[1])
    made = OcclusionSet.create(folder)
    with progress_bar("copying") as progress:
        add_source(made, "faces", f"image-masks:{images.parent}", progress=progress)
    return made


def plant(data: OcclusionSet, rng: np.random.Generator, spare: Path) -> dict[str, set[str]]:
    """Plant the faults in a set.

    Returns:
        Kind to the ids of the faces that have it; of photos that come twice those of the copies.
    """
    faces = data.faces
    order = [str(face) for face in rng.permutation(sorted(faces["id"]))]
    many = faces.groupby("group")["id"].transform("size") > 1
    across = _one_of_each(faces[many & faces["split"].isin(["train", "val", "test"])], order)[:ACROSS]
    free = [face for face in order if face not in set(across)]
    kinds = {"shifted": SHIFTED, "wrong": WRONG, "inverted": INVERTED, "full": FULL}
    changed: dict[str, set[str]] = {}
    new: list[dict[str, Any]] = []
    for kind, count in kinds.items():
        chosen, free = free[:count], free[count:]
        changed[kind] = set(chosen)
        for face in chosen:
            _, mask = data.load_face(face)
            new.append({"id": face, "mask": encode_rle(_spoilt(kind, mask, data, free, rng))})
    twice, free = free[:TWICE], free[TWICE:]
    for face in across:
        split = data.face_row(face)["split"]
        new.append({"id": face, "split": "train" if split != "train" else "test"})
    with data.replacing() as change:
        change.put_faces(new)
    before = set(data.faces["id"])
    _copy_photos(data, twice, spare / "twice")
    add_source(data, "faces", f"image-masks:{spare / 'twice'}")
    return {**changed, "across splits": set(across), "twice": set(data.faces["id"]) - before, "originals": set(twice)}


def _one_of_each(faces: Any, order: list[str]) -> list[str]:
    """A face of each group, in an order."""
    place = {face: at for at, face in enumerate(order)}
    chosen = faces.assign(place=faces["id"].map(place)).sort_values("place").drop_duplicates("group")
    return [str(face) for face in chosen["id"]]


def _spoilt(kind: str, mask: np.ndarray, data: OcclusionSet, others: list[str], rng: np.random.Generator) -> np.ndarray:
    height, width = mask.shape
    if kind == "inverted":
        return 255 - mask
    if kind == "full":
        return np.full_like(mask, 255)
    if kind == "wrong":
        other = data.load_face(others[int(rng.integers(len(others)))])[1]
        return cv2.resize(other, (width, height), interpolation=cv2.INTER_NEAREST)
    angle, far = rng.uniform(0, 2 * np.pi), SHIFT * (np.ptp(np.nonzero(mask.any(0))[0]) + 1)
    moved = np.float32([[1, 0, far * np.cos(angle)], [0, 1, far * np.sin(angle)]])
    return cv2.warpAffine(mask, moved, (width, height), flags=cv2.INTER_NEAREST)


def _copy_photos(data: OcclusionSet, faces: list[str], folder: Path) -> None:
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, face in enumerate(faces):
        image, mask = data.load_face(face)
        side = max(64, image.shape[0] // 2)
        image, mask = shrink(image, side), cv2.resize(mask, (side, side), interpolation=cv2.INTER_NEAREST)
        if number % 2:
            image, mask = image[:, ::-1], mask[:, ::-1]
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
        (folder / "images" / f"copy-{face}.jpg").write_bytes(jpeg.tobytes())
        write_mask(folder / "masks" / f"copy-{face}.png", np.ascontiguousarray(mask))


def rows(data: OcclusionSet, planted: dict[str, set[str]], doubts: list[Doubt]) -> list[dict[str, Any]]:
    """A row for each kind: planted, found, and the share."""
    by_kind = {kind: {doubt.face for doubt in doubts if doubt.kind == kind} for kind in ("label", "photo", "duplicate")}
    told = {
        face
        for finding in check(data)
        if "a leak" in finding.message
        for face in _faces_of(data, finding.where, planted)
    }
    found = {
        **{kind: planted[kind] & by_kind["label"] for kind in ("shifted", "wrong", "inverted", "full")},
        "twice": planted["twice"] & by_kind["duplicate"],
        "across splits": planted["across splits"] & told,
    }
    table = [
        {
            "fault": kind,
            "planted": len(planted[kind]),
            "found": len(ids),
            "share": f"{len(ids) / len(planted[kind]):.0%}",
        }
        for kind, ids in found.items()
        if planted[kind]  # a set in which everybody has one photo has nobody to put across splits
    ]
    faulty = set().union(*planted.values())
    others = set(data.faces["id"]) - faulty
    doubted = {doubt.face for doubt in doubts} & others
    share = f"{len(doubted) / len(others):.1%}"
    return [*table, {"fault": "none", "planted": len(others), "found": len(doubted), "share": share}]


def _faces_of(data: OcclusionSet, where: str, planted: dict[str, set[str]]) -> set[str]:
    """The planted faces that a finding of `check` speaks of: of a group, or of two faces."""
    if where.startswith("group "):
        group = where.removeprefix("group ")
        return set(data.faces.loc[data.faces["group"].eq(group), "id"]) & planted["across splits"]
    return {face for face in planted["across splits"] if face in where}


if __name__ == "__main__":
    main()
