"""FiftyOne itself: it reads exports offline, its App shows a set, and a mask that is painted there comes back.

Needs the extra `view`, which does not fit beside `serve`: run it in an environment of its own, see CONTRIBUTING.md.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.masks import decode_rle
from occset.publishing.formats.contents import choose
from occset.publishing.formats.export import export
from occset.rounds.ledger import read_round
from occset.rounds.versions import history
from occset.viewing import app
from occset.viewing.workspace import workspace_of
from tests.fixture_types import MakeSet, Occset
from tests.occset.publishing.conftest import ANNOTATOR, NAMES, hostile_set

__all__ = ["hostile_set"]
if importlib.util.find_spec("fiftyone") is None:
    pytest.skip("FiftyOne is not installed: see CONTRIBUTING.md, occset[view]", allow_module_level=True)
pytestmark = pytest.mark.slow

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1440,1000"
)
PATIENCE_S = 300  # FiftyOne takes a minute to import where others work too


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], log: Path, cwd: Path, **more: str) -> Iterator[None]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=cwd, env=os.environ | more, stdout=stream, stderr=stream)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def wait_for(address: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(1)
    pytest.fail(f"{address} did not answer: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MongoDB of these tests, whose address FiftyOne is told."""
    spec = importlib.util.find_spec("fiftyone")
    assert spec is not None and spec.origin is not None
    mongod = Path(spec.origin).parent / "db" / "bin" / "mongod"
    if not mongod.is_file():
        pytest.skip(f"{mongod} is missing: {app.DATABASE}")
    folder, port = tmp_path_factory.mktemp("mongo"), free_port()
    words = ["--dbpath", ".", "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with pytest.MonkeyPatch.context() as patch, running([str(mongod), *words], folder / "log", folder):
        patch.setenv("FIFTYONE_DATABASE_URI", f"mongodb://127.0.0.1:{port}")
        patch.setenv("FIFTYONE_PLUGINS_DIR", str(tmp_path_factory.mktemp("plugins")))
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("home")))
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                break
            time.sleep(0.5)
        fiftyone = app.start()
        fiftyone.config.database_uri = os.environ["FIFTYONE_DATABASE_URI"]
        yield os.environ["FIFTYONE_DATABASE_URI"]


@pytest.fixture(scope="module")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of the server that FiftyOne's App asks."""
    fiftyone, port, log = app.start(), free_port(), tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "main.py", "--port", str(port), "--address", "127.0.0.1"]
    with running(command, log, Path(fiftyone.__file__).parent / "server", FIFTYONE_SERVER="1"):
        wait_for(f"http://127.0.0.1:{port}/fiftyone", log)
        yield port


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    """A headless Chromium with an empty profile."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def keep(driver: Any, name: str) -> None:
    """Keep a screenshot in the folder that OCCSET_ARTEFACTS names."""
    if folder := os.environ.get("OCCSET_ARTEFACTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        driver.save_screenshot(str(Path(folder) / f"{name}.png"))


def wait(driver: Any, script: str, what: str, seconds: float = 120) -> Any:
    """What a script returns, once that is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = driver.execute_script(script)
        if found:
            return found
        time.sleep(0.5)
    keep(driver, "fiftyone-failed")
    pytest.fail(f"{what}: {driver.execute_script('return document.body.innerText')[:1500]}")


def pointer(driver: Any, points: list[tuple[float, float]]) -> None:
    """Press at the first point, go through all, let go."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    actions = ActionBuilder(driver, duration=120)
    actions.pointer_action.move_to_location(*map(round, points[0])).pointer_down()
    for point in points[1:]:
        actions.pointer_action.move_to_location(*map(round, point))
    actions.pointer_action.pointer_up()
    actions.perform()


def test_an_export_is_read_offline_as_it_was(database: str, hostile_set: OcclusionSet, tmp_path: Path) -> None:
    fiftyone = app.start()
    export(hostile_set, "fiftyone", tmp_path / "out")
    held = choose(hostile_set)
    kind = fiftyone.types.FiftyOneDataset
    read = fiftyone.Dataset.from_dir(str(tmp_path / "out"), dataset_type=kind, name="export", overwrite=True)
    assert len(read) == len(held) == 27
    assert set(read.values("source_id")) >= set(NAMES)
    drawn = [name for names in read.values("occluders.detections.annotator") for name in names or ()]
    assert drawn == [ANNOTATOR] * 3
    rows = {row["id"]: row for row in held.faces}
    faces = read.load_saved_view("only faces")
    assert len(faces) == len(rows)
    for sample in faces:
        whole = sample["face"].detections[0].to_segmentation(frame_size=(128, 128), target=255).mask
        assert np.array_equal(np.where(whole > 0, 255, 0), held.mask(rows[sample["item"]]))
    assert read.list_saved_views() == ["only faces", "only cut-outs", "only textures"]
    read.export(str(tmp_path / "again"), dataset_type=kind)
    mine, theirs = (json.loads((tmp_path / name / "samples.json").read_text())["samples"] for name in ("out", "again"))
    assert {one["item"]: one["source_id"] for one in mine} == {one["item"]: one["source_id"] for one in theirs}


def test_the_app_shows_a_set_and_a_painted_mask_comes_back(
    server: int, browser: Any, make_set: MakeSet, occset: Occset, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_set(faces=12, each=1, size=128)
    shown: list[str] = []
    monkeypatch.setattr(app, "show", lambda name, *_: shown.append(name))
    said = occset("view", data.path, "--no-browser")
    assert said.status == 0, said.err
    (name,) = shown
    assert name == workspace_of(data.path).name
    face = data.faces.loc[data.faces["split"] == "train", "id"].iloc[0]
    sample = app.start().load_dataset(name).match({"item": face}).first()
    browser.get(f"http://127.0.0.1:{server}/datasets/{name}")
    wait(
        browser, "return document.body.innerText.includes('23 samples')", "the grid of 12 faces, 5 cut-outs, 6 textures"
    )
    for field in ("face", "occluders", "split", "kind", "flags"):
        wait(browser, f"return [...document.querySelectorAll('*')].some(e => e.innerText === '{field}')", field)
    wait(browser, "return document.querySelectorAll('canvas').length >= 12", "pictures")
    time.sleep(5)
    keep(browser, "fiftyone-grid")

    browser.get(f"http://127.0.0.1:{server}/datasets/{name}?id={sample.id}")
    tab = "const e = [...document.querySelectorAll('*')].filter(e => e.innerText === 'Annotate').pop(); "
    wait(browser, tab + "e && e.click(); return !!e", "the annotation mode")
    box = "const c = document.querySelector('#lighter-singleton-canvas'); const r = c && c.getBoundingClientRect(); "
    x, y, w, h = wait(browser, box + "return r && r.width > 100 && [r.x, r.y, r.width, r.height]", "the picture")
    time.sleep(5)
    side = min(w, h)
    left, top = x + (w - side) / 2, y + (h - side) / 2
    pointer(browser, [(left + side / 2, top + side / 2)] * 2)  # select the face
    wait(browser, "const e = document.querySelector('[aria-label=Brush]'); e && e.click(); return !!e", "the brush")
    time.sleep(2)
    pointer(browser, [(left + side * v, top + side * v) for v in (0.06, 0.1, 0.15, 0.2, 0.25)])
    before = data.load_face(face)[1]
    end = time.monotonic() + 60
    while app.see(name) and not _painted(name, face, before) and time.monotonic() < end:
        time.sleep(1)
    keep(browser, "fiftyone-painted")

    said = occset("view", data.path, "--no-browser")
    assert "1 faces were edited in the App and not pulled" in said.err, "they are not thrown away"
    app.start().load_dataset(name).match({"item": data.faces["id"][1]}).tag_samples("look, again")
    said = occset("view", data.path, "--pull", "--annotator", ANNOTATOR)
    assert said.status in (0, 1), said.err
    data.refresh()
    after = decode_rle(data.face_row(face)["mask"], 128, 128)
    gained, lost = (after > 0) & (before == 0), (after == 0) & (before > 0)
    ys, xs = np.nonzero(gained)
    assert len(xs) > 20 and not lost.any(), "what was not painted is as it was, to the pixel"
    assert max(xs.max(), ys.max()) < 64 and np.abs(xs - ys).max() < 16, "it lies where it was painted"
    row = read_round(data.path).rows.set_index("id").loc[face]
    assert (row["decision"], row["reason"]) == ("corrected", "edited in FiftyOne")
    assert history(data, face)[-1].annotators == (ANNOTATOR,)
    assert "0 faces were edited" in occset("view", data.path, "--pull").err or said.status == 1


def _painted(name: str, face: str, before: np.ndarray) -> bool:
    from occset.viewing.edits import mask_of

    seen = next(one for one in app.see(name) if one.item == face)
    return not np.array_equal(mask_of(seen, *before.shape), before)
