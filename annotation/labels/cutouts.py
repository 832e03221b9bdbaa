"""Occluders that annotators drew, cut out of the photo with soft edges, so that others can wear them.

A hand draws a few pixels too wide, and skin in the rim of a cut-out is a halo on another face. So before the guided
filter of `occset.sources.harvest` makes the edge soft, what looks like the photo just outside is taken off the rim. It
never grows: what was not drawn is cut out only where the soft edge runs out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from occset.annotation.labels.task_reader import Occluder
from occset.composition.categories import category
from occset.composition.placement import face_frame
from occset.pictures.images import shrink
from occset.pictures.landmarks import five_points, spans_a_face
from occset.pictures.masks import THRESHOLD
from occset.sources.harvest import LEAST_SIDE, crop_out, drop_crumbs, follow_edges
from occset.sources.items import OccluderItem
from occset.support.errors import BadInput

_UNIT = 0.25  # of the width, for a face without landmarks; that of an aligned crop
_NOISE = 0.03  # least standard deviation of a colour, 0..1
_FARTHEST = 9.0  # squared deviations, over three channels, that a pixel may be away from what it is taken for


def cut_outs(
    image: np.ndarray, occluders: Sequence[Occluder], landmarks: np.ndarray | None, name: str, licence: str
) -> tuple[list[OccluderItem], list[str]]:
    """Cut out what was drawn on a face, one cut-out an occluder.

    A drawn mask counts where its alpha is above 127: a stroke is soft at its rim only, and softness comes from the photo.
    Farther inside than the edge reaches, an eighth of the distance of the eyes for hair and less for others, alpha is 255;
    as far outside it is 0. Colours from the opaque inside lie under the edge.

    Args:
        image: (H, W, 3) uint8 RGB at the face's own size.
        occluders: at the size they were drawn at, at most H x W.
        landmarks: (5, 2) or (68, 2) pixels of `image`, or None.
        name: of the face; a cut-out is called `<name>-<category>`.
        licence: terms of the photo.

    Returns:
        The cut-outs, with the five landmarks in their own pixels; and the reason for each that was left out.

    Raises:
        BadInput: a mask is larger than the photo, or landmarks that span no face.
    """
    if not spans_a_face(landmarks):
        raise BadInput(f"{name}: its landmarks span no face: give five or 68 points in pixels, or none")
    points = None if landmarks is None else five_points(landmarks)
    unit = _UNIT * image.shape[1] if points is None else float(np.hypot(*face_frame(points)[:, 0]))
    items, left_out = [], []
    for occluder in occluders:
        title = f"{name}-{occluder.category}"
        if occluder.mask.shape[0] > image.shape[0] or occluder.mask.shape[1] > image.shape[1]:
            raise BadInput(f"{title}: its mask is larger than the photo: was the face replaced by a smaller one?")
        drawn = shrink(occluder.mask, image.shape[:2]) > THRESHOLD  # which smooths the steps of an enlarged one
        mask = drop_crumbs(drawn)
        if not mask.any():
            left_out.append(
                f"{title}: left out, {'it is scattered in crumbs' if drawn.any() else 'nothing of it shows'}"
            )
            continue
        radius, rim = (max(2, round(length * unit)) for length in category(occluder.category).edge)
        alpha = follow_edges(image, _without_halo(image, mask, rim), radius)
        cut = crop_out(image, cv2.erode(alpha, _disc(1)), alpha)  # the outermost pixels mix both colours
        if cut is None:
            left_out.append(
                f"{title}: left out, a side of it is below {LEAST_SIDE} pixels, the least of a cut-out; what it hides "
                "of the face is hidden all the same"
            )
            continue
        rgba, corner = cut
        shifted = None if points is None else points - corner
        items.append(OccluderItem(title, rgba, occluder.category, licence, shifted, name))
    return items, left_out


def _without_halo(image: np.ndarray, mask: np.ndarray, rim: int) -> np.ndarray:
    """Take off what was drawn too much: pixels of the rim whose colour is likelier outside than inside, nearby.

    Colours inside and outside are normal distributions over boxes, of each channel alone. A pixel goes only if it is
    also as one outside, not just unlike the inside: so the frames of glasses stay. What is thinner than two rims has no
    inside and stays as it was drawn; so does what is far from an inside.

    Args:
        image: (H, W, 3) uint8.
        mask: (H, W) bool.
        rim: its width, pixels.

    Returns:
        (H, W) bool, part of `mask`.
    """
    drawn = mask.astype(np.uint8)
    inside = cv2.erode(drawn, _disc(rim))  # beyond the border of the picture it goes on
    outside = 1 - cv2.dilate(drawn, _disc(1))
    judged = mask & (inside == 0) & (cv2.dilate(inside, _disc(round(1.5 * rim))) > 0)
    pixels = image.astype(np.float32) / 255
    _, like_inside = _fit(pixels, inside, 3 * rim)
    away, like_outside = _fit(pixels, outside, 2 * rim)
    alien = judged & (_smooth(like_outside - like_inside) > 0) & (_smooth(away) < _FARTHEST)
    _, pieces = cv2.connectedComponents((mask & ~alien).astype(np.uint8), connectivity=8)
    kept = np.zeros(pieces.max() + 1, bool)
    kept[pieces[mask & ~judged]] = True  # what is cut off from all that was not judged is a speck
    return kept[pieces] & mask & ~alien


def _fit(pixels: np.ndarray, part: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """How far each pixel (H, W, 3) float 0..1 is from those of `part` (H, W) in the box around it: squared deviations,
    and twice the logarithm of its likelihood but for a constant, both (H, W)."""
    size = (2 * radius + 1, 2 * radius + 1)
    share = np.maximum(cv2.blur(part.astype(np.float32), size), 1e-6)[:, :, None]
    known = pixels * part[:, :, None]
    mean = cv2.blur(known, size) / share
    variance = np.maximum(cv2.blur(known * pixels, size) / share - mean**2, 0) + _NOISE**2
    away = ((pixels - mean) ** 2 / variance).sum(axis=2)
    return away, -away - np.log(variance).sum(axis=2)


def _smooth(array: np.ndarray) -> np.ndarray:
    return cv2.blur(array, (3, 3))


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
