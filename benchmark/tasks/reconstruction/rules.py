"""The protocol of reconstruction, which faces it may show, and how it fits itself to a set."""

from __future__ import annotations

from dataclasses import replace

from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import flag_of
from occset.dataset.usable import usable_faces
from occset.support.errors import OccsetError

NAME = "reconstruction"

RULES = (
    # in front of the face as people meet them: what hides much of it, and hats, which hide its upper edge; 1000 samples
    # of these eight are the paper's, and 125 bare faces beside them say what is lost where nothing hides anything
    Rule(
        "reconstruction",
        "1000 faces under eight kinds of occluders, in turn, and 125 bare ones (the paper's comparison of NR)",
        {
            "bare": (),
            "sunglasses": ("sunglasses",),
            "mask": ("mask",),
            "both": ("mask", "sunglasses"),
            "hand": ("hand",),
            "hair": ("hair",),
            "scarf": ("scarf",),
            "hat": ("hat",),
            "object": ("object",),
        },
        count=1125,
        task=NAME,
    ),
)


def without_sunglasses(data: OcclusionSet) -> list[str]:
    """Labelled test faces that wear no sunglasses of their own: the paper leaves those out, since nobody knows their eyes.

    Raises:
        OccsetError: there is none.
    """
    faces = data.faces
    dark = set(faces.loc[flag_of(faces, "eyeglasses").eq("dark"), "id"])
    usable = [face for face in usable_faces(data, "test") if face not in dark]
    if not usable:
        raise OccsetError(
            f"{data.path}: no labelled face with landmarks and without sunglasses in the split 'test': add more faces"
        )
    return sorted(usable)


def faces_for(data: OcclusionSet, rule: Rule) -> list[str]:
    """The test faces that a protocol may show, see `without_sunglasses`."""
    del rule
    return without_sunglasses(data)


def fit_to_set(data: OcclusionSet, rule: Rule) -> Rule:
    """The rule without the types for which a set has no occluders, and no face more often than once a type, on average.

    Raises:
        OccsetError: there is no test face.
    """
    has = set(data.occluders.loc[data.occluders["split"] == "test", "category"])
    types = {name: categories for name, categories in rule.types.items() if has.issuperset(categories)}
    left_out = tuple(name for name in rule.types if name not in types)
    most = len(types) * len(without_sunglasses(data))
    return replace(rule, types=types, count=min(rule.count, most), left_out=left_out)
