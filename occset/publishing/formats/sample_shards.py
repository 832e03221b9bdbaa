"""Samples as WebDataset: ``occset render --to webdataset``. One task makes one shard, which is whole or not there.

OUT/render.json                         what was asked for
OUT/SPLIT-00000-of-00300.tar            samples 0 to 999, each ``KEY.image.png KEY.clean.png KEY.face.png KEY.occlusion.png
                                        KEY.json``; KEY is NNNNNNNNN_SAMPLE
OUT/recipes/SPLIT-00000-of-00300.parquet  their recipes, written before the shard
OUT/index.json                          counts and sha256 of all shards, once all is done

A shard is a function of the set, the job and its number, so that whoever makes it makes the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, recipes_to_bytes
from occset.pictures.images import encode_png
from occset.publishing.formats.shards import INDEX, index_of, json_member, write_tar
from occset.samples.export import KINDS
from occset.samples.job import Job, check_arrived, check_job, claimed, named, open_job
from occset.samples.render import Renderer
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.pools.processes import map_chunks

A_SHARD = 1000
"""Samples of one tar, of which one at 256 px takes about 200 kB."""


@dataclass(frozen=True)
class Shards:
    """How a job is cut into shards.

    Attributes:
        out: the folder.
        split: what their names begin with.
        count: number of samples.
        each: samples of one shard; the last may have fewer.
    """

    out: Path
    split: str
    count: int
    each: int

    def __len__(self) -> int:
        """Number of shards."""
        return -(-self.count // self.each)

    def range(self, number: int) -> range:
        """Numbers of the samples of a shard."""
        return range(number * self.each, min((number + 1) * self.each, self.count))

    def path(self, number: int) -> Path:
        """The tar of a shard."""
        return self.out / f"{self.split}-{number:05d}-of-{len(self):05d}.tar"

    def recipes(self, number: int) -> Path:
        """The recipe file of a shard."""
        return self.out / "recipes" / f"{self.path(number).stem}.parquet"


@dataclass
class _Made:
    """A shard's entry of the index, or what kept it from being made."""

    samples: int
    entry: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)


def render_shards(
    data: OcclusionSet,
    job: Job,
    out: Path,
    workers: int | None = None,
    each: int = A_SHARD,
    progress: Callable[[int, int], None] | None = None,
    ray: str | None = None,
) -> Path:
    """Render a job into shards; those that an earlier, interrupted run finished are kept.

    Args:
        data: the set.
        job: what is rendered.
        out: the folder, made if missing.
        workers: processes, or workers of the cluster; as many as there are cores by default.
        each: samples of one shard.
        progress: called with (done, all).
        ray: address of a Ray cluster that renders, all of whose nodes see set and folder under the same path.

    Returns:
        The path of ``index.json``.

    Raises:
        OccsetError: the folder holds samples of another job or is being written to, the set has nothing to draw from,
            or a recipe names what the set lacks; no cluster answers, or it writes elsewhere.
        BadInput: some samples cannot be rendered; the shards without one of them are there.
    """
    if each < 1:
        raise OccsetError(f"shards of {each} samples: give a number of at least 1")
    asked = check_job(data, job)  # before anything is made
    split = job.plan.split if job.plan is not None else "recipes"
    shards = Shards(out, re.sub(r"\W", "_", split), job.count, each)
    with claimed(data, job, asked, out, to="webdataset", each=each):
        return _write_all(data, job, shards, workers, progress, ray)


def _write_all(
    data: OcclusionSet,
    job: Job,
    shards: Shards,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
    ray: str | None,
) -> Path:
    index = shards.out / INDEX
    if index.exists():
        if progress:
            progress(job.count, job.count)
        return index
    done, entries, problems = 0, [], []
    if progress:
        progress(0, job.count)
    for made in map_chunks(partial(_Maker, data, job, shards), range(len(shards)), workers, ray):
        done += made.samples - len(made.problems)
        entries.append(made.entry)
        problems += made.problems
        if progress:
            progress(done, job.count)
    if problems:
        raise BadInput(
            f"{shards.out}: {len(problems)} of {job.count} samples could not be rendered, and the shards of these "
            f"are not there: repair what is named and run again, only what is missing is made: {named(problems)}"
        )
    check_arrived([shards.path(number) for number in range(len(shards))])
    write_atomic(index, (json.dumps({shards.split: entries}, indent=2) + "\n").encode())
    return index


class _Maker:
    """What a worker does: a shard from its number."""

    def __init__(self, data: OcclusionSet, job: Job, shards: Shards) -> None:
        self.data, self.job, self.shards = data, job, shards
        self._opened: tuple[Renderer, Callable[[int], Recipe]] | None = None

    def __call__(self, number: int) -> _Made:
        path, numbers = self.shards.path(number), self.shards.range(number)
        if not path.exists():  # else it is whole, since it was renamed when it was
            problems: list[tuple[int, str]] = []
            with suppress(_Incomplete):
                write_tar(path, self._samples(number, problems))
            if problems:
                return _Made(len(numbers), problems=problems)
        (entry,) = index_of({path: len(numbers)}, self.shards.out)
        return _Made(len(numbers), entry)

    def _samples(self, number: int, problems: list[tuple[int, str]]) -> Iterator[tuple[str, dict[str, bytes]]]:
        """The samples of a shard, one at a time; at their end their recipes are written, before the shard has its name."""
        if self._opened is None:
            self._opened = open_job(self.data, self.job)
        renderer, take = self._opened
        recipes = []
        for index in self.shards.range(number):
            try:
                recipes.append(take(index))
                members = members_of(renderer, recipes[-1])
            except BadInput as error:
                problems.append((index, str(error)))
                continue
            if not problems:
                yield f"{index:09d}_{recipes[-1].sample}", members
        if problems:
            raise _Incomplete
        write_atomic(self.shards.recipes(number), recipes_to_bytes(recipes))


class _Incomplete(Exception):
    """A shard lacks samples, so it is not kept."""


def members_of(renderer: Renderer, recipe: Recipe) -> dict[str, bytes]:
    """The members of a sample by suffix: four pictures as ``occset render`` writes them, and the recipe."""
    sample = renderer.render(recipe)
    pictures = (sample.image, sample.clean, sample.face, sample.alpha)
    members = {f"{kind}.png": encode_png(picture) for kind, picture in zip(KINDS, pictures, strict=True)}
    return {**members, "json": json_member({"sample": recipe.sample, **asdict(recipe)})}
