"""A recipe as words and as a strip of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occset.composition.compose import Sample
from occset.composition.warps import ONE
from occset.dataset.frozen import frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, read_recipes
from occset.support.errors import UnknownName


def find_recipe(data: OcclusionSet, sample: str, file: Path | None = None) -> Recipe:
    """The recipe with this sample id (or a unique beginning of it) in a file, or among the set's recipes and protocols.

    Raises:
        UnknownName: no recipe, or more than one, begins so.
        BadInput: a recipe file is missing or broken.
    """
    known: dict[str, Recipe] = {}
    for path in [file] if file is not None else frozen_files(data.path):
        known |= {recipe.sample: recipe for recipe in read_recipes(path)}
    hits = [name for name in known if name.startswith(sample)]
    if len(hits) != 1:
        none = ["none yet: run occset bench, or give --recipes OUT/recipes.parquet of occset render"]
        raise UnknownName("sample", sample, hits[:5] or list(known)[:5] or none)
    return known[hits[0]]


def describe(data: OcclusionSet, recipe: Recipe, rendered: Sample) -> list[tuple[str, str]]:
    """What the recipe says, as pairs of a name and a sentence."""
    face = data.face_row(recipe.face)
    lines = [
        ("sample", recipe.sample),
        ("type", recipe.type),
        ("face", f"{recipe.face} ({face['source']} {face['source_id']}, split {face['split']})"),
        ("drawn", f"seed {recipe.seed}, number {recipe.index}, after {recipe.draw} draws that hid too little"),
        ("size", f"{recipe.size} x {recipe.size} pixels"),
        ("hides", f"{rendered.hidden:.1%} of the face"),
    ]
    for number, layer in enumerate(recipe.layers, 1):
        row = data.occluders.set_index("id").loc[layer.occluder]
        a, b, _, d, e = (v / ONE for v in layer.warp[:5])
        scale = 1 / max(abs(a * e - b * d) ** 0.5, 1e-9)
        words = [
            f"{row['category']} {layer.occluder} ({row['source']} {row['source_id']}, split {row['split']})",
            "mirrored" if layer.flip else "as it is",
            f"scaled by {scale:.2f}, turned by {-np.degrees(np.arctan2(d, a)):.0f} degrees",
            f"texture {layer.texture} from {layer.offset}" if layer.texture else "its own texture",
            f"colours x {'/'.join(f'{g / 256:.2f}' for g in layer.gain)} + {'/'.join(map(str, layer.bias))}",
            f"edge softened by {layer.softness} px" if layer.softness else "edge as cut",
        ]
        lines.append((f"layer {number}", "; ".join(words)))
    return lines


def strip(sample: Sample) -> np.ndarray:
    """Clean picture, occluder, alpha, occluded picture and face mask beside each other: (H, 5 W, 3) uint8."""
    shown = np.where(sample.alpha[..., None] > 0, sample.occluder, np.uint8(255))
    grey = [np.repeat(mask[..., None], 3, axis=2) for mask in (sample.alpha, sample.face)]
    return np.concatenate([sample.clean, shown, grey[0], sample.image, grey[1]], axis=1)
