"""From a stored picture to the mask that it is: which of its values say where the named thing is.

A mask may be stored as grey, as one colour on black, as a palette of such colours in any order, or as transparency over
one colour, in 1 to 16 bits. What cannot be told is refused with the reason, never guessed:

- transparency counts where what is shown has one colour (white, black or any other); where the shown colours differ,
  they count, and what is transparent is off;
- a colour counts by its strength, 0 for black; two colours besides black are two things;
- on is the largest value, or 1, or 255 in 16 bits, where there is no other value but 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occset.pictures.decoding import Stored
from occset.support.errors import BadInput

_NEAR = 24  # of 255: colours that differ by less are one, since JPEG and premultiplied editing change them
_MANY_ONES = 0.05  # of the picture; fewer may be what a network that sees no face is faintly unsure of
_MOST_LABELS = 20  # distinct values of a map of labels; soft edges have more


@dataclass(frozen=True)
class Levels:
    """How much each pixel is on.

    Attributes:
        values: (H, W) uint8 or uint16, 0 = off.
        top: the largest value there can be, 255 or 65535.
        ones: values that mean on where they are the only ones besides 0.
    """

    values: np.ndarray
    top: int
    ones: tuple[int, ...]


def levels_of(stored: Stored, where: str) -> Levels:
    """The levels of a picture.

    Raises:
        BadInput: it does not say where the named thing is; begins with ``where``.
    """
    pixels = stored.pixels
    top = 65535 if pixels.dtype == np.uint16 else 255
    ones = (1, 255, 257, top) if top > 255 else (top // ((1 << min(stored.bits, 8)) - 1), top)
    if pixels.ndim == 2:
        return Levels(pixels, top, ones)
    values = _colour_levels(pixels, top, where) if pixels.shape[2] == 3 else _shown_levels(pixels, top, where)
    if stored.indexes > 1 and values.min() == values.max():
        raise BadInput(
            f"{where}: its palette gives {stored.indexes} indexes one colour, so that nothing shows: save it as grey with "
            "0 and 255"
        )
    return Levels(values, top, ones)


def alpha_of(stored: Stored, where: str) -> Levels:
    """The transparency of a picture as levels.

    Raises:
        BadInput: it has none; begins with ``where``.
    """
    if stored.pixels.ndim != 3 or stored.pixels.shape[2] != 4:
        raise BadInput(f"{where}: has no transparency: save it as PNG with alpha")
    top = 65535 if stored.pixels.dtype == np.uint16 else 255
    return Levels(stored.pixels[:, :, 3], top, (1, 255, 257, top) if top > 255 else (1, top))


def binary_of(levels: Levels, where: str, threshold: int | None = None, how: str = "") -> np.ndarray:
    """Levels as a mask (H, W) uint8, 0 or 255.

    Args:
        levels: of `levels_of`.
        where: what the message begins with.
        threshold: 0..254 of 255: on is what is above. None takes masks of two values only.
        how: how the user gives a threshold, for the message; "" where there is no way.

    Raises:
        BadInput: other values than 0 and one that means on, and no threshold.
    """
    values = levels.values
    if values.dtype == np.uint8 and levels.ones[0] == 1 and not (values + np.uint8(1) > 1).any():
        return values  # 0 and 255 as most masks have them, at a tenth of the time of a full count
    present = np.flatnonzero(np.bincount(values.ravel(), minlength=levels.top + 1))
    present = present[present > 0]
    if len(present) == 0 or (len(present) == 1 and present[0] in levels.ones):
        return np.where(values > 0, np.uint8(255), np.uint8(0))
    if threshold is not None:
        return np.where(values.astype(np.uint32) * 255 > threshold * levels.top, np.uint8(255), np.uint8(0))
    raise BadInput(f"{where}: {_why_not_binary(present, levels, how)}")


def soft_of(levels: Levels) -> np.ndarray:
    """Levels as a soft mask (H, W) uint8, 0..255; one of 0 and many 1 is one of 0 and 255, that was not scaled."""
    values = levels.values
    largest = int(values.max(initial=0))
    is_scaled = largest * 255 > 2 * levels.top or np.count_nonzero(values) > _MANY_ONES * values.size
    if largest in levels.ones and is_scaled and not ((values > 0) & (values < largest)).any():
        return np.where(values > 0, np.uint8(255), np.uint8(0))
    if levels.top == 255:
        return values
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _why_not_binary(present: np.ndarray, levels: Levels, how: str) -> str:
    if len(present) <= _MOST_LABELS and present[-1] < levels.top // 4 and len(present) > 1:
        shown = ", ".join(map(str, present[:4]))
        return (
            f"it holds the values {shown}{', ...' * (len(present) > 4)} besides 0, a map of several labels: save one mask "
            "with 255 where the face is visible, else 0"
        )
    other = next((int(v) for v in present if v not in (1, levels.top)), int(present[0]))
    taken = f", or take what is brighter than half with {how}" if how else ""
    return (
        f"a mask holds 0 and {levels.top} only, this one also {other} (soft edges, as JPEG and anti-aliasing leave them, or "
        f"another value than 0 and {levels.top}): save it as PNG with 0 and {levels.top}{taken}"
    )


def _shown_levels(rgba: np.ndarray, top: int, where: str) -> np.ndarray:
    """Levels of a picture with transparency."""
    alpha, near = rgba[:, :, 3], _NEAR * top // 255
    if alpha.min() == top:
        return _colour_levels(rgba[:, :, :3], top, where)
    if alpha.max() == 0:
        if _spread(rgba[:, :, :3].reshape(-1, 3)) > near:
            raise BadInput(
                f"{where}: it is transparent everywhere, over a picture that cannot be seen: save it without transparency"
            )
        return alpha
    shown, hidden = rgba[alpha > alpha.max() // 2][:, :3], rgba[alpha == 0][:, :3]
    has_one_colour, hides_colour = _spread(shown) <= near, bool(len(hidden)) and int(hidden.max()) > near
    if has_one_colour and not (hides_colour and shown.max() <= near):
        return alpha
    values = _colour_levels(np.where(alpha[:, :, None] > 0, rgba[:, :, :3], 0).astype(rgba.dtype), top, where)
    if hides_colour:
        raise BadInput(
            f"{where}: its colours and its transparency say different things, since it is also transparent where there is "
            "colour: save it without transparency, 255 where the face is visible, else 0"
        )
    return (values.astype(np.uint64) * alpha // top).astype(rgba.dtype)


def _colour_levels(rgb: np.ndarray, top: int, where: str) -> np.ndarray:
    """Strength of the one colour of a picture on black: its largest channel, stretched to `top` unless it is grey."""
    red, green, blue = (rgb[:, :, channel] for channel in range(3))
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    near, strength = _NEAR * top // 255, rgb.max(axis=2)
    if int((strength - rgb.min(axis=2)).max()) <= near:  # grey, but for what JPEG did to it
        luma = (77 * red.astype(np.uint32) + 150 * green.astype(np.uint32) + 29 * blue.astype(np.uint32) + 128) >> 8
        return luma.astype(rgb.dtype)
    largest = int(strength.max())
    colour = rgb.reshape(-1, 3)[int(strength.argmax())].astype(np.float32)
    expected = strength[:, :, None].astype(np.float32) / largest * colour
    if np.abs(rgb - expected).max() > 2 * near:
        raise BadInput(
            f"{where}: it shows more than one colour on black, and which of them is the face is not said: save it as PNG "
            "with 255 where the face is visible, else 0"
        )
    return (strength.astype(np.uint32) * top // largest).astype(rgb.dtype)


def _spread(colours: np.ndarray) -> int:
    """The largest range of a channel of (N, 3) colours."""
    return int((colours.max(axis=0).astype(np.int64) - colours.min(axis=0)).max()) if len(colours) else 0
