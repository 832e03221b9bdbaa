"""Rendering one sample, all included, against decoding the JPEG of its face."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from experiments.speed.row import row
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import resplit
from occset.pictures.images import read_image
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.sources.items import FaceItem, OccluderItem, TextureItem

REMEMBERING, FORGETTING = 4.0, 6.0
_NAME = "replay a recipe at 256 px (read, warp, Eq. 2, masks) / decode its face's 512 px JPEG"
# the sizes of FaceOcc's cut-outs
_SIZES = (("hand", (400, 270)), ("mask", (580, 640)), ("sunglasses", (48, 125)), ("hat", (200, 260)))
# more faces than a renderer remembers, taken in turn, so that each is read from its file
_FACES, _CUTOUTS, _SAMPLES, _ROUNDS = 60, 60, 300, 3


def measure() -> list[dict[str, Any]]:
    """Render 256 px samples from 512 px JPEG faces, every face read from its file.

    Returns:
        Two rows, see `experiments.speed.row`: one as `occset render` works, which remembers the cut-outs and textures
        it used last, one that remembers nothing.
    """
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = make_set(Path(folder))
        drawer = Drawer(data, Plan(), seed=0)
        recipes = [drawer.draw(i) for i in range(_SAMPLES)]
        files = [data.path / data.face_row(recipe.face)["image"] for recipe in recipes]
        seconds: dict[str, list[float]] = {"remembering": [], "forgetting": [], "peer": []}
        for _ in range(_ROUNDS):  # in turn, so that whatever slows this machine down slows all three
            for name, keep in (("remembering", 256), ("forgetting", 0)):
                renderer = Renderer(data, keep=keep)
                started = time.perf_counter()
                for recipe in recipes:
                    renderer.render(recipe)
                seconds[name].append(time.perf_counter() - started)
            started = time.perf_counter()
            for file in files:
                read_image(file)
            seconds["peer"].append(time.perf_counter() - started)
    each = {name: float(np.median(values)) / _SAMPLES for name, values in seconds.items()}
    remembering, forgetting, peer = (1000 * each[name] for name in ("remembering", "forgetting", "peer"))
    return [
        row(
            f"{_NAME}, cut-outs remembered",
            remembering,
            peer,
            f"at most {REMEMBERING:g}",
            remembering <= REMEMBERING * peer,
        ),
        row(
            f"{_NAME}, every file read again",
            forgetting,
            peer,
            f"at most {FORGETTING:g}",
            forgetting <= FORGETTING * peer,
        ),
    ]


def make_set(folder: Path, size: int = 512, faces: int = _FACES, cutouts: int = _CUTOUTS) -> OcclusionSet:
    """A set of JPEG faces of so many pixels, and cut-outs of FaceOcc's sizes beside 512 px ones, larger by as much."""
    rng = np.random.default_rng(0)
    data = OcclusionSet.create(folder / "set")
    scale = size / 512
    points = np.array([[196.0, 240], [316, 240], [256, 300], [208, 358], [304, 358]]) * scale
    yy, xx = np.mgrid[:size, :size] / scale
    mask = ((xx - 256) ** 2 / 135**2 + (yy - 290) ** 2 / 185**2 < 1).astype(np.uint8) * 255
    rows = []
    for i in range(faces):
        # coarse structure and fine grain, so that the JPEG has the size of a photo's
        image = cv2.resize(rng.integers(0, 255, (24, 24, 3), np.uint8), (size, size), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)
        file = folder / f"{i}.jpg"
        cv2.imwrite(str(file), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        rows.append(
            data.store_face(FaceItem(str(i), read_image(file), "made here", file, mask, points, "source"), "speed")
        )
    data.add_rows("faces", rows)
    items = []
    for i in range(cutouts):
        category, sides = _SIZES[i % len(_SIZES)]
        height, width = (round(side * scale) for side in sides)
        rgba = np.zeros((height, width, 4), np.uint8)
        rgba[..., :3] = cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (width, height))
        rgba[..., :3] += rng.integers(0, 12, (height, width, 3), np.uint8)
        alpha = np.zeros((height, width), np.uint8)
        cv2.ellipse(alpha, (width // 2, height // 2), (width // 2 - 4, height // 2 - 4), 0, 0, 360, 255, -1)
        rgba[..., 3] = cv2.GaussianBlur(alpha, (5, 5), 1)
        items.append(OccluderItem(str(i), rgba, category, "made here"))
    data.add_rows("occluders", [data.store_occluder(item, "speed") for item in items])
    textures = [rng.integers(0, 255, (256, 256, 3), np.uint8) for _ in range(12)]
    data.add_rows(
        "textures", [data.store_texture(TextureItem(str(i), t, "noise", ""), "speed") for i, t in enumerate(textures)]
    )
    resplit(data)
    return data


if __name__ == "__main__":
    for line in measure():
        print(line)
