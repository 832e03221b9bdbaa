"""Pictures, masks or meshes that were made elsewhere: a folder with one file a sample."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from occset.pictures.listing import list_pictures, suffix_of
from occset.support.errors import BadInput, BrokenMethod, UnsafePath
from occset.support.reading import read_file

_ALWAYS_PIXELS, _TIMES_PIXELS = 2048 * 2048, 4
"""What a prediction may have: so many pixels, and four times those of its sample where that is more."""


class StoredPredictions:
    """Stored pictures, masks or meshes, for methods that cannot be called from Python; each task has its own kind.

    A sample's is ``<sample id>.png`` or, as ``occset render`` names its own, ``<anything>_<sample id>.png``, with a suffix
    in any case. Hidden files and what systems leave behind are none.

    Attributes:
        suffix: of the files, with its dot.
        kind: what one holds, for messages.
    """

    suffix, kind = ".png", "picture"

    given: tuple[str, ...] = ("ids",)

    def __init__(self, folder: str | Path) -> None:
        """Open a folder of predictions.

        Raises:
            BadInput: `folder` is no folder.
        """
        self.folder = Path(folder).resolve()  # another method may change the current directory
        if not self.folder.is_dir():
            raise BadInput(f"predictions: {folder} is not a folder; it must hold one <sample id>{self.suffix} a sample")
        self.name = self.folder.name or "predictions"  # the root of a disk has no name

    @property
    def weights_hash(self) -> str:
        """sha256 of the names and bytes of all files that count, so that a result notices when they change."""
        digest = hashlib.sha256()
        for path in sorted(self.folder / name for name in self._names() if suffix_of(name) == self.suffix):
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
        paths = self.find(ids)
        most = max(_ALWAYS_PIXELS, _TIMES_PIXELS * images.shape[1] * images.shape[2])  # all of a batch are held at once
        pictures = [read(path, most) for path in paths]
        for path, picture in zip(paths, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise BrokenMethod(
                    f"{self.name}: {path.name} is {_size(picture)} and {paths[0].name} {_size(pictures[0])}; "
                    "write all predictions in one size"
                )
        return np.stack(pictures)

    def find(self, ids: list[str]) -> list[Path]:
        """The samples' files.

        Raises:
            BrokenMethod: one is missing, or two fit one sample.
            UnsafePath: an id would lead out of the folder.
        """
        for sample in ids:
            if not sample or Path(sample).name != sample or "\\" in sample:
                raise UnsafePath(f"the sample id {sample!r} cannot be a file name in {self.folder}")
        stored = self._names()
        found = [self._pick(sample, stored) for sample in ids]
        missing = [sample for sample, name in zip(ids, found, strict=True) if name is None]
        if missing:
            raise BrokenMethod(
                f"{self.name}: {len(missing)} of these {len(ids)} samples have no {self.kind} in {self.folder}, such as "
                f"{missing[0]}{self.suffix}{_others(missing[0], stored, self.suffix)}; "
                f"write one {self.suffix[1:].upper()} for each sample of the protocol"
            )
        return [self.folder / name for name in found if name]

    def _names(self) -> list[str]:
        """Pictures in the folder; no pipe, which would be waited for."""
        return [name for name in list_pictures(self.folder, deep=False).keys if (self.folder / name).is_file()]

    def _pick(self, sample: str, stored: list[str]) -> str | None:
        """The name that is the sample's: its id alone, before one with a number, before one with anything in front."""
        own = re.escape(sample) + rf"(?i:{re.escape(self.suffix)})"
        for front in ("", r"\d+_", ".*_"):
            fit = [name for name in stored if re.fullmatch(front + own, name)]
            if len(fit) > 1:
                raise BrokenMethod(
                    f"{self.name}: {fit[0]} and {fit[1]} in {self.folder} both fit sample {sample}; keep one of them"
                )
            if fit:
                return fit[0]
        return None


def _others(sample: str, stored: list[str], suffix: str) -> str:
    """What lies in the folder that is of no use, in words: the sample's own by another suffix, or how many of each."""
    others = [name for name in stored if suffix_of(name) != suffix]
    own = [name for name in others if Path(name).stem == sample or Path(name).stem.endswith(f"_{sample}")]
    if own:
        return f" ({own[0]} is there, but only PNG keeps every pixel: convert it)"
    counts = Counter(map(suffix_of, others))
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(counts.items()))
    return f" (the folder also holds {kinds}, which are not read)" if kinds else ""


def _size(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} x {picture.shape[0]}"
