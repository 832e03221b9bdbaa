"""The model that mines: found by name or as `module:Class`, since it lives in a folder above this one."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from occset.mining.options import models
from occset.pictures.images import shrink
from occset.support import references as registry
from occset.support.errors import BrokenMethod, OccsetError

SIZE = 256
"""Side at which pictures are handed to a model that states no `size`, pixels."""


class FaceModel(Protocol):
    """What mining asks of a model; a `size` (pixels), a `device` and a `weights_hash` are used where it has them.

    A class that has only `segment(images) -> (B, H, W) uint8` will do: its soft masks are taken for probabilities. One
    without `features` is spread out by how the pictures look.
    """

    name: str

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(B, S, S, 3) uint8 RGB in; (B, S, S) float32 out, 0..1, the chance that a pixel is visible face."""
        ...

    def features(self, images: np.ndarray) -> np.ndarray:
        """(B, S, S, 3) uint8 RGB in; (B, D) float32 out, near for pictures that the model takes for alike."""
        ...


def open_model(name: str, weights: Path | None = None, device: str = "cpu", threads: int | None = 1) -> Any:
    """Make a model from its name or from ``module:Class``; it is handed what of the rest it takes.

    Args:
        name: one of `occset.mining.options.models`, or a class.
        weights: its file; None for its own.
        device: where it runs.
        threads: how many it may use; one by default, so that the number of workers changes no bit of what it returns.

    Raises:
        UnknownName: no model is called so.
        OccsetError: the class cannot be made, takes no file of weights although one was given, or cannot segment.
    """
    make = registry.load(name) if ":" in name else registry.look_up("model", name, models())
    try:
        taken = inspect.signature(make).parameters
    except (TypeError, ValueError) as error:
        raise OccsetError(f"--model {name}: not a class that can be made ({error}): name a class") from error
    wanted = {"weights": weights, "device": device, "threads": threads}
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in taken.values())
    if weights is not None and "weights" not in taken and not takes_all:
        raise OccsetError(f"--model {name} takes no weights: leave --weights out")
    try:
        model = make(**{key: value for key, value in wanted.items() if takes_all or key in taken})
    except TypeError as error:
        raise OccsetError(f"--model {name}: cannot be made without arguments of its own ({error})") from error
    if not any(callable(getattr(model, method, None)) for method in ("probabilities", "segment")):
        raise OccsetError(f"--model {name}: has neither probabilities(images) nor segment(images): give it one")
    return model


def size_of(model: Any) -> int:
    """Side at which a model works, pixels."""
    return int(getattr(model, "size", SIZE))


def weights_hash_of(model: Any) -> str:
    """What identifies the weights of a model; "" where it does not say."""
    return str(getattr(model, "weights_hash", None) or "")


def probabilities(model: Any, images: np.ndarray) -> np.ndarray:
    """The chance that each pixel is visible face, (B, S, S) float32, of images (B, S, S, 3) uint8.

    Raises:
        BrokenMethod: the model returned another shape, or numbers outside 0..1.
    """
    if callable(getattr(model, "probabilities", None)):
        found = np.asarray(model.probabilities(images), np.float32)
    else:
        found = np.asarray(model.segment(images), np.float32) / np.float32(255)
    if found.shape != images.shape[:3]:
        raise BrokenMethod(f"{_name(model)}: returned masks {found.shape} for images {images.shape}: return (B, H, W)")
    if not (np.isfinite(found).all() and found.min(initial=0) >= 0 and found.max(initial=0) <= 1):
        raise BrokenMethod(f"{_name(model)}: returned probabilities outside 0..1 or not finite: is it trained?")
    return found


def features(model: Any, images: np.ndarray) -> np.ndarray:
    """What the model sees in images (B, S, S, 3) uint8, (B, D) float32; the pictures at 8 x 8 where it has no `features`.

    Raises:
        BrokenMethod: the model returned another shape, or numbers that are not finite.
    """
    if not callable(getattr(model, "features", None)):
        return np.stack([shrink(image, 8).astype(np.float32).ravel() / 255 for image in images])
    found = np.asarray(model.features(images), np.float32)
    if found.ndim != 2 or len(found) != len(images) or not np.isfinite(found).all():
        raise BrokenMethod(f"{_name(model)}: returned features {found.shape} for {len(images)} images: return (B, D)")
    return found


def _name(model: Any) -> str:
    return str(getattr(model, "name", type(model).__name__))
