"""Faces rendered from known coefficients by the models' own renderer: quick, and everything about them is known."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import resplit
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.coefficients import Coefficients
from occset.models.reconstruction.face import FaceModel
from occset.models.rendering import lighting
from occset.sources.items import FaceItem
from tests.conftest import plain_occluder

SIZE = 128


@lru_cache(maxsize=1)
def face_model() -> FaceModel:
    """The procedural face at its decimated level, with coloured light."""
    return FaceModel(procedural_model(), colours=3, coarse=True)


def draw_parts(count: int, seed: int = 0) -> Coefficients:
    """Coefficients of `count` faces before the camera of aligned crops."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    pose = torch.zeros(count, 6)
    pose[:, :3] = normal(count, 3) * torch.tensor([0.08, 0.2, 0.04])
    pose[:, 3:] = torch.tensor([0.0, 8.0, -1250.0]) + normal(count, 3) * torch.tensor([3.0, 3.0, 20.0])
    light = torch.zeros(count, 9, 1)
    light[:, 0] = 0.75 * lighting.AMBIENT
    light[:, 1:4] = 0.3 * normal(count, 3, 1) + torch.tensor([0.2, 0.5, 0.0])[:, None]
    return Coefficients(
        pose, 0.7 * normal(count, 80), 0.4 * normal(count, 64), 0.6 * normal(count, 80), light.expand(-1, -1, 3)
    )


def rendered_faces(count: int, seed: int = 0, size: int = SIZE) -> list[FaceItem]:
    """Faces on a grey ground, with 68 landmarks, mask and truth."""
    parts = draw_parts(count, seed)
    face = face_model()
    with torch.no_grad():
        view, points = face(parts, size), face.landmarks(parts, size)
    items = []
    for k in range(count):
        mask = view.mask[k, 0].numpy()[..., None]
        image = view.image[k].permute(1, 2, 0).clamp(0, 1).numpy() * mask + 0.45 * (1 - mask)
        truth: dict[str, Any] = {
            "coefficients/pose": parts.pose[k].numpy(),
            "coefficients/identity": parts.identity[k].numpy(),
            "coefficients/expression": parts.expression[k].numpy(),
            "coefficients/texture": parts.texture[k].numpy(),
            "coefficients/illumination": parts.light[k, :, 0].numpy(),
        }
        items.append(
            FaceItem(
                name=f"rendered-{seed}-{k}",
                image=np.rint(image * 255).astype(np.uint8),
                licence="made by a test",
                mask=np.where(mask[..., 0] > 0.5, 255, 0).astype(np.uint8),
                landmarks=points[k].numpy().astype(np.float64),
                landmarks_source="source",
                identity=f"person-{seed}-{k}",
                truth=truth,
            )
        )
    return items


def fill_rendered(data: OcclusionSet, faces: int = 24, each: int = 3) -> OcclusionSet:
    """Add rendered faces and occluders of three categories to a set."""
    data.add_rows("faces", [data.store_face(item, "test") for item in rendered_faces(faces)])
    kinds = ("sunglasses", "mask", "object")
    data.add_rows("occluders", [data.store_occluder(plain_occluder(i, c), "test") for c in kinds for i in range(each)])
    resplit(data)
    return data
