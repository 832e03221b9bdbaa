"""Samples in shards: the same bytes whoever makes them, whole or not there, and nothing made twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.publishing.formats import sample_shards, shards
from occset.publishing.formats.sample_shards import render_shards
from occset.samples.draw import Plan
from occset.samples.export import export
from occset.samples.job import Job
from occset.support.errors import BadInput, OccsetError
from occset.support.files import sha256_file

JOB = Job(22, Plan(size=48), seed=5)
Digest = Callable[[Path], dict[str, str]]


@pytest.fixture
def digest() -> Digest:
    """A function that gives the hash of each file of a folder."""
    return lambda out: {str(p.relative_to(out)): sha256_file(p) for p in sorted(out.rglob("*")) if p.is_file()}


def members(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as archive:
        return {one.name: archive.extractfile(one).read() for one in archive}  # type: ignore[union-attr]


def test_the_samples_are_those_that_render_writes_as_pictures(plain_set: OcclusionSet, tmp_path: Path) -> None:
    render_shards(plain_set, JOB, tmp_path / "shards", 1, each=8)
    drawn = read_recipes(export(plain_set, JOB, tmp_path / "pictures", 1))
    tars = sorted((tmp_path / "shards").glob("*.tar"))
    assert [tar.name for tar in tars] == [f"train-0000{i}-of-00003.tar" for i in range(3)]
    held = [members(tar) for tar in tars]
    assert [len(one) // 5 for one in held] == [8, 8, 6]
    together = {name: data for one in held for name, data in one.items()}
    for index, recipe in enumerate(drawn):
        for kind in ("image", "clean", "face", "occlusion"):
            picture = tmp_path / "pictures" / kind / f"{index:06d}_{recipe.sample}.png"
            assert together[f"{index:09d}_{recipe.sample}.{kind}.png"] == picture.read_bytes()
        assert json.loads(together[f"{index:09d}_{recipe.sample}.json"])["face"] == recipe.face
    in_shards = [one for path in sorted((tmp_path / "shards" / "recipes").iterdir()) for one in read_recipes(path)]
    assert in_shards == drawn
    index = json.loads((tmp_path / "shards" / "index.json").read_text())["train"]
    assert [(e["name"], e["samples"], e["bytes"], e["sha256"]) for e in index] == [
        (tar.name, len(one) // 5, tar.stat().st_size, sha256_file(tar)) for tar, one in zip(tars, held, strict=True)
    ]


def test_webdataset_reads_them(plain_set: OcclusionSet, tmp_path: Path) -> None:
    wds = pytest.importorskip("webdataset")
    render_shards(plain_set, JOB, tmp_path / "out", 1, each=8)
    tars = [str(tar) for tar in sorted((tmp_path / "out").glob("*.tar"))]
    read = list(wds.WebDataset(tars, shardshuffle=False).decode("rgb8"))
    assert len(read) == 22 and {one["image.png"].shape for one in read} == {(48, 48, 3)}
    assert [one["json"]["index"] for one in read] == list(range(22))


def test_one_and_two_workers_give_the_same_bytes(plain_set: OcclusionSet, tmp_path: Path, digest: Digest) -> None:
    for workers in (1, 2):
        render_shards(plain_set, JOB, tmp_path / str(workers), workers, each=8)
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_a_finished_shard_is_not_made_again(
    plain_set: OcclusionSet, tmp_path: Path, digest: Digest, monkeypatch: pytest.MonkeyPatch
) -> None:
    render_shards(plain_set, JOB, tmp_path / "whole", 1, each=8)
    expected, out = digest(tmp_path / "whole"), tmp_path / "out"
    made: list[str] = []
    real = shards.write_tar

    def dies_at_the_third(path: Path, samples: Any) -> int:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(path.name)
        return real(path, samples)

    monkeypatch.setattr(sample_shards, "write_tar", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        render_shards(plain_set, JOB, out, 1, each=8)
    assert not (out / "index.json").exists()
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}
    assert len(stamps) == 2
    made.clear()
    render_shards(plain_set, JOB, out, 1, each=8)
    assert made == ["train-00002-of-00003.tar"]
    assert stamps.items() <= {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}.items()
    assert digest(out) == expected
    made.clear()
    render_shards(plain_set, JOB, out, 1, each=8)
    assert made == []


def test_killed_at_random_it_ends_as_if_nothing_had_been(
    plain_set: OcclusionSet, tmp_path: Path, digest: Digest
) -> None:
    job = Job(60, Plan(size=48), seed=5)
    render_shards(plain_set, job, tmp_path / "whole", 1, each=6)
    expected, out, rng = digest(tmp_path / "whole"), tmp_path / "out", np.random.default_rng(0)
    command = [sys.executable, "-m", "occset.cli", "render", str(plain_set.path), "--out", str(out), "--seed", "5"]
    command += ["--count", "60", "--size", "48", "--to", "webdataset", "--shard", "6", "--workers", "1"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not list(out.glob("train*.tar")) and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 0.1))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    there = [path.name for path in out.glob("train*.tar")]
    assert there, "it was killed in the middle"
    assert {name: sha256_file(out / name) for name in there}.items() <= expected.items(), "what has its name is whole"
    render_shards(plain_set, job, out, 1, each=6)
    assert digest(out) == expected


def test_a_shard_that_lacks_a_sample_is_not_there_and_all_samples_are_named(
    make_set: Callable[..., OcclusionSet], tmp_path: Path, digest: Digest
) -> None:
    data = make_set()
    render_shards(data, JOB, tmp_path / "whole", 1, each=2)
    drawn = [r for path in sorted((tmp_path / "whole" / "recipes").iterdir()) for r in read_recipes(path)]
    lost = drawn[3].face
    stopped = {i // 2 for i, recipe in enumerate(drawn) if recipe.face == lost}
    path = data.path / data.face_row(lost)["image"]
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(BadInput, match=rf"{path.name} does not exist.*\(sample .*3"):
        render_shards(OcclusionSet(data.path), JOB, tmp_path / "out", 1, each=2)
    there = {int(tar.name[6:11]) for tar in (tmp_path / "out").glob("*.tar")}
    assert there == set(range(11)) - stopped
    path.write_bytes(kept)
    render_shards(OcclusionSet(data.path), JOB, tmp_path / "out", 1, each=2)
    assert digest(tmp_path / "out") == digest(tmp_path / "whole")


def test_another_job_is_refused(plain_set: OcclusionSet, tmp_path: Path) -> None:
    render_shards(plain_set, JOB, tmp_path / "out", 1, each=8)
    with pytest.raises(OccsetError, match=r"holds samples of another job \(other each\)"):
        render_shards(plain_set, JOB, tmp_path / "out", 1, each=9)
    with pytest.raises(OccsetError, match=r"holds samples of another job \(other each, to\)"):
        export(plain_set, JOB, tmp_path / "out", 1)
    with pytest.raises(OccsetError, match="shards of 0 samples"):
        render_shards(plain_set, JOB, tmp_path / "other", 1, each=0)


def test_from_the_command_line_and_a_file_of_recipes(
    occset: Callable[..., Any], plain_set: OcclusionSet, tmp_path: Path
) -> None:
    recipes = export(plain_set, JOB, tmp_path / "pictures", 1)
    asked = ("render", plain_set.path, "--recipes", recipes, "--workers", 1, "--shard", 8, "--to", "webdataset")
    done = occset(*asked, "--out", tmp_path / "out")
    assert done.status == 0 and done.out.strip() == str(tmp_path / "out" / "index.json")
    render_shards(plain_set, JOB, tmp_path / "drawn", 1, each=8)
    for i in range(3):
        again = tmp_path / "out" / f"recipes-0000{i}-of-00003.tar"
        assert members(again) == members(tmp_path / "drawn" / f"train-0000{i}-of-00003.tar")
    sample = read_recipes(recipes)[4].sample
    found = occset(
        "explain", sample, "--data", plain_set.path, "--recipes", tmp_path / "out", "--out", tmp_path / "s.png"
    )
    assert found.status == 0 and sample in found.out
    assert occset(*asked[:-1], "tars", "--out", tmp_path / "no").status == 2
