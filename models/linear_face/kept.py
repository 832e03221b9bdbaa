"""Linear faces kept beside the set that they were learned from: learning takes minutes, and every training asks for them.

A file is named by the hash of all that went in. It may be deleted at any time: it is made again.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import nn

from occset.dataset.records import read_arrays
from occset.support.errors import BadInput, NoSpace
from occset.support.files import write_atomic

FOLDER = "linear"
"""In the folder of a set; no part of its content."""

FORMAT = 1
"""Another one where another way of learning comes to other values."""


def file_of(folder: Path, pictures: np.ndarray, masks: np.ndarray, how: object) -> Path:
    """Where what is learned from pictures and masks, in a way that ``how`` tells by its text, is kept."""
    digest = hashlib.sha256(f"{FORMAT} {how} {pictures.shape} {masks.shape}".encode())
    for part in (pictures, masks):
        digest.update(np.ascontiguousarray(part).data)
    return folder / f"{digest.hexdigest()[:32]}.npz"


def take(module: nn.Module, path: Path) -> bool:
    """Fill a module from a file; whether that could be done. A file that is damaged counts as none."""
    if not path.is_file():
        return False
    try:
        module.load_state_dict({name: torch.from_numpy(values) for name, values in read_arrays(path).items()})
    except (BadInput, TypeError, RuntimeError):
        return False
    return True


def keep(module: nn.Module, path: Path) -> None:
    """Write a module's values; where that cannot be, they are learned again next time."""
    stored = io.BytesIO()
    np.savez(stored, **{name: values.cpu().numpy() for name, values in module.state_dict().items()})
    with suppress(NoSpace):
        write_atomic(path, stored.getvalue())
