"""`check_method`: what it says of good methods and of each kind of bad one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from occset.benchmark.check_method import Check, check_method
from occset.benchmark.tasks.deocclusion import METHODS
from occset.models.registry import find
from tests.benchmark.untrained import untrained
from tests.fixture_types import Occset

MODULE = """
import itertools
import numpy as np

class Base:
    name = "tried"
    given = ("mask",)

class Good(Base):
    def deocclude(self, images, masks):
        return np.where(masks[..., None] > 0, np.uint8(127), images)

class Floats(Base):
    def deocclude(self, images, masks):
        return images / 255

class Raises(Base):
    def deocclude(self, images, masks):
        raise KeyError("weights")

class OnlyOneImage(Base):
    def deocclude(self, images, masks):
        return images[:1].copy()

class Random(Base):
    rng = np.random.default_rng(0)

    def deocclude(self, images, masks):
        return self.rng.integers(0, 256, images.shape, dtype=np.uint8)

class Alters(Base):
    def deocclude(self, images, masks):
        if masks.flags.writeable:
            masks[:] = 0
        return images.copy()

class MixesTheBatch(Base):
    given = ()

    def deocclude(self, images, masks):
        return np.broadcast_to(images.mean(axis=0).astype(np.uint8), images.shape).copy()

class HalfSize(Base):
    def deocclude(self, images, masks):
        return images[:, ::2, ::2].copy()

class Peeks(Base):
    given = ("mask", "truth")
    control = True

    def deocclude(self, images, masks, *, truth):
        return truth.copy()

class CannotLearn(Good):
    def fit(self, faces):
        raise MemoryError("too many")

class Learns(Good):
    def fit(self, faces):
        assert all(face.image.shape == (faces.size, faces.size, 3) for face in faces)
        assert all(face.landmarks.shape == (5, 2) for face in faces)
        self.count = len(faces)
"""

Checks = Callable[[str], dict[str, Check]]  # takes the name of a class above


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checks:
    """A function: the checks of a class above, by name."""
    (tmp_path / "tried_methods.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "tried_methods", raising=False)
    return lambda name: {check.name: check for check in check_method(f"tried_methods:{name}")}


def test_a_good_method_passes_everything(checks: Checks) -> None:
    found = checks("Good")
    assert list(found) == ["opens", "returns", "repeats", "inputs", "batch", "outside", "hole", "speed"]
    assert all(check.ok is True for check in found.values())
    assert "100.0%" in found["hole"].message


@pytest.mark.parametrize(
    ("name", "failed", "said"),
    [
        ("Nothing", "opens", "has no Nothing"),
        ("Peeks", "opens", "`given` names 'truth', the answer, which only the built-in controls are given"),
        ("Floats", "returns", "returned float64"),
        ("Raises", "returns", "tried raised KeyError"),
        ("OnlyOneImage", "returns", "returned 1 images for a batch of 3"),
        ("Random", "repeats", "give it a fixed seed"),
        ("Alters", "inputs", "alters its masks"),
        ("MixesTheBatch", "batch", "depends on its batch"),
        ("CannotLearn", "returns", "tried raised MemoryError in fit: too many"),
    ],
)
def test_what_is_wrong_is_found_under_its_name(checks: Checks, name: str, failed: str, said: str) -> None:
    check = checks(name)[failed]
    assert check.ok is False
    assert said in check.message


def test_a_fault_that_is_fatal_ends_the_list(checks: Checks) -> None:
    assert list(checks("Raises")) == ["opens", "returns"]


def test_another_size_is_no_fault_but_told(checks: Checks) -> None:
    assert "scaled from 128 x 128" in checks("HalfSize")["returns"].message


def test_a_method_that_learns_is_taught_first(checks: Checks) -> None:
    found = checks("Learns")
    assert found["fits"].ok
    assert "learned from 12 faces" in found["fits"].message


@pytest.mark.parametrize(
    ("name", "network"), [("pconv", "pconv"), ("ours@25k", "ng-25k"), ("ours-no-ssim", "ng-no-ssim")]
)
def test_a_method_without_weights_says_which_it_lacks(name: str, network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(find(network).environment, "nowhere")
    (check,) = [check for check in check_method(name) if not check.ok]
    assert check.name == "opens" and "no file of weights here" in check.message


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.whole if name.startswith("ours") else ())  # the whole chain of networks
        for name in METHODS
        if name not in {"patchmatch", *untrained(METHODS)}
    ],
)
def test_the_built_in_methods_pass(name: str) -> None:
    failed = [check for check in check_method(name) if not check.ok and not check.advice]
    assert failed == []


def test_doing_nothing_is_advice_only() -> None:
    found = {check.name: check for check in check_method("input")}
    assert not found["hole"].ok
    assert found["hole"].advice


def test_predictions_cannot_be_tried_and_say_so(tmp_path: Path) -> None:
    found = check_method(f"predictions:{tmp_path}")
    assert [check.name for check in found] == ["opens", "returns"]
    assert found[1].message.startswith("not tried")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("import", "called sys.exit(3) on import"),
        ("construct", "called sys.exit(3) in its constructor"),
        ("fit", "called sys.exit(3) in fit"),
        ("deocclude", "called sys.exit(3) on sample made-up-1"),
        ("writable", "(when it was handed arrays that it may write to)"),
    ],
)
def test_a_method_that_ends_the_program_is_told_in_words(
    occset: Occset, write_method: Callable[..., str], where: str, said: str
) -> None:
    def leave(at: str) -> str:
        return "sys.exit(3)" if where == at else "pass"

    spec = write_method(
        f"""
import sys
{leave("import")}

class Method:
    name, given = "leaves", ("mask",)

    def __init__(self):
        {leave("construct")}

    def fit(self, faces):
        {leave("fit")}

    def deocclude(self, images, masks):
        if images.flags.writeable:
            {leave("writable")}
        {leave("deocclude")}
        return images.copy()
"""
    )
    found = occset("bench", "check-method", spec)
    assert found.status == 1
    assert said in " ".join(found.out.split())
    assert "does not fit" in found.err
    assert "Traceback" not in found.err
