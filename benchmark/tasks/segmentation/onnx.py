"""A segmenter from an ONNX file: ``onnx:FILE?option=value&...``.

The network has one image input of three channels, NCHW or NHWC; its first output of one channel (or of no channel axis)
is the mask of the visible face. Options say what the file cannot; `size`, `batch`, `name` and `threads` are those of
`occset.benchmark.methods.onnx_options`:

========  ==================================  =========================================================================
option    values (default first)              meaning
========  ==================================  =========================================================================
range     0..1, -1..1, 0..255, imagenet       the image's values going in, RGB; imagenet: 0..1 less the mean, divided by
                                              the deviation of ImageNet; for uint8 inputs always 0..255
out       0..1, 0..255, logits                the mask's values coming out, high = face; logits go through a sigmoid
========  ==================================  =========================================================================
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occset.benchmark.methods.onnx_network import OnnxNetwork, resize
from occset.benchmark.methods.onnx_options import OnnxOptions, parse_options
from occset.support.errors import BadInput, BrokenMethod

_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)
_HIGHEST = {"0..1": 1.0, "0..255": 255.0}


class OnnxSegmenter(OnnxNetwork):
    """An ONNX network of one image input and one mask output."""

    def __init__(self, path: str | Path, options: OnnxOptions | None = None) -> None:
        """Load a network.

        Raises:
            BadInput: the file cannot be loaded, or takes anything but one image.
            MissingExtra: onnxruntime is not installed.
        """
        super().__init__(path, options)
        if self._mask is not None:
            raise BadInput(f"{self.session.path} also takes {self._mask.name}; a segmenter is given the picture alone")

    @staticmethod
    def options_of(query: str) -> OnnxOptions:
        """Options from ``option=value&...``."""
        known = ("range", "out", "size", "batch", "name", "threads")
        return parse_options(query, known, ("0..1", "-1..1", "0..255", "imagenet"), (*_HIGHEST, "logits"))

    def segment(self, images: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB in; (B, h, w) uint8 soft masks of the network's size out."""
        size = self._size(images.shape[1:3])
        at_size = np.stack([resize(image, size) for image in images])
        return self._in_steps(at_size, np.zeros(at_size.shape[:3], bool))

    def _encode_image(self, images: np.ndarray, hole: np.ndarray) -> np.ndarray:
        if self.options.range != "imagenet" or np.issubdtype(self._image.dtype, np.integer):
            return super()._encode_image(images, hole)
        values = (images.astype(np.float32) / np.float32(255) - _MEAN) / _DEVIATION
        return np.ascontiguousarray(self._to_layout(values), dtype=self._image.dtype)

    def _pick(self, outputs: list[np.ndarray]) -> np.ndarray:
        for output in outputs:
            if output.ndim == 3:
                return self._decode(output)
            if output.ndim == 4 and 1 in (output.shape[1], output.shape[3]):
                return self._decode(output[:, 0] if output.shape[1] == 1 else output[..., 0])
        shapes = ", ".join(str(output.shape) for output in outputs)
        raise BrokenMethod(f"{self.name}: no output is a mask of one channel, they are {shapes}")

    def _decode(self, picture: np.ndarray) -> np.ndarray:
        if picture.dtype == np.uint8:
            return np.ascontiguousarray(picture)
        values = picture.astype(np.float32)
        if not np.isfinite(values).all():
            raise BrokenMethod(f"{self.name}: the network returned NaN or infinite values")
        out = self.options.out or "0..1"
        if out == "logits":
            return np.rint(255 / (1 + np.exp(-values.clip(-60, 60)))).astype(np.uint8)
        high = _HIGHEST[out]
        if values.min() < -high / 2 or values.max() > 1.5 * high:
            raise BrokenMethod(
                f"{self.name}: the network returned values {values.min():.3g}..{values.max():.3g}, not {out}; "
                "name the right range with ?out= (0..1, 0..255, logits)"
            )
        return np.rint(values * (255 / high)).clip(0, 255).astype(np.uint8)


from_spec = OnnxSegmenter.from_spec
