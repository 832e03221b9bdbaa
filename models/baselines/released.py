"""How the released checkpoints of the rivals were made, from the real photos; their card is ``data_cards/rivals.md``.

On the set that NR's recipe fitted, with NR's own albedo: what ``occset train rivals`` does, one network at a time.
"""

from __future__ import annotations

from occset.models.released import Recipe
from occset.models.steps import Step

_SET = "{work}/ns-set"


def _recipe(name: str) -> Recipe:
    out = f"{{runs}}/rivals/{name}"
    options = ("--preset", "laptop", "--seed", "1", "--out", out)
    return Recipe(
        steps=(Step(("fit", _SET, "--albedo", "released")), Step(("train", name, "--data", _SET, *options))),
        weights=f"{out}/weights",
    )


PCONV = _recipe("pconv")
DEEPFILL_V2 = _recipe("deepfill-v2")
PICNET = _recipe("picnet")
LAFIN = _recipe("lafin")
FD3D = _recipe("fd3d")
CONTEXT_ENCODER = _recipe("context-encoder")
