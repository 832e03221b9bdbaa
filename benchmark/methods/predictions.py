"""Pictures that were made elsewhere: a folder with one PNG a sample."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from occset.errors import BadInput, BrokenMethod, UnsafePath


class Predictions:
    """Stored pictures, ``FOLDER/<sample id>.png``: for methods that cannot be called from Python."""

    given: tuple[str, ...] = ("ids",)

    def __init__(self, folder: str | Path) -> None:
        """Open a folder of predictions.

        Raises:
            BadInput: `folder` is no folder.
        """
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise BadInput(f"predictions: {self.folder} is not a folder; it must hold one <sample id>.png a sample")
        self.name = self.folder.resolve().name

    @property
    def weights_hash(self) -> str:
        """sha256 of the names and bytes of all PNG files, so that a result notices when the pictures change."""
        digest = hashlib.sha256()
        for path in sorted(self.folder.glob("*.png")):
            content = path.read_bytes()
            digest.update(f"{path.name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None, *, ids: list[str]) -> np.ndarray:
        """Read the samples' pictures, (B, h, w, 3) uint8 RGB.

        Raises:
            BrokenMethod: a file is missing, or the files of a batch differ in size.
            BadInput: a file cannot be read.
            UnsafePath: an id would lead out of the folder.
        """
        pictures = [self._read(sample) for sample in ids]
        for sample, picture in zip(ids, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise BrokenMethod(
                    f"{self.name}: {sample}.png is {_size(picture)} and {ids[0]}.png {_size(pictures[0])}; "
                    "write all predictions in one size"
                )
        return np.stack(pictures)

    def _read(self, sample: str) -> np.ndarray:
        from occset.images import read_image

        if not sample or Path(sample).name != sample or "\\" in sample:
            raise UnsafePath(f"the sample id {sample!r} cannot be a file name in {self.folder}")
        path = self.folder / f"{sample}.png"
        if not path.is_file():
            raise BrokenMethod(f"{self.name}: there is no {path}; write one PNG for each sample of the protocol")
        return read_image(path)


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
