"""Fixtures: a set from folders of drawings, published once, and the folders themselves to be copied and changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing import add_source as importing
from occset.pictures.images import encode_png
from occset.publishing.published.publish import publish
from occset.publishing.published.samples import jobs_of

SIDE = 96
OPTIONS = "?landmarks=template&split=set"


class Sources(NamedTuple):
    """Folders of drawings: CelebAMask-HQ and FaceOcc."""

    faces: Path
    occluders: Path

    def given(self) -> dict[str, list[str]]:
        """As replay takes them."""
        return {
            "faces": [f"celebamask-hq:{self.faces}{OPTIONS}"],
            "occluders": [f"faceocc:{self.occluders}"],
            "textures": [f"faceocc:{self.occluders}"],
        }

    def options(self) -> list[str]:
        """As the command line takes them."""
        return [word for kind, specs in self.given().items() for spec in specs for word in (f"--{kind}", spec)]


class Shared(NamedTuple):
    """What all tests share and none may change."""

    sources: Sources
    data: OcclusionSet
    folder: Path


def draw_sources(root: Path, faces: int = 16) -> Sources:
    """Write the folders."""
    celeba, faceocc = root / "celeba", root / "faceocc"
    (celeba / "CelebA-HQ-img").mkdir(parents=True)
    (celeba / "CelebAMask-HQ-mask-anno" / "0").mkdir(parents=True)
    oval = ((48, 53), (24, 34))
    for number in range(faces):
        rng = np.random.default_rng([9, number])
        image = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        cv2.ellipse(image, *oval, 0, 0, 360, (180, 140, 110), -1)
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 96])
        (celeba / "CelebA-HQ-img" / f"{number}.jpg").write_bytes(data.tobytes())
        for part, (centre, axes) in {"skin": oval, "hair": ((48, 26), (34, 16))}.items():
            mask = np.zeros((SIDE, SIDE), np.uint8)
            cv2.ellipse(mask, centre, axes, 0, 0, 360, 255, -1)
            (celeba / "CelebAMask-HQ-mask-anno" / "0" / f"{number:05d}_{part}.png").write_bytes(encode_png(mask))
    (faceocc / "texture").mkdir(parents=True)
    for number in range(5):
        rng = np.random.default_rng([7, number])
        for category in ("hand", "mask"):
            alpha = np.zeros((48, 64), np.uint8)
            cv2.ellipse(alpha, (32, 24), (28, 20), 0, 0, 360, 255, -1)
            colour = cv2.resize(rng.integers(0, 255, (6, 6, 3), np.uint8), (64, 48))
            (faceocc / "internet" / category).mkdir(parents=True, exist_ok=True)
            (faceocc / "internet" / category / f"{number}.png").write_bytes(encode_png(np.dstack([colour, alpha])))
        patch = rng.integers(0, 255, (32, 32, 3), np.uint8)
        (faceocc / "texture" / f"noise_{number:04d}.png").write_bytes(encode_png(patch))
    return Sources(celeba, faceocc)


def make_from(sources: Sources, path: Path) -> OcclusionSet:
    """A set of all that the folders hold; the faces harvest their hair."""
    data = OcclusionSet.create(path, "drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing, "open_embedder", lambda arcface=None: None)  # drawings all look like one person
        for kind, specs in sources.given().items():
            for spec in specs:
                assert not importing.add_source(data, kind, spec, workers=1).problems
    return data


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """The folders, their set, and the set published: 30 recipes over eleven train faces or so."""
    root = tmp_path_factory.mktemp("published")
    sources = draw_sources(root)
    data = make_from(sources, root / "set")
    jobs = jobs_of(data, 30, ("train",), 48, 3, ())
    _, doubts = publish(data, jobs, root / "published", workers=1)
    assert doubts == []
    return Shared(sources, data, root / "published")


@pytest.fixture
def held(shared: Shared, tmp_path: Path) -> Sources:
    """A copy of the folders, as somebody else holds it."""
    copies = [Path(shutil.copytree(path, tmp_path / path.name)) for path in shared.sources]
    return Sources(*copies)


@pytest.fixture
def published(shared: Shared, tmp_path: Path) -> Path:
    """A copy of the published folder."""
    return Path(shutil.copytree(shared.folder, tmp_path / "published"))


@pytest.fixture
def change() -> Callable[[Path], None]:
    """A function that changes one pixel of a picture so that it stays a whole picture."""

    def paint(path: Path) -> None:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image is not None
        image[20:30, 20:30] = 255 - image[20:30, 20:30]
        assert cv2.imwrite(str(path), image)

    return paint
