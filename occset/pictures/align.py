"""Crops of faces as CelebA-HQ and FFHQ have them, from any photo and five points.

Where the crop reaches beyond the photo, the photo is mirrored there and blurred with growing distance from its edge, as
in FFHQ (which also fades to the median colour; here it stays mirrored, so that hair does not end in a grey bar).
"""

from __future__ import annotations

import cv2
import numpy as np

from occset.pictures.images import shrink
from occset.pictures.landmarks import five_points, similarity, template, transform_points

_BLUR = 0.02  # sigma of the blur beyond the photo's edge, in widths of the crop
_RAMP = 0.06  # distance from the edge where the blur is complete, in widths of the crop
_MOST_DETAIL = 3  # the warped canvas is at most this many times the crop's side


def align_face(
    image: np.ndarray, landmarks: np.ndarray, size: int = 512, name: str = "celeba-hq"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn, scale and crop a photo so that five points come to lie where aligned photos have them.

    Args:
        image: (H, W, 3) uint8 RGB.
        landmarks: (5, 2) or (68, 2) pixels of `image`.
        size: side of the crop in pixels.
        name: which of `occset.pictures.landmarks.TEMPLATES`.

    Returns:
        The crop, (size, size, 3) uint8 RGB; the landmarks in its pixels, as many as were given; and the (2, 3) matrix
        from pixels of `image` to pixels of the crop.

    Raises:
        ValueError: landmarks of another shape, or that coincide.
    """
    matrix = similarity(five_points(landmarks), template(size, name))
    crop = warp_to_crop(image, matrix, size)
    return crop, transform_points(landmarks, matrix), matrix


def _about_corner(factor: float) -> np.ndarray:
    """Scaling about the corner at (-0.5, -0.5) as (3, 3), pixel centres at integers."""
    shift = 0.5 * factor - 0.5
    return np.array([[factor, 0, shift], [0, factor, shift], [0, 0, 1]])


def warp_to_crop(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Warp to (size, size, 3); a photo larger than the crop is averaged, not sampled, so that nothing aliases.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3), from its pixels to the crop's, as `align_face` gives it.
        size: side of the crop in pixels.
    """
    whole = np.vstack([matrix, [0, 0, 1]])
    smaller = 1 / float(np.hypot(matrix[0, 0], matrix[1, 0]))  # pixels of the photo for one of the crop
    reduce = int(smaller / _MOST_DETAIL)
    if reduce > 1:
        wide = (max(1, image.shape[1] // reduce), max(1, image.shape[0] // reduce))
        factors = np.array([wide[0] / image.shape[1], wide[1] / image.shape[0]])
        image = cv2.resize(image, wide, interpolation=cv2.INTER_AREA)
        back = np.diag([*(1 / factors), 1.0])
        back[:2, 2] = 0.5 / factors - 0.5
        whole, smaller = whole @ back, smaller * float(factors.mean())
    detail = max(1, int(np.ceil(smaller - 1e-6)))
    side = size * detail
    to_canvas = (_about_corner(detail) @ whole)[:2]
    warped = cv2.warpAffine(image, to_canvas, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    covered = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), to_canvas, (side, side), flags=cv2.INTER_NEAREST)
    crop = shrink(warped, size)
    return _blur_beyond(crop, shrink(covered, size))


def _blur_beyond(crop: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Blur what was mirrored, more with the distance from the photo's edge. `covered` is 255 where the photo is."""
    if covered.min() == 255:
        return crop
    size = crop.shape[0]
    beyond = np.where(covered == 255, 0, 255).astype(np.uint8)
    distance = cv2.distanceTransform(beyond, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    weight = np.clip(distance / (_RAMP * size), 0, 1)[:, :, None]
    blurred = cv2.GaussianBlur(crop, (0, 0), _BLUR * size)
    return np.round(crop + (blurred.astype(np.float32) - crop) * weight).astype(np.uint8)
