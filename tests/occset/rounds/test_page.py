"""The page of a round: its figures are the ledger's, strangers' text stays text, and it asks for nothing from outside."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import write_png
from occset.pictures.masks import encode_rle
from occset.rounds import page as page_module
from occset.rounds.closing import merge
from occset.rounds.commands import round_
from occset.rounds.honeypots import honeypot_path
from occset.rounds.ledger import LEDGER, Ledger, Setup, read_round, write_round
from occset.rounds.page import write_page
from occset.rounds.page_parts import duration, histogram, overlap, text
from occset.rounds.report import report
from occset.rounds.versions import Label
from occset.sources.items import OccluderItem
from occset.support.errors import BadInput, OccsetError

SIDE = 96
HOSTILE = "<script>alert(1)</script>\" onload='x' {{js}} \u202e"
PLACES = {"href", "src", "action", "srcset", "data", "poster", "formaction", "xlink:href", "background"}


class Reader(HTMLParser):
    """Tags, attributes that may load something, the text of table rows, captions of figures, and ids."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.places: list[tuple[str, str]] = []
        self.events: list[str] = []
        self.missing_alt = 0
        self.rows: list[list[str]] = []
        self.figures: list[str] = []
        self.headings: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.open.append(tag)
        names = dict(attributes)
        self.places += [(tag, value) for name, value in attributes if name in PLACES]
        self.events += [name for name in names if name.startswith("on") or name == "style"]
        self.missing_alt += tag == "img" and "alt" not in names
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "figure":
            self.figures.append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: OcclusionSet) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        if "figure" in self.open:
            self.figures[-1] += data
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)

    def row(self, first: str) -> list[str]:
        """The first row whose first cell begins so."""
        return next(row for row in self.rows if row and row[0].startswith(first))


def band(rows: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:rows] = 255
    return mask


@pytest.fixture
def opened(drawn_set: Callable[..., OcclusionSet]) -> OcclusionSet:
    """An open round made by hand: two mined, one random, one chosen, one waiting, and a honeypot with its picture."""
    data = drawn_set(faces=8)
    train = list(data.faces["id"])[:5]
    arms = ["mined", "mined", "random", "chosen", "mined", "honeypot"]
    before = [40, 60, 50, None, 30, 64]
    rows = [
        {
            **dict.fromkeys(LEDGER.names),
            "id": face,
            "source_id": f"photo-{at}",
            "arm": arm,
            "rank": at + 1,
            "signal": "label_disagreement" if arm == "mined" else None,
            "reason": f"reason {at}",
            "width": SIDE,
            "height": SIDE,
            "label_before": None if height is None else encode_rle(band(height)),
        }
        for at, (face, arm, height) in enumerate(zip([*train, "h0123456789abcdef"], arms, before, strict=True))
    ]
    setup = Setup(1, "ns", "ab" * 32, "train", 3, 1, 0, 8, "0" * 64, 1, 1)
    write_round(data.path, Ledger(setup, type(data.faces)(rows, columns=LEDGER.names)))
    write_png(honeypot_path(data.path, 1, "h0123456789abcdef"), np.full((SIDE, SIDE, 3), 90, np.uint8))
    return data


def label(height: int, *annotators: str, seconds: float | None = 10.0, agreement: float | None = None) -> Label:
    return Label(encode_rle(band(height)), "2026-01-02T03:04:05+00:00", annotators, seconds, agreement)


@pytest.fixture
def answered(opened: OcclusionSet) -> OcclusionSet:
    """Labels of two annotators: IoU 0.5, 0.75, the same, a first label; a honeypot at 0.5; two cut-outs."""
    ids = list(read_round(opened.path).rows["id"])
    labels = {
        ids[0]: label(20, "ana"),
        ids[1]: label(45, "ana", "ben", seconds=100.0, agreement=0.8),
        ids[2]: label(50, "ben", seconds=20.0),
        ids[3]: label(70, "ben", seconds=30.0),
        ids[5]: label(32, "ben", seconds=40.0),
    }
    merge(opened, read_round(opened.path), labels)
    return opened


def write(data: OcclusionSet, **settings: Any) -> tuple[str, Reader]:
    page = write_page(data, None, data.path.parent / "page.html", **settings).read_text(encoding="utf-8")
    return page, Reader(page)


def add_cutouts(data: OcclusionSet, cutouts: Iterable[OccluderItem]) -> None:
    stored = [data.store_occluder(item, "test") for item in cutouts]
    extra = [{"round": 1, "annotator": "ana", "lead_time": seconds} for seconds in (10.0, 30.0)] + [{"round": 2}]
    data.add_rows("occluders", [{**row, "split": "train", **more} for row, more in zip(stored, extra, strict=True)])


def test_the_figures_are_those_of_the_ledger(answered: OcclusionSet) -> None:
    _, read = write(answered)
    # picked, labelled, waiting, given up, first label, corrected, confirmed, mean IoU, changed, area moved
    assert read.row("mined")[1:] == ["3", "2", "1", "0", "0", "2", "0", "0.625", "100 %", "38 %"]
    assert read.row("random control")[1:] == ["1", "1", "0", "0", "0", "0", "1", "1.000", "0 %", "0 %"]
    assert read.row("chosen by hand")[1:8] == ["1", "1", "0", "0", "1", "0", "0"]
    assert read.row("honeypots")[1:] == ["1", "1", "0", "0"] + 6 * ["\u2013"], "a honeypot is no correction"
    # timed, median, in all, by several, agreement, lowest
    assert read.row("all")[1:] == ["5", "30 s", "3 min 20 s", "1", "0.800", "0.800"]
    assert read.row("label disagreement")[1:] == ["mined", "3", "2", "0.625", "100 %"]
    # labels, median of those alone, honeypots, IoU, lowest, shared
    assert read.row("ana")[1:] == ["2", "10 s", "0", "\u2013", "\u2013", "0"]
    assert read.row("ben")[1:] == ["3", "30 s", "1", "0.500", "0.500", "0"]
    said = " ".join(read.words)
    assert re.search(r"faces picked\s*5\s*and 1 honeypots", said)
    assert re.search(r"labels changed\s*2\s*IoU below 0.98, of 3 that had one", said)


def test_each_face_stands_in_the_order_of_its_change(answered: OcclusionSet) -> None:
    _, read = write(answered)
    ids = list(read_round(answered.path).rows["id"])
    rows = [row for row in read.rows if len(row) == 9 and row[0] != "Face"]
    assert [row[0].split()[0] for row in rows] == [ids[0], ids[1], ids[2], ids[3], ids[4]]
    assert rows[0][2:5] == ["corrected", "0.500", "\u221250.0 %"]
    assert [row[2] for row in rows[2:]] == ["confirmed", "first label", "waits"]
    assert rows[1][6:8] == ["0.800", "ana, ben"]


def test_pictures_show_what_changed_worst_first(answered: OcclusionSet) -> None:
    page, read = write(answered)
    cards = [figure for figure in read.figures if "photo-" in figure]
    assert [re.search(r"photo-\d", card)[0] for card in cards] == ["photo-0", "photo-1", "photo-3", "photo-5"]
    assert "first label" in cards[2] and "IoU with the truth 0.500" in cards[3]
    assert "Honeypots" in read.headings
    assert page.count('class="before" d=') == 3, "the first label has no label before"
    assert page.count('class="after" d=') == 4
    shades = re.findall(r'class="shade" alt="" src="data:image/png;base64,([^"]+)"', page)
    first = cv2.imdecode(np.frombuffer(base64.b64decode(shades[0]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert first.shape == (SIDE, SIDE, 4)
    assert np.flatnonzero(first[:, 0, 3]).tolist() == list(range(20, 40)), "what was taken away, and nothing else"
    assert tuple(first[30, 5, :3]) == (0, 94, 213), "orange, BGR"


def test_cutouts_are_those_of_this_round(answered: OcclusionSet, cutout_item: Callable[..., OccluderItem]) -> None:
    add_cutouts(answered, [cutout_item(seed, name) for seed, name in enumerate(("hand", "hand", "mask"))])
    _, read = write(answered)
    assert read.row("hand") == ["hand", "ana", "2", "20 s"]
    assert not any(row[0] == "mask" for row in read.rows if row)
    assert report(answered).categories == [
        {"category": "hand", "annotator": "ana", "cut-outs": 2, "median seconds": 20.0}
    ]


def test_it_asks_for_nothing_from_outside(answered: OcclusionSet) -> None:
    page, read = write(answered)
    assert all(place.startswith(("data:", "#")) for _, place in read.places)
    assert "http" not in page.replace("http-equiv", ""), "no address at all without a discussion"
    assert not re.search(r"@import|url\(|\bfetch\b|XMLHttp", page)
    assert "default-src 'none'" in page and "unsafe" not in page
    assert read.tags["script"] == 1 and not read.events and not read.missing_alt
    assert {target for tag, target in read.places if tag == "a"} <= {"#" + i for i in re.findall(r'id="([^"]+)"', page)}
    assert read.tags["h1"] == 1 and str(answered.path) not in page


def test_hostile_words_stay_words(opened: OcclusionSet) -> None:
    ledger = read_round(opened.path)
    ledger.rows["reason"] = HOSTILE
    ledger.rows["source_id"] = HOSTILE
    write_round(opened.path, ledger)
    opened.note(name=HOSTILE, sources=[{"source": f"faces={HOSTILE}", "licence": HOSTILE, "added_as": HOSTILE}])
    ids = list(ledger.rows["id"])
    merge(opened, ledger, {face: label(20, HOSTILE, f"{HOSTILE}2") for face in ids[:4]})
    discussion = [
        {"id": HOSTILE, "reason": HOSTILE, "url": "javascript:alert(1)"},
        {"id": ids[0], "reason": {"a": HOSTILE}, "url": f'https://example.org/"><script>{"x" * 300}'},
        {"id": None, "url": "http://example.org/a b"},
        {},
    ]
    (opened.path / "rounds" / "001" / "discussion.json").write_text(json.dumps(discussion))
    page, read = write(opened)
    assert read.tags["script"] == 1 and not read.events
    assert "<script>alert" not in page and "\u202e" not in page
    assert "alert(1)" in " ".join(read.words), "it is shown as text"
    links = [place for _, place in read.places if not place.startswith(("data:", "#"))]
    assert links == [discussion[1]["url"]], "whole and alone"
    assert read.tags["p"] < 60 and page.count("{{js}}") > 3


def test_discussion_points_to_the_task_and_the_picture(answered: OcclusionSet) -> None:
    ids = list(read_round(answered.path).rows["id"])
    entry = {"id": ids[0], "reason": "agreement 0.41", "url": "http://127.0.0.1:8090/projects/1/data?task=7&tab=2"}
    path = answered.path / "rounds" / "001" / "discussion.json"
    path.write_text(json.dumps([entry]))
    _, read = write(answered)
    assert read.row(ids[0])[1:] == ["agreement 0.41", "open the task"]
    assert "For discussion" in read.headings
    assert ("a", entry["url"]) in read.places and ("a", "#picture-1") in read.places
    for broken in ("{", '{"id": "x"}', '["x"]', "[" * 100_000):
        path.write_text(broken)
        with pytest.raises(BadInput, match=r"discussion\.json.*pull the round again"):
            write(answered)


def test_a_bad_picture_is_named_and_the_rest_is_shown(answered: OcclusionSet) -> None:
    row = answered.face_row(read_round(answered.path).rows["id"][0])
    (answered.path / row["image"]).write_bytes(b"no picture")
    honeypot_path(answered.path, 1, "h0123456789abcdef").unlink()
    page, read = write(answered)
    note = " ".join(read.words).partition("left out here:")[2][:600]
    assert row["id"] in note and "h0123456789abcdef" in note
    assert page.count('class="stage"') == 2
    assert str(answered.path) not in page, "where the set lies is no part of the page"


def test_a_honeypot_does_not_lead_out_of_its_folder(answered: OcclusionSet) -> None:
    ledger = read_round(answered.path)
    write_png(answered.path / "rounds" / "001" / "secret.png", np.zeros((SIDE, SIDE, 3), np.uint8))
    ledger.rows.loc[5, "id"] = "../secret"
    write_round(answered.path, ledger)
    page, read = write(answered)
    assert page.count('class="stage"') == 3
    assert "is not a path inside" in " ".join(read.words)


def test_limits(answered: OcclusionSet, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page, read = write(answered, limit=2)
    assert page.count('class="stage"') == 2 and "The 2 with the lowest IoU of 4" in " ".join(read.words)
    assert [figure.count("photo-0") + figure.count("h0123") for figure in read.figures[-2:]] == [1, 1], "both at 0.5"
    assert write(answered, limit=0)[0].count("data:image/") == 0
    whole = len(write(answered)[0].encode())
    monkeypatch.setattr(page_module, "LARGEST", whole - 1)
    smaller, _ = write(answered)
    assert len(smaller.encode()) < whole and 'class="stage"' in smaller
    with pytest.raises(OccsetError, match="from 0"):
        write(answered, limit=-1)
    with pytest.raises(OccsetError, match="is a folder"):
        write_page(answered, None, tmp_path)


def test_large_rounds_stay_below_the_limit(answered: OcclusionSet) -> None:
    ledger = read_round(answered.path)
    many = ledger.rows.iloc[[0] * 3000].assign(id=[f"f{at:016x}" for at in range(3000)], reason='"' * 5000)
    write_round(answered.path, Ledger(ledger.setup, many.reset_index(drop=True)))
    page, read = write(answered)
    assert len(page.encode()) < page_module.LARGEST
    said = " ".join(read.words)
    assert "2400 more rows are left out" in said and "and 2950 more" in said


def test_an_open_round_without_labels_has_a_page_too(opened: OcclusionSet) -> None:
    page, read = write(opened)
    said = " ".join(read.words)
    assert "No label changed." in said and "No face has a label both before and after yet." in said
    assert "Annotators" not in read.headings and "For discussion" not in read.headings
    assert page == write(opened)[0]


def test_the_foot_says_whose_pictures_these_are(answered: OcclusionSet) -> None:
    answered.note(sources=[{"source": "faces=photos:/home/someone/photos", "licence": "by consent", "items": 3}])
    page, read = write(answered)
    said = " ".join(read.words)
    assert "photos of people" in said and "do not publish" in said
    assert "photos: by consent" in said and "/home/someone" not in page and "drawn" in said


def test_the_verb_writes_the_page(answered: OcclusionSet, tmp_path: Path) -> None:
    out = tmp_path / "out" / "round.html"
    result = CliRunner().invoke(round_, ["report", str(answered.path), "--page", str(out), "--limit", "1", "--json"])
    assert result.exit_code == 0, result.output
    assert out.read_text().count('class="stage"') == 1
    assert json.loads(result.stdout)["annotators"][1]["honeypot IoU"] == 0.5


FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=500,900"
)


@pytest.mark.xdist_group("browser")
@pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")),
    reason="chromium and chromedriver are not installed",
)
def test_in_a_browser_it_sorts_and_toggles_and_fits_a_phone(answered: OcclusionSet, tmp_path: Path) -> None:
    webdriver = pytest.importorskip("selenium.webdriver")
    service = pytest.importorskip("selenium.webdriver.chrome.service").Service(shutil.which("chromedriver"))
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    page = write_page(answered, None, tmp_path / "page.html")
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.get(page.as_uri())
        table = "[...document.querySelectorAll('table')].at(-1)"
        decisions = f"return [...{table}.tBodies[0].rows].map((row) => row.cells[3].textContent)"
        iou_heading = f"{table}.tHead.rows[0].cells[3]"
        click = f"{iou_heading}.querySelector('button').click(); {decisions}"
        unknown = ["\u2013", "\u2013"]
        assert browser.execute_script(click) == ["0.500", "0.750", "1.000", *unknown]
        assert browser.execute_script(click) == ["1.000", "0.750", "0.500", *unknown], "what is not known stays last"
        assert browser.execute_script(f"return {iou_heading}.getAttribute('aria-sort')") == "descending"
        visible = (
            "return ['.before', '.after', '.shade'].map("
            "(kind) => getComputedStyle(document.querySelector('.stage ' + kind)).display !== 'none')"
        )
        for view, seen in {"none": [0, 0, 0], "before": [1, 0, 0], "after": [0, 1, 0], "both": [1, 1, 1]}.items():
            browser.execute_script(f"document.querySelector('[for=view-{view}]').click()")
            assert browser.execute_script(visible) == [bool(s) for s in seen], view
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.execute_script("return [...document.images].every((image) => image.naturalWidth > 0)")
        assert browser.get_log("browser") == [], "no policy was broken, nothing was missing"
    finally:
        browser.quit()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (3599.7, "1 h 00 min"), (7260, "2 h 01 min")]
)
def test_times_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_only_one_is_written_as_one() -> None:
    assert (overlap(1), overlap(0.99999), overlap(0.5)) == ("1.000", "0.999", "0.500")
    assert text("a\n<b>&\"'") == "a &lt;b&gt;&amp;&quot;&#x27;"
    assert text("x" * 1000).endswith("x…")
    drawn = histogram([0.5, 0.97, 0.98, 1.0], 0.5, 0.98, "<mined>")
    assert sorted(re.findall(r"<title>(.*?)</title>", drawn)) == [
        "0.50 to 0.52: 1",
        "0.96 to 0.98: 1",
        "0.98 to 1.00: 2",
    ]
    assert "<mined>" not in drawn


def test_what_annotators_said_stands_on_the_page(answered: OcclusionSet) -> None:
    ledger = read_round(answered.path)
    first, second = list(ledger.rows["id"])[:2]
    bad = Label(None, "2026-01-02T03:04:05+00:00", ("ana",), verdict="unusable", comment="ana: <b>two</b> faces")
    good = Label(
        ledger.rows["label_after"][1], "2026-01-03T03:04:05+00:00", ("ben",), quality="unsure", comment="ben: by guess"
    )
    merge(answered, ledger, {first: bad, second: good})
    own = {
        "annotator": "ana",
        "labels": 2,
        "untouched": 3,
        "unsure": 0,
        "comments": 1,
        "prelabel_iou": 0.95,
        "given_iou": 0.5,
    }
    scores = {"count": 1, "iou": 0.75, "lowest_iou": 0.75, "distance": 1.0, "precision": 1.0, "recall": 1.0}
    (answered.path / "rounds" / "001" / "annotators.json").write_text(json.dumps([own | scores]))
    page, read = write(answered)
    assert "Out of use" in read.headings and "<b>two" not in page
    rows = {tuple(row[1:]) for row in read.rows if row[0].startswith(first)}
    assert ("unusable", "ana: <b>two</b> faces", "ana", "2026-01-02 03:04") in rows
    assert any("out of use" in row for row in rows)
    assert any("unsure" in row and "ben: by guess" in row for row in read.rows if row[0].startswith(second))
    # honeypots, IoU, lowest, shared, as given, untouched, IoU with the pre-label, unsure, comments
    assert read.row("ana")[3:] == ["1", "0.750", "0.750", "0", "0.500", "3", "0.950", "0", "1"]
    assert read.row("mined")[4:6] == ["1", "0"], "out of use, given up"
