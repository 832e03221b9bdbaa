"""What NS is trained on: Eq. 2 samples drawn on the fly, mixed with faces as they are, then changed.

A sample is a pure function of (seed, epoch, index): which process makes it changes nothing.
"""

from __future__ import annotations

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.dataset.records import MACHINE, flag_of
from occset.models.segmentation.mix import Mix, training_types
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.transforms import TrainingChanges

_CUTOUTS, _FACES = 400, 4000
"""How many cut-outs, and faces at the working size, a worker keeps in memory."""


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
        mix: Mix | None = None,
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
            mix: what samples show, and how often.

        Raises:
            OccsetError: the split has no labelled face, or none of the occluders.
        """
        self.size, self.epoch_size, self.seed = size, epoch_size, seed
        self.changes = TrainingChanges(size) if changes else None
        have = data.occluders.loc[data.occluders["split"] == split, "category"]
        types = training_types(list(categories) or sorted(have.unique()), mix)
        canvas = self.changes.canvas if self.changes else size
        self.drawer = Drawer(data, Plan(split=split, size=canvas, types=types, faces=faces), seed)
        self.drawer.renderer = Renderer(data, _CUTOUTS, _FACES)
        if mix and mix.labelled > 1:
            by_hand = set(data.faces.loc[flag_of(data.faces, MACHINE).eq(""), "id"])
            self.drawer.repeat(by_hand, mix.labelled)

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
        sample = self.drawer.renderer.render(self.recipe(epoch, index))
        if self.changes is None:
            return {"image": sample.image, "mask": sample.face_soft}
        chance = int(np.random.default_rng([self.seed, number, 0xA06]).integers(1 << 32))
        image, mask = self.changes(sample.image, sample.face_soft, chance)
        return {"image": image, "mask": mask}

    def recipe(self, epoch: int, index: int) -> Recipe:
        """What a sample shows, before its changes."""
        return self.drawer.draw(epoch * self.epoch_size + index)
