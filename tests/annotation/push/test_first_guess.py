"""What is drawn already: for faces what was found, for honeypots something that an annotator must mend, all of it known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from occset.annotation.push.first_guess import Guesses, label_of, truths_of
from occset.annotation.push.push import push
from occset.annotation.push.sent_prelabels import Sent, add_sent, prelabels_path, read_sent
from occset.annotation.push.task_names import key_of, marker_of, picture_of, side_of
from occset.annotation.push.task_pictures import copy_of
from occset.dataset.usable import usable_faces
from occset.mining.signals import iou
from occset.pictures.masks import decode_rle
from occset.rounds.honeypots import MOST_RIGHT, damage
from occset.rounds.opening import open_chosen
from occset.support.errors import BadInput
from tests.annotation.annotating import Oval
from tests.annotation.fake_studio import FakeStudio
from tests.fixture_types import MakeSet


def ellipse(side: int, centre: tuple[int, int], axes: tuple[int, int]) -> np.ndarray:
    return cv2.ellipse(np.zeros((side, side), np.uint8), centre, axes, 0, 0, 360, 255, -1)


FACE = ellipse(512, (256, 280), (140, 190))
WORN = np.where(ellipse(512, (256, 200), (160, 40)) > 0, 0, FACE).astype(np.uint8)
SHAPES = {
    "a good guess": (FACE, FACE),
    "a guess that misses the glasses": (FACE, WORN),
    "a guess that found nothing": (np.zeros_like(FACE), WORN),
    "a guess elsewhere": (ellipse(512, (60, 60), (40, 40)), FACE),
    "a small picture": (ellipse(33, (16, 16), (9, 12)), ellipse(33, (16, 16), (9, 12))),
    "the whole picture": (np.full((64, 64), 255, np.uint8), np.full((64, 64), 255, np.uint8)),
    "two pieces": (np.maximum(ellipse(256, (60, 128), (40, 80)), ellipse(256, (190, 128), (40, 80))),) * 2,
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_damaged_guess_is_wrong_and_some_of_it_is_left(name: str) -> None:
    mask, truth = SHAPES[name]
    before = mask.copy()
    places = set()
    for seed in range(12):
        key = f"{seed * 0x9E3779B97F4A7C15 % (1 << 64):016x}"
        found = damage(mask, truth, key)
        assert found.shape == mask.shape and found.dtype == np.uint8 and set(np.unique(found)) <= {0, 255}
        assert iou(found, truth) <= MOST_RIGHT and found.any()
        assert np.array_equal(found, damage(mask, truth, key))
        places.add(found.tobytes())
    assert len(places) > 6, "each is wrong elsewhere"
    assert np.array_equal(mask, before)


def test_a_face_of_one_pixel_or_none_ends_too() -> None:
    dot = np.zeros((40, 40), np.uint8)
    assert not damage(dot, dot, "1").any()
    dot[7, 9] = 255
    assert damage(dot, dot, "1").any()


def test_what_was_sent_is_kept_and_the_later_one_stays(tmp_path: Path) -> None:
    assert read_sent(tmp_path, 1) == {}
    add_sent(tmp_path, 1, {})
    assert not prelabels_path(tmp_path, 1).exists()
    add_sent(tmp_path, 1, {"f2": Sent(FACE, "ns-1"), "f1": Sent(WORN, "ns-1")})
    add_sent(tmp_path, 1, {"f2": Sent(WORN, "ns-2")})
    found = read_sent(tmp_path, 1)
    assert {name: one.version for name, one in found.items()} == {"f1": "ns-1", "f2": "ns-2"}
    assert np.array_equal(found["f2"].mask, WORN)
    prelabels_path(tmp_path, 1).write_bytes(b"none")
    with pytest.raises(BadInput, match=r"prelabels.parquet"):
        read_sent(tmp_path, 1)


@pytest.mark.parametrize("kind", ["model", "label", "none"])
def test_faces_get_what_was_found_and_honeypots_what_is_wrong(make_set: MakeSet, kind: str) -> None:
    data = make_set(faces=40)
    ledger = open_chosen(data, usable_faces(data, "train")[:4], honeypots=1.0)
    marker, guesses, made = marker_of(ledger), Guesses(data.path, 1, Oval(), kind), {}
    rows: Any = ledger.rows.to_dict("records")
    for row in rows:
        key = key_of(marker, row["id"])
        jpeg, side = copy_of(picture_of(data, 1, row))
        made[key] = guesses.make(key, row, jpeg, side)
        assert side == side_of(row)
    assert read_sent(data.path, 1) == {}, "nothing was sent yet"
    guesses.keep(list(made)[:-1])
    sent = read_sent(data.path, 1)
    if kind == "none":
        assert sent == {} and set(made.values()) == {None}
        return
    assert len(sent) == 7
    truths = truths_of(ledger, marker)
    oval = cv2.resize(Oval().probabilities(np.zeros((1, 64, 64, 3), np.uint8))[0], (256, 256)) > 0.5
    for row in rows[:-1]:
        key = key_of(marker, row["id"])
        guess, truth = made[key], decode_rle(row["label_before"], row["height"], row["width"])
        assert guess is not None and np.array_equal(sent[row["id"]].mask, guess.mask)
        if row["arm"] == "honeypot":
            assert np.array_equal(truths[key], truth) and 0.2 < iou(guess.mask, truth) <= MOST_RIGHT
        else:
            right = oval if kind == "model" else label_of(row, 256) > 0
            assert np.array_equal(guess.mask > 0, right) and key not in truths


def test_a_rehearsal_names_the_honeypots_to_the_curator(make_set: MakeSet) -> None:
    data = make_set(faces=40)
    ledger = open_chosen(data, usable_faces(data, "train")[:4], honeypots=0.5)
    studio = FakeStudio(ledger)
    found = push(data, studio.as_studio(), 1, dry_run=True)
    assert (
        found.honeypots == list(ledger.rows.loc[ledger.rows["arm"] == "honeypot", "id"]) and len(found.honeypots) == 2
    )
    assert not any(name in str(task) for task in studio.by_id.values() for name in found.honeypots)
