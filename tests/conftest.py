"""Fixtures: small sets made on the spot, and the real photos where they are at hand."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import cv2
import numpy as np
import pytest

from occset.benchmark.identity import dlib_faces
from occset.benchmark.identity.judge import find_second
from occset.cli import main
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import resplit
from occset.sources.items import FaceItem, OccluderItem, TextureItem
from tests.fixture_types import MakeSet, Occset, Said

POINTS = np.array([[98, 120], [158, 120], [128, 148], [104, 178], [152, 178]], np.float64)

WHOLE = (
    "annotation/api",
    "annotation/backend",
    "annotation/pull",
    "annotation/push",
    "annotation/server",
    "annotation/test_",
    "benchmark/leaderboards/test_agreement",
    "benchmark/leaderboards/test_page",
    "benchmark/leaderboards/test_tables",
    "benchmark/protocols/test_frozen",
    "benchmark/protocols/test_read_only",
    "benchmark/runner",
    "benchmark/tasks/reconstruction/test_bench",
    "benchmark/tasks/segmentation/test_bench",
    "benchmark/tasks/test_toy_task",
    "benchmark/tasks/wild/test_photos",
    "benchmark/test_audit",
    "benchmark/test_cli",
    "benchmark/test_privacy",
    "benchmark/test_public",
    "experiments",
    "models/baselines/fd3d",
    "models/baselines/lafin",
    "models/baselines/official",
    "models/baselines/test_bench",
    "models/baselines/test_task",
    "models/builtin",
    "models/deocclusion",
    "models/inpainting/test_task",
    "models/morphable/test_store",
    "models/photos",
    "models/reconstruction/deep3d",
    "models/reconstruction/fitting/test_odd",
    "models/reconstruction/fitting/test_photometry",
    "models/reconstruction/test_commands",
    "models/reconstruction/test_odd",
    "models/reconstruction/test_task",
    "models/rendering/test_recovery",
    "models/segmentation/test_released_ns",
    "models/segmentation/test_same_weights",
    "models/segmentation/test_segmenter",
    "models/segmentation/test_task",
    "models/serving",
    "models/test_arcface",
    "models/test_cli",
    "models/test_groups",
    "models/test_new_network",
    "models/test_public",
    "models/test_torch_data",
    "models/training/processes",
    "models/training/test_engine",
    "models/training/test_kill",
    "models/training/test_loading",
    "occset/checks/test_check",
    "occset/importing",
    "occset/mining/test_machine_masks",
    "occset/pictures/test_detector",
    "occset/pictures/test_turned",
    "occset/publishing/formats",
    "occset/publishing/published",
    "occset/publishing/test_card",
    "occset/publishing/test_gallery",
    "occset/rounds/test_closing",
    "occset/rounds/test_honeypots",
    "occset/rounds/test_opening",
    "occset/rounds/test_page",
    "occset/rounds/test_verdicts",
    "occset/samples/test_export",
    "occset/samples/test_kill",
    "occset/support/test_interrupts",
    "occset/support/pools",
    "occset/test_cli",
    "occset/test_python_api",
    "test_earlier_version",
    "test_exit_statuses",
    "test_interrupted",
    "test_main_job",
    "test_packaging",
    "test_readme",
    "test_site",
)
"""Where the paths of tests begin that start servers, browsers, trainings or many processes, or go along a whole chain of
verbs: `make unit` goes without."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Not even import the files that `make unit` leaves out: imports are a third of its time."""
    leaves_out = "not whole" in config.option.markexpr and collection_path.suffix == ".py"
    return True if leaves_out and _is_whole(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make unit` leaves out."""
    for item in items:
        if _is_whole(item.path):
            item.add_marker(pytest.mark.whole)


def _is_whole(path: Path) -> bool:
    here = Path(__file__).parent
    return path.is_relative_to(here) and path.relative_to(here).as_posix().startswith(WHOLE)


@pytest.fixture(autouse=True)
def no_power_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing through to the disk guards against power cuts, which no test here brings about, and takes most of the time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def second_judge() -> str:
    """Ask for this where dlib's network, if it is installed, is to judge; gives why it cannot, or nothing."""
    found = find_second(None)
    return found if isinstance(found, str) else ""


@pytest.fixture(autouse=True)
def one_judge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """dlib's network takes a tenth of a second a picture: only the tests that are about it pay for that."""
    if not {"second_judge", "real_data"} & set(request.fixturenames):
        monkeypatch.setattr(dlib_faces, "_packaged", lambda: None)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real photos; tests that ask for it are skipped where it is absent."""
    folder = Path(os.environ.get("OCCSET_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "celebamask_hq").is_dir():
        pytest.skip(f"no real photos at {folder}: set OCCSET_REAL_DATA to their folder")
    return folder


def plain_face(seed: int, size: int = 256) -> FaceItem:
    """A flat drawing of a face: quick to make, with known mask and landmarks."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (8, 8, 3), np.uint8)
    image = cv2.resize(image, (256, 256), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((256, 256), np.uint8)
    cv2.ellipse(mask, (128, 140), (66 + seed % 5, 92), 0, 0, 360, 255, -1)
    image[mask > 0] = rng.integers(90, 220, 3)
    for x, y in POINTS[:2].astype(int):
        cv2.circle(image, (int(x), int(y)), 9, (250, 250, 250), -1)
        cv2.circle(image, (int(x), int(y)), 4, (40, 30, 20), -1)
    cv2.ellipse(image, (128, 178), (24, 6), 0, 0, 360, (150, 40, 50), -1)
    scale = size / 256
    return FaceItem(
        name=f"face-{seed}",
        image=cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA),
        licence="made by a test",
        mask=cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST),
        landmarks=(POINTS + 0.5) * scale - 0.5,
        landmarks_source="source",
        identity=f"person-{seed}",
    )


def plain_occluder(seed: int, category: str) -> OccluderItem:
    """A soft-edged blob with a pattern of its own, wide for what is worn on the eyes."""
    rng = np.random.default_rng([1000 + seed, *category.encode()])
    height, width = {"sunglasses": (60, 150), "mask": (110, 150), "hair": (90, 170)}.get(category, (120, 90))
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[..., :3] = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (width, height))
    alpha = np.zeros((height, width), np.uint8)
    cv2.ellipse(alpha, (width // 2, height // 2), (width // 2 - 3, height // 2 - 3), 0, 0, 360, 255, -1)
    rgba[..., 3] = cv2.GaussianBlur(alpha, (5, 5), 1.2)
    return OccluderItem(f"{category}-{seed}", rgba, category, "made by a test")


def fill(data: OcclusionSet, faces: int = 20, each: int = 5, size: int = 256) -> OcclusionSet:
    """Add plain faces, occluders of five categories and textures to a set."""
    data.add_rows("faces", [data.store_face(plain_face(i, size), "test") for i in range(faces)])
    categories = ("sunglasses", "mask", "hand", "hair", "object")
    rows = [data.store_occluder(plain_occluder(i, c), "test") for c in categories for i in range(each)]
    data.add_rows("occluders", rows)
    rng = np.random.default_rng(7)
    textures = [TextureItem(f"t{i}", rng.integers(0, 255, (64, 64, 3), np.uint8), "noise", "made") for i in range(6)]
    data.add_rows("textures", [data.store_texture(t, "test") for t in textures])
    resplit(data)
    return data


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that fills a set of some sizes, once for all tests, and gives its folder, which nobody may change."""

    @cache
    def make(**sizes: int) -> Path:
        return fill(OcclusionSet.create(tmp_path_factory.mktemp("filled") / "set"), **sizes).path

    return make


@pytest.fixture
def make_set(tmp_path: Path, filled: Callable[..., Path]) -> MakeSet:
    """A function that makes a filled set in a folder of this test."""

    def make(name: str = "set", **sizes: int) -> OcclusionSet:
        return OcclusionSet(shutil.copytree(filled(**sizes), tmp_path / name))

    return make


@pytest.fixture(scope="session")
def plain_set(tmp_path_factory: pytest.TempPathFactory, filled: Callable[..., Path]) -> OcclusionSet:
    """A filled set that tests share and must not change."""
    return OcclusionSet(shutil.copytree(filled(), tmp_path_factory.mktemp("shared") / "plain"))


@pytest.fixture
def occset(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Occset:
    """A function that runs `occset ...` in this process."""

    def run(*arguments: object) -> Said:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["occset", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        code = left.value.code
        return Said(code if isinstance(code, int) else 0 if code is None else 1, *capfd.readouterr())

    return run
