"""The paper's rivals, each rebuilt from its paper and trained in one harness, a folder each.

No weights of their makers can be had offline, and theirs saw other data: so each is written anew from what its paper
says, and sees the same faces, recipes, crop and size, as many samples, in the same precision, by the same kind of
optimiser (`occset.models.baselines.budget`). What differs from its paper, and why, stands in the docstring of its folder and
in ``data_cards/rivals.md``.
"""

RIVALS = ("pconv", "deepfill-v2", "picnet", "lafin", "fd3d", "context-encoder")
"""Names in the registry, in the order in which `occset train rivals` trains them."""
