"""Masks in their three forms, PNG, COCO RLE and soft alpha, with exact conversions between them.

A mask is (H, W) uint8, 0 or 255, 255 = the thing named (face, occlusion, hole). A soft mask is (H, W) uint8, 0..255;
`harden` makes it binary at the one threshold of the house, alpha > 127.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco

from occset.support.errors import BadInput

THRESHOLD = 127
_MOST_PIXELS = 1 << 28


def harden(soft: np.ndarray) -> np.ndarray:
    """Soft mask (H, W) uint8 to binary: 255 where the value is above 127, else 0."""
    return (soft > THRESHOLD).view(np.uint8) * np.uint8(255)


def check_mask(mask: np.ndarray, what: str) -> np.ndarray:
    """Return ``mask`` if it is (H, W) uint8 with no value but 0 and 255.

    Raises:
        BadInput: names ``what`` and says how it differs.
    """
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise BadInput(f"{what}: a mask is (H, W) uint8, this is {mask.shape} {mask.dtype}: convert it before adding")
    counts = np.bincount(mask.ravel(), minlength=256)
    if counts[1:255].any():
        value = int(np.flatnonzero(counts[1:255])[0]) + 1
        raise BadInput(
            f"{what}: a mask holds 0 and 255 only, this one also {value}: save it as PNG (JPEG blurs masks) with 0 and 255"
        )
    return mask


def encode_rle(mask: np.ndarray) -> str:
    """Binary mask (H, W) to the counts string of a COCO RLE; the size (H, W) has to be kept beside it."""
    return coco.encode(np.asfortranarray(mask > 0))["counts"].decode("ascii")


def decode_rle(counts: str, height: int, width: int) -> np.ndarray:
    """Counts string of a COCO RLE to a binary mask (H, W) uint8, 0 or 255.

    Raises:
        BadInput: the counts are no RLE, or do not add up to height x width.
    """
    if not 0 < height * width <= _MOST_PIXELS:
        raise BadInput(f"a mask of {width} x {height} pixels is out of range: restore the table from a copy")
    total = run_total(counts)
    if total != height * width:
        raise BadInput(f"an RLE of {total} pixels was given for a mask of {width} x {height}")
    rle = {"counts": counts.encode("ascii"), "size": [height, width]}
    decoded = cv2.transpose(coco.decode(rle).T)  # it comes column by column, and OpenCV turns it over fastest
    return decoded.reshape(int(height), int(width)) * np.uint8(255)  # a column with a hole gives them as floats


def to_coco(mask: np.ndarray) -> dict[str, Any]:
    """Binary mask (H, W) uint8 to a COCO segmentation: ``{"size": [H, W], "counts": "..."}``, ready for JSON."""
    return {"size": list(mask.shape), "counts": encode_rle(mask)}


def from_coco(segmentation: dict[str, Any]) -> np.ndarray:
    """COCO segmentation (counts as text or bytes) to a binary mask (H, W) uint8, 0 or 255.

    Raises:
        BadInput: it is not a compressed RLE, or its counts do not add up to its size.
    """
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list | tuple) or len(size) != 2 or not isinstance(counts, str | bytes):
        raise BadInput(
            "a COCO mask needs size [H, W] and compressed counts: convert it with pycocotools.mask.frPyObjects"
        )
    return decode_rle(counts.decode("ascii") if isinstance(counts, bytes) else counts, int(size[0]), int(size[1]))


_MOST_DIGITS, _MOST_DIGITS_A_RUN = 1 << 26, 7  # sums of so many runs fit into 64 bits


def run_total(counts: str) -> int:
    """Sum of the runs of a COCO counts string: the number of pixels it describes.

    COCO writes each run as base-32 digits of a zig-zag-free signed number, the third run on as a difference to the
    run two before; pycocotools checks neither sum nor sign, and would write beyond its buffer.

    Raises:
        BadInput: a character or a run that no RLE has, or an end in the middle of a run.
    """
    mend = "restore the table from a copy, or label the face again"
    text = counts.encode("ascii", "ignore")
    digits = np.frombuffer(text, np.uint8).astype(np.int64) - 48
    if len(text) != len(counts) or len(text) > _MOST_DIGITS or not ((digits >= 0) & (digits < 64)).all():
        raise BadInput(f"'{counts[:20]}' is no RLE of COCO: {mend}")
    if not len(digits):
        return 0
    ends = np.flatnonzero(digits & 0x20 == 0)
    if not len(ends) or ends[-1] != len(digits) - 1:
        raise BadInput(f"'{counts[:20]}' is an RLE that was cut off: {mend}")
    starts = np.append(0, ends[:-1] + 1)
    lengths = ends - starts + 1
    if lengths.max() > _MOST_DIGITS_A_RUN:
        raise BadInput(f"'{counts[:20]}' is no RLE of COCO: {mend}")
    shifts = 5 * (np.arange(len(digits)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((digits & 0x1F) << shifts, starts)
    runs -= np.where(digits[ends] & 0x10, np.int64(1) << (5 * lengths), 0)
    for chain in (runs[1::2], runs[2::2]):  # from the third on a run is a difference to the run two before
        np.cumsum(chain, out=chain)
    if (runs < 0).any():
        raise BadInput(f"'{counts[:20]}' is an RLE with a negative run: {mend}")
    return (int((runs >> 31).sum()) << 31) + int((runs & 0x7FFFFFFF).sum())  # in halves, since 64 bits may not do


def area(mask: np.ndarray) -> int:
    """Number of pixels that are on."""
    return int(np.count_nonzero(mask))


def shrink_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """Binary mask (H, W) to (size, size): exact average of the covered pixels, on where more than half is covered."""
    from occset.pictures.images import shrink

    return mask if mask.shape == (size, size) else harden(shrink(mask, size))


def read_mask(path: Path, threshold: int | None = None, how: str = "") -> np.ndarray:
    """Read a stored mask as (H, W) uint8, 0 or 255, in whichever of the ways of `occset.pictures.mask_reading` it is kept.

    Args:
        path: a PNG, or any other picture.
        threshold: 0..254: on is what is above it, for masks with soft edges; None takes masks of two values only.
        how: how the user gives a threshold, such as "--threshold 127", for the message.

    Raises:
        BadInput: missing or broken file, or one that does not say where the named thing is; names file and reason.
    """
    from occset.pictures.decoding import decode_stored
    from occset.pictures.images import MAX_PIXELS
    from occset.pictures.mask_reading import binary_of, levels_of

    return binary_of(levels_of(decode_stored(path, MAX_PIXELS), str(path)), str(path), threshold, how)


def read_soft_mask(path: Path, max_pixels: int | None = None) -> np.ndarray:
    """Read a soft mask, stored as `read_mask` takes it but of any levels, as (H, W) uint8; `harden` makes it binary.

    Args:
        path: the file.
        max_pixels: largest width x height that gets decoded; that of `occset.pictures.images` when None.

    Raises:
        BadInput: missing or broken file, or one that does not say where the named thing is; names file and reason.
    """
    from occset.pictures.decoding import decode_stored
    from occset.pictures.images import MAX_PIXELS
    from occset.pictures.mask_reading import levels_of, soft_of

    return soft_of(levels_of(decode_stored(path, max_pixels or MAX_PIXELS), str(path)))


def read_cutout(path: Path) -> np.ndarray:
    """Read a cut-out, (H, W, 4) uint8, straight alpha 0..255; an alpha of 0 and 1 is read as one of 0 and 255.

    Raises:
        BadInput: missing or broken file, or one without transparency; names it.
    """
    from occset.pictures.decoding import decode_stored
    from occset.pictures.images import MAX_PIXELS, read_rgba
    from occset.pictures.mask_reading import alpha_of, soft_of

    rgba = read_rgba(path, need_alpha=True)
    if rgba[:, :, 3].max() <= 1:  # nothing that could be seen, unless it was meant otherwise
        rgba = np.dstack([rgba[:, :, :3], soft_of(alpha_of(decode_stored(path, MAX_PIXELS), str(path)))])
    return rgba


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a binary or soft mask (H, W) uint8 as a grey PNG, atomically."""
    from occset.pictures.images import write_png

    write_png(path, mask)
