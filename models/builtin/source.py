"""The source `builtin:N`: faces, occluders and textures made by code, so that everything runs with no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from occset.models.builtin.occluders import draw_occluder
from occset.models.builtin.occluders.canvas import VISIBLE
from occset.models.builtin.textures import draw_texture
from occset.pictures.images import extend_colour
from occset.pictures.masks import THRESHOLD
from occset.sources.items import FaceItem, OccluderItem, TextureItem
from occset.support.errors import MissingExtra, OccsetError
from occset.support.specs import read_options

if TYPE_CHECKING:
    from occset.models.builtin.faces import RenderedFace

_REMEDY = (
    "write builtin:COUNT or builtin:COUNT,seed=S,size=PIXELS,variations=K, such as builtin:200 or builtin:200,seed=3"
)
_LEAST_HIDDEN = 0.01  # share of the face that its own hair must hide to be kept as a cut-out
_LARGEST = 1_000_000  # keys have six digits
# name of each option: default, smallest, largest
_OPTIONS = {"seed": (0, 0, 2**31 - 1), "size": (256, 32, 1024), "variations": (2, 1, 1000)}


@dataclass(frozen=True)
class _Options:
    count: int
    seed: int
    size: int
    variations: int


def _number(argument: str, name: str, text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise OccsetError(
            f"builtin:{argument}: {name} must be a whole number from {low} to {high}, not '{text}': {_REMEDY}"
        )
    return int(text)


def _parse(argument: str, options: dict[str, str | None]) -> _Options:
    count, comma, rest = argument.partition(",")
    try:
        text = rest if comma else None
        given: dict[str, str] = read_options(text, f"builtin:{argument}", _OPTIONS, "option of builtin", ",")
    except OccsetError as error:
        raise OccsetError(f"builtin:{argument}: {error}: {_REMEDY}") from error
    given |= {name: text for name, text in options.items() if text is not None}
    values = {name: default for name, (default, _, _) in _OPTIONS.items()}
    values |= {name: _number(argument, name, text, *_OPTIONS[name][1:]) for name, text in given.items()}
    return _Options(_number(argument, "the count", count.strip(), 1, _LARGEST), **values)


class BuiltinSource:
    """`count` faces, occluders or textures; item k is the same whatever the count.

    Args:
        argument: what follows `builtin:`, "200"; the options may follow it, as in "200,seed=3,size=512,variations=4".
        seed: of all chance.
        size: side in pixels of faces and textures, and of the face that occluders are drawn for.
        variations: number of photos of one identity.

    Raises:
        OccsetError: the argument cannot be read.
    """

    name = "builtin"
    licence = "MIT (made by code)"

    def __init__(
        self, argument: str, seed: str | None = None, size: str | None = None, variations: str | None = None
    ) -> None:
        self.argument = argument
        self.options = _parse(argument, {"seed": seed, "size": size, "variations": variations})

    def _keys(self) -> list[str]:
        return [f"{index:06d}" for index in range(self.options.count)]

    def _index(self, kind: str, key: str) -> int:
        if not (len(key) == 6 and key.isascii() and key.isdigit()):
            raise OccsetError(f"builtin has no {kind} '{key}': its keys are six digits, from 000000")
        return int(key)

    def face_keys(self) -> list[str]:
        """Keys of all faces, "000000" to count - 1; reads no picture."""
        return self._keys()

    def occluder_keys(self) -> list[str]:
        """Keys of all cut-outs, "000000" to count - 1."""
        return self._keys()

    def texture_keys(self) -> list[str]:
        """Keys of all textures, "000000" to count - 1."""
        return self._keys()

    def read_occluder(self, key: str) -> OccluderItem:
        """Draw one cut-out; raises `OccsetError` for a key that is not one of this source's form."""
        drawn = draw_occluder(self._index("occluder", key), self.options.seed, self.options.size)
        return OccluderItem(key, drawn.rgba, drawn.category, self.licence, landmarks=drawn.landmarks)

    def read_texture(self, key: str) -> TextureItem:
        """Draw one texture; raises `OccsetError` for a key that is not one of this source's form."""
        image, family = draw_texture(self._index("texture", key), self.options.seed, self.options.size)
        return TextureItem(key, image, family, self.licence)

    def read_face(self, key: str) -> FaceItem:
        """Render one face; raises `OccsetError` for a key that is not one of this source's form.

        Its `truth` holds `bare` (the face without hair over it), `whole_face` (mask), `hair_alpha`, and
        `coefficients/<name>` for each vector of the morphable model, pose and light.
        """
        try:
            from occset.models.builtin.faces import render_face  # torch: only who renders faces pays for it
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            raise MissingExtra("torch", "models", "rendering built-in faces") from error

        index = self._index("face", key)
        identity, variation = divmod(index, self.options.variations)
        face = render_face(
            index, seed=self.options.seed, size=self.options.size, identity=identity, variation=variation
        )
        truth = {"bare": face.bare, "whole_face": face.whole_face, "hair_alpha": face.hair_alpha}
        truth |= {f"coefficients/{name}": np.asarray(array) for name, array in face.coefficients.items()}
        return FaceItem(
            name=key,
            image=face.image,
            licence=self.licence,
            mask=face.mask,
            landmarks=np.asarray(face.landmarks),
            landmarks_source="source",
            identity=face.identity,
            occluders=self._hair(key, face),
            truth=truth,
        )

    def _hair(self, key: str, face: RenderedFace) -> list[OccluderItem]:
        """The hair that falls over this face as a cut-out, unless it hides next to nothing."""
        alpha = face.hair_alpha
        if np.count_nonzero((alpha > THRESHOLD) & (face.whole_face > THRESHOLD)) < _LEAST_HIDDEN * np.count_nonzero(
            face.whole_face
        ):
            return []
        rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        rgba = extend_colour(np.dstack([face.hair_rgb[part], alpha[part]]), VISIBLE)
        landmarks = np.asarray(face.landmarks5) - np.array([columns[0], rows[0]], np.float32)
        return [OccluderItem(f"{key}-hair", rgba, "hair", self.licence, landmarks=landmarks, from_face=key)]
