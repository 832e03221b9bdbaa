"""The protocols of de-occlusion, and which faces they may show."""

from __future__ import annotations

from dataclasses import replace

from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import flag_of
from occset.dataset.usable import usable_faces
from occset.support.errors import OccsetError

NAME = "deocclusion"

LARGE_YAW = "large-yaw"

TURNED = 30.0
"""Degrees of yaw, beyond which a face counts as turned far."""

_EACH = 25  # samples a face at most: the same few faces under ever more glasses say no more

RULES = (
    Rule("sunglasses", "1000 faces under sunglasses (Table 1)", {"sunglasses": ("sunglasses",)}, task=NAME),
    Rule(
        "types",
        "sunglasses, mask, both, hand and hair, 200 samples each (Fig. 9)",
        {
            "sunglasses": ("sunglasses",),
            "mask": ("mask",),
            "both": ("mask", "sunglasses"),
            "hand": ("hand",),
            "hair": ("hair",),
        },
        task=NAME,
    ),
    Rule(
        LARGE_YAW,
        f"faces turned by more than {TURNED:.0f} degrees, by their fitted pose, under sunglasses (Table 1 at large yaw)",
        {"sunglasses": ("sunglasses",)},
        task=NAME,
    ),
)


def faces_for(data: OcclusionSet, rule: Rule) -> list[str]:
    """The test faces that a protocol may show: `bare_faces`, and of them `turned_faces` where it is about those.

    Raises:
        OccsetError: there is none.
    """
    return turned_faces(data) if rule.name == LARGE_YAW else bare_faces(data)


def fit_to_set(data: OcclusionSet, rule: Rule) -> Rule:
    """The rule with as many samples as a set has faces for, where it is about few of them.

    Raises:
        OccsetError: it has none, see `turned_faces`.
    """
    return replace(rule, count=min(rule.count, _EACH * len(turned_faces(data)))) if rule.name == LARGE_YAW else rule


def turned_faces(data: OcclusionSet) -> list[str]:
    """Labelled test faces without glasses whose fitted yaw is beyond `TURNED`; poor fits do not count.

    Raises:
        OccsetError: there is none, or the test faces have no fits.
    """
    from occset.models.reconstruction.fits import yaws

    faces = usable_faces(data, "test", only=set(bare_faces(data)))
    known = yaws(data)
    if not any(face in known for face in faces):
        raise OccsetError(
            f"{data.path}: no test face has a fit that tells how it is turned: run occset fit {data.path}"
        )
    turned = [face for face in faces if abs(known.get(face, 0.0)) > TURNED]
    if not turned:
        raise OccsetError(
            f"{data.path}: no labelled test face without glasses is turned by more than {TURNED:.0f} degrees: add more faces"
        )
    return turned


def bare_faces(data: OcclusionSet) -> list[str]:
    """Test faces that wear no glasses of their own: under them nobody knows the truth.

    Raises:
        OccsetError: there is none.
    """
    test = data.faces[data.faces["split"] == "test"]
    bare = test[~flag_of(test, "eyeglasses").isin(["dark", "clear"])] if len(test) else test
    if bare.empty:
        raise OccsetError(f"{data.path}: no face without glasses in the split 'test': add more faces")
    return sorted(bare["id"])
