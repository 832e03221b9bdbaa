"""What belongs to a clean face alone: Mm of its fit, and Ip. Made once a face and size, and kept beside the set.

Every sample of a face asks for the same two; only what hides the face differs. They are made when first asked for, in the
process that makes the sample, so in as many as make samples, and kept in one small file: alpha is Mm, the colours are Ip.
A file is named by the hash of all that it is made from: the pictures, the coefficients, and the morphable model with NR's
albedo. NS's and NR's other weights say nothing of a clean face. Files may be deleted at any time: they are made again.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from occset.models.poisson.blending import blend
from occset.models.reconstruction.face import FaceModel
from occset.pictures.images import read_rgba, write_png
from occset.support.errors import BadInput, NoSpace

FOLDER = "clean"
"""In the folder of a set; no part of its content."""

FORMAT = 1
"""Of the files: another one where another way of making them comes to other values."""

COVERED, BLENDED = "fit_covers", "fit_blend"
"""Names of what a sample gets: (S, S) uint8, 255 where the fit covers the face, Mm; and (S, S, 3) uint8 RGB, Ip."""


class CleanFaces:
    """Looks up Mm and Ip of clean faces, and makes what is not there yet. Picklable."""

    def __init__(self, face: FaceModel, folder: Path) -> None:
        """Where they are kept.

        Args:
            face: draws the fits; on the CPU.
            folder: of the files, made when needed; where it cannot be written to, everything is made anew each time.
        """
        self.face, self.folder = face, folder

    def __call__(self, clean: np.ndarray, mask: np.ndarray, vector: np.ndarray) -> dict[str, np.ndarray]:
        """Mm and Ip of a face, by `COVERED` and `BLENDED`.

        Args:
            clean: (S, S, 3) uint8 RGB, the face without an occluder.
            mask: (S, S) uint8, above 127 = it shows here, Mf.
            vector: (D,) float32, its coefficients.
        """
        path = self._file(clean, mask, vector)
        kept = self._read(path, len(clean))
        if kept is None:
            kept = self._made(clean, mask, vector)
            with suppress(NoSpace):  # a full or closed disk is no reason to stop: it is made again next time
                write_png(path, kept)
        return {COVERED: np.ascontiguousarray(kept[..., 3]), BLENDED: np.ascontiguousarray(kept[..., :3])}

    def _file(self, clean: np.ndarray, mask: np.ndarray, vector: np.ndarray) -> Path:
        digest = hashlib.sha256(f"{FORMAT} {clean.shape} {self.face.name} {self.face.revision}".encode())
        for values in (clean, mask, vector):
            digest.update(np.ascontiguousarray(values).tobytes())
        name = digest.hexdigest()[:32]
        return self.folder / str(len(clean)) / name[:2] / f"{name}.png"

    def _read(self, path: Path, size: int) -> np.ndarray | None:
        if not path.is_file():
            return None
        try:
            found = read_rgba(path)
        except BadInput:  # damaged
            return None
        return found if found.shape == (size, size, 4) else None

    @torch.no_grad()
    def _made(self, clean: np.ndarray, mask: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """(S, S, 4) uint8. A batch of one, so that no other face has to do with it."""
        picture = torch.from_numpy(np.array(clean)).permute(2, 0, 1)[None].float() / 255
        shown = torch.from_numpy(np.array(mask))[None, None].float() / 255 > 0.5
        view = self.face(self.face.layout.split(torch.from_numpy(np.array(vector))[None]), len(clean))
        covered = view.mask > 0.5
        seen = covered & shown
        blended = blend(view.image.clamp(0, 1), picture, covered & ~seen, seen)
        return np.concatenate([_bytes(blended), _bytes(covered.float())], axis=-1)


def _bytes(values: Tensor) -> np.ndarray:
    found: np.ndarray = (values[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    return found
