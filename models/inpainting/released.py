"""How the released checkpoint of NG was made, from the real photos; its card is ``data_cards/ng.md``.

On the set that NR's recipe fitted, with NR's own albedo, behind the released NS and NR: first with the render alone as a
prior, then with the linear face beside it, then for who is seen in the repaired picture.
"""

from __future__ import annotations

from occset.models.reconstruction.released import fit_options, learns_albedo
from occset.models.released import Recipe
from occset.models.steps import Plan, Step

_SET, _FIRST, _SECOND, _THIRD = "{work}/ns-set", "{runs}/ng", "{runs}/ng-linear", "{runs}/ng-identity"
_TRAIN = ("train", "ng", "--data", _SET)
_GO_ON = (*_TRAIN, "--preset", "laptop-linear")

RECIPE = Recipe(
    steps=(
        Step(("fit", _SET, "--albedo", "released")),
        Step((*_TRAIN, "--preset", "laptop", "--epochs", "11", "--seed", "1", "--out", _FIRST)),
        Step((*_GO_ON, "--epochs", "7", "--start", _FIRST, "--seed", "3", "--out", _SECOND)),
        Step((*_GO_ON, "--epochs", "3", "--start", _SECOND, "--plus", "identity", "--seed", "5", "--out", _THIRD)),
    ),
    weights=f"{_THIRD}/weights",
)


def at_equal_budget(name: str, *options: str, out: str = "{runs}") -> Recipe:
    """A network of 25,600 samples on the fitted set, as the preset "laptop" makes of rivals."""
    out = f"{out}/{name}"
    given = ("--preset", "laptop", *options, "--seed", "1", "--out", out)
    return Recipe(
        steps=(Step(("fit", _SET, "--albedo", "released")), Step(("train", name, "--data", _SET, *given))),
        weights=f"{out}/weights",
    )


# one budget and one seed: what Lsm brings is the distance of the two, and the rivals are compared with the first
EQUAL_BUDGET_RECIPE = at_equal_budget("ng-25k", "--epochs", "8")
WITHOUT_SSIM_RECIPE = at_equal_budget("ng-no-ssim", "--epochs", "8")


def chain(plan: Plan, name: str) -> tuple[Step, ...]:
    """What trains NG behind the NS and NR of the same plan: fits by that NR's own albedo, and the network."""
    own = ("--albedo", plan.weights("nr")) if learns_albedo(plan) else ()
    before = ("--segmentation", plan.weights("ns"), "--reconstruction", plan.weights("nr"))
    return Step(("fit", str(plan.data), *fit_options(plan), *own), partly=True), plan.train(name, *before)
