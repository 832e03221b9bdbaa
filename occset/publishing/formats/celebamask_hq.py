"""CelebAMask-HQ's layout: ``CelebA-HQ-img/N.jpg`` and ``CelebAMask-HQ-mask-anno/N // 2000/NNNNN_PART.png``.

A set keeps the visible face, not its parts, so the part ``skin`` is all of it. Other parts are written where the set knows
them: hair, hats and dark glasses, from the cut-outs of a face and from what is known of rendered ones, never over the face,
so that what is read again is the same mask. Splits and persons go into the tables of CelebA's names.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from occset.dataset.records import flags_of
from occset.pictures.masks import harden, write_mask
from occset.publishing.formats.contents import Contents, Tick, cutouts_in_place, suffix_of_file
from occset.sources.celebamask_errata import OFFICIAL
from occset.sources.items import SPLITS
from occset.sources.parts import filled
from occset.support.files import write_atomic

SOURCE = "celebamask-hq"
_PART_OF = {"hair": "hair", "hat": "hat", "sunglasses": "eye_g"}
_A_FOLDER = 2000
_CELEBA = "celeba-"  # what the source puts before a number of CelebA's table of persons


def write(contents: Contents, out: Path, tick: Tick) -> list[str]:
    """Write photos, part masks and the tables; see `occset.publishing.formats.export.FORMATS`."""
    lines = {
        "mapping": ["idx orig_idx orig_file"],
        "people": [],
        "partition": [],
        "lenses": ["id,lenses"],
        "ids": ["number,id"],
    }
    parts_known, not_jpeg = 0, 0
    for number, row in zip(numbers_of(contents.faces), contents.faces, strict=False):
        suffix = suffix_of_file(row["image"])
        not_jpeg += suffix != ".jpg"
        contents.copy("faces", row, out / "CelebA-HQ-img" / f"{number}{suffix}")
        parts = dict(_parts(contents, row))
        folder = out / "CelebAMask-HQ-mask-anno" / str(number // _A_FOLDER)
        for part, mask in parts.items():
            target = folder / f"{number:05d}_{part}.png"
            if not target.exists():
                write_mask(target, mask)
        parts_known += len(parts) > 1
        file = f"{number:06d}.jpg"
        lines["mapping"].append(f"{number} {number} {file}")
        lines["people"].append(f"{file} {_person(row)}")
        lines["partition"].append(f"{file} {SPLITS.index(row['split'])}")
        lines["lenses"].append(f"{number},{_lenses(row, 'eye_g' in parts)}")
        lines["ids"].append(f"{number},{row['id']}")
        tick()
    names = {
        "mapping": "CelebA-HQ-to-CelebA-mapping.txt",
        "people": "identity_CelebA.txt",
        "partition": "list_eval_partition.txt",
        "lenses": "overrides.csv",
        "ids": "occset-ids.csv",
    }
    for key, name in names.items():
        write_atomic(out / name, ("\n".join(lines[key]) + "\n").encode())
    said = [f"{len(contents.faces)} faces; of {parts_known} another part than skin is known"]
    if not_jpeg:
        said.append(
            f"{not_jpeg} pictures are no .jpg in the set, and are written as they are, since JPEG would change them"
        )
    if len(contents) > len(contents.faces):
        said.append("cut-outs and textures have no place in this layout: export them with --to faceocc")
    return [*said, f"occset new SET --faces '{SOURCE}:{out}?harvest=no'  reads it again"]


def numbers_of(rows: list[dict[str, Any]]) -> Iterator[int]:
    """A number for each face: its own in CelebAMask-HQ where all have one, else 0, 1, ... without those of the errata list,
    which would be said of the wrong photo."""
    own = [row["source_id"] for row in rows if row["source"] == SOURCE and row["source_id"].isdecimal()]
    numbers = [int(name) for name in own if len(name) < 7]
    if len(set(numbers)) == len(rows):
        return iter(numbers)
    return (number for number in count() if str(number) not in OFFICIAL)


def _parts(contents: Contents, row: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """Parts of a face by name, (H, W) uint8 0/255, which beside skin show no pixel of the face."""
    face = contents.mask(row)
    yield "skin", face
    found: dict[str, np.ndarray] = {}
    if row["truth"] is not None:
        hair = contents.data.load_truth(row["id"]).get("hair_alpha")
        if hair is not None and hair.shape == face.shape:
            found["hair"] = harden(hair)
    for piece, mask in cutouts_in_place(contents, row):
        part = _PART_OF.get(piece["category"])
        if part is not None:
            found[part] = found.get(part, np.zeros_like(mask)) | mask
    for part, mask in found.items():
        mask = mask & ~face
        # dark lenses are read with what lies inside their outline, which must not be face either
        if mask.any() and not (part == "eye_g" and (filled(mask) & (face > 0)).any()):
            yield part, mask


def _person(row: dict[str, Any]) -> str:
    """Who it is in one word: CelebA's number, else the group of the set, which holds the faces of one person."""
    identity = row["identity"] or ""
    if identity.startswith(_CELEBA) and identity.removeprefix(_CELEBA).isdecimal():
        return identity.removeprefix(_CELEBA)
    return str(row["group"] or row["id"])


def _lenses(row: dict[str, Any], dark: bool) -> str:
    said = flags_of(row).get("eyeglasses", "")
    return "dark" if dark else said if said in ("none", "clear", "dark") else "none"
