"""An ONNX network that takes a picture and, if it wants to, the hole: what methods that are ``onnx:FILE`` have in common.

The network has an image input of three channels and, if it wants the hole, a mask input of one channel, both NCHW or
both NHWC. `occset.benchmark.methods.onnx_options` says what else can be told of a file; a task's own adapter picks the
output. A picture of another size than the bench's is scaled back by the guard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import cv2
import numpy as np

from occset.benchmark.methods.onnx_options import RANGES, OnnxOptions, parse_options
from occset.support.errors import BadInput
from occset.support.onnx_session import OnnxSession, Port


class OnnxNetwork:
    """An ONNX network; given the mask if it has an input for one."""

    def __init__(self, path: str | Path, options: OnnxOptions | None = None) -> None:
        """Load a network.

        Raises:
            BadInput: the file cannot be loaded, or has no image input.
            MissingExtra: onnxruntime is not installed.
        """
        self.options = options or OnnxOptions()
        self.session = OnnxSession(path, threads=self.options.threads, what="onnx:FILE")
        self._image, self._mask = _find_inputs(self.session)
        self._channels_last = _channels_last(self._image)
        self.name = self.options.name or Path(path).stem
        # A network without a mask input still needs the mask if the hole is to be blanked.
        self.given: tuple[str, ...] = ("mask",) if self._mask or self.options.blank else ()
        self.weights_hash = self.session.sha256
        other = self.options.trained == "other"
        self.trained = {"on": "other data", "unranked": "trained on other data"} if other else {}

    @classmethod
    def from_spec(cls, rest: str) -> Self:
        """Open ``FILE?option=value&...``.

        Raises:
            UnknownName: an option is not known.
            BadInput: an option's value is not, or the file cannot be used.
        """
        path, _, query = (rest, "", "") if Path(rest).is_file() else rest.partition("?")
        if not path:
            raise BadInput("onnx: names no file: write  onnx:FILE , such as  onnx:lama_fp32.onnx?out=0..255")
        options = cls.options_of(query)
        if not Path(path).is_file():
            raise BadInput(f"onnx:{path}: there is no such file: check the path, which counts from {Path.cwd()}")
        return cls(Path(path).absolute(), options)  # another method may change the current directory

    @staticmethod
    def options_of(query: str) -> OnnxOptions:
        """Options from ``option=value&...``; those that mean something to the task."""
        return parse_options(query)

    def _in_steps(self, images: np.ndarray, hole: np.ndarray) -> np.ndarray:
        """Run as many pictures at once as the file takes."""
        step = self._image.shape[0] or self.options.batch or len(images)
        return np.concatenate(
            [self._run(images[i : i + step], hole[i : i + step]) for i in range(0, len(images), step)]
        )

    def _size(self, of_input: tuple[int, ...]) -> tuple[int, int]:
        rows, columns = (1, 2) if self._channels_last else (2, 3)
        chosen = self.options.size
        return (
            self._image.shape[rows] or chosen or of_input[0],
            self._image.shape[columns] or chosen or of_input[1],
        )

    def _run(self, images: np.ndarray, hole: np.ndarray) -> np.ndarray:
        count = len(images)
        short = (self._image.shape[0] or 0) - count
        if short > 0:  # the file's batch is fixed: fill up, and drop what came of it
            images = np.concatenate([images, np.repeat(images[-1:], short, axis=0)])
            hole = np.concatenate([hole, np.repeat(hole[-1:], short, axis=0)])
        feeds = {self._image.name: self._encode_image(images, hole)}
        if self._mask:
            feeds[self._mask.name] = self._encode_mask(hole)
        return self._pick(self.session.run(feeds))[:count]

    def _pick(self, outputs: list[np.ndarray]) -> np.ndarray:
        """The output that is the answer, decoded; (B, h, w[, 3]) uint8."""
        raise NotImplementedError

    def _encode_image(self, images: np.ndarray, hole: np.ndarray) -> np.ndarray:
        if np.issubdtype(self._image.dtype, np.integer):
            values = images
        else:
            low, high = RANGES[self.options.range]
            values = images.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low)
        if self.options.blank:
            values = np.where(hole[..., None], 0, values)
        return np.ascontiguousarray(self._to_layout(values), dtype=self._image.dtype)

    def _encode_mask(self, hole: np.ndarray) -> np.ndarray:
        assert self._mask is not None  # for type checkers: only called where there is a mask input
        marked = ~hole if self.options.mask == "keep" else hole
        one = 255 if self._mask.dtype in (np.uint8, np.int32, np.int64) else 1
        values = marked.astype(self._mask.dtype) * np.asarray(one, self._mask.dtype)
        if len(self._mask.shape) == 3:
            return values
        return np.ascontiguousarray(self._to_layout(values[..., None]))

    def _to_layout(self, values: np.ndarray) -> np.ndarray:
        return values if self._channels_last else values.transpose(0, 3, 1, 2)


def _find_inputs(session: OnnxSession) -> tuple[Port, Port | None]:
    """The image input and the mask input: by their channels, and by name where the file leaves the channels open."""
    image = next((port for port in session.inputs if _may_have_channels(port, 3) and "mask" not in port.name), None)
    mask = next((port for port in session.inputs if port is not image and _may_be_mask(port)), None)
    rest = [port.name for port in session.inputs if port is not image and port is not mask]
    takes = ", ".join(f"{port.name} {port.shape}" for port in session.inputs)
    if image is None or rest:
        raise BadInput(f"{session.path} takes {takes}; must be an image of three channels and, if need be, a mask")
    for port in (image, mask):
        if port and port.dtype is None:
            raise BadInput(f"{session.path}: its input {port.name} has an element type that cannot be fed")
    return image, mask


def _may_have_channels(port: Port, channels: int) -> bool:
    """Whether a port of four axes has `channels` first or last, or leaves that open."""
    if len(port.shape) != 4:
        return False
    ends = {port.shape[1], port.shape[3]}
    return channels in ends or (None in ends and not ends & {1, 3})


def _may_be_mask(port: Port) -> bool:
    return _may_have_channels(port, 1) or len(port.shape) == 3


def _channels_last(image: Port) -> bool:
    return image.shape[3] == 3 and image.shape[1] != 3


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture at (height, width): area average down, linear up."""
    if image.shape[:2] == size:
        return image
    smaller = size[0] * size[1] < image.shape[0] * image.shape[1]
    return cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
