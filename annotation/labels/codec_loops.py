"""The compiled loops of `occset.annotation.labels.codec`, which imports them when the first mask is read or written.

Numba takes a moment to load and, the first time, to compile; it keeps what it compiled beside this file, else in the
user's cache or in the folder that NUMBA_CACHE_DIR names. Where none of them can be written, each process compiles anew.

A code is a row of bits: 32 for the number of values, 5 for the bits of a value less one, 4 x 4 for the four widths of a
run's length less one; then the runs. A run is a bit that says whether it repeats one value, 2 bits for the width of its
length, the length less one, and its value, or all of its values. Bits that are left of the last byte are 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

WHOLE, CUT_OFF, TOO_LONG, TRAILING = range(4)
"""What `unpack` returns: all is well, the code ends too early, a run goes beyond the last value, something follows."""

HEADER_BITS = 53
LONGEST_RUN_BITS = 27
"""Of a run that repeats one value: 3 bits, 16 of length, 8 of value."""

_LONGEST = 1 << 16
_WINDOW = 40  # bits that are read at once: a run's 27 and the 7 before it in the same byte fit


def _compile(loop: Callable[..., Any]) -> Callable[..., Any]:
    try:
        return njit(cache=True)(loop)
    except RuntimeError:  # numba found no folder to keep the compiled loop in
        return njit(loop)


@njit
def _window(code: np.ndarray, at: int) -> int:
    """33 bits or more from bit `at` on, in the upper part of 40."""
    byte = at >> 3
    window = 0
    for index in range(byte, byte + 5):
        window = window << 8 | code[index]
    return (window << (at & 7)) & ((1 << _WINDOW) - 1)


@_compile
def pack(flat: np.ndarray, ends: np.ndarray, code: np.ndarray) -> int:
    """Write the runs behind the header, each pixel as four equal values.

    Args:
        flat: (N,) uint8, the mask row by row.
        ends: (R,) int64, for each run of equal pixels the index after its last one.
        code: (M,) uint8 to be written, with the header in its first 53 bits and 0 in the next 3; M is at least
            8 + (R + 4 N / 65536) * 27 / 8.

    Returns:
        How many bytes the code has. At least one bit of the last one is left over, so it may be a byte of nothing.
    """
    size = HEADER_BITS // 8
    waiting = HEADER_BITS - 8 * size
    held = np.int64(code[size]) >> (8 - waiting)
    start = 0
    for end in ends:
        left = 4 * (end - start)
        if left <= 8:
            kind, width = 0, 3
        elif left <= 16:
            kind, width = 1, 4
        elif left <= 256:
            kind, width = 2, 8
        else:
            kind, width = 3, 16
        value = np.int64(flat[start])
        while left > 0:
            length = min(left, _LONGEST)
            run = ((4 + kind) << width | (length - 1)) << 8 | value
            held = held << (11 + width) | run
            waiting += 11 + width
            while waiting >= 8:
                waiting -= 8
                code[size] = (held >> waiting) & 255
                size += 1
            held &= (1 << waiting) - 1
            left -= length
        start = end
    code[size] = held << (8 - waiting)
    return size + 1


@_compile
def unpack(code: np.ndarray, bits: int, alpha: np.ndarray) -> int:
    """Write every fourth value of a code of 8-bit values.

    Args:
        code: (M + 5,) uint8, the code and five bytes of 0.
        bits: 8 M, at least 53.
        alpha: (N,) uint8 to be written; the code was made of 4 N values.

    Returns:
        WHOLE, CUT_OFF, TOO_LONG or TRAILING; after any but the first, `alpha` holds something.
    """
    widths = np.empty(4, np.int64)
    for kind in range(4):
        widths[kind] = 1 + (_window(code, 37 + 4 * kind) >> (_WINDOW - 4))
    total, at, done = 4 * len(alpha), HEADER_BITS, 0
    while done < total:
        window = _window(code, at)
        width = widths[(window >> (_WINDOW - 3)) & 3]
        end = done + 1 + ((window >> (_WINDOW - 3 - width)) & ((1 << width) - 1))
        repeats = window >> (_WINDOW - 1)
        first = at + 3 + width
        at = first + (8 if repeats else 8 * (end - done))
        if at > bits:
            return CUT_OFF
        if end > total:
            return TOO_LONG
        # the pixels p whose fourth value, at 4 p + 3, is one of this run
        if repeats:
            value = (window >> (_WINDOW - 11 - width)) & 255
            for pixel in range(done >> 2, end >> 2):
                alpha[pixel] = value
        else:
            for pixel in range(done >> 2, end >> 2):
                alpha[pixel] = _window(code, first + 8 * (4 * pixel + 3 - done)) >> (_WINDOW - 8)
        done = end
    if bits - at > 8 or _window(code, at) != 0:
        return TRAILING
    return WHOLE
