"""What a model would draw on a picture, as Label Studio takes it: the same bytes from `push` and from the backend."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree

import cv2
import numpy as np

from occset.annotation.labels.codec import encode_brush
from occset.mining.model import probabilities, size_of, weights_hash_of
from occset.pictures.images import shrink
from occset.support.errors import BadInput

_MOST_XML = 1 << 20


class Prelabel(NamedTuple):
    """A first guess: mask (H, W) uint8 0/255, 255 = visible face; score 0..1; version of the model that made it."""

    mask: np.ndarray
    score: float
    version: str


def version_of(model: Any) -> str:
    """The name that predictions of a model carry: its own and the first 12 digits of its weights' hash."""
    name = str(getattr(model, "name", type(model).__name__))
    return f"{name}-{weights_hash_of(model)[:12]}".rstrip("-")


def prelabel(model: Any, images: Sequence[np.ndarray]) -> list[Prelabel]:
    """Let a model draw the visible face on pictures.

    Pictures go through the model one by one: in a batch, sums are made in another order, and a pixel at the threshold
    may fall on its other side. So a picture has one pre-label, whatever it is asked for together with.

    Args:
        model: as `occset.mining.model.open_model` returns it.
        images: (H, W, 3) uint8 RGB each, of any sizes. Hand in what the annotator sees: the JPEG copy, read again.

    Returns:
        One for each picture: the mask has the picture's size and holds the pixels whose chance to be visible face,
        brought from the model's size to that of the picture (bilinear), is above 1/2. The score is the mean of
        |2p - 1| over the pixels at the model's size: 1 where the model is sure everywhere, 0 where it is nowhere.

    Raises:
        BadInput: an array that is no picture.
        BrokenMethod: the model returned another shape, or numbers outside 0..1.
    """
    side, version = size_of(model), version_of(model)
    return [_one(model, image, side, version) for image in images]


def _one(model: Any, image: np.ndarray, side: int, version: str) -> Prelabel:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise BadInput(f"a picture is (H, W, 3) uint8 RGB, not {image.dtype} {image.shape}: read it with read_image")
    chance = probabilities(model, shrink(image, side)[None])[0]
    score = round(float(np.abs(2 * chance.astype(np.float64) - 1).mean()), 6)
    height, width = image.shape[:2]
    full = cv2.resize(chance, (width, height), interpolation=cv2.INTER_LINEAR)
    return Prelabel(np.where(full > 0.5, 255, 0).astype(np.uint8), score, version)


def to_prediction(guess: Prelabel, key: str) -> dict[str, Any]:
    """A pre-label as a prediction of Label Studio: one brush region `face`; none where the mask is empty.

    Args:
        guess: what `prelabel` returned.
        key: of the sample; the region's id comes from it, so that the same pre-label is the same text again.
    """
    region = hashlib.blake2b(f"{key} {guess.version}".encode(), digest_size=5).hexdigest()
    height, width = guess.mask.shape
    result = {
        "id": region,
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {"format": "rle", "rle": encode_brush(guess.mask), "brushlabels": ["face"]},
    }
    return {"model_version": guess.version, "score": guess.score, "result": [result] if guess.mask.any() else []}


def takes_faces(schema: Any) -> bool:
    """Whether a labelling setup, Label Studio's XML, has the brush that `to_prediction` names."""
    if not isinstance(schema, str) or len(schema) > _MOST_XML or "<!" in schema.replace("<!--", ""):
        return False  # a document type could hold entities that grow without end
    try:
        brushes = ElementTree.fromstring(schema).iter("BrushLabels")
        return any(
            brush.get("name") == "brush"
            and brush.get("toName") == "image"
            and brush.find("Label[@value='face']") is not None
            for brush in brushes
        )
    except ElementTree.ParseError:
        return False
