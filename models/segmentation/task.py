"""NS as the training engine sees it: network, samples, loss, validation, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from occset.composition.categories import category
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.segmentation.losses import dice_loss, ohem_bce_loss
from occset.models.segmentation.network import load_encoder, to_input
from occset.models.segmentation.presets import Options, SegmentationPreset
from occset.models.segmentation.samples import SegmentationSamples
from occset.models.training.starting import start_from
from occset.models.training.task import Samples
from occset.pictures import mask_metrics
from occset.samples.draw import Drawer, Plan
from occset.support.errors import OccsetError

SEGMENTATION = "segmentation"
"""The one network of the task."""

VALIDATION = 200
"""Samples of the split "val", at most."""
_VALIDATION_SEED = 7919
_SHOWN = 6


class SegmentationTask:
    """Training of NS on one set. Validation and pictures come from the split "val", where it has labelled faces."""

    name = "ns"
    keeps = SEGMENTATION

    def __init__(
        self,
        data: OcclusionSet,
        preset: SegmentationPreset,
        seed: int = 0,
        start: str | Path | None = None,
        options: Options | None = None,
        samples: SegmentationSamples | None = None,
    ) -> None:
        """Build the network and look up what it is trained on.

        Args:
            data: the set.
            preset: fitted to the set, see `SegmentationPreset.fitted`.
            seed: of the first weights and of the samples.
            start: weights of the same architecture to start from, such as those of the round before, see
                `occset.models.training.starting.start_from`.
            options: name a file of ImageNet weights for the encoder; looked for on this machine where they do not.
            samples: other samples than those of the split "train".

        Raises:
            OccsetError: the set has nothing to train on; or a file of weights does not fit.
        """
        self.data, self.preset = data, preset
        torch.manual_seed(seed)
        network = preset.architecture.build()
        if start is not None:
            self.origin = start_from(network, start, self.name, self.keeps)
        else:
            file = options.encoder_weights if options else None
            self.origin = load_encoder(network, preset.architecture.encoder, file)
        self.made_from = (
            f"set {data.content_hash()[:12]}, {self.origin}, OHEM {preset.ohem_keep:g}, "
            f"{preset.architecture.encoder} {'-'.join(map(str, preset.architecture.decoder))} {preset.architecture.size} px"
        )
        self.networks: dict[str, nn.Module] = {SEGMENTATION: network}
        self.samples: Samples = samples or SegmentationSamples(
            data, preset.architecture.size, preset.training.epoch_size, seed=seed, mix=preset.mix
        )

    @staticmethod
    def count_faces(data: OcclusionSet) -> int:
        """Labelled faces of the split "train".

        Raises:
            OccsetError: there are none.
        """
        faces = len(usable_faces(data, "train"))
        if not faces:
            raise OccsetError(
                f"{data.path}: no labelled face in the split 'train': add faces from celebamask-hq or builtin"
            )
        return faces

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Dice (Eq. 3) + BCE with hard examples (Eq. 4)."""
        logits = networks[network](to_input(batch["image"]))
        target = batch["mask"].unsqueeze(1).float() / 255
        dice, bce = dice_loss(logits, target), ohem_bce_loss(logits, target, self.preset.ohem_keep)
        return dice + bce, {"dice": dice.detach(), "bce": bce.detach()}

    @cached_property
    def _validation(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures and masks of the split "val", the kinds of occluder in turn; of no samples where it has no faces."""
        size = self.preset.architecture.size
        if not usable_faces(self.data, "val"):
            return np.zeros((0, size, size, 3), np.uint8), np.zeros((0, size, size), np.uint8)
        have = self.data.occluders.loc[self.data.occluders["split"] == "val", "category"]
        types: dict[str, tuple[tuple[str, ...], float]] = {"bare": ((), 1.0)}
        types |= {c: ((c,), 1.0) for c in sorted(set(have)) if not category(c).worn_as_face}
        drawer = Drawer(self.data, Plan(split="val", size=size, types=types, types_in_turn=True), _VALIDATION_SEED)
        drawn = [drawer.renderer.render(drawer.draw(i)) for i in range(VALIDATION)]
        return np.stack([s.image for s in drawn]), np.stack([s.face for s in drawn])

    def _probabilities(self, network: nn.Module, images: np.ndarray) -> np.ndarray:
        device = next(network.parameters()).device
        found = []
        for at in range(0, len(images), 16):
            x = to_input(torch.from_numpy(images[at : at + 16]).to(device))
            found.append(torch.sigmoid(network(x).float())[:, 0].cpu().numpy())
        return np.concatenate(found)

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Means over pictures, at the network's size: "iou", "precision", "recall" of the visible face."""
        images, masks = self._validation
        if not len(images):
            return {}
        found = (self._probabilities(networks[SEGMENTATION], images) > 0.5) * np.uint8(255)
        counts = [mask_metrics.count(prediction, truth) for prediction, truth in zip(found, masks, strict=True)]
        figures = {"iou": mask_metrics.iou, "precision": mask_metrics.precision, "recall": mask_metrics.recall}
        return {name: float(np.mean([figure(*pixels) for pixels in counts])) for name, figure in figures.items()}

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """A strip of validation samples: picture, truth, prediction below each other."""
        images, masks = (part[:_SHOWN] for part in self._validation)
        if not len(images):
            return {}
        soft = np.rint(self._probabilities(networks[SEGMENTATION], images) * 255).astype(np.uint8)
        rows = [np.hstack(list(images))]
        rows += [np.repeat(np.hstack(list(part))[..., None], 3, axis=2) for part in (masks, soft)]
        return {"validation": np.vstack(rows)}
