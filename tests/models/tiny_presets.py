"""Presets that train NS, NR and NG in seconds."""

from __future__ import annotations

from occset.models.inpainting import presets as inpainting
from occset.models.inpainting import task as inpainting_task
from occset.models.inpainting.architecture import Architecture as Generator
from occset.models.inpainting.architecture import DiscriminatorArchitecture
from occset.models.inpainting.presets import InpaintingPreset, Weights
from occset.models.reconstruction import presets as reconstruction
from occset.models.reconstruction import task as reconstruction_task
from occset.models.reconstruction.presets import Architecture as Encoder
from occset.models.reconstruction.presets import ReconstructionPreset
from occset.models.segmentation import presets as segmentation
from occset.models.segmentation import task as segmentation_task
from occset.models.segmentation.architecture import Architecture as UNet
from occset.models.segmentation.presets import SegmentationPreset
from occset.models.training.presets import TrainingPreset

TRAINING = TrainingPreset("tiny", 4, 2, 8, 1e-3, checkpoint_every=1, validate_every=2)
_VALIDATION = 8


def install() -> None:
    """Make them known under the name "tiny", and validate on few samples."""
    for task in (segmentation_task, reconstruction_task, inpainting_task):
        task.VALIDATION = _VALIDATION
    segmentation.PRESETS["tiny"] = SegmentationPreset(UNet("resnet18", (16, 16, 8, 8, 8), 64), TRAINING)
    reconstruction.PRESETS["tiny"] = ReconstructionPreset(
        Encoder("resnet18", 64, spatial=8, hidden=32), TRAINING, render=48, identity_share=0.0
    )
    inpainting.PRESETS["tiny"] = InpaintingPreset(
        Generator(64, 4, (8, 16), (1, 1), (1,), 2, residual_on=("render",)),
        DiscriminatorArchitecture(64, 4, (8, 8), 8),
        TRAINING,
        weights=Weights(id=0.0),
        match=True,
    )
