"""One 1024 px sample written to disk, against stand-ins of the published occlusion generators, NatOcc and RandOcc.

Both are described in Voo et al., "Delving into High-Quality Synthetic Face Occlusion Segmentation Datasets" (2022). The
stand-ins do what these do with a sample, in that order and with the same libraries (albumentations, OpenCV,
scikit-image), and are written here from the description: files of face, mask and occluder are read; the occluder is
changed and sized to the face (NatOcc), or a closed curve through 3 to 15 points is cut from a texture (RandOcc); it is
turned towards the face's middle, pasted with a blurred rim, the seam is blurred; the result is changed once more and
written, picture and two masks. NatOcc's transfer of colours by optimal transport, which it offers besides and which takes
longest, is left out.

Run as ``python -m experiments.speed.generators``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from experiments.speed.rendering import make_set
from experiments.speed.row import row
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import FILES_OF
from occset.pictures.images import read_image, read_rgba
from occset.pictures.masks import decode_rle
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer

NATOCC, RANDOCC = 6.0, 40.0
"""How many times as fast ours is to be."""
SIZE = 1024
_FACES, _CUTOUTS, _SAMPLES = 12, 24, 12
_POINTS_A_STRETCH = 100
_SHAPE = 512

Layer = tuple[np.ndarray, np.ndarray]
"""Colour (H, W, 3) and mask (H, W), uint8."""


class Published:
    """What the two generators share: their files, and everything after the occluder is there."""

    def __init__(self, folder: Path, data: OcclusionSet) -> None:
        """Write the files that they read: pictures, and masks beside them."""
        import albumentations as A

        self.folder, self.rng = folder, np.random.default_rng(0)
        self.faces: list[tuple[Path, Path]] = []
        self.occluders: list[tuple[Path, Path]] = []
        for face in data.faces.to_dict("records"):
            mask = folder / f"{face['id']}.mask.png"
            cv2.imwrite(str(mask), decode_rle(face["mask"], face["height"], face["width"]))
            self.faces.append((data.path / face[FILES_OF["faces"]], mask))
        for cutout in data.occluders.to_dict("records"):
            rgba = read_rgba(data.path / cutout[FILES_OF["occluders"]])
            files = folder / f"{cutout['id']}.png", folder / f"{cutout['id']}.mask.png"
            cv2.imwrite(str(files[0]), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGR))
            cv2.imwrite(str(files[1]), rgba[..., 3])
            self.occluders.append(files)
        self.textures = [data.path / row[FILES_OF["textures"]] for row in data.textures.to_dict("records")]
        affine = {"scale": (0.8, 1.2), "rotate": (-15, 15), "shear": (-8, 8)}
        soft = [A.AdvancedBlur(), A.OneOf([A.ImageCompression(quality_range=(70, 95))], p=0.5)]
        self.change_occluder = A.Compose(
            [*soft, A.Affine(**affine, fit_output=True, p=0.7), A.RandomBrightnessContrast(p=0.5)]
        )
        self.change_picture = A.Compose(
            [*soft, A.Affine(**affine, p=0.7), A.HorizontalFlip()], additional_targets={"hidden": "mask"}
        )

    def write(self, number: int, occluder: Callable[[int, tuple[int, int, int, int]], Layer]) -> None:
        """One sample, from the files of its face to the files of the result."""
        files = self.faces[number % len(self.faces)]
        image, mask = read_image(files[0]), cv2.imread(str(files[1]), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        box: tuple[int, int, int, int] = tuple(cv2.boundingRect(mask))  # type: ignore[assignment]
        colour, alpha = occluder(number, box)
        centre = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
        at = self.rng.uniform(box[:2], (box[0] + box[2], box[1] + box[3]))
        degrees = float(np.degrees(np.arctan2(*(at - centre)[::-1]))) + 90
        colour, alpha = _turned(colour, degrees), _turned(alpha, degrees)
        result, shown, hidden = _pasted(image, mask, colour, alpha, at)
        rim = cv2.dilate(hidden, np.ones((5, 5), np.uint8), iterations=2)
        rim -= cv2.erode(hidden, np.ones((5, 5), np.uint8), iterations=2)
        result = np.where(rim[..., None] > 240, cv2.GaussianBlur(result, (5, 5), 0), result)
        done = self.change_picture(image=result, mask=shown, hidden=hidden)
        _write(self.folder / "published", number, done["image"], done["mask"], done["hidden"])

    def natocc(self, number: int, box: tuple[int, int, int, int]) -> Layer:
        """An occluder of a file, changed, and as large as a part of the face."""
        picture, mask = (cv2.imread(str(file), -1) for file in self.occluders[number % len(self.occluders)])
        assert picture is not None and mask is not None
        scale = float(self.rng.uniform(0.5, 1.0)) * max(box[2:]) / max(mask.shape)
        size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
        colour = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), size, interpolation=cv2.INTER_LANCZOS4)
        alpha = cv2.resize(mask, size, interpolation=cv2.INTER_LANCZOS4)
        done = self.change_occluder(image=colour, mask=alpha)
        return done["image"], done["mask"]

    def randocc(self, number: int, box: tuple[int, int, int, int]) -> Layer:
        """A closed curve through random points, filled with a texture."""
        from skimage.draw import polygon2mask

        corners = self.rng.uniform(0, _SHAPE, (int(self.rng.integers(3, 16)), 2))
        middle = corners.mean(0)
        corners = corners[np.argsort(np.arctan2(*(corners - middle).T))]
        ahead = np.roll(corners, -1, 0)
        t = np.linspace(0, 1, _POINTS_A_STRETCH)[:, None]
        bend = self.rng.uniform(0, 0.4) * (middle - (corners + ahead) / 2)
        curve = np.concatenate(
            [
                a * (1 - t) ** 2 + 2 * ((a + b) / 2 + c) * t * (1 - t) + b * t**2
                for a, b, c in zip(corners, ahead, bend, strict=True)
            ]
        )
        alpha = polygon2mask((_SHAPE, _SHAPE), curve).astype(np.uint8) * 255
        texture = cv2.resize(read_image(self.textures[number % len(self.textures)]), (_SHAPE, _SHAPE))
        x, y, width, height = cv2.boundingRect(alpha)
        there = np.s_[y : y + height, x : x + width]
        done = self.change_occluder(image=cv2.bitwise_and(texture, texture, mask=alpha)[there], mask=alpha[there])
        return done["image"], done["mask"]


def _turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    """Turned about its middle, in a frame that holds all of it."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    across, along = np.abs(turn[0, :2])
    wide, high = int(height * along + width * across), int(height * across + width * along)
    turn[:, 2] += (wide / 2 - width / 2, high / 2 - height / 2)
    return cv2.warpAffine(picture, turn, (wide, high))


def _pasted(
    image: np.ndarray, mask: np.ndarray, colour: np.ndarray, alpha: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, ...]:
    """An occluder's middle laid on a place: the picture, the face that shows, what is hidden."""
    height, width = alpha.shape
    left, top = (at - (width / 2, height / 2)).astype(int)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + width), min(image.shape[0], top + height)
    result, shown, hidden = image.copy(), mask.copy(), np.zeros_like(mask)
    if x0 < x1 and y0 < y1:
        here, there = np.s_[y0:y1, x0:x1], np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        soft = cv2.GaussianBlur(alpha, (5, 5), 0)[there][..., None] / 255.0
        result[here] = (image[here] * (1 - soft) + colour[there] * soft).astype(np.uint8)
        hidden[here] = np.where(alpha[there] > 0, 255, 0)
        shown[hidden > 0] = 0
    return result, shown, hidden


def _write(folder: Path, number: int, image: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{number}.jpg"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    cv2.imwrite(str(folder / f"{number}.mask.png"), mask)
    cv2.imwrite(str(folder / f"{number}.hidden.png"), hidden)


def measure() -> list[dict[str, Any]]:
    """Draw, render and write samples of ours, and let both stand-ins make theirs, in turns, on one thread.

    Ours writes the same three files; as in `occset render`, it remembers the cut-outs that it used last.

    Returns:
        Two rows, see `experiments.speed.row`, in processor time, medians over the samples; none where albumentations or
        scikit-image is missing.
    """
    try:
        import albumentations  # noqa: F401
        import skimage  # noqa: F401
    except ImportError:
        return []
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            each = _times(Path(folder))
    finally:
        cv2.setNumThreads(threads)
    name = f"one {SIZE} px sample written to disk"
    return [
        row(
            f"{name} / {peer}'s way",
            each["ours"],
            each[peer],
            f"at most 1/{times:g}",
            each["ours"] * times <= each[peer],
        )
        for peer, times in (("NatOcc", NATOCC), ("RandOcc", RANDOCC))
    ]


def _times(folder: Path) -> dict[str, float]:
    data = make_set(folder, SIZE, _FACES, _CUTOUTS)
    published = Published(folder, data)
    renderer = Renderer(data)
    drawer = Drawer(data, Plan(size=SIZE), seed=0)
    works: dict[str, Callable[[int], None]] = {
        "ours": lambda n: _ours(renderer, drawer, folder / "ours", n),
        "NatOcc": lambda n: published.write(n, published.natocc),
        "RandOcc": lambda n: published.write(n, published.randocc),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number in range(2 * _SAMPLES):  # the first half warms up
        for name, work in works.items():
            started = time.process_time()
            work(number)
            seconds[name].append(time.process_time() - started)
    return {name: 1000 * float(np.median(some[_SAMPLES:])) for name, some in seconds.items()}


def _ours(renderer: Renderer, drawer: Drawer, folder: Path, number: int) -> None:
    sample = renderer.render(drawer.draw(number))
    _write(folder, number, sample.image, sample.face, sample.occlusion)


if __name__ == "__main__":
    for line in measure():
        print(line)
