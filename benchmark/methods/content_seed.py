"""A random generator that depends on a picture's content, so that a result depends on neither batch nor order."""

from __future__ import annotations

import hashlib

import numpy as np


def content_rng(seed: int, image: np.ndarray, hole: np.ndarray | None) -> np.random.Generator:
    """Generator seeded by `seed`, the hole, and what the image shows outside it.

    What is under the hole is left out: a method that is told the hole must not depend on what it shall repaint.

    Args:
        seed: the method's own seed, 0 or greater.
        image: (H, W, 3) uint8.
        hole: (H, W) uint8 or bool, or None.
    """
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    if hole is None:
        digest.update(np.ascontiguousarray(image).tobytes())
    else:
        digest.update(np.packbits(hole > 0).tobytes())
        digest.update(image[hole == 0].tobytes())
    return np.random.default_rng([seed, int.from_bytes(digest.digest(), "little")])
