"""How the released checkpoint of NR was made, from the real photos; its card is ``data_cards/nr.md``.

On the set that NS's recipe made: a first fit of some faces by the procedural albedo, an albedo learned from those, a fit of
all faces by that one, and the network. Its unhardened twin goes the same way.
"""

from __future__ import annotations

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.registry import find
from occset.models.released import Recipe
from occset.models.steps import Plan, Step

LEAST_PHOTOS = 200
"""Train faces that were not rendered, from which an albedo is learned; with fewer, NR has the morphable model's own."""

_FIRST_FITS = 800  # that the albedo is learned from

_SET, _ALBEDO = "{work}/ns-set", "{runs}/albedo"
_FITS = (
    Step(("fit", _SET, "--split", "train", "--limit", "800")),
    Step(("models", "morphable", "learn-albedo", _SET, "--out", _ALBEDO)),
    Step(("fit", _SET, "--albedo", _ALBEDO)),
)


def _train(name: str) -> Step:
    made = ("--preset", "laptop", "--epochs", "20", "--seed", "1")
    options = ("--data", _SET, *made, "--albedo", _ALBEDO, "--out", f"{{runs}}/{name}")
    return Step(("train", name, *options))


RECIPE = Recipe(steps=(*_FITS, _train("nr")), weights="{runs}/nr/weights")
TWIN_RECIPE = Recipe(steps=(*_FITS, _train("deep3d")), weights="{runs}/deep3d/weights")


def chain(plan: Plan, name: str) -> tuple[Step, ...]:
    """What trains NR on a set whose NS is trained: fits of its faces, an albedo where there are photos enough, the network.

    Rendered faces keep the coefficients that they were rendered from, which are those of the model's own albedo.
    """
    data, start = str(plan.data), ("--segmentation", plan.weights("ns"))
    fit = ("fit", data, *fit_options(plan))
    if not learns_albedo(plan):
        return Step(fit, partly=True), plan.train(name, *start)
    albedo = str(plan.out / "albedo")
    return (
        Step(("fit", data, "--split", "train", "--limit", str(_FIRST_FITS)), partly=True),
        Step(("models", "morphable", "learn-albedo", data, "--out", albedo), albedo),
        Step((*fit, "--albedo", albedo), partly=True),
        plan.train(name, *start, "--albedo", albedo),
    )


def learns_albedo(plan: Plan) -> bool:
    """Whether the set has enough photos for an albedo of its own."""
    data = OcclusionSet(plan.data)
    rendered = set(data.faces.loc[data.faces["truth"].fillna("").ne(""), "id"])
    return len(set(usable_faces(data, "train")) - rendered) >= LEAST_PHOTOS


def fit_options(plan: Plan) -> tuple[str, ...]:
    """What fits for the preset's NR are asked for."""
    colours = find("nr").preset(plan.preset).colours
    return () if colours == 3 else ("--colours", str(colours))
