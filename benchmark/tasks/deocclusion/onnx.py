"""``onnx:FILE`` as a method of de-occlusion: the first output of three channels is the picture."""

from __future__ import annotations

import numpy as np

from occset.benchmark.methods.interfaces import holes
from occset.benchmark.methods.onnx_network import OnnxNetwork, resize
from occset.benchmark.methods.onnx_options import RANGES
from occset.support.errors import BrokenMethod


class OnnxMethod(OnnxNetwork):
    """An ONNX network; given the mask if it has an input for one."""

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and holes in; (B, h, w, 3) uint8 RGB of the network's size out."""
        hole = holes(masks, self.name) if self.given else np.zeros(images.shape[:3], bool)
        size = self._size(images.shape[1:3])
        at_size = np.stack([resize(image, size) for image in images])
        # Any pixel that the hole touches is hole.
        hole = np.stack([resize(h.astype(np.uint8) * 255, size) > 0 for h in hole])
        return self._in_steps(at_size, hole)

    def _pick(self, outputs: list[np.ndarray]) -> np.ndarray:
        """The output that is the picture, decoded."""
        picture = next((o for o in outputs if o.ndim == 4 and 3 in (o.shape[1], o.shape[3])), None)
        if picture is None:
            shapes = ", ".join(str(o.shape) for o in outputs)
            raise BrokenMethod(f"{self.name}: no output has three channels, they are {shapes}")
        return self._decode(picture)

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


from_spec = OnnxMethod.from_spec
