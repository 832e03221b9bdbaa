"""Pictures, or masks, that were made elsewhere: a folder with one PNG a sample."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from occset.support.errors import BadInput, BrokenMethod, UnsafePath
from occset.support.reading import read_file

_ALWAYS_PIXELS, _TIMES_PIXELS = 2048 * 2048, 4
"""What a prediction may have: so many pixels, and four times those of its sample where that is more."""


class StoredPredictions:
    """Stored pictures or masks, for methods that cannot be called from Python; each task has its own kind.

    A sample's is ``<sample id>.png`` or, as ``occset render`` names its own, ``<anything>_<sample id>.png``.
    """

    given: tuple[str, ...] = ("ids",)

    def __init__(self, folder: str | Path) -> None:
        """Open a folder of predictions.

        Raises:
            BadInput: `folder` is no folder.
        """
        self.folder = Path(folder).resolve()  # another method may change the current directory
        if not self.folder.is_dir():
            raise BadInput(f"predictions: {folder} is not a folder; it must hold one <sample id>.png a sample")
        self.name = self.folder.name or "predictions"  # the root of a disk has no name

    @property
    def weights_hash(self) -> str:
        """sha256 of the names and bytes of all PNG files, so that a result notices when the pictures change."""
        digest = hashlib.sha256()
        for path in sorted(path for path in self.folder.glob("*.png") if path.is_file()):  # a pipe would be waited for
            content = read_file(path)
            digest.update(f"{path.name} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    def read(self, ids: list[str], images: np.ndarray, read: Callable[[Path, int], np.ndarray]) -> np.ndarray:
        """Read the samples' files, each with ``read``, which is given the most pixels that it may have, and stack them.

        Raises:
            BrokenMethod: a file is missing, two fit one sample, or the files of a batch differ in size.
            BadInput: a file cannot be read, or is much larger than its sample.
            UnsafePath: an id would lead out of the folder.
        """
        paths = self._find(ids)
        most = max(_ALWAYS_PIXELS, _TIMES_PIXELS * images.shape[1] * images.shape[2])  # all of a batch are held at once
        pictures = [read(path, most) for path in paths]
        for path, picture in zip(paths, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise BrokenMethod(
                    f"{self.name}: {path.name} is {_size(picture)} and {paths[0].name} {_size(pictures[0])}; "
                    "write all predictions in one size"
                )
        return np.stack(pictures)

    def _find(self, ids: list[str]) -> list[Path]:
        """The samples' files."""
        for sample in ids:
            if not sample or Path(sample).name != sample or "\\" in sample:
                raise UnsafePath(f"the sample id {sample!r} cannot be a file name in {self.folder}")
        stored = sorted(path.name for path in self.folder.iterdir() if path.is_file())
        found = [self._pick(sample, stored) for sample in ids]
        missing = [sample for sample, name in zip(ids, found, strict=True) if name is None]
        if missing:
            raise BrokenMethod(
                f"{self.name}: {len(missing)} of these {len(ids)} samples have no picture in {self.folder}, such as "
                f"{missing[0]}.png{_others(stored)}; write one PNG for each sample of the protocol"
            )
        return [self.folder / name for name in found if name]

    def _pick(self, sample: str, stored: list[str]) -> str | None:
        """The name that is the sample's: its id alone, before one with a number, before one with anything in front."""
        own = f"{sample}.png"
        if own in stored:
            return own
        fit = [name for name in stored if name.endswith(f"_{own}")]
        fit = [name for name in fit if re.fullmatch(rf"\d+_{re.escape(own)}", name)] or fit
        if len(fit) > 1:
            raise BrokenMethod(
                f"{self.name}: {fit[0]} and {fit[1]} in {self.folder} both fit sample {sample}; keep one of them"
            )
        return fit[0] if fit else None


def _others(stored: list[str]) -> str:
    """What lies in the folder that is no PNG, in words."""
    counts = Counter(Path(name).suffix for name in stored if not name.endswith(".png") and Path(name).suffix)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
    return f" (the folder also holds {kinds}, which are not read)" if kinds else ""


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
