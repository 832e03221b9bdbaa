"""A recipe as words and as a strip of pictures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from occset.composition.compose import Sample
from occset.composition.warps import ONE
from occset.dataset.frozen import frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, RecipeFile, read_recipes
from occset.samples.job import NOTE
from occset.support.errors import OccsetError, UnknownName

_NUMBERED = re.compile(r"^\d{6,}_")  # how render names its pictures


def find_recipe(data: OcclusionSet, sample: str, file: Path | None = None) -> Recipe:
    """The recipe of a sample.

    Args:
        data: the set.
        sample: its id, or a unique beginning of it; or a picture that ``occset render`` wrote, by its path or name.
        file: a recipe file, or a folder that ``occset render`` wrote, to look in and nowhere else. Otherwise looked in are
            the rendering that the picture lies in, the set's recipes and protocols, and, where these have none that begins
            so, the renderings of the set that lie in the current folder or beside the set.

    Raises:
        UnknownName: no recipe, or more than one, begins so.
        BadInput: a recipe file is missing or broken.
    """
    picture = Path(sample)
    sample = _NUMBERED.sub("", picture.name if picture.suffix == ".png" or picture.is_file() else sample)
    sample = sample.removesuffix(".png")
    around = recipes_of(picture.absolute().parent.parent) if picture.is_file() else []
    if file is not None:
        places = [(recipes_of(file) or [file / "recipes.parquet"]) if file.is_dir() else [file]]
    else:
        places = [around, frozen_files(data.path), [path for out in renderings(data) for path in recipes_of(out)]]
    known: dict[str, Recipe] = {}
    hits: list[str] = []
    for paths in places:
        for path in paths:
            known |= {recipe.sample: recipe for recipe in read_recipes(path)}
        hits = [name for name in known if name.startswith(sample)] if sample else []
        if hits:
            break
    if len(hits) != 1:
        none = ["none yet: run occset bench, or give --recipes OUT with the folder that occset render wrote"]
        raise UnknownName("sample", sample, hits[:5] or list(known)[:5] or none)
    return known[hits[0]]


def renderings(data: OcclusionSet) -> list[Path]:
    """Folders that ``occset render`` wrote of this set, in the current folder or beside the set, or they themselves."""
    around = dict.fromkeys((Path.cwd(), data.path.absolute().parent))
    folders = [
        folder for place in around for folder in (place, *sorted(path.parent for path in place.glob(f"*/{NOTE}")))
    ]
    return [folder for folder in dict.fromkeys(folders) if _is_of(folder, data)]


def _is_of(folder: Path, data: OcclusionSet) -> bool:
    """Whether it is a rendering whose faces this set has; those of other sets would be no answer."""
    known = set(data.faces["id"])
    try:
        firsts = [RecipeFile(path).read(0, 1) for path in recipes_of(folder)[:1]]
        return any(recipe.face in known for recipes in firsts for recipe in recipes)
    except OccsetError:
        return False  # whatever it is, nobody named it


def recipes_of(out: Path) -> list[Path]:
    """The recipe files of a rendering: one when it is finished, else those of its parts or shards."""
    if not (out / NOTE).is_file():
        return []
    whole = out / "recipes.parquet"
    if whole.is_file():
        return [whole]
    return sorted(path for parts in ("parts", "recipes") for path in out.glob(f"{parts}/[!.]*.parquet"))


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
