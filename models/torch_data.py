"""Occluded faces as a torch dataset, for anybody's training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.samples.draw import Drawer, Plan
from occset.support.errors import MissingExtra, OccsetError

try:
    import torch
    from torch import Tensor
    from torch.utils.data import Dataset
except ImportError as error:
    raise MissingExtra("torch", "models", "occset.torch.OcclusionDataset") from error


class OcclusionDataset(Dataset[Any]):
    """Samples of Eq. 2 drawn on the fly: sample i is a function of the set, the split, the seed, the epoch and i alone.

    Picklable, so that it works in a DataLoader with any number of workers, which change nothing in what is drawn.

    >>> from torch.utils.data import DataLoader
    >>> from occset.models.torch_data import OcclusionDataset
    >>> samples = OcclusionDataset("my-set", split="train", size=64, length=8, seed=0)
    >>> batch = next(iter(DataLoader(samples, batch_size=4)))
    >>> batch["image"].shape, batch["occlusion"].shape
    (torch.Size([4, 3, 64, 64]), torch.Size([4, 1, 64, 64]))
    """

    def __init__(
        self,
        data: OcclusionSet | str | Path,
        split: str = "train",
        size: int = 256,
        length: int | None = None,
        seed: int = 0,
        types: Mapping[str, tuple[tuple[str, ...], float]] | None = None,
        transform: Callable[[dict[str, Tensor]], Any] | None = None,
    ) -> None:
        """Look up what there is to draw from.

        Args:
            data: the set, or its folder.
            split: faces, occluders and textures all come from this split.
            size: height and width, pixels.
            length: samples of an epoch; as many as the split has labelled faces when None.
            seed: of all chance.
            types: what is drawn, see `occset.samples.draw.Plan`; one occluder of each category by weight when None.
            transform: called with each sample; what it returns is handed out. Picklable where there are workers.

        Raises:
            OccsetError: the split has no labelled face, or no occluders; or a number makes no sense.
        """
        self.data = data if isinstance(data, OcclusionSet) else OcclusionSet(data)
        self.drawer = Drawer(self.data, Plan(split=split, size=size, types=dict(types or {})), seed)
        self.length = len(self.drawer.faces) if length is None else length
        if self.length < 1:
            raise OccsetError(f"length is {length}: give at least 1")
        self.epoch, self.transform = 0, transform

    def set_epoch(self, epoch: int) -> None:
        """Draw other samples from now on; tell it before each epoch, when the workers of a DataLoader are not running."""
        if epoch < 0:
            raise OccsetError(f"the epoch is {epoch}: give at least 0")
        self.epoch = epoch

    def __len__(self) -> int:
        """Samples of an epoch."""
        return self.length

    def __getitem__(self, index: int) -> Any:
        """One sample.

        Returns:
            "image", occluded, and "clean", (3, S, S) float32 RGB on 0..1; "face", the visible face, and "occlusion", what
            hides it, (1, S, S) float32 on 0..1, soft at edges; "index", int64, its number in the drawing.

        Raises:
            IndexError: there is no such sample.
            OccsetError: a file of the set cannot be read.
        """
        if not -self.length <= index < self.length:
            raise IndexError(f"sample {index} of {self.length}")
        number = self.epoch * self.length + index % self.length
        sample = self.drawer.renderer.render(self.drawer.draw(number))
        made = {
            "image": _picture(sample.image),
            "clean": _picture(sample.clean),
            "face": _mask(sample.face_soft),
            "occlusion": _mask(sample.alpha),
            "index": torch.tensor(number),
        }
        return made if self.transform is None else self.transform(made)


def _picture(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float() / 255


def _mask(mask: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask))[None].float() / 255
