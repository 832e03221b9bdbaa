"""How real photos are looked at, handed to methods and scored; see `occset.benchmark.tasks.definition.Evaluator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occset.benchmark.methods.guard import Checked, Hand, read_only
from occset.benchmark.tasks.deocclusion.evaluator import run_checked
from occset.benchmark.tasks.wild.networks import Beholder, share_of
from occset.dataset.recipes import Recipe
from occset.models.photos.sheet import tinted
from occset.pictures.images import shrink
from occset.samples.render import Renderer

JUDGE = "prior"


@dataclass(frozen=True)
class PhotoBatch:
    """Aligned photos of one size.

    Attributes:
        ids, faces, types: of each sample.
        images: (B, S, S, 3) uint8 RGB.
        wholes: (B, S, S) uint8 0/255, Mm: the rendered face.
        hidden: (B, S, S) uint8 0/255, Mo: what hides it; what mask-dependent methods are given.
        renders: (B, S, S, 3) uint8 RGB, the rendered face in the photo's colours.
        before: (B,) float, share of the rendered face that NS sees in the photo.
    """

    ids: list[str]
    faces: list[str]
    types: list[str]
    images: np.ndarray
    wholes: np.ndarray
    hidden: np.ndarray
    renders: np.ndarray
    before: np.ndarray


class PhotoEvaluator:
    """NS looks at what a method made, and counts the pixels of the rendered face that it calls face."""

    def __init__(self, judges: Mapping[str, Beholder]) -> None:
        """Take over NS and NR; the released ones where there is no judge."""
        self.beholder = judges.get(JUDGE) or Beholder()

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> PhotoBatch:
        """Read the photos of bare recipes of one size, and look at them; they need no mask and no landmarks."""
        images = np.stack([shrink(renderer.data.load_image(recipe.face), recipe.size) for recipe in recipes])
        seen = self.beholder.look(images)
        return PhotoBatch(
            [recipe.sample for recipe in recipes],
            [recipe.face for recipe in recipes],
            [recipe.type for recipe in recipes],
            images,
            seen.wholes,
            seen.hidden,
            seen.renders,
            share_of(seen.faces, seen.wholes),
        )

    def shared(self, batch: PhotoBatch) -> dict[str, np.ndarray]:
        """Pictures that belong to no method, (B, S, S, 3) uint8 by what they show."""
        found = [tinted(image, mask) for image, mask in zip(batch.images, batch.hidden, strict=True)]
        return {"input": batch.images, "hidden": np.stack(found)}

    def answers(self, batch: PhotoBatch) -> dict[str, np.ndarray]:
        """What controls may be given."""
        return {"face": batch.wholes, "render": batch.renders}

    def run(self, method: Any, batch: PhotoBatch, answers: Mapping[str, Any], hand: Hand = read_only) -> Checked:
        """What a method makes of photos.

        One that is given the mask sees only photos in which something is hidden, and of its picture the mask's pixels count.
        """
        if "mask" not in method.given:
            return run_checked(method, batch.images, None, ids=batch.ids, hand=hand, **answers)
        at = np.flatnonzero(batch.hidden.any((1, 2)))
        if not len(at):
            return Checked(batch.images.copy(), None)
        known = {what: values[at] for what, values in answers.items()}
        ids = [batch.ids[i] for i in at]
        made = run_checked(method, batch.images[at], batch.hidden[at], ids=ids, hand=hand, **known)
        whole = batch.images.copy()
        whole[at] = np.where(batch.hidden[at][..., None] > 0, made.images, batch.images[at])
        return Checked(whole, made.resized_from)

    def score(self, answer: np.ndarray, batch: PhotoBatch) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each photo, and the method's picture, (B, S, S, 3) uint8."""
        after = share_of(self.beholder.faces(answer), batch.wholes)
        hidden = share_of(batch.hidden, batch.wholes)
        rows = [
            {"share": float(now), "gained": float(now - before), "before": float(before), "hidden": float(part)}
            for now, before, part in zip(after, batch.before, hidden, strict=True)
        ]
        return rows, answer
