from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.benchmark import cli
from occset.benchmark.protocols.frozen import open_protocol
from occset.benchmark.tasks import opening
from occset.benchmark.tasks.deocclusion import TASK
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFaceFile
from occset.pictures.images import write_png
from tests.fixture_types import Occset, Said

VERDICTS = 23
"""Of the audit; five more are of the second judge, where dlib is installed."""

FILLS = """
class Method:
    name = "{name}"
    given = ("mask",)

    def deocclude(self, images, masks):
        out = images.copy()
        out[masks > 0] = 120
        return {answer}
"""


@pytest.fixture
def bench(
    occset: Occset, bench_set: OcclusionSet, tmp_path: Path, tiny_arcface: Callable[[int], ArcFaceFile]
) -> Occset:
    """A function that runs `occset bench` on this test's set with a tiny ArcFace and one worker."""
    file = tiny_arcface(0).path

    def run(*arguments: object) -> Said:
        given = ["--data", bench_set.path, "--out", tmp_path / "results", "--workers", 1, "--arcface", file]
        return occset("bench", *given, *arguments)

    return run


def test_the_table_names_set_protocol_and_size(bench: Occset) -> None:
    said = bench("--methods", "telea,input")
    assert said.status == 0
    title, *rest = said.out.strip().splitlines()
    assert title.strip() == "set, protocol sunglasses, all 24 samples, 64 px"
    text = "\n".join(rest)
    for word in ("rank", "L1", "PSNR", "SSIM", "ID", "telea", "given the true mask", "control"):
        assert word in text
    assert text.count("none") == 3  # dlib's column, which this test goes without


@pytest.mark.parametrize(("limit", "said"), [(5, "5 of 24 samples"), (24, "all 24 samples"), (4000, "all 24 samples")])
def test_the_title_says_the_limit(bench: Occset, limit: int, said: str) -> None:
    assert said in bench("--methods", "input", "--limit", limit).out.splitlines()[0]


def test_a_long_bench_says_how_long_and_how_to_make_it_short(
    bench: Occset, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert "--limit" not in bench("--methods", "input").err  # it takes a second
    cli._say_how_long(1000, 119.0)
    assert capfd.readouterr().err == ""
    cli._say_how_long(1000, 1200.0)
    told = "about 20 min for these 1000 samples; --limit 96 takes the first 96 only, about 2 min\n"
    assert capfd.readouterr().err == told
    monkeypatch.setattr(cli, "LONG_S", 1e-9)
    said = bench("--methods", "telea", "--limit", 20)
    assert "for these 20 samples; --limit " in said.err


def test_json_alone_is_on_standard_output(bench: Occset) -> None:
    said = bench("--methods", "telea,input", "--limit", 10, "--json", "--audit")
    found = json.loads(said.out)
    assert said.status == 0
    assert (found["data"], found["protocol"], found["samples"], found["samples_in_protocol"]) == (
        "set",
        "sunglasses",
        10,
        24,
    )
    rows = {row["method"]: row for row in found["table"]}
    assert set(rows) == {"telea", *TASK.audit.runs}
    assert rows["truth"]["l1"]["mean"] == 0
    assert rows["telea"]["l1"]["low"] < rows["telea"]["l1"]["mean"] < rows["telea"]["l1"]["high"]
    assert rows["truth"]["id"]["mean"] == pytest.approx(1, abs=1e-5)
    assert len(found["audit"]) == VERDICTS
    assert all(line["ok"] for line in found["audit"])
    assert f"audit: {VERDICTS} of {VERDICTS} hold" in said.err


def test_all_runs_what_can_run_and_names_the_rest(
    bench: Occset, monkeypatch: pytest.MonkeyPatch, occset: Occset
) -> None:
    monkeypatch.setattr(opening, "runnable", lambda task: (["telea", "mean-colour"], {"pconv": "no weights of it"}))
    said = bench("--methods", "all,navier-stokes,telea", "--limit", 8, "--json")
    assert said.status == 0 and "left out: pconv: no weights of it" in said.err
    methods = [row["method"] for row in json.loads(said.out)["table"]]
    assert sorted(methods) == ["input", "mean-colour", "navier-stokes", "telea", "truth"]


def test_a_second_run_says_what_was_there(bench: Occset) -> None:
    bench("--methods", "noise")
    said = bench("--methods", "noise,telea")
    assert "already there, not computed again: noise, input, truth\n" in said.err
    assert json.loads(bench("--methods", "input", "--json").out)["reused"] == ["input", "truth"]


def test_a_method_of_ones_own(bench: Occset, write_method: Callable[..., str]) -> None:
    spec = write_method(FILLS.format(name="<img src=x onerror=alert(1)>", answer="out"))
    said = bench("--methods", f"{spec},input", "--json")
    assert said.status == 0
    assert {row["method"] for row in json.loads(said.out)["table"]} == {
        "<img src=x onerror=alert(1)>",
        "input",
        "truth",
    }


def test_a_broken_method_is_told_and_counts_in_the_exit_status(bench: Occset, write_method: Callable[..., str]) -> None:
    spec = write_method(FILLS.format(name="short", answer="out[:2]"))
    said = bench("--methods", f"input,{spec}", "--json")
    assert said.status == 1
    found = json.loads(said.out)
    assert [row["method"] for row in found["table"]] == ["truth", "input"]
    assert "returned 2 images for a batch of 8" in found["broken"]["short"]
    assert "short has no result: short on samples" in said.err
    assert "Traceback" not in said.err


def test_floor_and_ceiling_are_shown_whatever_was_asked_for(bench: Occset) -> None:
    found = json.loads(bench("--methods", "telea", "--json").out)
    assert [(row["method"], row["rank"], row["given"]) for row in found["table"]] == [
        ("truth", None, "control"),
        ("telea", 1, "given the true mask"),
        ("input", None, "control"),
    ]


def test_beside_a_broken_method_floor_and_ceiling_are_shown(bench: Occset, write_method: Callable[..., str]) -> None:
    said = bench("--methods", write_method(FILLS.format(name="short", answer="out[:2]")), "--json")
    assert said.status == 1
    assert [row["method"] for row in json.loads(said.out)["table"]] == ["truth", "input"]


def test_the_mean_colour_is_a_method_with_a_rank(bench: Occset, occset: Occset, tmp_path: Path) -> None:
    rows = {row["method"]: row for row in json.loads(bench("--methods", "telea", "--audit", "--json").out)["table"]}
    assert {name for name, row in rows.items() if row["rank"] is None} == {"truth", "input", "noise", "shifted-truth"}
    assert rows["mean-colour"]["rank"] in (1, 2)
    assert rows["mean-colour"]["given"] == "given the true mask"
    occset("leaderboard", tmp_path / "results", "--out", tmp_path / "site")
    (line,) = [
        x for x in (tmp_path / "site" / "leaderboard.md").read_text().splitlines() if x.startswith("| mean-colour")
    ]
    assert " #" in line and "given the true mask" in line


def test_predictions_are_marked_as_made_elsewhere_in_summary_and_page(
    bench: Occset, occset: Occset, bench_set: OcclusionSet, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    bench("--methods", "input")
    samples = [recipe.sample for recipe in open_protocol(bench_set, "sunglasses", 1).recipes]
    for sample in samples:
        write_png(folder / f"{sample}.png", np.full((64, 64, 3), 128, np.uint8))
    rows = {
        row["method"]: row for row in json.loads(bench("--methods", f"predictions:{folder}", "--json").out)["table"]
    }
    assert rows["theirs"]["given"] == "made elsewhere"
    occset("leaderboard", tmp_path / "results", "--out", tmp_path / "site")
    rows = {row["method"]: row for row in csv.DictReader((tmp_path / "site" / "leaderboard.csv").open())}
    assert {name: row["mark"] for name, row in rows.items()} == {
        "theirs": "made elsewhere",
        "truth": "control",
        "input": "control",
    }
    page = (tmp_path / "site" / "index.html").read_text()
    (shown,) = [row for row in page_rows(page) if row["method"] == "theirs"]
    assert (shown["mark"], shown["kind"]) == ("made elsewhere", "given")


def page_rows(page: str) -> list[dict[str, Any]]:
    return json.loads(page.split('id="data">')[1].split("</script>")[0])["tables"][0]["rows"]


def test_an_unknown_method_is_told_before_the_protocol_is_made(bench: Occset, bench_set: OcclusionSet) -> None:
    said = bench("--methods", "input,patch-match")
    assert (said.status, said.out) == (2, "")
    assert "no method is called 'patch-match': did you mean patchmatch" in said.err
    assert not (bench_set.path / "protocols").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--protocol", "sunglases", "--methods", "input"),
            "no protocol is called 'sunglases': did you mean sunglasses?",
        ),
        ((), "give --data SET and --methods A,B (or --audit)"),
        (("--methods", " , "), "give --data SET and --methods A,B (or --audit)"),
        (("--methods", "predictions:nowhere"), "nowhere is not a folder"),
        (
            ("--methods", "occset.benchmark.tasks.deocclusion.controls:Truth"),
            "`given` names 'truth', the answer, which only",
        ),
        (("--methods", "input", "--limit", "0"), "Invalid value for '--limit'"),
    ],
)
def test_mistakes_get_one_sentence(bench: Occset, arguments: tuple[str, ...], message: str) -> None:
    said = bench(*arguments)
    assert said.status == 2
    assert message in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


def test_a_folder_that_is_no_set_is_named(occset: Occset, tmp_path: Path) -> None:
    said = occset("bench", "--data", tmp_path, "--methods", "input")
    assert said.status == 2
    assert f"{tmp_path}: no occset set here" in said.err


def test_a_full_disk_is_told(bench: Occset, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    bench("--methods", "input")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        said = bench("--methods", "noise")
    assert said.status == 2
    assert "the disk is full: free some space there and run the command again" in said.err
    assert bench("--methods", "noise").status == 0


# --- identity -------------------------------------------------------------------------------------------------------


def bench_without(occset: Occset, data: OcclusionSet, out: Path) -> Said:
    return occset("bench", "--data", data.path, "--out", out, "--workers", 1, "--methods", "input", "--limit", 4)


def test_without_arcface_the_column_says_why_it_is_empty(
    occset: Occset, bench_set: OcclusionSet, tmp_path: Path, no_arcface: None
) -> None:
    said = bench_without(occset, bench_set, tmp_path / "r")
    assert said.status == 0
    assert "no ID column: identity needs an ArcFace file" in said.err
    assert "none" in said.out
    (path,) = (tmp_path / "r").glob("*-input-*.result.json")
    assert "pip install 'occset[identity]'" in json.loads(path.read_text())["id_missing"]


def test_without_onnxruntime_the_column_says_what_to_install(
    occset: Occset,
    bench_set: OcclusionSet,
    tmp_path: Path,
    tiny_arcface: Callable[[int], ArcFaceFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OCCSET_ARCFACE", str(tiny_arcface(0).path))
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    said = bench_without(occset, bench_set, tmp_path / "r")
    assert said.status == 0
    assert "no ID column" in said.err
    assert "pip install 'occset[identity]'" in said.err


def test_a_file_that_is_no_arcface_is_refused(occset: Occset, bench_set: OcclusionSet, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    for file in (wrong, tmp_path / "absent.onnx"):
        said = occset("bench", "--data", bench_set.path, "--methods", "input", "--workers", 2, "--arcface", file)
        assert said.status == 2
        assert file.name in said.err
        if not file.exists():
            assert "leave --arcface out, so that the file of  pip install 'occset[identity]'  is used" in said.err
        assert "worker process died" not in said.err


# --- the audit ------------------------------------------------------------------------------------------------------


def test_the_audit_runs_the_controls_and_passes(bench: Occset, second_judge: str) -> None:
    said = bench("--audit")
    assert said.status == 0
    verdicts = VERDICTS + (0 if second_judge else 5)
    assert f"audit: {verdicts} of {verdicts} hold" in said.err
    assert "truth above shifted-truth" in said.out


def test_the_audit_fails_when_a_control_is_tampered_with(bench: Occset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "occset.benchmark.tasks.deocclusion.controls.Truth.deocclude",
        lambda self, images, masks, *, truth: images.copy(),
    )
    said = bench("--audit")
    assert said.status == 1
    assert "audit: l1: truth is 0 does not hold" in said.err


def test_a_broken_method_does_not_silence_the_audit(bench: Occset, write_method: Callable[..., str]) -> None:
    said = bench("--audit", "--methods", write_method(FILLS.format(name="short", answer="out[:2]")), "--json")
    assert said.status == 1
    assert len(json.loads(said.out)["audit"]) == VERDICTS


def test_a_broken_control_fails_the_audit(bench: Occset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occset.benchmark.tasks.deocclusion.controls.Noise.deocclude", lambda self, images, masks: None)
    said = bench("--audit")
    assert said.status == 1
    assert "noise has no result" in said.err
    assert "audit: not run, since a control has no result" in said.err


def test_a_plug_in_cannot_stand_in_for_a_control(bench: Occset, write_method: Callable[..., str]) -> None:
    said = bench("--audit", "--methods", write_method(FILLS.format(name="truth", answer="out")))
    assert said.status == 2
    assert "two methods are both called 'truth'" in said.err


# --- the other verbs ------------------------------------------------------------------------------------------------


def test_list_shows_methods_and_protocols(occset: Occset) -> None:
    rows = {row["name"]: row for row in json.loads(occset("bench", "list", "--json").out)}
    assert {"telea", "navier-stokes", "patchmatch", "pca", "mean-colour", "onnx:FILE"} <= set(rows)
    assert rows["types"]["kind"] == "protocol"
    assert rows["telea"]["is given"] == "mask"
    assert "telea" in occset("bench", "list").out


def test_check_method_tells_what_fits(occset: Occset, write_method: Callable[..., str]) -> None:
    said = occset("bench", "check-method", "telea")
    assert said.status == 0
    assert "telea: fits" in said.err
    spec = write_method(FILLS.format(name="short", answer="out[:0]"))
    said = occset("bench", "check-method", spec, "--json")
    assert said.status == 1
    assert any(not row["ok"] for row in json.loads(said.out))
    assert f"{spec}: does not fit: returns" in said.err


def test_advice_of_check_method_may_be_ignored(occset: Occset, write_method: Callable[..., str]) -> None:
    said = occset("bench", "check-method", write_method(FILLS.format(name="lazy", answer="images.copy()")), "--json")
    rows = {row["check"]: row for row in json.loads(said.out)}
    assert (rows["hole"]["ok"], rows["hole"]["advice only"]) == (False, True)
    assert said.status == 0
    assert "fits" in said.err


def test_check_method_of_an_unknown_name(occset: Occset) -> None:
    said = occset("bench", "check-method", "tela")
    assert said.status == 1
    assert "did you mean telea" in said.out


def test_leaderboard_prints_the_files_it_wrote(bench: Occset, occset: Occset, tmp_path: Path) -> None:
    bench("--methods", "telea,input,truth")
    said = occset("leaderboard", tmp_path / "results", "--out", tmp_path / "site")
    assert said.status == 0
    assert {Path(line) for line in said.out.split()} == set((tmp_path / "site").iterdir())
    assert "telea" in (tmp_path / "site" / "leaderboard.md").read_text()
    damaged, gone = sorted((tmp_path / "results").rglob("*-telea-*.pictures/*.png"))[1:3]
    damaged.write_bytes(damaged.read_bytes()[:90])
    gone.unlink()
    again = occset("leaderboard", tmp_path / "results", "--out", tmp_path / "site")
    assert (again.status, again.out) == (1, said.out)
    told = [line for line in again.err.splitlines() if line.startswith("left out: ")]
    assert len(told) == 2 and {name for name in (damaged.name, gone.name) for line in told if name in line} == {
        damaged.name,
        gone.name,
    }


def test_help_of_every_verb(occset: Occset) -> None:
    assert "floor and the ceiling of the task always run" in " ".join(
        occset("bench", "--help").out.replace("│", " ").split()
    )
    for verb in (["bench"], ["bench", "list"], ["bench", "check-method"], ["bench", "check-identity"], ["leaderboard"]):
        said = occset(*verb, "--help")
        assert said.status == 0
        assert "Usage" in said.out
