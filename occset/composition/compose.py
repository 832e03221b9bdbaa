"""Eq. 2 of the paper on uint8 arrays, in integers, the same on every machine.

    I = If * (1 - Mo) + Io * Mo          Mgt = Mf * (1 - Mo)

with Mo = alpha / 255 and division rounded to the nearest. The label and the alpha of a sample come from one array.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from occset.pictures.masks import THRESHOLD, harden


def blend(face: np.ndarray, occluder: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """``(f * (255 - a) + o * a + 127) // 255`` for each pixel and channel.

    Args:
        face: (H, W, 3) uint8.
        occluder: (H, W, 3) uint8.
        alpha: (H, W) uint8, 255 = only the occluder is seen.

    Returns:
        (H, W, 3) uint8.
    """
    out = face.copy()
    box = occupied(alpha)
    a = alpha[box]
    if not a.size:
        return out
    each = cv2.merge([a, a, a])  # thrice faster than broadcasting over the channels
    total = np.multiply(face[box], 255 - each, dtype=np.uint16)
    total += np.multiply(occluder[box], each, dtype=np.uint16)
    out[box] = _divided(total)
    return out


def _divided(total: np.ndarray) -> np.ndarray:
    """``(t + 127) // 255`` of uint16 values up to 255 * 255, in place and without dividing."""
    # 255 * 255 + 128 fits in 16 bits, and so does the sum below; equal for all values, see the tests
    total += np.uint16(128)
    total += total >> 8
    total >>= 8
    return total


def occupied(alpha: np.ndarray) -> tuple[slice, slice]:
    """The smallest box (rows, columns) that holds all of an alpha (H, W) uint8 that is not 0."""
    left, top, width, height = cv2.boundingRect(alpha)
    return slice(top, top + height), slice(left, left + width)


def cover(mask: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """What is left of a mask under an occluder, soft: ``(m * (255 - a) + 127) // 255``, (H, W) uint8."""
    out = mask.copy()
    box = occupied(alpha)
    out[box] = _divided(np.multiply(mask[box], 255 - alpha[box], dtype=np.uint16))
    return out


def stack(layers: list[tuple[np.ndarray, np.ndarray]], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Flatten layers, the first one lowest, into one occluder and one alpha, so that Eq. 2 holds for them as one.

    Args:
        layers: pairs of colour (H, W, 3) uint8 and alpha (H, W) uint8.
        shape: (H, W) of the result, needed when there is no layer.

    Returns:
        Colour (H, W, 3) uint8 and alpha (H, W) uint8. Where alpha is 0 the colour has no meaning.
    """
    if not layers:
        return np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    colour, alpha = layers[0]
    for upper_colour, upper_alpha in layers[1:]:
        below = alpha.astype(np.uint32) * (255 - upper_alpha.astype(np.uint32))  # 0 .. 255 * 255
        above = upper_alpha.astype(np.uint32) * 255
        total = np.maximum(below + above, 1)
        weighted = colour.astype(np.uint32) * below[..., None] + upper_colour.astype(np.uint32) * above[..., None]
        colour = ((weighted + total[..., None] // 2) // total[..., None]).astype(np.uint8)
        alpha = ((below + above + 127) // 255).astype(np.uint8)
    return colour, alpha


@dataclass(frozen=True)
class Sample:
    """What a recipe renders to; all arrays share (H, W).

    Attributes:
        image: (H, W, 3) uint8, I of Eq. 2, the occluded picture.
        clean: (H, W, 3) uint8, If, the picture without the added occluder.
        occluder: (H, W, 3) uint8, Io; no meaning where `alpha` is 0.
        alpha: (H, W) uint8, Mo * 255.
        clean_mask: (H, W) uint8 0/255, Mf, the face seen in `clean`.
        face_soft: (H, W) uint8, Mgt * 255.
    """

    image: np.ndarray
    clean: np.ndarray
    occluder: np.ndarray
    alpha: np.ndarray
    clean_mask: np.ndarray
    face_soft: np.ndarray

    @property
    def face(self) -> np.ndarray:
        """Mgt, binary: (H, W) uint8 0/255, the face still seen in `image`."""
        return harden(self.face_soft)

    @property
    def occlusion(self) -> np.ndarray:
        """Mo, binary: (H, W) uint8 0/255, alpha > 127."""
        return harden(self.alpha)

    @property
    def hidden(self) -> float:
        """Share of the clean face that the occluder hides, 0..1."""
        return hidden_share(self.clean_mask, self.alpha)


def hidden_share(clean_mask: np.ndarray, alpha: np.ndarray) -> float:
    """Share of a face mask (H, W) 0/255 under alpha > 127, 0..1; 0 for an empty mask."""
    total = np.count_nonzero(clean_mask)
    return float(np.count_nonzero((alpha > THRESHOLD) & (clean_mask > 0))) / total if total else 0.0


def compose(clean: np.ndarray, clean_mask: np.ndarray, occluder: np.ndarray, alpha: np.ndarray) -> Sample:
    """Eq. 2: put ``occluder`` on ``clean`` and take the label from the same alpha.

    Args:
        clean: (H, W, 3) uint8.
        clean_mask: (H, W) uint8 0/255, the face seen in ``clean``.
        occluder: (H, W, 3) uint8.
        alpha: (H, W) uint8.

    Raises:
        ValueError: the arrays do not share height and width.
    """
    shapes = {clean.shape[:2], clean_mask.shape[:2], occluder.shape[:2], alpha.shape[:2]}
    if len(shapes) != 1:
        raise ValueError(f"Eq. 2 needs arrays of one height and width, got {sorted(shapes)}")
    sample = Sample(blend(clean, occluder, alpha), clean, occluder, alpha, clean_mask, cover(clean_mask, alpha))
    assert_fits(sample)
    return sample


def assert_fits(sample: Sample) -> None:
    """The truth fits: untouched where alpha is 0, all occluder where it is 255, and the label says the same.

    Raises:
        AssertionError: the arrays of a sample contradict each other; that is a fault of this program, not of its input.
    """
    free, full = (sample.alpha == 0).view(np.uint8), (sample.alpha == 255).view(np.uint8)
    ok = (
        _same(sample.image, sample.clean, free)
        and _same(sample.image, sample.occluder, full)
        and _same(sample.face_soft, sample.clean_mask, free)
        and not (sample.face_soft & -full).any()
        and np.array_equal(sample.face > 0, (sample.clean_mask > 0) & (sample.alpha <= THRESHOLD))
    )
    if not ok:
        raise AssertionError("a sample's image, alpha and face mask contradict each other")


def _same(a: np.ndarray, b: np.ndarray, where: np.ndarray) -> bool:
    """Whether two pictures are equal wherever ``where`` (H, W) uint8 is not 0."""
    return cv2.norm(np.ascontiguousarray(a), np.ascontiguousarray(b), cv2.NORM_INF, where) == 0
