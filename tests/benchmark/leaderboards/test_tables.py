"""Tables, Markdown and CSV from result files; the page itself is tested in a browser by test_page."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.leaderboards import build, page
from occset.benchmark.leaderboards.page import PICTURES, embed_json
from occset.benchmark.leaderboards.tables import ALL, read_tables
from occset.benchmark.results.checks import KEYS
from occset.benchmark.results.files import write_result
from occset.benchmark.results.result import picture_path
from occset.benchmark.tasks import deocclusion
from occset.benchmark.tasks.metric import Metric
from occset.pictures.images import write_png
from occset.support.errors import BadInput, OccsetError, UnsafePath
from tests.benchmark import result_files
from tests.benchmark.result_files import AddControls, AddResult, make_result, make_scores

add_result, add_controls = result_files.add_result, result_files.add_controls
HOSTILE = "<img src=x onerror=alert(1)>"


def test_a_table_has_means_intervals_ranks_and_marks(
    tmp_path: Path, add_result: AddResult, add_controls: AddControls
) -> None:
    add_result("good", 0.8, given=[])
    add_result("bad", 0.5)
    add_controls()
    (table,) = read_tables([tmp_path / "results"])
    assert [r.result.method for r in table.rows] == ["good", "bad", "truth", "input"]
    assert [r.result.mark for r in table.rows] == ["automatic", "given the true mask", "control", "control"]
    assert [r.role for r in table.rows] == ["", "", "ceiling", "floor"]
    good, bad, truth, _ = (r.cells[ALL]["ssim"] for r in table.rows)
    assert (good.rank, bad.rank, truth.rank) == (1, 2, None)
    assert truth.reason == "controls are not ranked"
    assert good.mean == pytest.approx(table.rows[0].result.scores["ssim"].mean())
    assert good.low < good.mean < good.high
    assert table.types == {ALL: 24, "hair": 8, "mask": 8, "sunglasses": 8}
    assert table.faces == 12


def test_what_was_trained_on_other_data_is_shown_and_not_ranked(tmp_path: Path, add_result: AddResult) -> None:
    """It is the best, and the second best is first; what a training took are columns of those that state it."""
    add_result("outside", 0.9, trained={"on": "other data", "unranked": "trained on other data"})
    add_result("rival", 0.8, trained={"parameters": 1_500_000, "macs": 900_000_000, "samples": 25_600, "seconds": 3600})
    add_result("telea", 0.5)
    (table,) = read_tables([tmp_path / "results"])
    outside, rival, telea = (row.cells[ALL]["ssim"] for row in table.rows)
    assert (outside.rank, rival.rank, telea.rank) == (None, 1, 2) and outside.reason == "trained on other data"
    build([tmp_path / "results"], tmp_path / "site")
    text = (tmp_path / "site" / "leaderboard.md").read_text()
    assert "- outside 1: trained on other data" in text and "| params | MAC | samples | training |" in text
    assert "| 1.50 M | 0.90 G | 25,600 | 60 min |" in text
    with (tmp_path / "site" / "leaderboard.csv").open() as stream:
        rows = {row["method"]: row for row in csv.DictReader(stream) if row["type"] == ALL}
    assert rows["rival"]["trained_macs"] == "900000000" and rows["telea"]["trained_macs"] == ""
    assert rows["outside"]["mark"] == "given the true mask, trained on other data"


def test_pictures_made_elsewhere_do_not_pass_for_automatic(tmp_path: Path, add_result: AddResult) -> None:
    add_result("folder", 0.8, given=["ids"])
    add_result("face", 0.7, given=["face"])
    add_result("told both", 0.6, given=["ids", "mask"])
    (table,) = read_tables([tmp_path / "results"])
    assert [r.result.mark for r in table.rows] == ["made elsewhere", "given face", "given the true mask"]


def test_means_are_recomputed_for_each_type(tmp_path: Path, add_result: AddResult) -> None:
    scores = add_result("good", 0.8).scores
    (table,) = read_tables([tmp_path / "results"])
    for kind in ("hair", "mask", "sunglasses"):
        expected = scores.loc[scores["type"] == kind, "l1"].mean()
        assert table.rows[0].cells[kind]["l1"].mean == pytest.approx(expected)
    assert table.rows[0].cells["hair"]["l1"].mean < table.rows[0].cells["sunglasses"]["l1"].mean


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data_hash": "00" * 32}, "another data"),
        ({"protocol_hash": "00" * 32}, "another recipes"),
        ({"resolution": 64}, "another resolution"),
        ({"limit": 24}, "another number of samples"),
        ({"metric_version": 2}, "another metric version"),
    ],
)
def test_what_cannot_be_compared_is_kept_apart_and_said(
    tmp_path: Path, add_result: AddResult, change: dict, words: str
) -> None:
    add_result("a", 0.8)
    add_result("a", 0.7, **change)
    tables = read_tables([tmp_path / "results"])
    assert len(tables) == 2
    for table in tables:
        assert len(table.rows) == 1
        assert len(table.notes) == 1
        assert "Not comparable" in table.notes[0] and words in table.notes[0]


def test_other_protocols_have_tables_of_their_own_without_a_note(tmp_path: Path, add_result: AddResult) -> None:
    add_result("a", 0.8)
    add_result("a", 0.8, protocol="sunglasses", limit=24)
    tables = read_tables([tmp_path / "results"])
    assert [t.title for t in tables] == [
        "sunglasses, 32 px, first 24 samples of toy",
        "types, 32 px, 24 samples of toy",
    ]
    assert [t.notes for t in tables] == [[], []]


def test_a_method_without_every_sample_has_no_rank(tmp_path: Path, add_result: AddResult) -> None:
    add_result("whole", 0.6)
    add_result("part", 0.9, samples=20)
    (table,) = read_tables([tmp_path / "results"])
    part, whole = (r.cells[ALL]["l1"] for r in table.rows)
    assert whole.rank == 1
    assert part.rank is None
    assert part.reason == "4 of 24 samples are not scored, e.g. s0020"
    assert part.mean is not None


def test_no_identity_says_why(tmp_path: Path, add_result: AddResult) -> None:
    add_result("with", 0.6)
    add_result("with too", 0.6)
    add_result("without", 0.9, arcface=None, id_missing="no ArcFace file was found")
    add_result("other", 0.9, arcface={"file": "77" * 32, "name": "r50.onnx"})
    (table,) = read_tables([tmp_path / "results"])
    cells = {r.result.method: r.cells[ALL]["id"] for r in table.rows}
    assert cells["with"].rank == 1
    assert (cells["without"].mean, cells["without"].reason) == (None, "no ArcFace file was found")
    assert cells["other"].mean is None and "another ArcFace file (777777777777)" in cells["other"].reason


def test_only_the_newest_of_one_revision_counts_and_revisions_stand_side_by_side(
    tmp_path: Path, add_result: AddResult
) -> None:
    add_result("a", 0.8, created="2026-02-01T00:00:00Z")
    older = add_result("a", 0.8, revision="2")
    folder = tmp_path / "results" / "copy"
    folder.mkdir()
    add_result("a", 0.3, data="toy")  # same key, older: replaces the file, so put the newer one back from a copy
    for file in (tmp_path / "results" / "types").glob(f"{older.stem}.*"):
        (folder / file.name).write_bytes(file.read_bytes())
    (table,) = read_tables([tmp_path / "results"])
    assert sorted(r.result.revision for r in table.rows) == ["1", "2"]
    assert table.notes == ["1 older results of the same method and revision are left out."]


def test_builds_three_files_the_same_each_time(
    tmp_path: Path, add_result: AddResult, add_controls: AddControls
) -> None:
    add_result("good", 0.8, given=[], pictures=2)
    add_controls(pictures=2)
    first = build(tmp_path / "results", tmp_path / "a")
    second = build(tmp_path / "results", tmp_path / "b")
    assert {k: p.name for k, p in first.items()} == {
        "markdown": "leaderboard.md",
        "csv": "leaderboard.csv",
        "html": "index.html",
    }
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["index.html", "leaderboard.csv", "leaderboard.md"]
    for kind, path in first.items():
        assert path.read_bytes() == second[kind].read_bytes()


def test_markdown_and_csv(tmp_path: Path, add_result: AddResult, add_controls: AddControls) -> None:
    add_result(HOSTILE, 0.8, given=[])
    add_result("a|b", 0.5)
    add_result("no-id", 0.3, arcface=None, id_missing="no file")
    add_controls()
    paths = build(tmp_path / "results", tmp_path / "site")
    markdown = paths["markdown"].read_text()
    assert "<img" not in markdown
    assert "&lt;img src=x onerror=alert(1)&gt;" in markdown
    (row,) = [line for line in markdown.splitlines() if line.startswith("| a\\|b")]
    assert re.search(r"\| given the true mask \| 0\.\d{4} \(0\.\d{4} to 0\.\d{4}\) #2 \|", row)
    assert "- no-id 1: no file" in markdown
    rows = list(csv.DictReader(paths["csv"].read_text().splitlines()))
    assert len(rows) == 5 * 4  # rows x (all and three types)
    first = next(r for r in rows if r["method"] == HOSTILE and r["type"] == ALL)
    (table,) = read_tables([tmp_path / "results"])
    cell = table.rows[0].cells[ALL]["l1"]
    assert float(first["l1"]) == pytest.approx(cell.mean, rel=1e-5)
    assert float(first["l1_low"]) == pytest.approx(cell.low, rel=1e-5)
    assert (first["l1_rank"], first["mark"], first["samples"]) == ("1", "automatic", "24")
    missing = next(r for r in rows if r["method"] == "no-id" and r["type"] == ALL)
    assert (missing["id"], missing["id_missing"]) == ("", "no file")


def test_the_page_asks_for_nothing_and_allows_only_its_own_script(tmp_path: Path, add_result: AddResult) -> None:
    add_result(HOSTILE, 0.8, pictures=1)
    add_result("</script><script>alert(1)</script>", 0.7)
    page = build(tmp_path / "results", tmp_path / "site")["html"].read_text()
    assert not re.search(r"https?://(?!www\.w3\.org)", page)
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "<img" not in page and "</script><script>alert" not in page
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    script = page.rsplit("<script>", 1)[1].split("</script>")[0]
    style = page.split("<style>")[1].split("</style>")[0]
    for kind, text in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy


def test_pictures_are_few_and_of_samples_that_have_them(tmp_path: Path, add_result: AddResult) -> None:
    first = add_result("a", 0.8, pictures=12)
    add_result("b", 0.7, pictures=3)
    add_result("c", 0.6)
    page = build(tmp_path / "results", tmp_path / "site")["html"].read_text()
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    pictures = data["tables"][0]["pictures"]
    assert [p["sample"] for p in pictures] == [f"s{i:04d}" for i in range(PICTURES)]
    assert [sorted(p["methods"]) for p in pictures[2:4]] == [["0", "1"], ["0"]]
    assert all(p["truth"].startswith("data:image/webp;base64,") for p in pictures)
    broken = picture_path(first.path.parent, first, "s0001")
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(BadInput, match=broken.name):
        build(tmp_path / "results", tmp_path / "site")


def test_embedded_json_cannot_leave_its_element() -> None:
    value = {"a": "</script><!-- \u2028 & >"}
    text = embed_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


@pytest.mark.parametrize("first", "=+-@")
def test_no_spreadsheet_takes_a_name_for_a_formula(tmp_path: Path, add_result: AddResult, first: str) -> None:
    add_result(f"{first}cmd()", 0.8, revision=f"{first}1")
    paths = build(tmp_path / "results", tmp_path / "site")
    (row, *_) = csv.DictReader(paths["csv"].read_text().splitlines())
    assert (row["method"], row["revision"]) == (f"'{first}cmd()", f"'{first}1")
    assert row["data"] == "toy"
    float(row["l1"])


def test_the_notes_of_a_result_are_on_the_page(tmp_path: Path, add_result: AddResult) -> None:
    add_result("small", 0.8, notes=["returned 128 x 128, resized to the protocol's resolution"])
    add_result("other", 0.7)
    (table,) = read_tables([tmp_path / "results"])
    facts = {row["method"]: row["facts"] for row in page._table(table, None)["rows"]}
    assert facts["small"]["note"] == "returned 128 x 128, resized to the protocol's resolution"
    assert "note" not in facts["other"]


def shown_pictures(site: dict[str, Path]) -> dict[str, list[str]]:
    """The samples whose pictures the page shows, and the methods that have one."""
    (block,) = re.findall(r'id="data">(.*?)</script>', site["html"].read_text(), re.S)
    (table,) = json.loads(block)["tables"]
    names = [row["method"] for row in table["rows"]]
    return {p["sample"]: [names[int(at)] for at in p["methods"]] for p in table["pictures"]}


def spoil(picture: Path, how: str) -> None:
    """Make a picture of a result unusable; "gone" and "a dead link" leave none."""
    data = picture.read_bytes()
    picture.unlink()
    if how == "cut off":
        picture.write_bytes(data[: len(data) // 2])
    elif how == "no picture":
        picture.write_bytes(b"GIF89a nothing")
    elif how == "empty":
        picture.write_bytes(b"")
    elif how == "a link elsewhere":
        elsewhere = picture.parents[3] / "private.png"
        elsewhere.write_bytes(data)
        picture.symlink_to(elsewhere)
    elif how == "a dead link":
        picture.symlink_to("nowhere.png")
    elif how == "a folder":
        picture.mkdir()


SPOILT = ["cut off", "no picture", "empty", "a link elsewhere", "a dead link", "a folder", "gone"]


@pytest.mark.parametrize("how", SPOILT)
def test_a_picture_that_cannot_be_used_is_named_and_left_out(tmp_path: Path, add_result: AddResult, how: str) -> None:
    result = add_result("a", 0.8, pictures=3)
    add_result("b", 0.7, pictures=3)
    picture = picture_path(result.path.parent, result, "s0001")
    spoil(picture, how)
    broken: dict[Path, str] = {}
    site = build(tmp_path / "results", tmp_path / "site", broken)
    assert list(broken) == [picture] and picture.name in broken[picture]
    assert shown_pictures(site) == {"s0000": ["a", "b"], "s0001": ["b"], "s0002": ["a", "b"]}
    shown = {row["method"] for row in csv.DictReader(site["csv"].read_text().splitlines())}
    assert shown == {"a", "b"}, "the figures are whole"


@pytest.mark.parametrize("how", SPOILT)
def test_without_input_or_truth_a_sample_is_not_shown(tmp_path: Path, add_result: AddResult, how: str) -> None:
    result = add_result("a", 0.8, pictures=3)
    add_result("b", 0.7, pictures=3)
    pictures = [picture_path(result.path.parent, result, s, w) for s, w in (("s0000", "truth"), ("s0002", "input"))]
    for picture in pictures:
        spoil(picture, how)
    broken: dict[Path, str] = {}
    site = build(tmp_path / "results", tmp_path / "site", broken)
    assert list(broken) == pictures and all(p.name in message for p, message in broken.items())
    assert shown_pictures(site) == {"s0001": ["a", "b"]}


def test_pictures_that_were_never_kept_or_not_passed_on_are_not_missed(tmp_path: Path, add_result: AddResult) -> None:
    add_result("a", 0.8, pictures=3)
    without = add_result("b", 0.7, pictures=3)
    add_result("part", 0.7, samples=2, pictures=2)
    shutil.rmtree(picture_path(without.path.parent, without, "s0000").parent)
    broken: dict[Path, str] = {}
    site = build(tmp_path / "results", tmp_path / "site", broken)
    assert broken == {}
    assert shown_pictures(site) == {"s0000": ["a", "part"], "s0001": ["a", "part"], "s0002": ["a"]}


@pytest.mark.parametrize("what", ["input", "composite", "folder"])
def test_a_link_to_a_picture_elsewhere_is_not_published(tmp_path: Path, add_result: AddResult, what: str) -> None:
    result = add_result("a", 0.8, pictures=1)
    private = tmp_path / "private" / "s0000.png"
    write_png(private, np.full((32, 32, 3), 99, np.uint8))
    shown = picture_path(result.path.parent, result, "s0000", "input" if what == "folder" else what)
    if what == "folder":
        shutil.rmtree(shown.parent)
        shown.parent.symlink_to(private.parent)
    else:
        shown.unlink()
        shown.symlink_to(private)
    with pytest.raises(UnsafePath, match=r"leads out of .* through a symbolic link: replace the link by a copy"):
        build(tmp_path / "results", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_link_inside_the_results_is_followed(tmp_path: Path, add_result: AddResult) -> None:
    result = add_result("a", 0.8, pictures=1)
    shown = picture_path(result.path.parent, result, "s0000")
    shown.rename(shown.with_name("kept.png"))
    shown.symlink_to("kept.png")
    page = build(tmp_path / "results", tmp_path / "site")["html"].read_text()
    assert page.count("data:image/webp") == 3


def test_a_picture_that_would_fill_the_page_is_refused(tmp_path: Path, add_result: AddResult) -> None:
    result = add_result("a", 0.8, pictures=1)
    shown = picture_path(result.path.parent, result, "s0000")
    write_png(shown, np.zeros((4097, 4096, 3), np.uint8))
    with pytest.raises(BadInput, match=r"s0000\.png is 4096 x 4097 pixels, more than the limit"):
        build(tmp_path / "results", tmp_path / "site")


# -- metric versions


@pytest.fixture
def new_version(monkeypatch: pytest.MonkeyPatch) -> Metric:
    """De-occlusion with another column since version 3."""
    task = deocclusion.TASK
    added = Metric("sharpness", "Sharpness", True, "", 4, "primary", "How sharp it is.")
    columns = {**task.columns, 3: (*task.columns[1], "sharpness")}
    monkeypatch.setattr(
        deocclusion, "TASK", replace(task, columns=columns, metrics={**task.metrics, "sharpness": added})
    )
    return added


def test_a_result_from_before_a_column_was_added_stays_readable_and_on_the_page(
    tmp_path: Path, add_result: AddResult, request: pytest.FixtureRequest
) -> None:
    add_result("telea", 0.6)
    request.getfixturevalue("new_version")
    new = make_result("pca", metric_version=3)
    write_result(new, make_scores(0.7, version=3).assign(sharpness=0.25), tmp_path / "results")
    with pytest.raises(OccsetError, match="lacks sharpness"):
        write_result(new, make_scores(0.7, version=3), tmp_path / "elsewhere")
    with pytest.raises(OccsetError, match="should not have sharpness"):
        write_result(make_result("pca"), make_scores(0.7).assign(sharpness=0.25), tmp_path / "elsewhere")
    older, newer = read_tables([tmp_path / "results"])
    assert "sharpness" not in older.metrics and "sharpness" not in older.rows[0].cells[ALL]
    assert newer.rows[0].cells[ALL]["sharpness"].mean == 0.25
    paths = build(tmp_path / "results", tmp_path / "site")
    rows = {row["method"]: row for row in csv.DictReader(paths["csv"].read_text().splitlines()) if row["type"] == ALL}
    assert (rows["telea"]["sharpness"], rows["pca"]["sharpness"]) == ("", "0.25")
    (block,) = re.findall(r'id="data">(.*?)</script>', paths["html"].read_text(), re.S)
    data = json.loads(block)
    assert ["sharpness" in table["metrics"] for table in data["tables"]] == [False, True]
    assert "metric version 1" in data["tables"][0]["facts"] and "metric version 3" in data["tables"][1]["facts"]


def test_a_result_of_a_version_not_known_here_shows_what_is_known_of_it(tmp_path: Path, add_result: AddResult) -> None:
    add_result("telea", 0.6)
    folder = tmp_path / "results"
    write_result(make_result("later", metric_version=7), make_scores(0.7)[[*KEYS, "psnr", "id"]], folder)
    alien = make_scores(0.7)[list(KEYS)].assign(feel=0.5, id=0.5)
    write_result(make_result("stranger", metric_version=8), alien, folder)
    tables = read_tables([folder])
    assert [(table.about.method, table.headline.key) for table in tables] == [("telea", "l1"), ("later", "psnr")]
    # what the other judge would have said is missing for a reason
    assert list(tables[1].metrics) == ["psnr", "id", "id2", "id2_closed"]
    assert any("1 results of metric version 8" in note for note in tables[0].notes)
    build(folder, tmp_path / "site")


@pytest.mark.parametrize("what", ["json", "scores", "schema"])
def test_a_broken_result_is_named_and_left_out(tmp_path: Path, what: str) -> None:
    good = write_result(make_result("good"), make_scores(0.7), tmp_path / "a")
    bad = write_result(make_result("bad"), make_scores(0.5), tmp_path / "b")
    if what == "scores":
        scores = bad.with_name(bad.name.replace(".result.json", ".scores.parquet"))
        scores.write_bytes(scores.read_bytes()[:-9])
    else:
        bad.write_text("{" if what == "json" else '{"schema_version": 99}')
    with pytest.raises(BadInput, match=bad.name.split(".")[0]):
        build([tmp_path / "a", tmp_path / "b"], tmp_path / "site")
    broken: dict[Path, str] = {}
    paths = build([tmp_path / "a", tmp_path / "b"], tmp_path / "site", broken)
    assert list(broken) == [bad] and good not in broken
    text = paths["markdown"].read_text()
    shown = {row["method"] for row in csv.DictReader(paths["csv"].read_text().splitlines())}
    assert shown == {"good"}
    assert f"{bad.name}, which cannot be read" in text and str(tmp_path) not in text


def test_when_all_are_broken_the_first_is_told(tmp_path: Path) -> None:
    bad = write_result(make_result("bad"), make_scores(0.5), tmp_path / "b")
    bad.write_text("[]")
    with pytest.raises(BadInput, match=r"is not a result file.*no result is left"):
        build(tmp_path / "b", tmp_path / "site", {})
    assert not (tmp_path / "site").exists()


def test_a_folder_that_is_named_twice_counts_once(tmp_path: Path) -> None:
    for method in ("a", "b"):
        write_result(make_result(method), make_scores(0.7), tmp_path / method)
    (table,) = read_tables([tmp_path, tmp_path / "a", tmp_path])
    assert sorted(row.result.method for row in table.rows) == ["a", "b"]
