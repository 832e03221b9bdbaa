"""NGs on val as the bench judges them: ``python -m experiments.painters SET [WEIGHTS ...] [--samples N]``.

The released NG and those of WEIGHTS paint the same occluded val faces at 256 px, automatic and given the true mask. The test
split is not looked at, so that weights can be chosen by this. Figures are means over samples of the hole's part on the face.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface_network import ArcFaceNetwork
from occset.models.baselines.samples import RivalSamples
from occset.models.deocclusion.deoccluder import Deoccluder, DeoccluderWithMask
from occset.models.inpainting.presets import PRESETS
from occset.models.pretrained import load
from occset.models.reconstruction.fits import fits_of
from occset.support.console import print_table

SIZE = 256
_SEED, _BATCH = 7919, 16

Drawn = dict[str, np.ndarray]


def draw(data: OcclusionSet, count: int) -> Drawn:
    """Occluded val faces: "image", "clean", "holes", "mask", "matrix", ... of so many samples, stacked."""
    network = load("nr", device="cpu")
    fits = fits_of(data, network.model, network.layout.colours)
    samples = RivalSamples(data, fits, SIZE, count, _SEED, "val", PRESETS["laptop"].mix)
    drawn = [samples(0, index) for index in range(count)]
    return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


def figures(painted: np.ndarray, drawn: Drawn, judge: ArcFaceNetwork) -> dict[str, float]:
    """L1 and PSNR of the composite in the hole's part on the clean face, and the identity of the whole.

    Args:
        painted: (N, S, S, 3) uint8 RGB; taken in the hole alone.
        drawn: of `draw`.
        judge: of identity.
    """
    hole, clean = drawn["holes"] > 127, drawn["clean"]
    whole = np.where(hole[..., None], painted, drawn["image"])
    counted = hole & (drawn["mask"] > 127)
    there = counted.any((1, 2))
    off = (whole[there].astype(np.float64) - clean[there]) / 255
    parts = [each[where] for each, where in zip(off, counted[there], strict=True)]
    squares = np.maximum([np.square(part).mean() for part in parts], 1e-6)
    alike = torch.cosine_similarity(_embedded(judge, whole, drawn), _embedded(judge, clean, drawn)).numpy()
    return {
        "l1": float(np.mean([np.abs(part).mean() for part in parts])),
        "psnr": float(np.mean(-10 * np.log10(squares))),
        "id": float(alike[there].mean()),
    }


@torch.no_grad()
def _embedded(judge: ArcFaceNetwork, images: np.ndarray, drawn: Drawn) -> torch.Tensor:
    found = []
    for at in range(0, len(images), _BATCH):
        part = slice(at, at + _BATCH)
        pictures = torch.from_numpy(images[part]).permute(0, 3, 1, 2).float() / 255
        found.append(judge(pictures, torch.from_numpy(drawn["matrix"][part])))
    return torch.cat(found)


def main(
    path: Annotated[Path, typer.Argument(help="A fitted set (occset fit --albedo released).", metavar="SET")],
    weights: Annotated[list[Path] | None, typer.Argument(help="Weights of other NGs.")] = None,
    samples: Annotated[int, typer.Option(help="Val samples.", min=1)] = 160,
) -> None:
    """Print the table."""
    drawn, judge = draw(OcclusionSet(path), samples), ArcFaceNetwork().eval()
    rows = [("input", drawn["image"])]
    for own in (None, *(weights or ())):
        for kind in (Deoccluder, DeoccluderWithMask):
            method = kind(inpainting=own, device="cpu")
            told = drawn["holes"] if method.given else None
            rows.append((f"{kind.name}, {own or 'released'}", method.deocclude(drawn["image"], told)))
    print_table(
        [{"method": name} | {k: f"{v:.4f}" for k, v in figures(made, drawn, judge).items()} for name, made in rows]
    )


if __name__ == "__main__":
    typer.run(main)
