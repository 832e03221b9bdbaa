"""Methods by name: built-ins, classes of the user's own, plug-ins, folders of predictions, and what goes wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.benchmark.methods.interfaces import Deoccluder, Learns
from occset.benchmark.tasks import opening
from occset.benchmark.tasks.deocclusion import CONTROLS, METHODS, TASK
from occset.benchmark.tasks.deocclusion.evaluator import run_checked
from occset.benchmark.tasks.deocclusion.predictions import Predictions
from occset.benchmark.tasks.opening import available, is_control, open_method, runnable
from occset.benchmark.tasks.problems import problems_of
from occset.benchmark.tasks.segmentation.predictions import Predictions as MaskPredictions
from occset.models.registry import find, networks
from occset.pictures.images import write_png
from occset.support.errors import BadInput, BrokenMethod, OccsetError, UnknownName, UnsafePath
from tests.benchmark.untrained import untrained

RIVALS = [name for name, network in networks().items() if network.does == TASK.name]
UNTRAINED = untrained(METHODS)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in UNTRAINED])
def test_every_built_in_opens_under_its_own_name(name: str) -> None:
    method = open_method(name)
    assert isinstance(method, Deoccluder)
    assert method.name == name
    assert is_control(name, method, TASK) == (name in CONTROLS)
    assert isinstance(method, Learns) == (name == "pca")


def test_all_are_those_that_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    names, left_out = runnable(TASK)
    assert (set(names), set(left_out)) == (set(METHODS) - set(CONTROLS) - UNTRAINED, UNTRAINED)
    monkeypatch.setenv("OCCSET_NG", "nowhere")
    names, left_out = runnable(TASK)
    assert {"telea", "pca", "ours-blend", "ours@25k"} <= set(names)
    assert set(left_out) == {"ours", "ours+mask", *UNTRAINED}
    assert left_out["ours"].startswith("nowhere: no file of weights here")


def test_without_weights_those_left_out_are_told_how_to_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("occset.models.registry._WEIGHTS", tmp_path)
    names, left_out = runnable(TASK)
    assert set(names) == {"telea", "navier-stokes", "patchmatch", "pca", "mean-colour"}
    assert set(left_out) == set(METHODS) - set(CONTROLS) - set(names)
    for name in RIVALS:
        assert f"occset train {name} --data SET" in left_out[name] and find(name).environment in left_out[name]


def test_the_list_tells_what_each_is_given() -> None:
    rows = {row.name: row for row in available(TASK)}
    assert rows["telea"].given == ("mask",)
    assert rows["telea"].kind == "method"
    assert rows["mean-colour"].kind == "method"
    assert {name for name, row in rows.items() if row.kind == "control"} == {"truth", "input", "noise", "shifted-truth"}
    assert rows["shifted-truth"].given == ("mask", "truth")
    assert rows["input"].given == ()
    assert rows["onnx:FILE"].kind == "form"
    assert all(row.description for row in rows.values())


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="no method is called 'patchmach': did you mean patchmatch"):
        open_method("patchmach")


MODULE = """
import numpy as np

class Good:
    name = "good"
    given = ("mask",)

    def deocclude(self, images, masks):
        return images.copy()

class NoName:
    given = ()

    def deocclude(self, images, masks):
        return images

class StringGiven:
    name = "x"
    given = "mask"
    deocclude = None

class AsksForTheMoon(NoName):
    name = "moon"
    given = ("moon",)

class Peeks(Good):
    given = ("mask", "truth")
    control = True

class SeesTheFace(Good):
    given = ("face",)

class NeedsArguments(Good):
    def __init__(self, path):
        pass

ready = Good()

def function(images, masks):
    return images
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with a module of the user's own."""
    (tmp_path / "my_methods_under_test.py").write_text(MODULE)
    (tmp_path / "broken_under_test.py").write_text("raise RuntimeError('at import')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("my_methods_under_test", "broken_under_test"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_a_class_in_the_current_directory(here: Path) -> None:
    assert open_method("my_methods_under_test:Good").name == "good"
    assert open_method("my_methods_under_test:ready").name == "good"


@pytest.mark.parametrize(
    ("attr", "said"),
    [
        ("NoName", "it needs a `name`"),
        ("StringGiven", "it needs `given`, a tuple .*; it needs a method `deocclude"),
        ("AsksForTheMoon", "`given` names 'moon'; what can be given is mask, ids"),
        ("Peeks", "`given` names 'truth', the answer, which only the built-in controls are given: ask for mask or ids"),
        ("SeesTheFace", "`given` names 'face', the answer, which only the built-in controls are given"),
        ("NeedsArguments", "cannot be constructed without arguments"),
        ("function", "is a function; name a class"),
    ],
)
def test_what_is_no_method_says_what_it_lacks(here: Path, attr: str, said: str) -> None:
    with pytest.raises(BrokenMethod, match=said):
        open_method(f"my_methods_under_test:{attr}")


def test_a_control_is_one_by_its_name_here_and_by_its_class(here: Path) -> None:
    impostor = open_method("my_methods_under_test:Good")
    impostor.control = True  # type: ignore[attr-defined]
    assert not is_control("my_methods_under_test:Good", impostor, TASK)
    assert not is_control("truth", impostor, TASK)
    assert not is_control("mean-colour", open_method("mean-colour"), TASK)
    with pytest.raises(BrokenMethod, match="only the built-in controls"):
        open_method("occset.benchmark.tasks.deocclusion.controls:Truth")


def test_modules_that_are_not_there_or_fail(here: Path) -> None:
    for spec in ("nowhere:Class", "nowhere.below:Class"):
        with pytest.raises(OccsetError, match=r"no module nowhere on .*: run in the folder that holds nowhere\.py"):
            open_method(spec)
    with pytest.raises(OccsetError, match="has no Other"):
        open_method("my_methods_under_test:Other")
    with pytest.raises(BrokenMethod, match="cannot be imported: it raised RuntimeError on import: at import"):
        open_method("broken_under_test:Class")


def test_plug_ins(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(here))
    points = [
        EntryPoint("theirs", "my_methods_under_test:Good", opening.ENTRY_POINTS),
        EntryPoint("wrecked", "broken_under_test:Good", opening.ENTRY_POINTS),
        EntryPoint("telea", "my_methods_under_test:Good", opening.ENTRY_POINTS),
    ]
    monkeypatch.setattr(opening, "entry_points", lambda group: points if group == "occset.methods" else [])
    assert open_method("theirs").name == "good"
    assert type(open_method("telea")).__name__ == "Telea"  # a plug-in cannot take a built-in's name
    with pytest.raises(
        BrokenMethod, match=r"the plug-in 'wrecked' .* cannot be loaded: it raised RuntimeError on import: at import"
    ):
        open_method("wrecked")
    rows = {row.name: row for row in available(TASK)}
    assert (rows["theirs"].kind, rows["theirs"].given) == ("plug-in", ("mask",))
    assert "cannot be used" in rows["wrecked"].description
    with pytest.raises(UnknownName, match="did you mean theirs"):
        open_method("their")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two predictions of different colours, RGB."""
    folder = tmp_path / "my predictions"
    folder.mkdir()
    for name, colour in (("s1", (200, 10, 20)), ("s2", (30, 40, 250))):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((8, 8, 3), colour[::-1], np.uint8))
    return folder


def test_predictions_come_by_sample_id_and_in_rgb(folder: Path) -> None:
    method = open_method(f"predictions:{folder}")
    assert method.name == "my predictions"
    images = np.zeros((2, 8, 8, 3), np.uint8)
    checked = run_checked(method, images, None, ids=["s2", "s1"])
    np.testing.assert_array_equal(checked.images[:, 0, 0], [[30, 40, 250], [200, 10, 20]])


def test_predictions_that_cannot_be_used(folder: Path) -> None:
    method = open_method(f"predictions:{folder}")
    images = np.zeros((2, 8, 8, 3), np.uint8)
    with pytest.raises(BrokenMethod, match=r"1 of these 2 samples have no picture in .*, such as s3\.png; write"):
        run_checked(method, images, None, ids=["s1", "s3"])
    with pytest.raises(BrokenMethod, match="cannot be a file name"):
        run_checked(method, images, None, ids=["s1", "../s2"])
    with pytest.raises(UnsafePath):
        method.deocclude(images, None, ids=["../s2", "s1"])  # type: ignore[call-arg]
    cv2.imwrite(str(folder / "s3.png"), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(BrokenMethod, match=r"s3\.png is 4 x 4 and s1\.png 8 x 8"):
        run_checked(method, images, None, ids=["s1", "s3"])
    (folder / "s4.png").write_bytes(b"\x89PNG rubbish")
    with pytest.raises(BrokenMethod, match=r"s4\.png"):
        run_checked(method, images, None, ids=["s1", "s4"])
    with pytest.raises(BadInput, match="is not a folder"):
        open_method(f"predictions:{folder / 'nowhere'}")


def test_predictions_may_be_named_as_renderings_are(folder: Path) -> None:
    (folder / "s1.png").rename(folder / "000000_s1.png")
    (folder / "s2.png").rename(folder / "model_s2.png")
    cv2.imwrite(str(folder / "000001_other_s1.png"), np.zeros((8, 8, 3), np.uint8))  # of a sample "other_s1"
    method = open_method(f"predictions:{folder}")
    images = np.zeros((2, 8, 8, 3), np.uint8)
    checked = run_checked(method, images, None, ids=["s2", "s1"])
    np.testing.assert_array_equal(checked.images[:, 0, 0], [[30, 40, 250], [200, 10, 20]])
    (folder / "another_s2.png").write_bytes((folder / "model_s2.png").read_bytes())
    with pytest.raises(BrokenMethod, match=r"another_s2\.png and model_s2\.png in .* both fit sample s2"):
        run_checked(method, images, None, ids=["s1", "s2"])


def test_predictions_of_another_kind_are_mentioned(folder: Path) -> None:
    for name in ("s3.jpg", "s4.jpg", "notes.txt"):
        (folder / name).write_bytes(b"")
    method = open_method(f"predictions:{folder}")
    said = r"2 of these 3 samples have no picture .* s3\.png \(s3\.jpg is there, but only PNG keeps every pixel: convert it"
    with pytest.raises(BrokenMethod, match=said):
        run_checked(method, np.zeros((3, 8, 8, 3), np.uint8), None, ids=["s1", "s3", "s4"])
    with pytest.raises(BrokenMethod, match=r"s9\.png \(the folder also holds 2 \.jpg, which are not read"):
        run_checked(method, np.zeros((3, 8, 8, 3), np.uint8), None, ids=["s1", "s9", "s5"])


def test_predictions_have_their_suffix_in_any_case_and_junk_is_none(folder: Path) -> None:
    before = open_method(f"predictions:{folder}").weights_hash
    for name in ("._s1.png", "._000000_s2.png", ".DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"left by a system")
    assert open_method(f"predictions:{folder}").weights_hash == before
    (folder / "s1.png").rename(folder / "000000_s1.PNG")
    method = open_method(f"predictions:{folder}")
    checked = run_checked(method, np.zeros((2, 8, 8, 3), np.uint8), None, ids=["s2", "s1"])
    np.testing.assert_array_equal(checked.images[:, 0, 0], [[30, 40, 250], [200, 10, 20]])


def test_predictions_are_called_as_their_folder_wherever_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    method = open_method("predictions:.")
    assert method.name == "my predictions"
    monkeypatch.chdir("/")
    assert run_checked(method, np.zeros((1, 8, 8, 3), np.uint8), None, ids=["s1"]).images[0, 0, 0, 0] == 200


class Says:
    """Says of itself what a test names."""

    name, given = "says", ()

    def __init__(self, **said: object) -> None:
        vars(self).update(said)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        return images


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"citations": "A. Author"}, "`citations` must be a list of strings, not 'A. Author'"),
        ({"citations": [1]}, "`citations` must be a list of strings, not [1]"),
        ({"citations": None}, "`citations` must be a list of strings, not None"),
        ({"citations": ["\ud800"]}, "`citations` must be a list of strings"),
        ({"name": "a\nb"}, "`name` must be one line of at most 100 characters that can be written as UTF-8, not 'a"),
        ({"name": "\x1b[31mred"}, "`name` must be one line"),
        ({"name": "\udcff"}, "`name` must be one line"),
        ({"name": "x" * 101}, "`name` must be one line of at most 100"),
        ({"revision": 3}, "`revision` must be one line of text, not 3"),
        ({"revision": "a\x00"}, "`revision` must be one line of text"),
    ],
)
def test_what_a_method_says_of_itself_must_be_writable(said: dict[str, object], problem: str) -> None:
    (found,) = problems_of(Says(**said), TASK)
    assert problem in found


@pytest.mark.parametrize(
    "said", [{}, {"name": "x" * 100}, {"name": "名前 <b>"}, {"revision": None}, {"citations": ("a", "b")}]
)
def test_what_can_be_written_is_no_problem(said: dict[str, object]) -> None:
    assert problems_of(Says(**said), TASK) == []


def test_the_hash_of_predictions_follows_their_bytes(folder: Path) -> None:
    def hash_now() -> str:
        return open_method(f"predictions:{folder}").weights_hash  # type: ignore[attr-defined,no-any-return]

    before = hash_now()
    assert hash_now() == before
    (folder / "s2.png").write_bytes((folder / "s1.png").read_bytes())
    assert hash_now() != before


def test_predictions_that_would_fill_the_memory_are_refused_by_name(tmp_path: Path) -> None:
    ids = [f"{number:016x}" for number in range(6)]
    write_png(tmp_path / f"{ids[0]}.png", np.zeros((3000, 3000, 3), np.uint8))
    for sample in ids[1:]:
        shutil.copy(tmp_path / f"{ids[0]}.png", tmp_path / f"{sample}.png")
    method, masks = Predictions(tmp_path), MaskPredictions(tmp_path)
    for read in (
        lambda images: method.deocclude(images, None, ids=ids),
        lambda images: masks.segment(images, ids=ids),
    ):
        with pytest.raises(BadInput, match=rf"{ids[0]}\.png is 3000 x 3000 pixels, more than the limit of 4194304"):
            read(np.zeros((6, 256, 256, 3), np.uint8))
    # of a larger sample a prediction may be larger too
    assert masks.segment(np.zeros((1, 1500, 1500, 3), np.uint8), ids=ids[:1]).shape == (1, 3000, 3000)


def test_predictions_of_four_times_the_side_are_read(tmp_path: Path) -> None:
    write_png(tmp_path / "s.png", np.full((2048, 2048, 3), 7, np.uint8))
    found = Predictions(tmp_path).deocclude(np.zeros((1, 256, 256, 3), np.uint8), None, ids=["s"])
    assert found.shape == (1, 2048, 2048, 3) and found.min() == found.max() == 7


def test_a_pipe_among_predictions_holds_nobody_up(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    known = Predictions(tmp_path).weights_hash
    os.mkfifo(tmp_path / "b.png")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server, contextlib.chdir(tmp_path):
        server.bind("c.png")
    (tmp_path / "d.png").symlink_to("/dev/zero")
    method = Predictions(tmp_path)
    assert method.weights_hash == known
    for sample in "bcd":
        with pytest.raises(BrokenMethod, match=f"1 of these 1 samples have no picture in .*, such as {sample}.png"):
            method.deocclude(np.zeros((1, 8, 8, 3), np.uint8), None, ids=[sample])
