"""The recipes that are published, and the hash of the sample that each renders to."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from occset.composition.compose import Sample
from occset.dataset.frozen import frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, RecipeFile, named_items, to_frame
from occset.dataset.records import to_bytes
from occset.pictures.images import pixel_hash
from occset.publishing.published.layout import RECIPES, PublishedRecipes
from occset.samples.draw import Plan
from occset.samples.job import Job, check_job, named, open_job
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.pools.processes import map_chunks

A_FILE = 10_000
"""Recipes of one file."""

_CHUNK = 32
_DRAWN = 1000  # where a set has no recipes of its own and nobody says how many


@dataclass(frozen=True)
class Named:
    """A job under the name that its recipe files begin with."""

    name: str
    job: Job

    def paths(self, out: Path) -> list[Path]:
        """Its recipe files."""
        count = -(-self.job.count // A_FILE)
        return [out / "recipes" / f"{self.name}-{at:05d}-of-{count:05d}.parquet" for at in range(count)]


def sample_hash(sample: Sample) -> str:
    """Hash of all that a recipe renders to: image, clean image, face mask and alpha; 64 hex digits."""
    pictures = (sample.image, sample.clean, sample.face, sample.alpha)
    return hashlib.sha256(" ".join(pixel_hash(picture) for picture in pictures).encode()).hexdigest()


def jobs_of(
    data: OcclusionSet, count: int | None, splits: Sequence[str], size: int, seed: int, files: Sequence[Path]
) -> list[Named]:
    """What is to be published: recipe files, or so many recipes drawn of each split, or those that the set has.

    Args:
        data: the set.
        count: of each split; None for the recipe files and frozen protocols of the set, or 1000 where it has none.
        splits: to draw from.
        size: of what is drawn, pixels.
        seed: of the draw.
        files: recipe files to publish.

    Raises:
        OccsetError: two have one name, one is empty, or the set has not what is needed.
    """
    own = list(files) or ([] if count else frozen_files(data.path))
    jobs = [Named(_plain(path.stem), Job(len(RecipeFile(path)), None, recipes=path)) for path in own]
    if count or not jobs:
        jobs += [Named(_plain(split), Job(count or _DRAWN, Plan(split=split, size=size), seed)) for split in splits]
    names = [one.name for one in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OccsetError(f"two lists of recipes would be called {twice[0]}: rename one of the files")
    for one in jobs:
        if one.job.count == 0:
            raise OccsetError(f"{one.job.recipes}: holds no recipe: leave it out")
        check_job(data, one.job)
    return jobs


def _plain(name: str) -> str:
    """A name as hubs take it for a split: letters, digits and _."""
    return re.sub(r"\W", "_", name, flags=re.ASCII) or "_"


def write_recipes(
    data: OcclusionSet, one: Named, out: Path, workers: int, tick: Callable[[int], None]
) -> dict[str, set[str]]:
    """Write the recipe files of a job; those that are there are kept.

    Args:
        data: the set.
        one: the job.
        out: the published folder.
        workers: processes.
        tick: called with the number of recipes that were finished.

    Returns:
        The ids that the recipes name, by table.

    Raises:
        BadInput: samples that cannot be rendered; names all of them.
    """
    used: dict[str, set[str]] = {}
    missing = []
    for at, path in enumerate(one.paths(out)):
        if path.exists():
            file = PublishedRecipes(path)
            _note(used, [recipe for recipe, _ in file.read()])
            tick(len(file))
        else:
            missing.append(at)
    ranges = [
        range(start, min(start + _CHUNK, one.job.count, (at + 1) * A_FILE))
        for at in missing
        for start in range(at * A_FILE, min((at + 1) * A_FILE, one.job.count), _CHUNK)
    ]
    held: list[tuple[Recipe, str]] = []
    problems: list[tuple[int, str]] = []
    for numbers, (found, failed) in zip(
        ranges, map_chunks(partial(_make_hasher, data, one.job), ranges, workers), strict=True
    ):
        held += found
        problems += failed
        tick(len(numbers))
        if numbers.stop == one.job.count or numbers.stop % A_FILE == 0:
            if not problems:
                _write(one.paths(out)[numbers.start // A_FILE], held)
            _note(used, [recipe for recipe, _ in held])
            held = []
    if problems:
        raise BadInput(
            f"{len(problems)} of {one.job.count} samples of {one.name} could not be rendered: repair what is named and "
            f"publish again: {named(problems)}"
        )
    return used


def _write(path: Path, held: list[tuple[Recipe, str]]) -> None:
    frame = to_frame(recipe for recipe, _ in held)
    frame["pixels"] = [digest for _, digest in held]
    write_atomic(path, to_bytes(frame, RECIPES))


def _note(used: dict[str, set[str]], recipes: list[Recipe]) -> None:
    for table, names in named_items(recipes).items():
        used.setdefault(table, set()).update(names)


_Hashed = tuple[list[tuple[Recipe, str]], list[tuple[int, str]]]


def _make_hasher(data: OcclusionSet, job: Job) -> Callable[[range], _Hashed]:
    renderer, take = open_job(data, job)

    def hashes(numbers: range) -> _Hashed:
        found, problems = [], []
        for index in numbers:
            try:
                recipe = take(index)
                found.append((recipe, sample_hash(renderer.render(recipe))))
            except BadInput as error:
                problems.append((index, str(error)))
        return found, problems

    return hashes
