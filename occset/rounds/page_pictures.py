"""The pictures of a round's page: a face, the outlines of its label before and after, and what lies between them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import read_image, shrink
from occset.pictures.masks import decode_rle, harden
from occset.rounds.ledger import ledger_path
from occset.rounds.page_parts import Safe, change, duration, hint, join, overlap, text
from occset.support.errors import BadInput, OccsetError
from occset.support.files import safe_join

SIDE = 256
"""Longest side of a picture on the page, pixels."""

ADDED, REMOVED = (0, 114, 178), (213, 94, 0)
"""Blue and orange, which people who confuse red and green tell apart: the colours of after and before."""

_MOST_BROKEN = 50
_JPEG_QUALITY = 82
_LONGEST_PATH = 30_000  # characters; a face's outline takes 2000
_SHADE = 105  # alpha of the shading: skin stays visible below


def picture_of(data: OcclusionSet, number: int, row: dict[str, Any], words: str, names: tuple[str, str]) -> Safe:
    """The picture of a pick with its labels drawn in.

    Args:
        data: the set.
        number: of the round.
        row: of the ledger, nulls as None; it has a label after.
        words: what the picture shows, for those who do not see it.
        names: of the two labels, for those who hover.

    Raises:
        OccsetError: its picture or one of its labels cannot be used; says why.
    """
    image = _image(data, number, row)
    height, width = image.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    masks = [None if row[c] is None else _mask(row, c, size) for c in ("label_before", "label_after")]
    before, after = masks
    layers = [f'<img alt="{text(words)}" width="{size[1]}" height="{size[0]}" src="{jpeg(shrink(image, size))}">']
    if before is not None and after is not None and (before != after).any():
        layers.append(f'<img class="shade" alt="" src="{_shading(before, after)}">')
    outlines = [
        f'<path class="{kind}" d="{outline(mask)}"><title>{text(name)}</title></path>'
        for kind, mask, name in zip(("before", "after"), masks, names, strict=True)
        if mask is not None
    ]
    layers.append(f'<svg viewBox="0 0 {size[1]} {size[0]}" aria-hidden="true">{"".join(outlines)}</svg>')
    return Safe(f'<div class="stage">{"".join(layers)}</div>')


def card(row: dict[str, Any], picture: Safe, anchor: str) -> Safe:
    """A picture and what is said of it."""
    if row["arm"] == "honeypot":
        facts = [f"IoU with the truth <b>{overlap(row['iou'])}</b>"] if row["iou"] is not None else []
    elif row["iou"] is None:
        facts = ["<b>first label</b>"]
    else:
        facts = [f"IoU <b>{overlap(row['iou'])}</b>"]
        facts += [f"area {change(row['area_change'])}"] if row["area_change"] is not None else []
    facts += [text(duration(row["lead_time"]))] if row["lead_time"] is not None else []
    who = f"by {', '.join(row['annotators'])}" if row["annotators"] else ""
    name = f" <small>{text(row['id'])}</small>" if row["id"] != row["source_id"] else ""
    said = join(
        Safe(f"<p>{text(line)}</p>") for line in (who, row["reason"] if row["arm"] != "honeypot" else "") if line
    )
    return Safe(
        f'<figure id="{anchor}">{picture}<figcaption>{", ".join(facts)} <span class="pill">{text(row["arm"])}</span>'
        f"<p>{text(row['source_id'])}{name}</p>{said}</figcaption></figure>\n"
    )


_VIEWS = (("both", "Before and after"), ("before", "Before"), ("after", "After"), ("none", "Picture only"))


def gallery(faces: list[Safe], honeypots: list[Safe], wanted: int, broken: list[tuple[str, str]]) -> Safe:
    """All pictures, with buttons that say which outlines are drawn, and what could not be shown."""
    parts: list[Safe] = []
    if broken:
        items = join(Safe(f"<li><b>{text(face)}</b>: {text(why)}</li>") for face, why in broken[:_MOST_BROKEN])
        if len(broken) > _MOST_BROKEN:
            items = join([items, Safe(f"<li>and {len(broken) - _MOST_BROKEN} more</li>")])
        parts.append(
            Safe(f'<div class="note" role="note">Without a usable picture, and left out here:<ul>{items}</ul></div>\n')
        )
    shown = len(faces) + len(honeypots)
    if not shown:
        return join([*parts, hint("No label changed." if not wanted else "No picture is shown.")])
    if shown + len(broken) < wanted:
        parts.append(hint(f"The {shown} with the lowest IoU of {wanted}, first labels last."))
    else:
        parts.append(hint("Lowest IoU first, first labels last."))
    for view, _ in _VIEWS:
        checked = " checked" if view == "both" else ""
        parts.append(Safe(f'<input class="view" type="radio" name="view" id="view-{view}"{checked}>'))
    labels = join(Safe(f'<label for="view-{view}">{name}</label>') for view, name in _VIEWS)
    parts.append(Safe(f'<div class="views" role="group" aria-label="Outlines">{labels}</div>\n'))
    if faces:
        parts += [_legend("before", "after", "added", "removed"), Safe(f'<div class="gallery">{join(faces)}</div>\n')]
    if honeypots:
        parts += [Safe("<h3>Honeypots</h3>\n"), _legend("truth", "annotators", "too much", "missed")]
        parts.append(Safe(f'<div class="gallery">{join(honeypots)}</div>\n'))
    return join(parts)


def _legend(before: str, after: str, added: str, removed: str) -> Safe:
    words = (("before", before), ("after", after), ("added", added), ("removed", removed))
    return Safe(
        f'<ul class="legend">{join(Safe(f"<li><i class={kind}></i>{word}</li>") for kind, word in words)}</ul>\n'
    )


def without_folder(data: OcclusionSet, error: OccsetError) -> str:
    """An error's words without where the set lies, which is nobody's business who reads the page."""
    said = str(error)
    for folder in (data.path.resolve(), data.path):
        said = said.replace(f"{folder}/", "").replace(str(folder), "the set") if len(str(folder)) > 1 else said
    return said


def _image(data: OcclusionSet, number: int, row: dict[str, Any]) -> np.ndarray:
    if row["arm"] == "honeypot":
        folder: Path = ledger_path(data.path, number).parent / "honeypots"
        image = read_image(safe_join(folder, f"{row['id']}.png"))
    else:
        image = data.load_image(row["id"])
    if image.shape[:2] != (row["height"], row["width"]):
        raise BadInput(
            f"is {image.shape[1]} x {image.shape[0]}, the ledger says {row['width']} x {row['height']}: "
            "the picture was replaced, restore it from a copy"
        )
    return image


def _mask(row: dict[str, Any], column: str, size: tuple[int, int]) -> np.ndarray:
    """A label at the picture's size, 0/255; on where more than half of what it covers is on."""
    mask = decode_rle(row[column], int(row["height"]), int(row["width"]))
    return mask if mask.shape == size else harden(shrink(mask, size))


def outline(mask: np.ndarray) -> str:
    """The edges of a mask as an SVG path, holes too, a third of a pixel off at most; of crumbs only the largest."""
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    path = ""
    for contour in sorted(contours, key=len, reverse=True):
        curve = cv2.approxPolyDP(contour, 0.35, True)[:, 0]
        path += "M" + " ".join(f"{x + 0.5:g},{y + 0.5:g}" for x, y in curve) + "Z"
        if len(path) > _LONGEST_PATH:
            break
    return path


def _shading(before: np.ndarray, after: np.ndarray) -> str:
    shade = np.zeros((*before.shape, 4), np.uint8)
    for colour, where in ((ADDED, after > before), (REMOVED, before > after)):
        shade[where] = (*colour, _SHADE)
    return data_uri("png", cv2.cvtColor(shade, cv2.COLOR_RGBA2BGRA), [cv2.IMWRITE_PNG_COMPRESSION, 9])


def jpeg(image: np.ndarray) -> str:
    """A picture (H, W, 3) uint8 RGB as the address of a JPEG inside the page."""
    return data_uri("jpeg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])


def data_uri(kind: str, image: np.ndarray, settings: list[int]) -> str:
    """A picture in OpenCV's order of channels as an address inside the page; ``kind`` is the suffix of the format."""
    encode: Callable[..., Any] = cv2.imencode
    done, encoded = encode(f".{kind}", image, settings)
    if not done:
        raise RuntimeError(f"OpenCV could not encode a picture of shape {image.shape} as {kind}")
    return f"data:image/{kind};base64," + base64.b64encode(encoded.tobytes()).decode()
