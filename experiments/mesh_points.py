"""Whether 468 points of a mesh network help a fit more than the 106 of 2d106det: the same photos fitted from both.

``python -m experiments.mesh_points SET --mesh FILE [--photos N] [--builtin N]``. FILE is MediaPipe's
``face_landmark.tflite``, which its wheel 0.10.14 carries (``mediapipe/modules/face_landmark``); it is run by the package
ai-edge-litert (``pip install --no-deps ai-edge-litert``), which occset itself never needs. Both networks' points become the
68 of iBUG. On built-in faces, whose points are known, each finder's error; on photos of the splits val and then train, how a
fit from each comes out: the colours' residual (Eq. 6), how many fits are flagged, and how like the person the drawn face is,
by ArcFace. The set is only read. Differences are paired, with twice their standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import cv2
import numpy as np
import torch
import typer

from experiments.geometry import choose
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFace
from occset.models.builtin.faces import render_face
from occset.models.morphable.base import LinearModel
from occset.models.pretrained import load
from occset.models.reconstruction.coefficients import Coefficients
from occset.models.reconstruction.fitting.fit import BATCH, SIZE, Fitter
from occset.models.reconstruction.fitting.points import PointDetector
from occset.models.reconstruction.samples import eyes_are_hidden
from occset.pictures.images import shrink
from occset.pictures.landmarks import five_points, similarity, template, transform_points
from occset.pictures.masks import shrink_mask
from occset.support.console import print_table, progress_bar, say
from occset.support.errors import MissingExtra, OccsetError

INPUT, POINTS = 192, 468
_LARGER = 1.5  # the network wants a square half as large again as the points it finds
_DRAWN = 224

# the mesh's vertex at each of iBUG's 68 points
JAW = (127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356)
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE = (168, 197, 5, 4, 59, 60, 2, 290, 289)
EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
LIPS = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87)
OF_MESH = (*JAW, *BROWS, *NOSE, *EYES, *LIPS)
_LEFT_EYE, _RIGHT_EYE = 33, 263

Finder = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(H, W, 3) uint8 RGB and five or more points to (68, 2) pixels."""


class MeshPoints:
    """MediaPipe's mesh network, looked at twice: where five points say that the face is, and where the mesh then is."""

    def __init__(self, file: Path) -> None:
        """Load the network.

        Raises:
            OccsetError: ai-edge-litert is not installed, or the file is not that network.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise OccsetError(
                "a .tflite file is run by ai-edge-litert: pip install --no-deps ai-edge-litert"
            ) from error
        if not file.is_file():
            raise OccsetError(f"{file}: there is no such file: take face_landmark.tflite out of MediaPipe's wheel")
        self._network = Interpreter(str(file), num_threads=1)
        self._network.allocate_tensors()
        takes, gives = self._network.get_input_details()[0], self._network.get_output_details()[0]
        if tuple(takes["shape"]) != (1, INPUT, INPUT, 3) or gives["shape"][-1] != 3 * POINTS:
            raise OccsetError(f"{file}: finds no {POINTS} points: take face_landmark.tflite out of MediaPipe's wheel")
        self._takes, self._gives = takes["index"], gives["index"]

    def __call__(self, image: np.ndarray, points: np.ndarray) -> np.ndarray:
        """As `Finder`."""
        unit = template(1)
        middle, side = np.add(unit.mean(0), (0, 0.05)), 0.75  # of an aligned picture: from the brows to the chin
        crop = similarity(five_points(points), ((unit - middle) / (side * _LARGER) + 0.5) * INPUT - 0.5)
        mesh = self._look(image, crop)
        return self._look(image, _square(mesh))[list(OF_MESH)]

    def _look(self, image: np.ndarray, crop: np.ndarray) -> np.ndarray:
        """The mesh (468, 2) in pixels of the picture, seen through a crop, a (2, 3) matrix."""
        seen = cv2.warpAffine(image, crop, (INPUT, INPUT), flags=cv2.INTER_LINEAR)
        self._network.set_tensor(self._takes, seen[None].astype(np.float32) / 255)
        self._network.invoke()
        found = self._network.get_tensor(self._gives).reshape(POINTS, 3)[:, :2].astype(np.float64)
        return transform_points(found - 0.5, cv2.invertAffineTransform(crop))


def _square(mesh: np.ndarray) -> np.ndarray:
    """The crop of a mesh: upright by its eyes, and a square half as large again as its longer side."""
    across = mesh[_RIGHT_EYE] - mesh[_LEFT_EYE]
    turn = np.array([[across[0], across[1]], [-across[1], across[0]]]) / np.hypot(*across)
    upright = mesh @ turn.T
    low, high = upright.min(0), upright.max(0)
    scale = INPUT / (_LARGER * (high - low).max())
    shift = (INPUT - 1) / 2 - scale * (low + high) / 2
    return np.hstack([scale * turn, shift[:, None]])


class Outcome(NamedTuple):
    """Of one finder: residuals (N,), likeness (N,) of photo and drawn face, which fits are flagged (N,)."""

    residual: np.ndarray
    likeness: np.ndarray
    flagged: np.ndarray


def on_builtin(finders: dict[str, Finder], count: int) -> dict[str, np.ndarray]:
    """Mean error of the 51 points inside the face, in distances of the eyes, on built-in faces: (count,) of each finder."""
    errors: dict[str, list[float]] = {name: [] for name in finders}
    for index in range(count):
        face = render_face(index, size=256)
        truth = np.asarray(face.landmarks, np.float64)
        eyes = np.linalg.norm(truth[36:42].mean(0) - truth[42:48].mean(0))
        for name, find in finders.items():
            away = np.linalg.norm(find(face.image, five_points(truth)) - truth, axis=1)[17:]
            errors[name].append(float(away.mean() / eyes))
    return {name: np.array(some) for name, some in errors.items()}


def on_photos(
    data: OcclusionSet, finders: dict[str, Finder], model: LinearModel, count: int, progress: Callable[[int, int], None]
) -> tuple[dict[str, Outcome], int]:
    """Fit the same photos, whose eyes show, from each finder's points.

    Returns:
        The outcomes by name, and on how many photos.
    """
    photos = []
    for face in choose(data, 0, count)[1]:
        image, mask = data.load_face(face)
        known = data.face_landmarks(face)
        if known is not None and not eyes_are_hidden(mask, five_points(known)[:2]):
            photos.append((image, mask, known))
    judge, found = ArcFace(), {}
    for turn, (name, find) in enumerate(finders.items()):
        fitter, rows, likeness = Fitter(model), [], []
        for at in range(0, len(photos), BATCH):
            some = photos[at : at + BATCH]
            points = np.stack([(find(i, p) + 0.5) * (SIZE / i.shape[1]) - 0.5 for i, _, p in some])
            fitted = fitter.fit(
                np.stack([shrink(i, SIZE) for i, _, _ in some]),
                np.stack([shrink_mask(m, SIZE) for _, m, _ in some]),
                points,
            )
            likeness.append(_likeness(judge, fitter, [i for i, _, _ in some], [p for _, _, p in some], fitted))
            rows += fitted
            progress(turn * len(photos) + at + len(some), len(finders) * len(photos))
        found[name] = Outcome(
            np.array([row["residual"] for row in rows]),
            np.concatenate(likeness),
            np.array([bool(row["problem"]) for row in rows]),
        )
    return found, len(photos)


def _likeness(
    judge: ArcFace, fitter: Fitter, images: list[np.ndarray], points: list[np.ndarray], rows: list[dict[str, Any]]
) -> np.ndarray:
    """Cosines (B,) of photos and of their fits laid over them, both aligned by the photos' own five points."""
    parts: Coefficients = fitter.layout.split(torch.from_numpy(np.stack([row["vector"] for row in rows])))
    with torch.no_grad():
        view = fitter.face(parts, _DRAWN)
    photos = np.stack([shrink(image, _DRAWN) for image in images])
    drawn = (view.image.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    laid = np.where(view.mask.permute(0, 2, 3, 1).numpy() > 0.5, drawn, photos)
    five = np.stack([(five_points(p) + 0.5) * (_DRAWN / i.shape[1]) - 0.5 for i, p in zip(images, points, strict=True)])
    return np.sum(judge.embed(photos, five) * judge.embed(laid, five), axis=1)


def table(values: dict[str, dict[str, np.ndarray]]) -> list[dict[str, Any]]:
    """A row a figure: the mean by each of two finders, and the second less the first, with twice its standard error."""
    rows = []
    for figure, (one, other) in ((name, tuple(by.items())) for name, by in values.items()):
        away = other[1].astype(np.float64) - one[1]
        error = 2 * away.std(ddof=1) / np.sqrt(len(away))
        means = {name: f"{some.mean():.4f}" for name, some in (one, other)}
        rows.append({"figure": figure, **means, "difference": f"{away.mean():+.4f} +- {error:.4f}"})
    return rows


def main(
    path: Annotated[Path, typer.Argument(help="A set of photos with masks, only read.", metavar="SET")],
    mesh: Annotated[Path, typer.Option(help="MediaPipe's face_landmark.tflite.")],
    photos: Annotated[int, typer.Option(help="Photos that are fitted.", min=2)] = 120,
    builtin: Annotated[int, typer.Option(help="Built-in faces whose points are known.", min=2)] = 120,
) -> None:
    """Compare fits from 106 points with fits from 468."""
    finders: dict[str, Finder] = {"2d106det": PointDetector().find, "mesh": MeshPoints(mesh)}
    found = {"built-in faces: points, distances of the eyes": on_builtin(finders, builtin)}
    with progress_bar("fitting") as progress:
        outcomes, count = on_photos(OcclusionSet(path), finders, load("nr", device="cpu").model, photos, progress)
    for field, figure in (("residual", "colours, 0..1"), ("likeness", "ArcFace cosine"), ("flagged", "flagged, share")):
        found[f"photos: {figure}"] = {name: getattr(one, field) for name, one in outcomes.items()}
    print_table(table(found), f"{builtin} built-in faces, {count} photos")
    say("differences: mesh - 2d106det, with twice the standard error")


if __name__ == "__main__":
    try:
        typer.run(main)
    except (OccsetError, MissingExtra) as error:
        raise SystemExit(f"mesh_points: {error}") from error
