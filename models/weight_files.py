"""Files of weights: safetensors in shards, with what built the network beside them; nothing is unpickled.

NAME.safetensors, or NAME-00001-of-00002.safetensors and so on in one folder. The metadata of each file holds one entry,
"about", a JSON object; "network" in it says how to build the network again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from occset.support.errors import BadInput, MissingExtra
from occset.support.files import sha256_file, write_atomic
from occset.support.reading import parse_json, read_json

if TYPE_CHECKING:
    from torch import Tensor

RELEASED = Path(__file__).parent / "weights"
"""Folder of the released checkpoints, one folder each."""

SHARD_BYTES = 16 * (1 << 20)
"""Most bytes of one file."""


SPENT = "spent.json"
"""File of the seconds that a training took: in its folder so far, beside its weights in all."""


def _safetensors() -> Any:
    """The package, which hashing and listing files do without.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import safetensors.torch
    except ImportError as missing:  # pragma: no cover - depends on what is installed
        raise MissingExtra("safetensors", "models", "reading and writing weights") from missing
    return safetensors.torch


_HEADER = 1 << 18  # what a file's header may take of it


def save_weights(
    state: Mapping[str, Tensor], folder: Path, about: Mapping[str, Any], name: str = "model", half: bool = True
) -> list[Path]:
    """Write a state dict as shards of at most `SHARD_BYTES`; what an earlier save left under this name goes last.

    Args:
        state: tensors by name.
        folder: made if missing.
        about: JSON object for the metadata.
        name: of the files.
        half: floating-point tensors are stored in half precision, but for those with numbers too large for it.

    Returns:
        The files.

    Raises:
        BadInput: a value is not finite; names the tensor.
    """
    import torch

    safetensors = _safetensors()
    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD_BYTES - _HEADER
    for key, tensor in state.items():
        stored = tensor.detach().cpu().contiguous()
        if stored.is_floating_point():
            if not torch.isfinite(stored).all():
                raise BadInput(f"the weights '{key}' are not finite: train again with a smaller learning rate, or clip")
            small = stored.half() if half else stored
            stored = small if torch.isfinite(small).all() else stored
        size = stored.numel() * stored.element_size()
        if size > room and shards[-1]:
            shards.append({})
            room = SHARD_BYTES - _HEADER
        shards[-1][key] = stored.clone()
        room -= size
    count = len(shards)
    names = (
        [f"{name}.safetensors"]
        if count == 1
        else [f"{name}-{i + 1:05d}-of-{count:05d}.safetensors" for i in range(count)]
    )
    metadata = {"about": json.dumps(dict(about), sort_keys=True)}
    for file, shard in zip(names, shards, strict=True):
        write_atomic(folder / file, safetensors.save(shard, metadata))
    for old in [folder / f"{name}.safetensors", *folder.glob(f"{name}-*-of-*.safetensors")]:
        if old.name not in names:
            old.unlink(missing_ok=True)
    return [folder / file for file in names]


def weight_files(path: Path) -> list[Path]:
    """The files of a checkpoint: one file, or all ``*.safetensors`` of a folder.

    Raises:
        BadInput: there are none, or a shard is missing.
    """
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise BadInput(f"{path}: no file of weights here: name a .safetensors file or the folder of its shards")
    first = files[0].stem
    if "-of-" in first:
        stem, _, count = first.rpartition("-of-")
        whole = [f"{stem[:-6]}-{i + 1:05d}-of-{count}.safetensors" for i in range(int(count) if count.isdigit() else 0)]
        folder = files[0].parent
        lost = [name for name in whole if not (folder / name).is_file()]
        if not whole or lost:
            raise BadInput(f"{path}: the shard {lost[0] if lost else first} is missing: copy the whole folder again")
        files = [folder / name for name in whole]
    return files


def name_of(path: Path) -> str:
    """The name that the files of a checkpoint were given, which is that of the network where a training wrote them.

    Raises:
        BadInput: there are none, or a shard is missing.
    """
    return re.sub(r"-\d{5}-of-\d{5}$", "", weight_files(path)[0].stem)


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint.

    Args:
        path: a file, or a folder of shards.

    Returns:
        The state dict, floating-point tensors as float32, and the object that `save_weights` was given.

    Raises:
        BadInput: missing, broken, or weights that are not finite; names the file.
    """
    safetensors = _safetensors()
    state: dict[str, Tensor] = {}
    about: dict[str, Any] = {}
    for file in weight_files(path):
        try:
            with safetensors.safe_open(str(file), framework="pt") as stored:
                about = parse_json((stored.metadata() or {})["about"], any_number=True)
                state |= {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118 - it is no dictionary
        except Exception as error:  # safetensors tells a damaged file in many ways
            raise BadInput(
                f"{file}: is not a file of weights that occset wrote ({type(error).__name__}: {error}): restore it"
            ) from error
    odd = [key for key, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if odd:
        raise BadInput(f"{path}: the weights '{odd[0]}' are not finite: restore the file, or train again")
    return {k: v.float() if v.is_floating_point() else v for k, v in state.items()}, about


def weights_hash(path: Path) -> str:
    """Hash of a checkpoint: 64 hex digits over its files in order."""
    digest = hashlib.sha256()
    for file in weight_files(path):
        digest.update(sha256_file(file).encode())
    return digest.hexdigest()


def spent(path: Path, of: str = "seconds") -> float | None:
    """What the training of a checkpoint took, where its folder tells it in `SPENT`; None elsewhere.

    Args:
        path: folder of the checkpoint.
        of: "seconds", of the clock; "processor", those of all threads in its steps; or "samples", with those of the
            checkpoints that it started from.
    """
    try:
        told = read_json(path / SPENT)[of]
    except (OSError, ValueError, KeyError, TypeError):  # a single file, an earlier version, or a stranger's note
        return None
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None
