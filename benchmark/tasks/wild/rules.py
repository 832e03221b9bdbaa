"""The protocol of real occluded photos, and how it fits itself to them."""

from __future__ import annotations

from dataclasses import replace

from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.support.errors import OccsetError

NAME = "wild"

RULES = (
    Rule(NAME, "real photos as they are, nothing added and no truth known", {"photo": ()}, count=10_000, task=NAME),
)


def fit_to_set(data: OcclusionSet, rule: Rule) -> Rule:
    """The rule with as many samples as there are test faces, each of which is shown once.

    Raises:
        OccsetError: there is none.
    """
    faces = usable_faces(data, "test", landmarks=False, masks=False)
    if not faces:
        raise OccsetError(f"{data.path}: no face in the split 'test': give a folder of photos with --photos")
    return replace(rule, count=min(rule.count, len(faces)))
