"""What the detector's five points bring NR's pose: ``python -m experiments.five_points SET [--train N] [--val N]``.

On occluded train faces: where the detector sees each point off that of the fit (`five_points.OFF`, in widths). On occluded
val faces: how far landmarks, yaw and the outline are off those of the fit, with NR's own pose and with the corrected one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.inpainting.presets import PRESETS
from occset.models.pretrained import load
from occset.models.reconstruction.coefficients import Coefficients
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting.five_points import corrected, five_found, five_of
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.reconstruction.samples import ReconstructionSamples
from occset.pictures.detector import FaceDetector
from occset.support.console import print_table, say

SIZE, _BATCH = 256, 16
_TRAIN_SEED, _VAL_SEED = 11, 7919
_NAMES = ("left eye", "right eye", "tip of the nose", "left corner", "right corner")


class Seen(NamedTuple):
    """Of N occluded faces: NR's coefficients and the fit's, and the detector's points (N, 5, 2) pixels, NaN for none."""

    guess: Coefficients
    truth: Coefficients
    found: Tensor


def look(data: OcclusionSet, network: FaceReconstructor, face: FaceModel, split: str, count: int, seed: int) -> Seen:
    """Occluded faces of a split as NR and the detector see them."""
    fits, detector = fits_of(data, network.model, network.layout.colours), FaceDetector()
    samples = ReconstructionSamples(data, fits, SIZE, count, seed, split, PRESETS["laptop"].mix)
    drawn = [samples(0, index) for index in range(count)]
    guess = torch.from_numpy(network.coefficients(np.stack([one["image"] for one in drawn])))
    truth = torch.from_numpy(np.stack([one["vector"] for one in drawn]))
    found = np.stack([five_found(detector, one["image"]) for one in drawn])
    return Seen(bounded(face.layout.split(guess)), face.layout.split(truth), torch.from_numpy(found))


def figures(face: FaceModel, seen: Seen, pose: Tensor) -> dict[str, float]:
    """What a pose is off by, means over faces."""
    parts = seen.guess._replace(pose=pose)
    points, goal = (face.landmarks(one, SIZE) for one in (parts, seen.truth))
    eyes = (five_of(face, seen.truth, SIZE)[:, 0] - five_of(face, seen.truth, SIZE)[:, 1]).norm(dim=1)
    whole, true = (torch.cat([face(b, SIZE).mask[:, 0] > 0.5 for b in _batches(one)]) for one in (parts, seen.truth))
    area = true.sum((1, 2))
    return {
        "landmarks, % of the eyes' distance": 100 * float(((points - goal).norm(dim=2).mean(1) / eyes).mean()),
        "yaw, radians": float((pose - seen.truth.pose)[:, 1].abs().mean()),
        "IoU of the outline": float(((whole & true).sum((1, 2)) / (whole | true).sum((1, 2))).mean()),
        "beside the face, % of it": 100 * float(((whole & ~true).sum((1, 2)) / area).mean()),
        "missed, % of it": 100 * float(((~whole & true).sum((1, 2)) / area).mean()),
    }


def _batches(parts: Coefficients) -> list[Coefficients]:
    return [Coefficients(*(p[at : at + _BATCH] for p in parts)) for at in range(0, len(parts.pose), _BATCH)]


def main(
    path: Annotated[Path, typer.Argument(help="A fitted set (occset fit --albedo released).", metavar="SET")],
    train: Annotated[int, typer.Option(help="Train samples to learn from where points are off.", min=1)] = 160,
    val: Annotated[int, typer.Option(help="Val samples to compare on.", min=1)] = 96,
) -> None:
    """Print both tables."""
    data, network = OcclusionSet(path), load("nr", device="cpu")
    face = FaceModel(network.model, network.layout.colours)
    with torch.no_grad():
        seen = look(data, network, face, "train", train, _TRAIN_SEED)
        there = seen.found.isfinite().flatten(1).all(1)
        off = ((seen.found - five_of(face, seen.truth, SIZE)) / SIZE)[there].median(0).values.tolist()
        print_table([{"point": n, "x": f"{x:.4f}", "y": f"{y:.4f}"} for n, (x, y) in zip(_NAMES, off, strict=True)])
        seen = look(data, network, face, "val", val, _VAL_SEED)
        poses = {"NR's": seen.guess.pose, "corrected": corrected(face, seen.guess, seen.found, SIZE)}
        rows = [
            {"pose": name} | {k: f"{v:.3f}" for k, v in figures(face, seen, p).items()} for name, p in poses.items()
        ]
        print_table(rows)
    say(f"in {int((~seen.found.isfinite().flatten(1).all(1)).sum())} of {val} val pictures no face was found")


if __name__ == "__main__":
    typer.run(main)
