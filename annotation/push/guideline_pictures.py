"""Draws the pictures of the guidelines from built-in faces:  python -m occset.annotation.push.guideline_pictures FOLDER

Each picture has two panels, right and wrong, with the marks laid over the face as the labelling page shows them. Needs
the extra `models`, which renders the faces.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from occset.composition import warps
from occset.composition.compose import blend
from occset.composition.placement import draw_warp
from occset.pictures.landmarks import five_points
from occset.pictures.masks import THRESHOLD
from occset.sources.registry import open_source

SIZE, PANEL, BAR = 512, 320, 30  # pixels: of the face, of a panel's side, of the words below it
FACE, OCCLUDER = (0x00, 0xC8, 0xFF), (0xFF, 0x00, 0xC8)  # as in labelling.xml
RIGHT, WRONG = (22, 128, 60), (190, 30, 30)
SPEC = f"builtin:60,size={SIZE},variations=1"


@dataclass(frozen=True)
class Panel:
    """A photo (H, W, 3) uint8 and the areas that are marked as face and as occluder, (H, W) bool."""

    photo: np.ndarray
    face: np.ndarray
    occluder: np.ndarray


@cache
def _face(key: str) -> Any:
    return open_source(SPEC, "faces").read_face(key)


def _worn(face_key: str, occluder_key: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A face that wears a built-in occluder: photo, face mask without it, where the occluder is (bool)."""
    face, item = _face(face_key), open_source(SPEC, "occluders").read_occluder(occluder_key)
    points, rng = five_points(face.landmarks), np.random.default_rng(seed)
    matrix, bend = draw_warp(rng, item.category, item.rgba.shape[:2], item.landmarks, points, False, SIZE)
    layer = warps.apply(item.rgba, warps.warp_from_affine(matrix, bend), SIZE)
    return blend(face.image, layer[..., :3], layer[..., 3]), face.mask > 0, layer[..., 3] > THRESHOLD


def _nothing() -> np.ndarray:
    return np.zeros((SIZE, SIZE), bool)


def _polygon(points: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    corners = np.round(np.array(points)).astype(np.int32)
    return cv2.fillPoly(np.zeros((SIZE, SIZE), np.uint8), [corners], 1) > 0


def _strands() -> tuple[Panel, Panel]:
    face = _face("000012")
    whole, seen = face.truth["whole_face"] > THRESHOLD, face.mask > 0
    hair = whole & ~seen
    return Panel(face.image, seen, hair), Panel(face.image, whole, _nothing())


def _shadow() -> tuple[Panel, Panel]:
    face = _face("000007")
    across, down = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    dark = np.clip((across - 0.25 * (down - 256) - 262) / 10, 0, 1)
    photo = (face.image * (1 - 0.62 * dark[..., None])).astype(np.uint8)
    seen = face.mask > 0
    return Panel(photo, seen, _nothing()), Panel(photo, seen & (dark < 0.5), seen & (dark >= 0.5))


def _beard() -> tuple[Panel, Panel]:
    face = _face("000013")
    seen, points = face.mask > 0, face.landmarks
    jaw = points[3:14] + 0.15 * (points[3:14] - points[33])  # from cheek to cheek, a little beyond the chin
    beard = _polygon([*jaw, points[54] + (16, -14), points[33] + (0, 8), points[48] + (-16, -14)])
    beard &= ~_polygon(points[48:60])
    return Panel(face.image, seen, _nothing()), Panel(face.image, seen & ~beard, _nothing())


def _mouth() -> tuple[Panel, Panel]:
    face = _face("000016")
    seen, points = face.mask > 0, face.landmarks
    mouth = _polygon(points[60:68])
    neck = _polygon([*points[5:12], points[11] + (16, 46), points[5] + (-16, 46)]) & ~seen
    return Panel(face.image, seen, _nothing()), Panel(face.image, (seen & ~mouth) | neck, _nothing())


def _clear_glasses() -> tuple[Panel, Panel]:
    photo, seen, glasses = _worn("000003", "000004", 3)
    outline, _ = cv2.findContours(glasses.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros((SIZE, SIZE), np.uint8), outline, -1, 1, -1) > 0
    return Panel(photo, seen, _nothing()), Panel(photo, seen & ~filled, filled)


def _dark_glasses() -> tuple[Panel, Panel]:
    photo, seen, glasses = _worn("000020", "000039", 2)
    return Panel(photo, seen & ~glasses, glasses), Panel(photo, seen, _nothing())


def _hand() -> tuple[Panel, Panel]:
    photo, seen, hand = _worn("000013", "000016", 1)
    return Panel(photo, seen & ~hand, hand), Panel(photo, seen, _nothing())


FIGURES: dict[str, Callable[[], tuple[Panel, Panel]]] = {
    "strands": _strands,
    "shadow": _shadow,
    "beard": _beard,
    "mouth": _mouth,
    "clear-glasses": _clear_glasses,
    "dark-glasses": _dark_glasses,
    "hand": _hand,
}
"""Name of each picture to what draws its right and its wrong panel."""


def _laid_over(panel: Panel) -> np.ndarray:
    """The photo under its marks, with their outlines, (PANEL, PANEL, 3) uint8."""
    drawn = panel.photo.astype(np.float32)
    for area, colour in ((panel.face & ~panel.occluder, FACE), (panel.occluder, OCCLUDER)):
        drawn[area] = 0.55 * drawn[area] + 0.45 * np.array(colour, np.float32)
        outline, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        drawn = np.ascontiguousarray(drawn)
        cv2.drawContours(drawn, outline, -1, colour, 2)
    return cv2.resize(drawn.astype(np.uint8), (PANEL, PANEL), interpolation=cv2.INTER_AREA)


def draw(name: str) -> Image.Image:
    """One picture of `FIGURES`, RGB, two panels side by side."""
    page = Image.new("RGB", (2 * PANEL + 8, PANEL + BAR), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for place, (panel, word, colour) in enumerate(
        zip(FIGURES[name](), ("right", "wrong"), (RIGHT, WRONG), strict=True)
    ):
        left = place * (PANEL + 8)
        page.paste(Image.fromarray(_laid_over(panel)), (left, 0))
        pen.rectangle((left, PANEL, left + PANEL - 1, PANEL + BAR - 1), fill=colour)
        pen.text((left + PANEL / 2, PANEL + BAR / 2), word, fill="white", font=font, anchor="mm")
    return page


def main(folder: Path) -> None:
    """Draw all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FIGURES:
        draw(name).save(folder / f"{name}.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
