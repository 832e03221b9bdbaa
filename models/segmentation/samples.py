"""What NS is trained on: Eq. 2 samples drawn on the fly, mixed with faces as they are, then changed.

A sample is a pure function of (seed, epoch, index): which process makes it changes nothing.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from occset.composition.categories import category
from occset.dataset.occlusion_set import OcclusionSet
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.transforms import TrainingChanges

BARE, DOUBLE = 0.2, 0.2
"""Shares of samples that show a face as it is (whose own hair, hat or glasses hide it), and that have two occluders."""

_CUTOUTS, _FACES = 400, 4000
"""How many cut-outs, and faces at the working size, a worker keeps in memory."""


def training_types(categories: list[str]) -> dict[str, tuple[tuple[str, ...], float]]:
    """Types of samples and their weights: bare faces, one occluder as often as its category says, and two.

    Args:
        categories: those that there are occluders of; what data sets count as face where it is worn is passed over.

    Returns:
        Name to (categories of the layers, weight), as `occset.samples.draw.Plan` takes them; the weights add to 1.
    """
    weights = {c: category(c).weight for c in sorted(set(categories)) if not category(c).worn_as_face}
    if not weights:
        return {"bare": ((), 1.0)}
    whole = sum(weights.values())
    types: dict[str, tuple[tuple[str, ...], float]] = {"bare": ((), BARE)}
    for name, weight in weights.items():
        types[name] = ((name,), (1 - BARE - DOUBLE) * weight / whole)
    pairs = {(a, b): weights[a] * weights[b] for a, b in combinations_with_replacement(weights, 2)}
    for (a, b), weight in pairs.items():
        types[f"{a} and {b}"] = ((a, b), DOUBLE * weight / sum(pairs.values()))
    return types


class SegmentationSamples:
    """Training samples of NS: pictures and soft face masks.

    Picklable; a worker reads the set itself.
    """

    def __init__(
        self,
        data: OcclusionSet,
        size: int,
        epoch_size: int,
        seed: int = 0,
        split: str = "train",
        faces: tuple[str, ...] = (),
        categories: tuple[str, ...] = (),
        changes: bool = True,
    ) -> None:
        """Look up what there is to draw from.

        Args:
            data: the set.
            size: side of the samples, pixels.
            epoch_size: samples of one epoch.
            seed: of all chance.
            split: faces, occluders and textures come from this split alone.
            faces: ids of the faces; all labelled ones of the split by default.
            categories: of the occluders; all that the split has by default.
            changes: whether pictures are changed in geometry and colour.

        Raises:
            OccsetError: the split has no labelled face, or none of the occluders.
        """
        self.size, self.epoch_size, self.seed = size, epoch_size, seed
        self.changes = TrainingChanges(size) if changes else None
        have = data.occluders.loc[data.occluders["split"] == split, "category"]
        types = training_types(list(categories) or sorted(have.unique()))
        canvas = self.changes.canvas if self.changes else size
        self.drawer = Drawer(data, Plan(split=split, size=canvas, types=types, faces=faces), seed)
        self.drawer.renderer = Renderer(data, _CUTOUTS, _FACES)

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """One sample.

        Args:
            epoch, index: which one; index is below `epoch_size`.

        Returns:
            "image", (size, size, 3) uint8 RGB, and "mask", (size, size) uint8, soft, 255 = visible face.

        Raises:
            BadInput: a file cannot be read; names it.
        """
        number = epoch * self.epoch_size + index
        sample = self.drawer.renderer.render(self.drawer.draw(number))
        if self.changes is None:
            return {"image": sample.image, "mask": sample.face_soft}
        chance = int(np.random.default_rng([self.seed, number, 0xA06]).integers(1 << 32))
        image, mask = self.changes(sample.image, sample.face_soft, chance)
        return {"image": image, "mask": mask}
