"""Writing rendered samples to a folder: resumable, and the same bytes whatever the number of workers.

OUT/render.json          what was asked for
OUT/recipes.parquet      the recipes, once all is done
OUT/image|clean|face|occlusion/NNNNNN_SAMPLE.png
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, RecipeFile, hash_recipes, named_items, read_recipes, recipes_to_bytes
from occset.dataset.records import read_note
from occset.pictures.images import write_png
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.locks import clear_temporaries, only_writer
from occset.support.pool import default_workers, map_chunks
from occset.support.reading import parse_json, read_file

_CHUNK = 32
NOTE = "render.json"
KINDS = ("image", "clean", "face", "occlusion")


@dataclass(frozen=True)
class Job:
    """What to render: recipes drawn by a plan from a seed, or those of a file.

    Attributes:
        count: number of samples.
        plan: what is drawn; None when `recipes` is given.
        seed: of the draw.
        recipes: a recipe file to replay instead of drawing.
    """

    count: int
    plan: Plan | None
    seed: int = 0
    recipes: Path | None = None


def export(
    data: OcclusionSet,
    job: Job,
    out: Path,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render a job into ``out``; what an earlier, interrupted run finished is kept.

    Returns:
        The path of the finished `recipes.parquet`.

    Raises:
        OccsetError: the folder holds samples of another job or is being written to, the set has nothing to draw from,
            or a recipe names what the set lacks.
    """
    asked = _check_job(data, job)  # before anything is made
    with only_writer(out) as held:
        _claim(data, job, asked, out)
        clear_temporaries(out, held)
        final = _write_all(data, job, out, workers or default_workers(), progress)
        clear_temporaries(out, held)  # of workers of a killed run that were still dying when this one began
    return final


def _write_all(
    data: OcclusionSet, job: Job, out: Path, workers: int, progress: Callable[[int, int], None] | None
) -> Path:
    final = out / "recipes.parquet"
    starts = list(range(0, job.count, _CHUNK))
    todo = [] if final.exists() else [s for s in starts if not _part(out, s).exists()]
    done = job.count - sum(min(_CHUNK, job.count - s) for s in todo)
    if progress:
        progress(done, job.count)
    problems: list[tuple[int, str]] = []
    for written, failed in map_chunks(partial(_make_writer, data, job, out), todo, workers):
        done += written
        problems += failed
        if progress:
            progress(done, job.count)
    if problems:
        raise BadInput(
            f"{out}: {len(problems)} of {job.count} samples could not be rendered, the others were: repair what is named "
            f"and run again, only what is missing is made: {_named(problems)}"
        )
    if not final.exists():
        recipes = [recipe for start in starts for recipe in read_recipes(_part(out, start))]
        write_atomic(final, recipes_to_bytes(recipes, {"hash": hash_recipes(recipes)}))
    if (out / "parts").is_dir():
        shutil.rmtree(out / "parts")
    return final


def _named(problems: list[tuple[int, str]], most: int = 20) -> str:
    """Problems in one line, each reason once with the samples it stops, the first ``most`` reasons."""
    samples: dict[str, list[int]] = {}
    for index, why in problems:
        samples.setdefault(why, []).append(index)
    parts = [
        f"{why} (sample {', '.join(map(str, indices[:5]))}{' ...' if len(indices) > 5 else ''})"
        for why, indices in samples.items()
    ]
    return "; ".join(parts[:most]) + (f"; and {len(parts) - most} more" if len(parts) > most else "")


def _check_job(data: OcclusionSet, job: Job) -> str | None:
    """Hold a job against the set; returns the hash of the recipes that are replayed."""
    if job.recipes is None:
        Drawer(data, job.plan or Plan(), job.seed)
        return None
    recipes = read_recipes(job.recipes, 0, job.count)
    if not recipes or len(recipes) < job.count:
        raise OccsetError(f"{job.recipes}: holds {len(recipes)} recipes, {max(job.count, 1)} were asked for")
    for table, named in named_items(recipes).items():
        lost = sorted(named - set(getattr(data, table)["id"]))
        if lost:
            raise OccsetError(
                f"{job.recipes}: names {len(lost)} {table} that {data.path} does not have, {lost[0]} first: "
                "add the sources that they were drawn from"
            )
    return hash_recipes(recipes)


def _part(out: Path, start: int) -> Path:
    return out / "parts" / f"{start:09d}.parquet"


def _claim(data: OcclusionSet, job: Job, recipes: str | None, out: Path) -> None:
    """Write down what this folder holds, or hold an earlier note against the job."""
    asked = {
        "content_hash": data.content_hash(),
        "count": job.count,
        "seed": job.seed,
        "plan": None if job.plan is None else asdict(job.plan),
        "recipes": recipes,
        "licences": _licences(data),
    }
    text = json.dumps(asked, indent=2, sort_keys=True) + "\n"
    note = out / NOTE
    if not note.exists():
        if any(p.name[0] != "." for p in out.iterdir()):
            raise OccsetError(f"{out}: not empty and not a rendering of occset: choose a new folder")
        write_atomic(note, text.encode())
    elif read_file(note) != text.encode():
        was = read_note(note)
        other = sorted(k for k in asked if json.dumps(was.get(k)) != json.dumps(parse_json(text)[k]))
        raise OccsetError(f"{out}: holds samples of another job (other {', '.join(other)}): choose another folder")


def _licences(data: OcclusionSet) -> list[str]:
    """The terms under which what is rendered may be used: those of all that it is drawn from."""
    tables = (data.faces, data.occluders, data.textures)
    return sorted({str(licence) for table in tables for licence in table["licence"].dropna()})


def _make_writer(data: OcclusionSet, job: Job, out: Path) -> Callable[[int], tuple[int, list[tuple[int, str]]]]:
    take: Callable[[int], Recipe]
    if job.recipes is not None:
        renderer, file = Renderer(data), RecipeFile(job.recipes)
        take = lambda index: file.read(index, index + 1)[0]  # noqa: E731 - two ways to come by a recipe, side by side
    else:
        drawer = Drawer(data, job.plan or Plan(), job.seed)
        renderer, take = drawer.renderer, drawer.draw

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
    sample = renderer.render(recipe)
    name = f"{index:06d}_{recipe.sample}.png"
    pictures = (sample.image, sample.clean, sample.face, sample.alpha)
    for kind, picture in zip(KINDS, pictures, strict=True):
        write_png(out / kind / name, picture)
