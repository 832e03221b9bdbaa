"""The protocols of segmentation, and how they fit themselves to a set."""

from __future__ import annotations

from dataclasses import replace

from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import is_usable
from occset.support.errors import OccsetError

NAME = "segmentation"

RULES = (
    # no spectacles are added: data sets count a frame that was worn as face, a frame that is added would be none
    Rule(
        "segmentation",
        "the face as it is and under eight kinds of occluders, in turn",
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
        task=NAME,
    ),
    Rule("natural", "each labelled face as it is, nothing added", {"bare": ()}, task=NAME),
)


def fit_to_set(data: OcclusionSet, rule: Rule) -> Rule:
    """The rule without the types for which a set has no occluders. Where only bare faces are left, each is shown once.

    Raises:
        OccsetError: no test face has a mask.
    """
    faces = data.faces[data.faces["split"].eq("test") & is_usable(data.faces, landmarks=False)]
    if faces.empty:
        raise OccsetError(f"{data.path}: no labelled face in the split 'test': add faces that have masks")
    has = set(data.occluders.loc[data.occluders["split"] == "test", "category"])
    if faces["landmarks"].isna().all():  # nothing can be put on them
        has = set()
    types = {name: categories for name, categories in rule.types.items() if has.issuperset(categories)}
    count = rule.count if any(types.values()) else min(rule.count, len(faces))
    left_out = tuple(name for name in rule.types if name not in types)
    return replace(rule, types=types, count=count, left_out=left_out)
