"""Writing rendered samples to a folder: resumable, and the same bytes whatever the number of workers.

OUT/render.json          what was asked for
OUT/recipes.parquet      the recipes, once all is done
OUT/image|clean|face|occlusion/NNNNNN_SAMPLE.png
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from occset.composition.compose import Sample
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, hash_recipes, read_recipes, recipes_to_bytes
from occset.pictures.images import write_png
from occset.samples.job import Job, check_arrived, check_job, claimed, named, open_job
from occset.samples.render import Renderer
from occset.support.errors import BadInput
from occset.support.files import write_atomic
from occset.support.pools.processes import map_chunks

_CHUNK = 32
KINDS = ("image", "clean", "face", "occlusion")


def export(
    data: OcclusionSet,
    job: Job,
    out: Path,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    ray: str | None = None,
) -> Path:
    """Render a job into ``out``; what an earlier, interrupted run finished is kept.

    Args:
        data: the set.
        job: what is rendered.
        out: the folder, made if missing.
        workers: processes, or workers of the cluster; as many as there are cores by default.
        progress: called with (done, all).
        ray: address of a Ray cluster that renders, all of whose nodes see set and folder under the same path.

    Returns:
        The path of the finished `recipes.parquet`.

    Raises:
        OccsetError: the folder holds samples of another job or is being written to, the set has nothing to draw from,
            or a recipe names what the set lacks; no cluster answers, or it writes elsewhere.
    """
    asked = check_job(data, job)  # before anything is made
    with claimed(data, job, asked, out):
        return _write_all(data, job, out, workers, progress, ray)


def _write_all(
    data: OcclusionSet,
    job: Job,
    out: Path,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
    ray: str | None,
) -> Path:
    final = out / "recipes.parquet"
    starts = list(range(0, job.count, _CHUNK))
    todo = [] if final.exists() else [s for s in starts if not _part(out, s).exists()]
    done = job.count - sum(min(_CHUNK, job.count - s) for s in todo)
    if progress:
        progress(done, job.count)
    problems: list[tuple[int, str]] = []
    for written, failed in map_chunks(partial(_make_writer, data, job, out), todo, workers, ray):
        done += written
        problems += failed
        if progress:
            progress(done, job.count)
    if problems:
        raise BadInput(
            f"{out}: {len(problems)} of {job.count} samples could not be rendered, the others were: repair what is named "
            f"and run again, only what is missing is made: {named(problems)}"
        )
    if not final.exists():
        check_arrived([_part(out, start) for start in starts])
        recipes = [recipe for start in starts for recipe in read_recipes(_part(out, start))]
        write_atomic(final, recipes_to_bytes(recipes, {"hash": hash_recipes(recipes)}))
    if (out / "parts").is_dir():
        shutil.rmtree(out / "parts")
    return final


def _part(out: Path, start: int) -> Path:
    return out / "parts" / f"{start:09d}.parquet"


def _make_writer(data: OcclusionSet, job: Job, out: Path) -> Callable[[int], tuple[int, list[tuple[int, str]]]]:
    renderer, take = open_job(data, job)

    def write(start: int) -> tuple[int, list[tuple[int, str]]]:
        stop = min(start + _CHUNK, job.count)
        recipes, problems = [], []
        for index in range(start, stop):
            try:
                recipes.append(take(index))
                write_sample(renderer, recipes[-1], out, index)
            except BadInput as error:
                problems.append((index, str(error)))
        if not problems:
            # the part is written last: it says that its pictures are there
            write_atomic(_part(out, start), recipes_to_bytes(recipes))
        return stop - start - len(problems), problems

    return write


def write_sample(renderer: Renderer, recipe: Recipe, out: Path, index: int) -> None:
    """Render one recipe and write its four pictures; `face` is binary, `occlusion` is the soft alpha."""
    write_pictures(renderer.render(recipe), recipe, out, index)


def write_pictures(sample: Sample, recipe: Recipe, out: Path, index: int) -> None:
    """Write the four pictures of a sample."""
    name = f"{index:06d}_{recipe.sample}.png"
    pictures = (sample.image, sample.clean, sample.face, sample.alpha)
    for kind, picture in zip(KINDS, pictures, strict=True):
        write_png(out / kind / name, picture)
