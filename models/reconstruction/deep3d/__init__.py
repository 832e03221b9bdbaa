"""Deep3DFaceReconstruction's own network (Deng et al. 2019), [37] of the paper, by the weights that its user has.

Not to be taken for the unhardened twin `deep3d`, which is trained here and stands for it where it cannot be had.
"""

from __future__ import annotations

from occset.models.registry import Network

_HERE = "occset.models.reconstruction"

PUBLISHED = Network(
    name="deep3d-pytorch",
    title="Deep3DFaceReconstruction",
    says="the published network of [37], by its epoch_20.pth and the Basel model",
    does="reconstruction",
    task="",
    inference=f"{_HERE}.deep3d.reconstructor:PublishedDeep3d",
    presets="",
)
"""What there is to say of it. It is none of our networks: it is not trained here, and no weights come with occset."""
