"""How the released checkpoint of NS was made, from the real photos; its card is ``data_cards/ns.md``.

A set, its test protocol frozen before built-in occluders join those that are trained on, the training in two halves, and
the bench with what came out of it.
"""

from __future__ import annotations

from occset.models.released import Recipe, Step

_SET = "{work}/ns-set"
_FACES, _OCCLUDERS = "celebamask-hq:{real}/celebamask_hq", "faceocc:{real}/occluders"
_BENCH = ("bench", "--data", _SET, "--protocol", "segmentation", "--out", "{work}/ns-results", "--methods")
_NEW = ("new", _SET, "--name", "real", "--faces", _FACES, "--occluders", _OCCLUDERS, "--textures", _OCCLUDERS)
_TRAIN = ("train", "ns", "--data", _SET)

RECIPE = Recipe(
    steps=(
        Step(_NEW),
        Step((*_BENCH, "labels")),
        Step(("new", _SET, "--occluders", "builtin:600")),
        Step((*_TRAIN, "--preset", "laptop", "--out", "{runs}/ns")),
        Step((*_TRAIN, "--preset", "laptop-192", "--start", "{runs}/ns", "--out", "{runs}/ns-192")),
        Step((*_BENCH, "ns,colour,labels", "--audit")),  # the weights that are installed as the released ones
    ),
    weights="{runs}/ns-192/weights",
)
