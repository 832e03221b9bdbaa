"""`occset bench check-identity`: whether the ID column can be trusted on the faces of a set.

An ArcFace file that is fed wrongly (BGR, another alignment, another range) still returns unit vectors; what gives it away
is that different people come out alike and copies of one photo unlike. So, over the faces that have landmarks:

    share of pairs of different photos with a cosine above .4     below 0.5 %   (two photos of one known identity left out)
    a photo and its mirror image (landmarks mirrored too)         lowest > .6   over up to 200 faces
    a photo and a relit copy                                      lowest > .6   over the same faces
    a photo and itself                                            1

The limits are those of photos. Rendered faces have less in them to tell them apart by, and may exceed the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from occset.benchmark.methods.content_seed import content_rng
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import align, similarity
from occset.support.errors import OccsetError

ALIKE, MOST_ALIKE = 0.4, 0.005
"""Cosine above which two photos count as alike, and the share of pairs that may be."""

COPY, SAME = 0.6, 1e-4
"""Cosine that every copy must exceed, and how far from 1 a photo may be from itself."""

COPIED = 200
"""So many faces at most are copied."""

_BLOCK = 1024  # rows of the matrix of all pairs that are held at once

_MIRRORED_ORDER = [1, 0, 2, 4, 3]  # eyes, nose, mouth corners: the picture's left comes before its right


class Embeds(Protocol):
    """What is needed of `occset.models.arcface.ArcFace`."""

    def embed_aligned(self, aligned: np.ndarray) -> np.ndarray:
        """(B, 112, 112, 3) uint8 RGB in; (B, D) float32 of unit length out."""
        ...


class Line(NamedTuple):
    """One line of the answer; `expected` is "" where the figure is told for its own sake."""

    figure: str
    value: float
    expected: str
    holds: bool


class Aligned(NamedTuple):
    """A photo warped as ArcFace wants it, and its copies, each (112, 112, 3) uint8 RGB."""

    photo: np.ndarray
    mirrored: np.ndarray
    relit: np.ndarray


class Copies(NamedTuple):
    """Cosines of photos with themselves and their copies, each (N,) float32."""

    same: np.ndarray
    mirrored: np.ndarray
    relit: np.ndarray


def check_identity(
    data: OcclusionSet, network: Embeds, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> list[Line]:
    """Hold an ArcFace network against the faces of a set.

    Args:
        data: the set; its faces with landmarks are used.
        network: the network.
        seed: of the choice of the faces that are copied, and of the light of the relit copies.
        progress: called with (done, all), counted in faces.

    Raises:
        OccsetError: no two faces that are not of one known identity have landmarks.
        BadInput: a picture cannot be read, or its landmarks span no face.
    """
    table = data.faces[data.faces["landmarks"].notna()].sort_values("id")
    faces = list(table["id"])
    rng = np.random.default_rng(seed)
    chosen = set(rng.choice(len(faces), min(COPIED, len(faces)), replace=False).tolist())
    vectors, cosines = [], []
    for start in range(0, len(faces), 32):
        photos, copied = [], []
        for at in range(start, min(start + 32, len(faces))):
            image, points = data.load_image(faces[at]), data.face_landmarks(faces[at])
            if points is None:  # `notna` above says otherwise
                continue
            photos.append(align(image[None], points[None])[0])
            if at in chosen:
                copied.append(copies_of(image, points, seed))
        vectors.append(network.embed_aligned(np.stack(photos)))
        if copied:
            cosines.append(compare_copies(network, copied))
        if progress:
            progress(min(start + 32, len(faces)), len(faces))
    known = [None if identity != identity else identity for identity in table["identity"]]
    alike, pairs = count_alike(np.concatenate(vectors) if vectors else np.zeros((0, 1)), known)
    if not pairs:
        raise OccsetError(
            f"{data.path}: identity needs two faces of different people with landmarks: add a source that has them"
        )
    return lines_of(len(faces), alike, pairs, Copies(*(np.concatenate(part) for part in zip(*cosines, strict=True))))


def copies_of(image: np.ndarray, points: np.ndarray, seed: int = 0) -> Aligned:
    """Warp a photo, its mirror image and a relit copy to ArcFace's template.

    The light of the copy has a gain that runs from one side of the picture to the other, between .5 and 1.25, and a gamma
    between .8 and 1.25, both drawn from the seed and the picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        points: (5, 2) float pixels (x, y): eyes, nose tip, mouth corners, the picture's left before its right.
        seed: of the light.

    Raises:
        BadInput: the points span no face.
    """
    width = image.shape[1]
    mirrored_points = points[_MIRRORED_ORDER] * [-1, 1] + [width - 1, 0]
    rng = content_rng(seed, image, None)
    left, right = rng.uniform(0.5, 1.25, 2)
    gain = np.linspace(left, right, width)[:, None]
    lit = 255 * gain * (image / 255) ** rng.uniform(0.8, 1.25)
    relit = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    mirrored = np.ascontiguousarray(image[:, ::-1])
    return Aligned(*align(np.stack([image, mirrored, relit]), np.stack([points, mirrored_points, points])))


def compare_copies(network: Embeds, copied: Iterable[Aligned]) -> Copies:
    """Cosines of photos with themselves, embedded in another batch, with their mirror images and with relit copies."""
    photos, mirrored, relit = (np.stack(pictures) for pictures in zip(*copied, strict=True))
    base = network.embed_aligned(photos)
    again = network.embed_aligned(photos[::-1])[::-1]  # another place in the batch must not matter
    return Copies(
        similarity(base, again),
        similarity(base, network.embed_aligned(mirrored)),
        similarity(base, network.embed_aligned(relit)),
    )


def count_alike(vectors: np.ndarray, identities: Sequence[str | None] | None = None) -> tuple[int, int]:
    """How many pairs of different photos are alike, and how many pairs there are.

    Args:
        vectors: (N, D) unit vectors.
        identities: who each one is, N names; None, or None for all, where that is not known. Pairs of one known
            identity are left out of both counts.

    Returns:
        Pairs with a cosine above `ALIKE`, and all pairs that count.
    """
    count = len(vectors)
    names: dict[str, int] = {}
    # who is not known gets a number of his own, below zero
    who = np.array(
        [
            -1 - at if name is None else names.setdefault(name, len(names))
            for at, name in enumerate(identities or [None] * count)
        ]
    )
    alike = pairs = 0
    for start in range(0, count, _BLOCK):
        rows = np.arange(start, min(start + _BLOCK, count))
        counts = (who[rows][:, None] != who[None]) & (rows[:, None] < np.arange(count)[None])
        pairs += int(counts.sum())
        alike += int((counts & (vectors[rows] @ vectors.T > ALIKE)).sum())
    return alike, pairs


def lines_of(faces: int, alike: int, pairs: int, copies: Copies) -> list[Line]:
    """The figures, what is expected of them, and whether it holds.

    Args:
        faces: number of faces.
        alike: pairs of different photos that are alike.
        pairs: pairs of different photos, at least one.
        copies: cosines of at least one face.
    """
    off = float(np.abs(copies.same - 1).max())
    lines = [
        Line("faces with landmarks", faces, "", True),
        Line("pairs of different photos", pairs, "", True),
        Line(f"share of them above {ALIKE}", alike / pairs, f"< {MOST_ALIKE}", alike / pairs < MOST_ALIKE),
        Line("faces copied", len(copies.same), "", True),
        Line("a photo and itself, lowest", float(copies.same.min()), "1", off < SAME),
    ]
    for name, cosines in (("mirrored", copies.mirrored), ("relit", copies.relit)):
        lowest = float(cosines.min())
        lines.append(Line(f"{name} copy, mean", float(cosines.mean()), "", True))
        lines.append(Line(f"{name} copy, lowest", lowest, f"> {COPY}", lowest > COPY))
    return lines
