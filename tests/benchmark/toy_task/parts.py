"""How brightness is rendered, measured and scored, and who does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from occset.benchmark.methods.guard import Hand, call, check_masks, name_samples, read_only, what_is_given
from occset.benchmark.tasks import made_up
from occset.benchmark.tasks.definition import Remark
from occset.dataset.recipes import Recipe
from occset.samples.render import Renderer
from occset.support.errors import BrokenMethod

Answer = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Lit:
    """A batch: pictures, faces and how bright these are, (B,) float32."""

    ids: list[str]
    faces: list[str]
    types: list[str]
    images: np.ndarray
    clean: np.ndarray
    masks: np.ndarray
    levels: np.ndarray


class BrightnessEvaluator:
    def __init__(self, judges: Mapping[str, Any]) -> None:
        assert not judges

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> Lit:
        samples = [renderer.render(recipe) for recipe in recipes]
        clean, masks = np.stack([s.clean for s in samples]), np.stack([s.clean_mask for s in samples])
        names = [r.sample for r in recipes], [r.face for r in recipes], [r.type for r in recipes]
        return Lit(*names, np.stack([s.image for s in samples]), clean, masks, brightness(clean, masks))

    def shared(self, batch: Lit) -> dict[str, np.ndarray]:
        return {"input": batch.images, "truth": batch.clean}

    def answers(self, batch: Lit) -> dict[str, np.ndarray]:
        return {"truth": batch.levels, "face": batch.masks}

    def run(self, method: Any, batch: Lit, answers: Mapping[str, Any], hand: Hand = read_only) -> tuple[Answer, None]:
        extra = what_is_given(method, {**answers, "face": batch.masks, "ids": batch.ids}, hand)
        where = name_samples(batch.ids, len(batch.ids))
        returned = call(method, where, lambda: method.measure(hand("images", batch.images), **extra))
        if not isinstance(returned, tuple) or len(returned) != 2 or returned[0].shape != batch.levels.shape:
            raise BrokenMethod(f"{method.name} on {where}: must return one brightness a picture, and maps")
        check_masks(returned[1], len(batch.ids), f"{method.name} on {where}")
        return returned, None

    def score(self, answer: Answer, batch: Lit) -> tuple[list[dict[str, Any]], np.ndarray]:
        levels, maps = answer
        hits = ((maps > 127) & (batch.masks > 0)).sum((1, 2))
        rows = [
            {"error": float(abs(a - b)), "hits": int(hit), "all": int((mask > 0).sum())}
            for a, b, hit, mask in zip(levels, batch.levels, hits, batch.masks, strict=True)
        ]
        return rows, np.where(maps[..., None] > 127, batch.images, batch.images // 4)


def brightness(pictures: np.ndarray, masks: np.ndarray) -> np.ndarray:
    found = [p[m > 0].mean() / 255 if m.any() else 0.0 for p, m in zip(pictures, masks, strict=True)]
    return np.array(found, np.float32)


class Truth:
    """What is right."""

    name, given = "truth", ("truth", "face")

    def measure(self, images: np.ndarray, *, truth: np.ndarray, face: np.ndarray) -> Answer:
        return truth.copy(), face.copy()


class Grey:
    """Half as bright as can be, and nowhere."""

    name = "grey"
    given: tuple[str, ...] = ()

    def __init__(self, level: float = 0.5) -> None:
        self.level = level

    def measure(self, images: np.ndarray) -> Answer:
        return np.full(len(images), self.level, np.float32), np.zeros(images.shape[:3], np.uint8)


class Middle:
    """As bright as the middle of the picture."""

    name = "middle"
    given: tuple[str, ...] = ()

    def measure(self, images: np.ndarray) -> Answer:
        maps = np.zeros(images.shape[:3], np.uint8)
        quarter = images.shape[1] // 4
        maps[:, quarter:-quarter, quarter:-quarter] = 255
        return brightness(images, maps), maps


def constant(level: str) -> Grey:
    found = Grey(float(level))
    found.name = f"constant-{level}"
    return found


def make_batch(size: int, count: int) -> Lit:
    images = np.stack([made_up.face(size, seed) for seed in range(count)])
    masks = np.repeat(made_up.face_mask(size)[None], count, axis=0)
    names = made_up.names(count)
    return Lit(names, names, names, images, images, masks, brightness(images, masks))


def remarks(answer: Answer, batch: Lit) -> list[Remark]:
    return [Remark("range", bool(((answer[0] >= 0) & (answer[0] <= 1)).all()), "brightness is on 0..1")]
