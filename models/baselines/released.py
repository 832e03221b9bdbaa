"""How the released checkpoints of the rivals were made, from the real photos; their card is ``data_cards/rivals.md``.

On the set that NR's recipe fitted, with NR's own albedo: what ``occset train rivals`` does, one network at a time.
"""

from __future__ import annotations

from functools import partial

from occset.models.inpainting.released import at_equal_budget

_recipe = partial(at_equal_budget, out="{runs}/rivals")

PCONV = _recipe("pconv")
DEEPFILL_V2 = _recipe("deepfill-v2")
PICNET = _recipe("picnet")
LAFIN = _recipe("lafin")
FD3D = _recipe("fd3d")
CONTEXT_ENCODER = _recipe("context-encoder")
