"""``occset publish --without-photos``: a set as a repository for a hub, from which no photo can be seen.

Cut off, it goes on where it stopped when it is run again: recipe files that are there are kept, and the note says
"finished" when all is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from occset import __version__
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import read_note
from occset.publishing.card import own_words
from occset.publishing.croissant import About
from occset.publishing.facts import facts_of
from occset.publishing.published.describe import write_description
from occset.publishing.published.layout import FILES, NOTE, TABLES, VERSION, about_recipes, write_rows
from occset.publishing.published.origins import Origins, check_labelled, origins_of
from occset.publishing.published.places import Place, places_of
from occset.publishing.published.samples import Named, write_recipes
from occset.samples.job import check_job
from occset.support.console import no_bar
from occset.support.errors import OccsetError
from occset.support.files import sha256_file, write_atomic
from occset.support.locks import clear_temporaries, only_writer
from occset.support.pools.processes import default_workers

Bar = Callable[[int, int], None]
Bars = Callable[[str], AbstractContextManager[Bar]]


def publish(
    data: OcclusionSet,
    jobs: Sequence[Named],
    out: Path,
    given: Mapping[str, Sequence[str]] | None = None,
    about: About | None = None,
    masks_of: Iterable[str] = (),
    workers: int | None = None,
    bars: Bars = no_bar,
) -> tuple[dict[str, Any], list[str]]:
    """Write a published set.

    Args:
        data: the set.
        jobs: the recipes, see `occset.publishing.published.samples.jobs_of`.
        out: a new or empty folder, or one that the same publishing was cut off in.
        given: sources by kind, where they do not lie any more where the set was made from them.
        about: who publishes it.
        masks_of: names of sources whose terms let their masks be published, as the publisher knows.
        workers: processes; all cores by default.
        bars: such as `occset.support.console.progress_bar`; one after another.

    Returns:
        What published.json says, and sentences on what cannot be replayed.

    Raises:
        OccsetError: the folder holds something else, or a source that is given cannot be opened.
        BadInput: a sample cannot be rendered, or as `occset.publishing.card.own_words`.
    """
    count = workers or default_workers()
    if out.resolve() == data.path.resolve():
        raise OccsetError(f"{out}: is the set itself: choose a new folder")
    places, lost = places_of(data, given or {})
    _check_names(masks_of, data)
    own_words(data)  # what cannot be published is told before anything is made
    asked = {
        "layout": VERSION,
        "name": str(data.head["name"]),
        "version": str(data.head["version"]),
        "content_hash": data.content_hash(),
        "asked": [_asked(data, one) for one in jobs],
        "occset": __version__,
    }
    with only_writer(out) as held:
        _claim(out, asked)
        clear_temporaries(out, held)
        with bars("rendering") as bar:
            used = _write_recipes(data, jobs, out, count, bar)
        check_labelled(data, used.get("faces", set()))
        with bars("reading sources") as bar:
            origins = origins_of(data, used, places, masks_of, count, bar)
        for table, schema in TABLES.items():
            write_rows(out / f"{table}.parquet", origins.items[table], schema)
        write_rows(out / "files.parquet", origins.files, FILES)
        note = asked | _told(out, jobs, places, origins)
        recipes = [path for one in jobs for path in one.paths(out)]
        with bars("measuring faces") as bar:
            found = facts_of(data, count, bar)
        write_description(data, found, out, about or About(), note, recipes)
        names = [f"{table}.parquet" for table in (*TABLES, "files")] + ["README.md", "croissant.json"]
        names += [f"recipes/{path.name}" for path in recipes]
        note |= {"files": {name: sha256_file(out / name) for name in sorted(names)}, "finished": True}
        write_atomic(out / NOTE, _json(note))
    return note, [*lost, *_doubts(origins)]


def _check_names(masks_of: Iterable[str], data: OcclusionSet) -> None:
    known = sorted(set(data.faces["source"]))
    for name in masks_of:
        if name not in known:
            raise OccsetError(f"{data.path}: no face is from a source '{name}': known: {', '.join(known) or 'none'}")


def _asked(data: OcclusionSet, one: Named) -> dict[str, Any]:
    plan = one.job.plan
    drawn = {} if plan is None else {"split": plan.split, "size": plan.size, "seed": one.job.seed}
    return {"name": one.name, "count": one.job.count, **drawn, "recipes": check_job(data, one.job)}


def _claim(out: Path, asked: dict[str, Any]) -> None:
    """Write down what this folder is going to hold, or hold an earlier note against it."""
    note = out / NOTE
    if not note.exists():
        if any(path.name[0] != "." for path in out.iterdir()):
            raise OccsetError(f"{out}: not empty and not a set that occset published: choose a new folder")
    else:
        was = read_note(note)
        if other := sorted(key for key, value in asked.items() if was.get(key) != value):
            raise OccsetError(
                f"{out}: another set was published here (other {', '.join(other)}): choose another folder"
            )
    write_atomic(note, _json(asked))


def _write_recipes(data: OcclusionSet, jobs: Sequence[Named], out: Path, workers: int, bar: Bar) -> dict[str, set[str]]:
    total, done = sum(one.job.count for one in jobs), 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        bar(done, total)

    used: dict[str, set[str]] = {}
    for one in jobs:
        for table, ids in write_recipes(data, one, out, workers, tick).items():
            used.setdefault(table, set()).update(ids)
    return used


def _told(out: Path, jobs: Sequence[Named], places: Sequence[Place], origins: Origins) -> dict[str, Any]:
    items = [row for rows in origins.items.values() for row in rows]
    lists = {path.name: about_recipes(path) for one in jobs for path in one.paths(out)}
    return {
        "sources": [
            {**place.told(), "items": sum(row["place"] == number for row in items)}
            for number, place in enumerate(places)
        ],
        "counts": {
            "recipes": sum(one["recipes"] for one in lists.values()),
            **{table: len(rows) for table, rows in origins.items.items()},
            "files": len(origins.files),
            "masks": sum(row["mask"] is not None for row in origins.items["faces"]),
        },
        "recipe_lists": lists,
        "decoders": sorted({row["decoder"] for row in origins.files if row["decoder"]}),
        "not_found": len(origins.unknown),
    }


def _doubts(origins: Origins, most: int = 5) -> list[str]:
    said = []
    reasons: dict[str, list[str]] = {}
    for name, why in origins.unknown:
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        said.append(f"{len(names)} items ({', '.join(names[:most])}{' ...' if len(names) > most else ''}): {why}")
    if origins.kept_in:
        said.append(
            f"{len(origins.kept_in)} masks ({', '.join(origins.kept_in[:most])}) are not those that their source gives now, "
            "and its terms keep them in: if you know that they may go, say --masks-of SOURCE"
        )
    return said


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
