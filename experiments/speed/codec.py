"""Speed of Label Studio's brush code, written and read, against the SDK's own functions, in one run.

Run as ``python -m experiments.speed.codec``. Ours gives and takes the mask; the peer's `decode_rle` returns four
channels, of which a reader of masks keeps one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from experiments.speed.row import row
from occset.support.references import load

ENCODE_LIMIT, DECODE_LIMIT = 10.0, 50.0
SIZE = 512
_ROUNDS, _OURS_A_ROUND = 5, 20


def measure() -> list[dict[str, Any]]:
    """Time both over the same masks: a smooth one and a ragged one, written and read.

    Returns:
        Four rows, see `experiments.speed.row`, in milliseconds a mask; compiling comes before.
    """
    return [line for kind, mask in (("smooth", _smooth()), ("ragged", _ragged())) for line in _compare(kind, mask)]


def _compare(kind: str, mask: np.ndarray) -> list[dict[str, Any]]:
    from label_studio_sdk.converter.brush import decode_rle, mask2rle

    # by name: the bench imports nothing of the annotation folder
    encode_brush: Callable[[np.ndarray], list[int]] = load("occset.annotation.labels.codec:encode_brush")
    decode_brush: Callable[[list[int], int, int], np.ndarray] = load("occset.annotation.labels.codec:decode_brush")
    code = encode_brush(mask)
    if code != mask2rle(mask) or not np.array_equal(decode_brush(code, SIZE, SIZE), mask):
        raise RuntimeError(f"the {kind} mask is not what the SDK writes: run tests/annotation/labels/test_codec.py")
    writing = _time(lambda: encode_brush(mask), lambda: mask2rle(mask))
    reading = _time(lambda: decode_brush(code, SIZE, SIZE), lambda: decode_rle(code))
    rows = []
    for verb, name, limit, (ours, peer) in (
        ("encode", "mask2rle", ENCODE_LIMIT, writing),
        ("decode", "decode_rle", DECODE_LIMIT, reading),
    ):
        title = f"{verb} a {kind} mask at {SIZE} px / label-studio-sdk's {name}"
        rows.append(row(title, ours, peer, f"at most 1/{limit:g}", ours * limit <= peer))
    return rows


def _time(ours: Callable[[], Any], peer: Callable[[], Any]) -> tuple[float, float]:
    """Medians in milliseconds a call, measured in turn, so that whatever slows this machine down slows both."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(_ROUNDS):
        for kept, call, times in ((seconds[0], ours, _OURS_A_ROUND), (seconds[1], peer, 1)):
            started = time.perf_counter()
            for _ in range(times):
                call()
            kept.append((time.perf_counter() - started) / times)
    return 1000 * float(np.median(seconds[0])), 1000 * float(np.median(seconds[1]))


def _smooth() -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(mask, (250, 270), (140, 190), 20, 0, 360, 255, -1)
    return mask


def _ragged() -> np.ndarray:
    """An ellipse with a bumpy edge that frays into strands, like hair."""
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    depth = 1 - np.hypot((xx - 250) / 170, (yy - 270) / 210)
    strands = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)), (0, 0), sigmaX=1.0, sigmaY=8.0)
    blobs = cv2.GaussianBlur(rng.normal(0, 1, (SIZE, SIZE)), (0, 0), 6.0)
    field = depth + 0.15 * strands / strands.std() + 0.1 * blobs / blobs.std()
    return np.where(field > 0, np.uint8(255), np.uint8(0))


if __name__ == "__main__":
    for line in measure():
        print(line)
