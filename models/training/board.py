"""TensorBoard: scalars and pictures in ``tensorboard/`` of a training's folder. The one module that imports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


class Board:
    """Writes for TensorBoard, or nothing where the package is missing or nothing is to be written.

    Args:
        folder: where the training writes; None writes nothing.
        step: the step that the training goes on from; what an interrupted run logged after it is hidden.
        say: told once when the package is missing.
    """

    def __init__(self, folder: Path | None, step: int, say: Callable[[str], None]) -> None:
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            say("no logs for TensorBoard, which is not installed: run  pip install tensorboard")
            return
        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log named numbers."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def pictures(self, pictures: Mapping[str, np.ndarray], step: int) -> None:
        """Log named (H, W, 3) uint8 RGB pictures."""
        if self._writer is not None:
            for name, picture in pictures.items():
                self._writer.add_image(name, picture, step, dataformats="HWC")
            self._writer.flush()

    def close(self) -> None:
        """Write out what is still in memory."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
