"""How the released checkpoint of NS was made, from the real photos; its card is ``data_cards/ns.md``.

A set, its test protocol frozen before anything else joins those that are trained on; a first checkpoint from the labelled
faces; then the faces that it is sure of join them, and a second one goes on from the first.
"""

from __future__ import annotations

from occset.models.released import Recipe
from occset.models.steps import Step

_SET = "{work}/ns-set"
_FACES, _OCCLUDERS = "celebamask-hq:{real}/celebamask_hq", "faceocc:{real}/occluders"
_BENCH = ("bench", "--data", _SET, "--protocol", "segmentation", "--out", "{work}/ns-results", "--methods")
_NEW = ("new", _SET, "--name", "real", "--faces", _FACES, "--occluders", _OCCLUDERS, "--textures", _OCCLUDERS)
_TRAIN = ("train", "ns", "--data", _SET)

_UNLABELLED = ("celeba_hq_unlabelled", "ffhq_256", "portraits_aligned", "utkface_aligned", "scut_fbp5500_aligned")
"""Folders of faces without masks; the first checkpoint labels those of the split "train" that it is sure of."""

_FIRST = (
    Step(_NEW),
    Step((*_BENCH, "labels")),
    Step(("new", _SET, "--occluders", "builtin:600")),
    Step((*_TRAIN, "--preset", "laptop", "--out", "{runs}/ns")),
    Step((*_TRAIN, "--preset", "laptop-192", "--start", "{runs}/ns", "--out", "{runs}/ns-192")),
)
_SECOND = (
    *(Step(("new", _SET, "--faces", f"photos:{{real}}/{folder}?align=no")) for folder in _UNLABELLED),
    Step(("label", _SET, "--weights", "{runs}/ns-192/weights")),
    Step((*_TRAIN, "--preset", "second-192", "--start", "{runs}/ns-192", "--out", "{runs}/ns-second-192")),
    Step((*_TRAIN, "--preset", "second-256", "--start", "{runs}/ns-second-192", "--out", "{runs}/ns-second-256")),
    Step((*_BENCH, "ns,colour,labels", "--audit")),  # the weights that are installed as the released ones
)

RECIPE = Recipe(steps=(*_FIRST, *_SECOND), weights="{runs}/ns-second-256/weights")
