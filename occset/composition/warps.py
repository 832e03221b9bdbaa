"""Moving a cut-out onto a face with integer maps, so that the same recipe gives the same bytes everywhere.

A warp is eight integers `(a, b, c, d, e, f, p, q)`. Output pixel (x, y) takes its value from cut-out position

    u = (a x + b y + c + p y'^2) / 65536,    v = (d x + e y + f + q x'^2) / 65536

with x' = x - size/2, y' = y - size/2: an affine map and a bend in each direction. Pixel centres are at integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from occset.pictures.images import shrink
from occset.pictures.masks import THRESHOLD

ONE = 1 << 16
"""1.0 in the fixed point of a warp."""
WARP_LENGTH = 8
_LIMIT = 30000 << 16  # OpenCV's integer maps are 16 bits wide


def warp_from_affine(matrix: np.ndarray, bend: tuple[float, float] = (0.0, 0.0)) -> list[int]:
    """Round a map from output pixels to cut-out pixels, (2, 3) float, and a bend (per pixel squared), to eight integers."""
    rows = np.rint(np.asarray(matrix, np.float64) * ONE).astype(np.int64).ravel()
    return [int(v) for v in rows] + [round(bend[0] * ONE), round(bend[1] * ONE)]


def halvings(warp: Sequence[int]) -> int:
    """How often to halve the cut-out before sampling, so that shrinking does not alias: floor(log2(step)), at least 0."""
    a, b, _, d, e = warp[:5]
    step = max(a * a + d * d, b * b + e * e)  # squared length of one output pixel's step, times 2**32
    level = 0
    while level < 6 and step >= 4 << 32:
        step >>= 2
        level += 1
    return level


def halve(picture: np.ndarray) -> np.ndarray:
    """Exact 2 x 2 average, rounded to nearest; an odd last row or column is repeated. (H, W, C) uint8 to (ceil, ceil, C)."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        picture = cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    half = shrink(picture, ((height + 1) // 2, (width + 1) // 2))
    return half.reshape(*half.shape[:2], *picture.shape[2:])  # OpenCV drops an axis of one channel


def with_margin(rgba: np.ndarray) -> np.ndarray:
    """Add one transparent pixel on each side that continues the colour, so that sampling outside gives alpha 0."""
    padded = cv2.copyMakeBorder(rgba, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    padded[0, :, 3] = padded[-1, :, 3] = 0
    padded[:, 0, 3] = padded[:, -1, 3] = 0
    return padded


def _separate(warp: Sequence[int], size: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """u and v, each as its part that depends on x and its part that depends on y: (size,) int64 in 1/65536 pixel."""
    a, b, c, d, e, f, p, q = (int(v) for v in warp)
    x = np.arange(size, dtype=np.int64)
    square = (x - size // 2) ** 2
    return (a * x, b * x + c + p * square), (d * x + q * square, e * x + f)


def apply(rgba: np.ndarray, warp: Sequence[int], size: int, flip: bool = False, around: int = 0) -> np.ndarray:
    """Sample a cut-out at every output pixel, bilinearly, in integers.

    Args:
        rgba: (h, w, 4) uint8 cut-out, straight alpha.
        warp: eight integers, see the module.
        size: height and width of the result.
        flip: mirror the cut-out left to right first.
        around: so many pixels around it continue its colour, for whoever softens its alpha.

    Returns:
        (size, size, 4) uint8; alpha is 0 outside the cut-out, and farther away than `around` so is the colour.
    """
    level = halvings(warp)
    source = with_margin(cv2.flip(rgba, 1) if flip else rgba)
    for _ in range(level):
        source = halve(source)
    if level:
        source = with_margin(source)  # averaging gave the margin some alpha
    separate = _separate(warp, size)
    rows, columns = _reached(separate, rgba.shape[:2], size, level, around)
    u, v = (_whole_and_fraction(across[columns], down[rows], level) for across, down in separate)
    whole = np.empty((*u[0].shape, 2), np.int16)
    whole[..., 0], whole[..., 1] = u[0], v[0]
    out = np.zeros((size, size, 4), np.uint8)
    if whole.size:
        fractions = v[1] * np.uint16(32) + u[1]
        out[rows, columns] = cv2.remap(source, whole, fractions, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out


def _reached(
    separate: tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    shape: tuple[int, ...],
    size: int,
    level: int,
    around: int,
) -> tuple[slice, slice]:
    """A box (rows, columns) outside of which no output pixel comes near the cut-out, widened by ``around`` pixels.

    Sums of a part of x and a part of y reach a range where the one can make up for the other, so rows are ruled out by
    the columns that are left, and columns by these rows.
    """
    far = 4 << level  # cut-out pixels beyond its edge: more than its margins and what halving repeats come to
    least, most = -far * ONE, ((shape[1] + far) * ONE, (shape[0] + far) * ONE)
    rows = columns = slice(0, size)
    for _ in range(2):
        for of_rows in (True, False):
            alive = np.ones(size, bool)
            for (across, down), end in zip(separate, most, strict=True):
                varied, other = (down, across[columns]) if of_rows else (across, down[rows])
                alive &= (varied + other.max() >= least) & (varied + other.min() <= end)
            left = np.flatnonzero(alive)
            if not len(left):
                return slice(0, 0), slice(0, 0)
            found = slice(int(left[0]), int(left[-1]) + 1)
            rows, columns = (found, columns) if of_rows else (rows, found)
    wider = (slice(max(one.start - around, 0), min(one.stop + around, size)) for one in (rows, columns))
    return next(wider), next(wider)


def _whole_and_fraction(across: np.ndarray, down: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the padded, halved cut-out: whole pixels (int16), and 1/32 pixels (uint16), each (size, size)."""
    half = ONE >> 1
    # the first margin moved everything by one pixel, and so did the second, where there is one
    down = down + ONE + (half if level else 0)
    ends = (across.min() + down.min(), across.max() + down.max()) if across.size and down.size else (0, 0)
    if ends[0] > -(1 << 30) and ends[1] < 1 << 30:  # nearly always, and twice as fast
        across, down = across.astype(np.int32), down.astype(np.int32)
    at = across[None, :] + down[:, None]
    if level:
        at >>= level
        at += ONE - half
    at += 1 << 10
    np.clip(at, -_LIMIT, _LIMIT, out=at)
    at >>= 11
    fraction = (at & 31).astype(np.uint16)
    at >>= 5
    return at.astype(np.int16), fraction


def soften(alpha: np.ndarray, radius: int) -> np.ndarray:
    """Blur an alpha (H, W) uint8 by two box filters of the given radius in pixels, in integers; 0 changes nothing."""
    if radius <= 0:
        return alpha
    side = 2 * radius + 1
    x, y, width, height = cv2.boundingRect(alpha)
    reach = 2 * radius  # beyond it all stays 0
    box = np.s_[max(y - reach, 0) : y + height + reach, max(x - reach, 0) : x + width + reach]
    soft = alpha[box]
    out = np.zeros_like(alpha)
    if not width:
        return out
    for _ in range(2):
        total = cv2.boxFilter(soft, cv2.CV_32S, (side, side), normalize=False, borderType=cv2.BORDER_REPLICATE)
        soft = ((total + side * side // 2) // (side * side)).astype(np.uint8)
    out[box] = soft
    return out


def recolour(colour: np.ndarray, gain: Sequence[int], bias: Sequence[int]) -> np.ndarray:
    """``(c * gain + 128) // 256 + bias`` for each channel, clipped to 0..255. (H, W, 3) uint8 in and out."""
    if tuple(gain) == (256, 256, 256) and tuple(bias) == (0, 0, 0):
        return colour
    levels = np.arange(256, dtype=np.int32)
    tables = [np.clip(((levels * g + 128) >> 8) + b, 0, 255) for g, b in zip(gain, bias, strict=True)]
    return cv2.LUT(colour, np.stack(tables, axis=-1).astype(np.uint8)[None])


def retexture(colour: np.ndarray, alpha: np.ndarray, texture: np.ndarray, offset: Sequence[int]) -> np.ndarray:
    """Give an occluder another texture and keep its shading.

    The texture is laid over the picture from ``offset`` on (mirrored at its edges, so that no seam shows) and multiplied
    by the occluder's own luma relative to its mean, both in integers.

    Args:
        colour: (H, W, 3) uint8 of the occluder on the picture.
        alpha: (H, W) uint8; the mean luma is taken where it is above 127.
        texture: (h, w, 3) uint8.
        offset: (x, y) in texture pixels.
    """
    height, width = colour.shape[:2]
    tile_rows = _mirrored(np.arange(height) + int(offset[1]), texture.shape[0])
    tile_columns = _mirrored(np.arange(width) + int(offset[0]), texture.shape[1])
    patch = texture.take(tile_rows, axis=0).take(tile_columns, axis=1)
    luma = luma_of(colour)
    inside = alpha > THRESHOLD
    if not inside.any():
        return patch
    mean = max(int(luma[inside].sum()) // int(np.count_nonzero(inside)), 16)
    # between half and one and a half: a black occluder must not turn every texture black
    shades = np.clip((np.arange(256, dtype=np.uint32) * 256 + mean // 2) // mean, 128, 384)
    shade = shades.take(luma)
    out = np.empty_like(patch)
    for channel in range(3):
        out[..., channel] = np.minimum((patch[..., channel] * shade + 128) >> 8, 255)
    return out


def luma_of(colour: np.ndarray) -> np.ndarray:
    """Rec. 601 luma in integers: (H, W, 3) uint8 to (H, W) uint32, 0..255."""
    red, green, blue = (colour[..., channel].astype(np.uint16) for channel in range(3))
    total = red * np.uint16(77) + green * np.uint16(150) + blue * np.uint16(29) + np.uint16(128)  # fits in 16 bits
    return (total >> 8).astype(np.uint32)


def _mirrored(index: np.ndarray, length: int) -> np.ndarray:
    folded = index % (2 * length)
    return np.where(folded < length, folded, 2 * length - 1 - folded)
