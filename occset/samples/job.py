"""What is to be rendered, held against the set, and written down in the folder that it goes to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, RecipeFile, hash_recipes, named_items
from occset.dataset.records import read_note
from occset.samples.draw import Drawer, Plan
from occset.samples.render import Renderer
from occset.support.errors import OccsetError
from occset.support.files import write_atomic
from occset.support.locks import clear_temporaries, only_writer
from occset.support.reading import parse_json, read_file

NOTE = "render.json"
_AT_ONCE = 10_000


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


def check_job(data: OcclusionSet, job: Job) -> str | None:
    """Hold a job against the set, before anything is made.

    Returns:
        The hash of the recipes that are replayed; None where they are drawn.

    Raises:
        OccsetError: the set has nothing to draw from, or a recipe names what the set lacks.
    """
    if job.recipes is None:
        Drawer(data, job.plan or Plan(), job.seed)
        return None
    file = RecipeFile(job.recipes)
    if not 0 < job.count <= len(file):
        raise OccsetError(f"{job.recipes}: holds {len(file)} recipes, {max(job.count, 1)} were asked for")
    used: dict[str, set[str]] = {}
    found = hash_recipes(_noting(file, job.count, used))
    for table, names in used.items():
        lost = sorted(names - set(getattr(data, table)["id"]))
        if lost:
            raise OccsetError(
                f"{job.recipes}: names {len(lost)} {table} that {data.path} does not have, {lost[0]} first: "
                "add the sources that they were drawn from"
            )
    return found


def _noting(file: RecipeFile, count: int, used: dict[str, set[str]]) -> Iterator[Recipe]:
    """The first recipes of a file, some at a time, since a memory may not hold all; notes what they name."""
    for start in range(0, count, _AT_ONCE):
        recipes = file.read(start, min(start + _AT_ONCE, count))
        for table, names in named_items(recipes).items():
            used.setdefault(table, set()).update(names)
        yield from recipes


@contextmanager
def claimed(data: OcclusionSet, job: Job, recipes: str | None, out: Path, **more: Any) -> Iterator[None]:
    """Hold a folder for a job, with what a killed run left behind cleared away; the rest as `claim`."""
    with only_writer(out) as held:
        claim(data, job, recipes, out, **more)
        clear_temporaries(out, held)
        yield
        clear_temporaries(out, held)  # of workers of a killed run that were still dying when this one began


def claim(data: OcclusionSet, job: Job, recipes: str | None, out: Path, **more: Any) -> None:
    """Write down what a folder holds, or hold an earlier note against the job.

    Args:
        data: the set.
        job: what is rendered.
        recipes: what `check_job` gave.
        out: the folder.
        more: what else decides which bytes are written.

    Raises:
        OccsetError: the folder holds something else.
    """
    asked = {
        "content_hash": data.content_hash(),
        "count": job.count,
        "seed": job.seed,
        "plan": None if job.plan is None else asdict(job.plan),
        "recipes": recipes,
        "licences": licences_of(data),
        **more,
    }
    text = json.dumps(asked, indent=2, sort_keys=True) + "\n"
    note = out / NOTE
    if not note.exists():
        if any(p.name[0] != "." for p in out.iterdir()):
            raise OccsetError(f"{out}: not empty and not a rendering of occset: choose a new folder")
        write_atomic(note, text.encode())
    elif read_file(note) != text.encode():
        was, now = read_note(note), parse_json(text)
        other = sorted(k for k in was.keys() | now.keys() if json.dumps(was.get(k)) != json.dumps(now.get(k)))
        raise OccsetError(f"{out}: holds samples of another job (other {', '.join(other)}): choose another folder")


def check_arrived(paths: Sequence[Path]) -> None:
    """Hold what workers say they wrote against what is here: theirs may be another disk.

    Raises:
        OccsetError: files are missing; names the first.
    """
    there = {
        folder: {p.name for p in folder.iterdir()} if folder.is_dir() else set() for folder in {p.parent for p in paths}
    }
    lost = [path for path in paths if path.name not in there[path.parent]]
    if lost:
        raise OccsetError(
            f"{lost[0]}: written by another machine and not to be seen here ({len(lost)} of {len(paths)} files): "
            "set and output must lie on a file system that all nodes of the cluster share, under the same path"
        )


def licences_of(data: OcclusionSet) -> list[str]:
    """The terms under which what is rendered may be used: those of all that it is drawn from."""
    tables = (data.faces, data.occluders, data.textures)
    return sorted({str(licence) for table in tables for licence in table["licence"].dropna()})


def open_job(data: OcclusionSet, job: Job) -> tuple[Renderer, Callable[[int], Recipe]]:
    """What renders the samples of a job, and what gives the recipe of each by its number; made once in each worker."""
    if job.recipes is not None:
        file = RecipeFile(job.recipes)
        return Renderer(data), lambda index: file.read(index, index + 1)[0]
    drawer = Drawer(data, job.plan or Plan(), job.seed)
    return drawer.renderer, drawer.draw


def named(problems: list[tuple[int, str]], most: int = 20) -> str:
    """Problems in one line, each reason once with the samples it stops, the first ``most`` reasons."""
    samples: dict[str, list[int]] = {}
    for index, why in problems:
        samples.setdefault(why, []).append(index)
    parts = [
        f"{why} (sample {', '.join(map(str, indices[:5]))}{' ...' if len(indices) > 5 else ''})"
        for why, indices in samples.items()
    ]
    return "; ".join(parts[:most]) + (f"; and {len(parts) - most} more" if len(parts) > most else "")
