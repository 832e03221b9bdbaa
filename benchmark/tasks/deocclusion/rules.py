"""The protocols of de-occlusion, and which faces they may show."""

from __future__ import annotations

from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import flag_of
from occset.support.errors import OccsetError

NAME = "deocclusion"

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
)


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
