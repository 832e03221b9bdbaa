"""How the released checkpoint of NS was made, from the real photos; its card is ``data_cards/ns.md``.

A set, its test protocol frozen before anything else joins those that are trained on, and the checkpoint from the labelled
faces. Then the faces that it is sure of join them, on which NR and NG are trained. A second NS from all of them
(`--preset second-192 --start released`, then `second-256`) was no better on test faces, see the card.
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
_REST = (
    *(Step(("new", _SET, "--faces", f"photos:{{real}}/{folder}?align=no")) for folder in _UNLABELLED),
    Step(("label", _SET, "--weights", "{runs}/ns-192/weights")),
    Step((*_BENCH, "ns,colour,labels", "--audit")),  # the weights that are installed as the released ones
)

RECIPE = Recipe(steps=(*_FIRST, *_REST), weights="{runs}/ns-192/weights")
