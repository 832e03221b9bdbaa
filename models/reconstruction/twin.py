"""The unhardened twin of NR: same network, data and steps, but nothing in front of the faces it learns from.

It stands for Deep3DFaceReconstruction ([37] of the paper) in tables: what hardening brings is its distance to NR.
"""

from __future__ import annotations

from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.reconstruction.task import ReconstructionTask


class TwinTask(ReconstructionTask):
    """Training without occlusion."""

    name = "deep3d"
    occluded = False


class Twin(FaceReconstructor):
    """The twin with trained weights."""

    name = "deep3d"
