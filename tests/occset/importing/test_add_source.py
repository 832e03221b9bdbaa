from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Never

import cv2
import numpy as np
import pandas as pd
import pytest

from occset.checks.check import check
from occset.dataset.embeddings import load_embeddings, save_embeddings
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing import add_source as importing
from occset.importing.add_source import add_source, resplit
from occset.pictures.images import encode_png, read_image
from occset.sources.items import FaceItem, OccluderItem
from occset.support.errors import BadInput, MissingExtra, OccsetError
from tests.fixture_types import Add


def spec(folder: Path, options: str = "landmarks=template") -> str:
    return f"celebamask-hq:{folder}?{options}"


def test_adding_the_same_source_twice_changes_nothing(
    tmp_path: Path,
    celeba: Callable[..., Path],
    faceocc: Callable[..., Path],
    digest: Callable[[Path], dict[str, str]],
    add: Add,
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    faces, others = celeba(20), faceocc(5)
    wanted = [("faces", spec(faces)), ("occluders", f"faceocc:{others}"), ("textures", f"faceocc:{others}")]
    first = [add(data, kind, source) for kind, source in wanted]
    assert [r.added for r in first] == [20, 10, 5]
    assert first[0].harvested == 20
    assert not any(r.problems or r.duplicates or r.already for r in first)
    before, content = digest(data.path), data.content_hash()
    again = [add(OcclusionSet(data.path), kind, source) for kind, source in wanted]
    assert [(r.added, r.already, r.harvested) for r in again] == [(0, 20, 0), (0, 10, 0), (0, 5, 0)]
    assert digest(data.path) == before
    assert OcclusionSet(data.path).content_hash() == content == data.head["content_hash"]
    assert check(data, workers=1) == []


def test_workers_do_not_change_the_set(
    tmp_path: Path, celeba: Callable[..., Path], digest: Callable[[Path], dict[str, str]]
) -> None:
    folder = celeba(40)
    for workers in (1, 3):
        add_source(OcclusionSet.create(tmp_path / f"by-{workers}", "name"), "faces", spec(folder), workers)
    assert digest(tmp_path / "by-1") == digest(tmp_path / "by-3")


def test_an_import_that_was_cut_off_ends_like_one_that_was_not(
    tmp_path: Path,
    celeba: Callable[..., Path],
    digest: Callable[[Path], dict[str, str]],
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut off after each commit and each write of a table in turn, then run again."""
    monkeypatch.setattr(importing, "_COMMIT_EVERY", 16)
    folder = celeba(40)
    whole = OcclusionSet.create(tmp_path / "whole", "name")
    add(whole, "faces", spec(folder))
    expected = digest(whole.path)

    class Cut(BaseException):
        pass

    real, stop_at = importing.OcclusionSet.write, 0
    count = 0

    def cut(self: OcclusionSet, table: str, frame: pd.DataFrame) -> None:
        nonlocal count
        count += 1
        if count == stop_at:
            raise Cut
        real(self, table, frame)

    monkeypatch.setattr(importing.OcclusionSet, "write", cut)
    for stop_at in range(1, 9):
        count = 0
        data = OcclusionSet.create(tmp_path / f"cut-{stop_at}", "name")
        with pytest.raises(Cut):
            add(data, "faces", spec(folder))
        opened = OcclusionSet(data.path)
        # all or nothing: a half import has no splits, so that the whole gets them in one go
        assert opened.faces["split"].isna().all() or opened.faces["split"].notna().all()
        stop_at_was, stop_at = stop_at, 0
        add(opened, "faces", spec(folder))
        assert digest(data.path) == expected, stop_at_was
    assert check(OcclusionSet(data.path), workers=1) == []


@pytest.mark.slow
def test_a_killed_new_ends_like_an_undisturbed_one(
    tmp_path: Path, celeba: Callable[..., Path], faceocc: Callable[..., Path], digest: Callable[[Path], dict[str, str]]
) -> None:
    faces, others = celeba(300), faceocc(20)
    command = [sys.executable, "-m", "occset.cli", "new"]
    options = ["--name", "n", "--faces", spec(faces), "--occluders", f"faceocc:{others}", "--workers", "2"]
    started = time.monotonic()
    subprocess.run([*command, str(tmp_path / "whole"), *options], check=True, capture_output=True)
    took = time.monotonic() - started
    rng = np.random.default_rng(5)
    target = tmp_path / "killed"
    for share in [*rng.uniform(0.1, 1.0, 7), None]:
        process = subprocess.Popen([*command, str(target), *options], start_new_session=True, stderr=subprocess.DEVNULL)
        try:
            process.wait(took * 3 + 60 if share is None else took * share)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if (target / "occset.json").exists():
            OcclusionSet(target).faces  # noqa: B018 - it opens
    assert process.returncode == 0
    assert digest(target) == digest(tmp_path / "whole")
    assert [f for f in check(OcclusionSet(target)) if f.level == "error"] == []


def test_one_broken_photo_among_good_ones_is_named_and_the_rest_is_in(
    tmp_path: Path, celeba: Callable[..., Path], add: Add
) -> None:
    folder = celeba(8)
    broken = folder / "CelebA-HQ-img" / "5.jpg"
    broken.write_bytes(broken.read_bytes()[:900])
    data = OcclusionSet.create(tmp_path / "set")
    report = add(data, "faces", spec(folder))
    assert report.added == 7
    ((key, message),) = report.problems
    assert key == "5"
    assert "5.jpg" in message and "truncated" in message and "download it again" in message
    assert "5" not in set(data.faces["source_id"])
    assert check(data, workers=1) == []


def test_a_duplicate_is_named_and_kept_once(
    tmp_path: Path, celeba: Callable[..., Path], digest: Callable[[Path], dict[str, str]], add: Add
) -> None:
    folder = celeba(6)
    image = read_image(folder / "CelebA-HQ-img" / "1.jpg")
    (folder / "CelebA-HQ-img" / "4.jpg").unlink()
    (folder / "CelebA-HQ-img" / "4.png").write_bytes(encode_png(image))
    data = OcclusionSet.create(tmp_path / "set")
    report = add(data, "faces", spec(folder))
    assert (report.added, report.already, report.problems) == (5, 0, [])
    ((key, message),) = report.duplicates
    assert key == "4"
    assert "the same picture as celebamask-hq:1" in message and "remove one" in message
    assert set(data.faces["source_id"]) == {"0", "1", "2", "3", "5"}
    assert not list(data.path.glob("images/*/*.png"))  # nothing of it is left
    before = digest(data.path)
    again = add(data, "faces", spec(folder))
    assert (again.added, again.already, len(again.duplicates)) == (0, 5, 1)
    assert digest(data.path) == before


def test_the_first_of_two_equal_items_stays_wherever_commits_fall(
    tmp_path: Path, celeba: Callable[..., Path], add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = celeba(40, people=False)
    for number in (10, 30):
        shutil.copy(folder / "CelebA-HQ-img" / "3.jpg", folder / "CelebA-HQ-img" / f"{number}.jpg")
    tables = []
    for every in (1, 1000):
        monkeypatch.setattr(importing, "_COMMIT_EVERY", every)
        data = OcclusionSet.create(tmp_path / f"set-{every}")
        report = add(data, "faces", spec(folder, "landmarks=template&harvest=no"))
        assert [key for key, _ in report.duplicates] == ["10", "30"]
        tables.append(data.content_hash())
    assert tables[0] == tables[1]


def test_a_bad_harvested_piece_is_named_and_its_face_is_in(
    tmp_path: Path,
    face_item: Callable[..., FaceItem],
    cutout_item: Callable[..., OccluderItem],
    add: Add,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Source:
        name, licence = "made", "made"

        def face_keys(self) -> list[str]:
            return ["a"]

        def read_face(self, key: str) -> FaceItem:
            piece = cutout_item(1, "hair")
            piece.rgba[..., 3] = 0
            return face_item(0, occluders=[piece, cutout_item(2, "hair")])

    monkeypatch.setattr("occset.sources.registry.open_source", lambda spec, kind: Source())
    data = OcclusionSet.create(tmp_path / "set")
    report = add(data, "faces", "made:1")
    assert (report.added, report.harvested) == (1, 1)
    assert report.problems[0][0] == "face-0, its hair"
    assert "made:hair-1" in report.problems[0][1]


def test_refused_faces_leave_no_file(
    tmp_path: Path, face_item: Callable[..., FaceItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Embedder:
        file = type("File", (), {"sha256": "0" * 64})

        def __init__(self, file: Path | None, threads: int) -> None:
            pass

        def embed(self, images: np.ndarray, points: np.ndarray) -> np.ndarray:
            return np.ones((1, 4), np.float32) / 2

    class Source:
        name, licence = "made", "made"

        def face_keys(self) -> list[str]:
            return ["a", "b"]

        def read_face(self, key: str) -> FaceItem:
            return face_item(0, landmarks=np.zeros((5, 2)) if key == "a" else np.full((5, 2), np.nan))

    monkeypatch.setattr(importing, "EMBEDDER", "test:Embedder")
    monkeypatch.setattr(importing.registry, "load", lambda reference: Embedder)
    monkeypatch.setattr("occset.sources.registry.open_source", lambda spec, kind: Source())
    data = OcclusionSet.create(tmp_path / "set")
    report = add_source(data, "faces", "made:1", 1)
    assert [key for key, _ in report.problems] == ["a", "b"]
    assert "landmarks span no face" in report.problems[0][1]
    assert sorted(p.name for p in data.path.rglob("*")) == ["occset.json"]


def test_vectors_of_two_arcface_files_are_not_mixed(tmp_path: Path) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    vector = np.ones(4, np.float32) / 2
    save_embeddings(data, {"a": vector}, "one")
    save_embeddings(data, {"b": vector}, "one")
    assert set(load_embeddings(data)) == {"a", "b"}
    with pytest.raises(OccsetError, match=r"embeddings\.npz: made by another ArcFace file"):
        save_embeddings(data, {"c": vector}, "two")


def test_broken_vectors_are_named(tmp_path: Path) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    (data.path / "embeddings.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(BadInput, match=r"embeddings\.npz: not a readable"):
        load_embeddings(data)
    np.savez(data.path / "embeddings.npz", other=np.ones(3))
    with pytest.raises(BadInput, match="no vectors by id"):
        load_embeddings(data)


def test_an_arcface_file_that_was_named_and_is_missing_is_an_error(
    tmp_path: Path, celeba: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCCSET_ARCFACE", str(tmp_path / "none.onnx"))
    data = OcclusionSet.create(tmp_path / "set")
    with pytest.raises(BadInput, match=r"OCCSET_ARCFACE names .*none\.onnx"):
        add_source(data, "faces", spec(celeba(2)), 1)


def test_grouping_says_how_faces_were_told_apart(tmp_path: Path, celeba: Callable[..., Path], add: Add) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    add(data, "faces", spec(celeba(6)))
    add(data, "faces", spec(celeba(4, "others", first=50, people=False)))
    expected = {"by_identity": 6, "by_arcface_clusters": 0, "by_near_duplicates_only": 4, "seed": 0}
    assert OcclusionSet(data.path).head["grouping"] == expected


def test_sources_keep_their_order_when_one_is_added_again(
    tmp_path: Path, celeba: Callable[..., Path], faceocc: Callable[..., Path], add: Add
) -> None:
    data = OcclusionSet.create(tmp_path / "set")
    one, two = spec(celeba(4)), f"faceocc:{faceocc(2)}"
    for kind, source in (("faces", one), ("occluders", two), ("faces", one)):
        add(data, kind, source)
    assert [s["source"] for s in data.head["sources"]] == [f"faces={one}", f"occluders={two}"]


def test_two_imports_at_once_are_refused(tmp_path: Path, celeba: Callable[..., Path], add: Add) -> None:
    from occset.support.locks import only_writer

    data = OcclusionSet.create(tmp_path / "set")
    with only_writer(data.path), pytest.raises(OccsetError, match="another occset is writing here"):
        add(data, "faces", spec(celeba(2)))
    assert add(data, "faces", spec(celeba(2, "again"))).added == 2


def test_a_name_that_is_no_utf8_is_refused_by_name(tmp_path: Path, add: Add) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    _, data = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    bad = os.fsencode(folder) + b"/b\xff.jpg"
    try:
        with open(bad, "wb") as stream:  # noqa: PTH123 - pathlib takes no bytes
            stream.write(data.tobytes())
    except OSError:
        pytest.skip("the file system takes UTF-8 names only")
    (folder / "gürtel=1 ü.jpg").write_bytes(data.tobytes()[:-2] + b"\xff\xd9")
    made = OcclusionSet.create(tmp_path / "set")
    report = add(made, "faces", f"photos:{folder}?align=no")
    assert report.added == 1
    assert list(made.faces["source_id"]) == ["gürtel=1 ü.jpg"]
    assert "not UTF-8: rename" in report.problems[0][1]


def test_resplit_gives_only_what_is_missing(copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    before = data.content_hash()
    stamps = {p: p.stat().st_mtime_ns for p in Path(data.path).glob("*.parquet")}
    resplit(data, seed=99)
    assert data.content_hash() == before
    assert {p: p.stat().st_mtime_ns for p in Path(data.path).glob("*.parquet")} == stamps


# --- ArcFace -----------------------------------------------------------------------------------------------------------


class Named:
    """Stands for ArcFace: keeps which file it was given."""

    asked: list = []  # noqa: RUF012 - shared on purpose

    def __init__(self, file: Path | None, threads: int) -> None:
        self.file = type("File", (), {"sha256": "0" * 64})
        Named.asked.append(file)
        if file is not None and not file.exists():
            raise BadInput(f"--arcface names {file}, and there is no such file")

    def embed(self, images: np.ndarray, points: np.ndarray) -> np.ndarray:
        return np.ones((1, 4), np.float32) / 2


def test_the_arcface_file_that_is_named_is_the_one_that_is_used(
    tmp_path: Path, celeba: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importing.registry.load
    load = lambda reference: Named if reference == importing.EMBEDDER else real(reference)  # noqa: E731
    monkeypatch.setattr(importing.registry, "load", load)
    monkeypatch.setattr(Named, "asked", [])
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"x")
    data = OcclusionSet.create(tmp_path / "set")
    add_source(data, "faces", spec(celeba(2)), 1, arcface=file)
    assert Named.asked == [file]
    assert len(load_embeddings(data)) == 2


def test_an_arcface_file_without_what_runs_it_is_an_error_only_if_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(reference: str) -> Never:
        raise MissingExtra("onnxruntime", "identity", "the ID score")

    monkeypatch.setattr(importing.registry, "load", missing)
    assert importing.open_embedder() is None
    with pytest.raises(MissingExtra, match="onnxruntime"):
        importing.open_embedder(tmp_path / "mine.onnx")
