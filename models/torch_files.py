"""Files that torch saved, read by its reader of weights, which executes nothing that is in them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from occset.support.errors import BadInput

MOST_BYTES = 1 << 30
"""Of a file."""


def read_torch(path: Path, remedy: str) -> Any:
    """What a file of weights holds, on the processor: tensors, numbers and texts in dictionaries and lists.

    Args:
        path: a file that torch saved.
        remedy: what to do where it is none, for messages.

    Raises:
        BadInput: no such file, too large, or more than weights; names the file.
    """
    import torch

    if not path.is_file():
        raise BadInput(f"{path}: is not a file: {remedy}")
    if path.stat().st_size > MOST_BYTES:
        raise BadInput(f"{path}: has more than {MOST_BYTES} bytes: {remedy}")
    try:
        with warnings.catch_warnings(action="ignore"):  # about what it then refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch tells a damaged or foreign file in many ways
        told = str(error).strip().split("\n")[0][:160]
        raise BadInput(f"{path}: is no file of weights alone ({type(error).__name__}: {told}): {remedy}") from error
