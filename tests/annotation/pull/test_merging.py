"""Merging what was kept, without a server: one task that nobody foresaw stops no other."""

from __future__ import annotations

import base64
import struct
import zlib
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from occset.annotation.labels.codec import encode_bitmask
from occset.annotation.pull import merging
from occset.annotation.pull.merging import Merging, Options, Pulled
from occset.annotation.pull.raw_tasks import Raw, State
from occset.annotation.push.task_names import key_of, marker_of, side_of
from occset.pictures.masks import decode_rle
from occset.rounds.opening import open_chosen


def two_headers(url: str, side: int) -> str:
    """The bitmask with a second header, of another size, behind the first."""
    data = base64.b64decode(url.partition(",")[2])
    content = b"IHDR" + struct.pack(">II", side // 2, side // 2) + data[24:29]
    second = struct.pack(">I", 13) + content + struct.pack(">I", zlib.crc32(content))
    return "data:image/png;base64," + base64.b64encode(data[:33] + second + data[33:]).decode()


def kept_task(number: int, key: str, marker: str, side: int, url: str) -> dict[str, Any]:
    region = {
        "id": "r",
        "type": "bitmasklabels",
        "from_name": "bitmask",
        "to_name": "image",
        "original_width": side,
        "original_height": side,
        "value": {"format": "rle", "imageDataURL": url, "bitmasklabels": ["face"]},
    }
    annotation = {
        "id": 10 + number,
        "completed_by": 1,
        "updated_at": "2026-01-01T00:00:00Z",
        "was_cancelled": False,
        "lead_time": 3.0,
        "result": [region],
    }
    image = f"/data/local-files/?d={marker.replace(':', '-')}/{key}.jpg"
    return {"id": number, "data": {"key": key, "image": image}, "annotations": [annotation], "overlap": 1}


@pytest.mark.parametrize("where", ["a second header", "the reader fails", "the key's reader fails"])
def test_one_task_that_nobody_foresaw_stops_no_other(
    make_set: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    data = make_set()
    faces = sorted(data.faces.loc[data.faces["split"] == "train", "id"])[:2]
    ledger = open_chosen(data, faces)
    marker, raw = marker_of(ledger), Raw(data.path, 1)
    rows = {row["id"]: row for row in ledger.rows.to_dict("records")}
    drawn = np.zeros((side_of(rows[faces[0]]),) * 2, np.uint8)
    drawn[60:200, 70:180] = 255
    for number, face in enumerate(faces, 1):
        url = encode_bitmask(drawn)
        url = two_headers(url, len(drawn)) if number == 1 and where == "a second header" else url
        raw.keep(7, kept_task(number, key_of(marker, face), marker, len(drawn), url))
    if where != "a second header":
        name = "read_task" if where == "the reader fails" else "key_of_task"
        read = getattr(merging, name)

        def fail(task: dict[str, Any], *more: Any) -> Any:
            if task["id"] == 1:
                raise ZeroDivisionError("what nobody\nforesaw")
            return read(task, *more)

        monkeypatch.setattr(merging, name, fail)
    pulled = Pulled(1, "http://127.0.0.1:1/projects/7", ledger)
    studio: Any = SimpleNamespace(users=lambda: {1: "anna"}, url="http://127.0.0.1:1")
    Merging(data, studio, raw, State("s", 7), pulled, marker, Options(), {1, 2}).run()
    (name, why), *others = pulled.refused
    assert not others and name == ("task 1" if where == "the key's reader fails" else faces[0])
    assert (
        "task 1" in name + why
        and ("two headers" if where == "a second header" else "ZeroDivisionError: what nobody") in why
    )
    assert "\n" not in why
    data.refresh()
    assert pulled.merged == 1
    masks = data.faces.set_index("id")["mask"]
    assert np.array_equal(decode_rle(masks[faces[1]], 256, 256), drawn)
    assert masks[faces[0]] == rows[faces[0]]["label_before"]
