"""Pictures that show the same: perceptual hashes, and groups of near-duplicates or of one person."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

NEAR = 6
"""Two pictures whose 64-bit hashes differ in at most this many bits are near-duplicates."""
LARGEST_CHAIN = 20
"""Near-duplicates of near-duplicates need not be alike: in chains of more pictures than this, a smaller distance counts."""


def perceptual_hash(image: np.ndarray) -> str:
    """DCT hash of a picture (H, W, 3) uint8: 16 hex digits; near-duplicates differ in few bits."""
    import imagehash
    from PIL import Image

    from occset.pictures.images import shrink

    return str(imagehash.phash(Image.fromarray(shrink(image, 64))))


def cutout_hash(rgba: np.ndarray) -> str:
    """Hash of a cut-out (H, W, 4) uint8 over white that its mirror image shares, since drawing flips cut-outs at random."""
    from occset.pictures.images import shrink

    small = shrink(over_white(rgba), 64)
    return min(perceptual_hash(small), perceptual_hash(np.ascontiguousarray(small[:, ::-1])))


def over_white(rgba: np.ndarray) -> np.ndarray:
    """A cut-out (H, W, 4) uint8, straight alpha, laid over white: (H, W, 3) uint8."""
    colour, alpha = rgba[..., :3].astype(np.uint16), rgba[..., 3:].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)  # at most 65152, which fits


def near_pairs(hashes: Sequence[str], most: int = NEAR) -> list[tuple[int, int, int]]:
    """All pairs (i, j, differing bits), i < j, whose hashes differ in at most ``most`` bits; what is no hash has none."""
    valid = [i for i, text in enumerate(hashes) if isinstance(text, str) and re.fullmatch("[0-9a-f]{16}", text)]
    if len(valid) < 2:
        return []
    bits = np.unpackbits(np.array([np.frombuffer(bytes.fromhex(hashes[i]), np.uint8) for i in valid]), axis=1)
    bits = bits.astype(np.float32)  # exact here, and products of floats are fast
    ones = bits.sum(axis=1)
    pairs: list[tuple[int, int, int]] = []
    for i in range(0, len(bits), 512):
        block = bits[i : i + 512]
        apart = ones[i : i + 512, None] + ones - 2 * (block @ bits.T)
        for r, c in np.argwhere(apart <= most):
            if i + r < c:
                pairs.append((valid[i + r], valid[c], int(apart[r, c])))
    return pairs


def unchained(
    count: int, pairs: Sequence[tuple[int, int, int]], largest: int = LARGEST_CHAIN
) -> list[tuple[int, int, int]]:
    """Those of `near_pairs` that join no long chain.

    A pair that differs in b > 0 bits is left out where all pairs of at most b bits join it with more than ``largest``
    pictures. More pictures only make chains longer, so that what was not joined before never is later.
    """
    kept = []
    for bits in sorted({pair[2] for pair in pairs}):
        roots = groups_of(count, [pair for pair in pairs if pair[2] <= bits])
        sizes = Counter(roots)
        kept += [pair for pair in pairs if pair[2] == bits and (bits == 0 or sizes[roots[pair[0]]] <= largest)]
    return sorted(kept)


def similar_pairs(embeddings: np.ndarray, at_least: float, labels: np.ndarray | None = None) -> list[tuple[int, int]]:
    """All pairs i < j of unit vectors (N, D) whose cosine is at least ``at_least``.

    Args:
        embeddings: (N, D) float.
        at_least: -1..1.
        labels: (N,) int; pairs that share a label of 0 or more are left out.
    """
    pairs: list[tuple[int, int]] = []
    for i in range(0, len(embeddings), 1024):
        close = embeddings[i : i + 1024] @ embeddings.T >= at_least
        if labels is not None:
            mine = labels[i : i + 1024, None]
            close &= (mine != labels) | (mine < 0)
        rows, columns = np.nonzero(close)
        pairs += [(int(i + r), int(c)) for r, c in zip(rows, columns, strict=True) if i + r < c]
    return pairs


def groups_of(count: int, pairs: Sequence[tuple[int, ...]]) -> list[int]:
    """Connected groups: for each of ``count`` items the smallest index it is connected with."""
    root = list(range(count))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for pair in pairs:
        a, b = find(pair[0]), find(pair[1])
        root[max(a, b)] = min(a, b)
    return [find(i) for i in range(count)]
