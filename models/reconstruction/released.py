"""How the released checkpoint of NR was made, from the real photos; its card is ``data_cards/nr.md``.

On the set that NS's recipe made: a first fit of some faces by the procedural albedo, an albedo learned from those, a fit of
all faces by that one, and the network. Its unhardened twin goes the same way.
"""

from __future__ import annotations

from occset.models.released import Recipe, Step

_SET, _ALBEDO = "{work}/ns-set", "{runs}/albedo"
_FITS = (
    Step(("fit", _SET, "--split", "train", "--limit", "800")),
    Step(("models", "morphable", "learn-albedo", _SET, "--out", _ALBEDO)),
    Step(("fit", _SET, "--albedo", _ALBEDO)),
)


def _train(name: str) -> Step:
    options = ("--data", _SET, "--preset", "laptop", "--seed", "1", "--albedo", _ALBEDO, "--out", f"{{runs}}/{name}")
    return Step(("train", name, *options))


RECIPE = Recipe(steps=(*_FITS, _train("nr")), weights="{runs}/nr/weights")
TWIN_RECIPE = Recipe(steps=(*_FITS, _train("deep3d")), weights="{runs}/deep3d/weights")
