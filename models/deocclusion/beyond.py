"""Where an occluder goes on beyond the face: the rim of a mask below the chin, the hand behind the fingers.

Eq. 1 finds what hides the rendered face, and nothing past its outline; the rest would stay in the picture as a collar. It is
found by its colours: GrabCut (Rother et al. 2004) tells what is like the hidden part from what is like the picture farther
away. Only in the lower half of the face: what hides the upper half goes on as hair more often than not, which is to stay.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 96
"""Side in pixels at which it is looked for."""

_TOP = 0.5  # of the height of the crop: above are eyes and forehead
_SOLID = 0.035  # in widths: what is narrower is a strand beside the cheek, or a slip
_LEAST = 0.05  # of the face: a smaller part is left alone
_REACH, _AROUND = 0.12, 0.06  # in widths: so far beyond the hidden part, and so much more is looked at
_TOUCHING = 0.04  # in widths: beyond the outline the occluder is supposed to go on that far, until colours tell
_ANYWHERE = (0, 0, 1, 1)  # a rectangle that GrabCut asks for and, given a mask, does not use


def beyond_the_face(picture: np.ndarray, hidden: np.ndarray, whole: np.ndarray, face: np.ndarray) -> np.ndarray:
    """What goes on beyond the rendered face of that which hides it.

    Args:
        picture: (S, S, 3) uint8 RGB, an aligned face.
        hidden: (S, S) bool, what hides the face, Mo.
        whole: (S, S) bool, the rendered face, Mm.
        face: (S, S) bool, visible face, Mf.

    Returns:
        (S, S) bool, nothing of it in `whole`.
    """
    small, inside, seen = _scaled(picture), _scaled(whole), _scaled(face)
    part = _scaled(hidden) & inside
    part[: round(_TOP * SIDE)] = 0
    part = cv2.morphologyEx(part, cv2.MORPH_OPEN, _disc(_SOLID))
    around = cv2.dilate(part, _disc(_REACH)) & ~inside & ~seen & 1
    if part.sum() < _LEAST * inside.sum() or not around.any():
        return np.zeros_like(hidden)
    says = np.full(part.shape, cv2.GC_BGD, np.uint8)
    says[around > 0] = cv2.GC_PR_BGD
    says[(around & cv2.dilate(part, _disc(_TOUCHING))) > 0] = cv2.GC_PR_FGD
    says[part > 0] = cv2.GC_FGD
    rows, columns = (slice(*span) for span in _box(cv2.dilate(part, _disc(_REACH + _AROUND))))
    looked_at = np.ascontiguousarray(says[rows, columns])
    if not (looked_at == cv2.GC_BGD).any():
        return np.zeros_like(hidden)
    cv2.setRNGSeed(0)  # its clusters of colours begin at random
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(small[rows, columns]), looked_at, _ANYWHERE, *models, 1, cv2.GC_INIT_WITH_MASK)
    found = np.zeros_like(part)
    found[rows, columns] = looked_at & 1  # surely or probably like it
    found = _touching(found, part) | inside
    # with what it encloses: a strap, and what is seen between strap and cheek
    contours, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(found, contours, -1, 1, cv2.FILLED)
    found = cv2.dilate(found & around, _disc(1 / SIDE))
    side = hidden.shape[0]
    return (cv2.resize(found, (side, side), interpolation=cv2.INTER_LINEAR_EXACT) > 0) & ~whole


def _scaled(values: np.ndarray) -> np.ndarray:
    if values.dtype == bool:
        return cv2.resize(values.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _disc(radius: float) -> np.ndarray:
    across = 2 * max(1, round(radius * SIDE)) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (across, across))


def _box(mask: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def _touching(found: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Of the pieces of a mask, uint8 of 0 and 1, those that touch a part of it."""
    _, pieces = cv2.connectedComponents(found)
    touched = np.unique(pieces[part > 0])
    kept: np.ndarray = np.isin(pieces, touched[touched > 0]).astype(np.uint8)
    return kept
