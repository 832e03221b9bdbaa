"""Methods that do what they must not: named with the sample, out of the table, and no harm to the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.benchmark.runner.run import run
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import BrokenMethod, MissingExtra, OccsetError

Write = Callable[..., str]

METHOD = """
import sys
import numpy as np

class Method:
    name = "bad"
    given = ({given})

    def deocclude(self, images, masks, **known):
        {body}
"""

WRONG = {
    "another shape": ("return images[..., 0]", r"returned shape \(8, 64, 64\), must be \(8, H, W, 3\)"),
    "channels first": ("return images.transpose(0, 3, 1, 2)", r"channels come last"),
    "floats": ("return images / 255.0", r"returned float64, must be uint8"),
    "NaN": ("return np.full(images.shape, np.nan)", r"values are NaN"),
    "too few": ("return images[:-1]", r"returned 7 images for a batch of 8"),
    "nothing": ("return None", r"returned NoneType"),
    "empty pictures": ("return images[:, :0]", r"empty images"),
    "an error": ("raise ValueError('out of cheese')", r"raised ValueError .*out of cheese"),
    "its input altered": ("images[:] = 0; return images", r"read-only.*copy what you change"),
    "the program's end": ("sys.exit(3)", r"called sys\.exit\(3\)"),
    "a later error": ("if images.sum() % 2 >= 0 and Method.calls: raise KeyError('x')\n"
                      "        Method.calls = 1; return images.copy()", r"raised KeyError"),
}  # fmt: skip


@pytest.fixture
def protocol(bench_set: OcclusionSet) -> Protocol:
    return open_protocol(bench_set, "sunglasses", 1)


def write_bad(write: Write, body: str, given: str = '"mask",') -> str:
    return write(METHOD.format(body=body, given=given) + "    calls = 0\n", "bad_method")


@pytest.mark.parametrize("what", WRONG)
def test_it_is_named_with_the_sample_and_the_others_go_on(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write, what: str
) -> None:
    body, message = WRONG[what]
    out = tmp_path / "results"
    done = run(bench_set, protocol, ["truth", write_bad(write_method, body), "input"], out, workers=1)
    assert [r.method for r in done.results] == ["truth", "input"]
    assert list(done.broken) == ["bad"]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(done.broken["bad"])
    batch = 1 if what == "a later error" else 0
    assert protocol.recipes[8 * batch].sample in done.broken["bad"]
    assert not [p for p in out.rglob("*") if "bad" in p.name]
    assert not (out / ".parts").exists()


def test_with_workers_the_first_sample_is_named_and_the_others_go_on(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write
) -> None:
    bad = write_bad(write_method, "raise ValueError('no')")
    done = run(bench_set, protocol, [bad, "input"], tmp_path / "r", workers=2)
    assert [r.method for r in done.results] == ["input"]
    assert protocol.recipes[0].sample in done.broken["bad"]
    assert not (tmp_path / "r" / ".parts").exists()


def test_all_broken_leaves_an_empty_folder(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write
) -> None:
    done = run(bench_set, protocol, [write_bad(write_method, "return None")], tmp_path / "r", workers=1)
    assert not done.results
    assert not list((tmp_path / "r").rglob("*"))


def test_the_result_it_had_before_it_broke_stays_whole(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    class Method:
        name, given, revision = "changing", (), "1"

        def __init__(self, weights: str, sound: bool) -> None:
            self.weights_hash, self.sound, self.calls = weights, sound, 0

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            self.calls += 1
            return images.copy() if self.sound else images // 2 if self.calls == 1 else images[:1]

    out = tmp_path / "r"
    run(bench_set, protocol, [("m:M", Method("a", True))], out, workers=1)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert len(before) == 2 + 8 + 24
    assert run(bench_set, protocol, [("m:M", Method("b", False))], out, workers=1).broken
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("given", [("truth",), ("mask", "face")])
def test_a_method_that_asks_for_the_answer_is_refused(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write, given: tuple[str, ...]
) -> None:
    message = f"{given[-1]}', the answer, which only the built-in controls are given"
    spec = write_bad(write_method, "return known['truth'].copy()", ", ".join(f'"{what}"' for what in given) + ",")
    with pytest.raises(BrokenMethod, match=message):
        run(bench_set, protocol, ["input", spec], tmp_path / "r", workers=1)

    class Opened:
        name, control = "opened", True

    Opened.given = given  # type: ignore[attr-defined]
    Opened.deocclude = lambda self, images, masks, **known: images.copy()  # type: ignore[attr-defined]
    with pytest.raises(BrokenMethod, match=message):
        run(bench_set, protocol, [("truth", Opened())], tmp_path / "r", workers=1)
    assert not (tmp_path / "r").exists()


def test_a_method_that_asks_for_the_answer_later_does_not_get_it(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    class Sly:
        name, looks = "sly", 0

        @property
        def given(self) -> tuple[str, ...]:
            self.looks += 1
            return () if self.looks < 5 else ("truth",)

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None, **known: np.ndarray) -> np.ndarray:
            return known["truth"].copy() if known else images.copy()

    done = run(bench_set, protocol, [("m:Sly", Sly())], tmp_path / "r", workers=1)
    assert "asks to be given 'truth', which is not at hand here" in done.broken["sly"]
    assert not done.results


def test_a_method_that_calls_itself_a_control_is_ranked_as_any_other(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    class Modest:
        name, given, control = "modest", (), True

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            return images.copy()

    (result,) = run(bench_set, protocol, [("m:Modest", Modest())], tmp_path / "r", workers=1).results
    assert (result.control, result.mark) == (False, "automatic")


def test_a_method_cannot_alter_what_others_are_scored_by(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write
) -> None:
    body = """for a in (images, masks):
            a.setflags(write=True)
            a[:] = 0
        return images"""
    cheat = write_bad(write_method, body)
    done = run(bench_set, protocol, [cheat, "truth", "input"], tmp_path / "r", workers=1)
    alone = run(bench_set, protocol, ["truth", "input"], tmp_path / "alone", workers=1)
    black, *others = done.results
    assert (black.scores["l1"] > 0.05).all(), "black is not the truth"
    for result, expected in zip(others, alone.results, strict=True):
        assert result.scores.equals(expected.scores)


def test_a_missing_extra_concerns_the_method_that_lacks_it(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    class Needy:
        name, given = "needy", ()

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            raise MissingExtra("torch", "models", "needy")

    done = run(bench_set, protocol, [("m:Needy", Needy()), "input"], tmp_path / "r", workers=1)
    assert "pip install 'occset[models]'" in done.broken["needy"]
    assert [r.method for r in done.results] == ["input"]


@pytest.mark.parametrize("raised", ["ValueError('no')", "SystemExit(1)"])
def test_a_fit_that_fails_breaks_its_method_alone(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write, raised: str
) -> None:
    source = METHOD.format(given="", body="return images") + f"\n    def fit(self, faces):\n        raise {raised}\n"
    done = run(bench_set, protocol, [write_method(source), "input"], tmp_path / "r", workers=1)
    assert f"bad raised {raised.split('(')[0]} in fit" in done.broken["bad"]
    assert [r.method for r in done.results] == ["input"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("class Method:\n    pass\n", "needs a `name`"),
        ("class Method:\n    name = 'x'\n    given = 'mask'\n", "needs `given`"),
        ("class Method:\n    def __init__(self, size):\n        pass\n", "constructed without arguments"),
        ("import nothing_of_that_name\n", "nothing_of_that_name"),
        ("def Method(\n", "SyntaxError"),
    ],
)
def test_what_is_no_method_is_told_before_anything_runs(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write, source: str, message: str
) -> None:
    with pytest.raises(OccsetError, match=message):
        run(bench_set, protocol, ["input", write_method(source)], tmp_path / "r", workers=1)
    assert not (tmp_path / "r").exists()


def test_weights_that_are_no_text_are_written_as_text(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    class Odd:
        name, given, weights_hash, citations = "<img src=x onerror=alert(1)>", (), 12, ("a",)

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            return images.copy()

    out = tmp_path / "r"
    (result,) = run(bench_set, protocol, [("m:Odd", Odd())], out, workers=1).results
    assert (result.weights_hash, result.citations) == ("12", ["a"])
    assert run(bench_set, protocol, [("m:Odd", Odd())], out, workers=1).reused == [Odd.name]
    assert all("<" not in p.name for p in out.rglob("*"))


def test_another_size_is_scaled_and_told(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    class Small:
        name, given = "small", ()

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            return images[:, ::2, ::2]

    done = run(bench_set, protocol, [("m:Small", Small())], tmp_path / "r", workers=1)
    assert done.notes == ["small returned 32 x 32, resized to the protocol's resolution"]


def test_asking_for_what_is_not_given_is_refused(write_method: Write) -> None:
    from occset.benchmark.tasks.opening import open_method

    with pytest.raises(BrokenMethod, match="landmarks"):
        open_method(write_bad(write_method, "return images", '"landmarks",'))
