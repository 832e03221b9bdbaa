"""How the released checkpoint of NG was made, from the real photos; its card is ``data_cards/ng.md``.

On the set that NR's recipe fitted, with NR's own albedo, behind the released NS and NR: first with the render alone as a
prior, then with the linear face beside it.
"""

from __future__ import annotations

from occset.models.released import Recipe, Step

_SET = "{work}/ns-set"
_TRAIN = ("train", "ng", "--data", _SET)

RECIPE = Recipe(
    steps=(
        Step(("fit", _SET, "--albedo", "released")),
        Step((*_TRAIN, "--preset", "laptop", "--epochs", "11", "--seed", "1", "--out", "{runs}/ng")),
        Step(
            (
                *_TRAIN,
                "--preset",
                "laptop-linear",
                "--epochs",
                "7",
                "--start",
                "{runs}/ng",
                "--seed",
                "3",
                "--out",
                "{runs}/ng-linear",
            )
        ),
    ),
    weights="{runs}/ng-linear/weights",
)
