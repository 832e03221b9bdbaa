"""What NS and NR say of an occluded face: where it is hidden (Eq. 1), and how it would look there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from occset.models.inpainting.hidden import look
from occset.models.photos.stages import stage
from occset.models.pretrained import load
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.fitting.five_points import any_detector, corrected, five_found
from occset.models.reconstruction.reconstructor import FaceReconstructor
from occset.models.rendering.mirrored import Mirrored
from occset.models.segmentation.segmenter import FaceSegmenter


class Prior(NamedTuple):
    """Of B pictures of side S.

    Attributes:
        picture: (B, 3, S, S) 0..1, as it came.
        face: (B, 1, S, S) 0..1, Mf: how surely a pixel is visible face.
        whole: (B, 1, S, S) 0 or 1, Mm: the rendered face.
        hidden: (B, 1, S, S) 0 or 1, Mo: the face is hidden here.
        visible: (B, 1, S, S) 0 or 1, where the face is rendered and seen.
        render: (B, 3, S, S) 0..1, Im in the colours of the visible face.
        vectors: (B, D) NR's coefficients, the pose corrected by the points that the face detector finds.
        seen: (B, S, S) int64, the triangle of NR's mesh that each pixel sees, -1 for none.
    """

    picture: Tensor
    face: Tensor
    whole: Tensor
    hidden: Tensor
    visible: Tensor
    render: Tensor
    vectors: Tensor
    seen: Tensor


class FacePrior:
    """NS and NR together. Picklable: both read their weights again where they are used."""

    def __init__(
        self, segmentation: Path | None = None, reconstruction: Path | None = None, device: str = "auto"
    ) -> None:
        """Find the weights of both networks; the released ones where none are named.

        Raises:
            BadInput: there are none.
        """
        self.segmenter: FaceSegmenter = load("ns", segmentation, device)
        self.reconstructor: FaceReconstructor = load("nr", reconstruction, device)
        self.device = self.reconstructor.device
        self.detector = any_detector()

    @torch.no_grad()
    def look(self, images: np.ndarray, masks: np.ndarray | None = None) -> Prior:
        """Look at a batch.

        Args:
            images: (B, S, S, 3) uint8 RGB, aligned faces.
            masks: (B, S, S) uint8, above 0 = hidden, of one's own; what NS and NR find when None.
        """
        pixels = torch.from_numpy(np.array(images)).to(self.device)
        picture = pixels.permute(0, 3, 1, 2).float() / 255
        with stage("NS"):
            face = torch.from_numpy(self.segmenter.probabilities(images))[:, None].to(self.device)
        with stage("NR"):
            vectors = self.reconstructor.vectors(pixels)
        with stage("pose"):
            vectors = self._corrected(images, vectors)
        with stage("render"):
            view = self.reconstructor.drawer.view(vectors, images.shape[1])
        told = None
        if masks is not None:
            told = torch.from_numpy((np.asarray(masks) > 0).astype(np.float32))[:, None].to(self.device)
        with stage("Eq. 1"):
            whole, hidden, render, visible = look(picture, (face > 0.5).float(), view.image, view.mask, told)
        return Prior(picture, face, whole, hidden, visible, render, vectors, view.face)

    def _corrected(self, images: np.ndarray, vectors: Tensor) -> Tensor:
        """NR's coefficients, the pose corrected where there is a detector and it finds a face.

        It looks at the crop, though it may have looked at the photo before: so it does in NG's training, and on the bench.
        """
        if self.detector is None:
            return vectors
        found = np.stack([five_found(self.detector, image) for image in images])
        face = self.reconstructor.drawer.face
        parts = bounded(face.layout.split(vectors))
        pose = corrected(face, parts, torch.from_numpy(found).to(vectors.device), images.shape[1])
        return face.layout.join(parts._replace(pose=pose))

    def mirrored(self, prior: Prior) -> Mirrored:
        """What the other half of each face shows, see `occset.models.rendering.mirrored.mirrored`."""
        drawer = self.reconstructor.drawer
        parts = bounded(drawer.layout.split(prior.vectors))
        return drawer.face.mirrored(parts, prior.picture, prior.visible, prior.seen)
