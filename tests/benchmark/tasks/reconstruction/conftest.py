"""A small set of built-in faces, whose truth is known; and the plain set's faces, of which only five points are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import resplit
from occset.models.builtin.source import BuiltinSource
from tests.conftest import plain_occluder
from tests.fixture_types import Occset, Said

FACES, STORED = 8, 96


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> OcclusionSet:
    """Eight built-in people at 96 px, all of them test faces, and two occluders of each of four categories."""
    data = OcclusionSet.create(tmp_path_factory.mktemp("rendered") / "rendered")
    source = BuiltinSource(f"{FACES},seed=4,size={STORED},variations=1")
    data.add_rows("faces", [data.store_face(source.read_face(key), "builtin") for key in source.face_keys()])
    categories = ("sunglasses", "mask", "hand", "hair")
    rows = [data.store_occluder(plain_occluder(i, c), "test") for c in categories for i in range(2)]
    data.add_rows("occluders", rows)
    resplit(data)
    data.write("faces", data.faces.assign(split="test"))
    data.write("occluders", data.occluders.assign(split="test"))
    return data


@pytest.fixture
def rendered_set(rendered: OcclusionSet, tmp_path: Path, small_rules: object) -> OcclusionSet:
    """A copy for this test; short protocols of 24 samples at 64 px, two thirds of the size at which faces are stored."""
    shutil.copytree(rendered.path, tmp_path / "rendered")
    return OcclusionSet(tmp_path / "rendered")


@pytest.fixture
def protocol(rendered_set: OcclusionSet) -> Protocol:
    """Of the built-in faces."""
    return open_protocol(rendered_set, "reconstruction", 1)


@pytest.fixture
def photo_set(bench_set: OcclusionSet) -> OcclusionSet:
    """Faces without a truth."""
    bench_set.write("occluders", bench_set.occluders.assign(split="test"))
    bench_set.write("faces", bench_set.faces.assign(split="test"))
    return bench_set


@pytest.fixture
def bench(occset: Occset, tmp_path: Path, no_arcface: None) -> Occset:
    """A function: `occset bench --protocol reconstruction` on a set, with further arguments."""

    def run(data: OcclusionSet, *arguments: object) -> Said:
        common = ("--data", data.path, "--protocol", "reconstruction", "--out", tmp_path / "r", "--workers", 1)
        return occset("bench", *common, *arguments)

    return run
