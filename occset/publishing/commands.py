"""The verbs of what leaves a set: export, card, diff, plan, gallery."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

export, card, diff, plan, gallery = (typer.Typer() for _ in range(5))

RESULTS = "occset.benchmark.results.compare:compare"
"""Compares folders of results; found by name, since it lives in a folder above this one."""

SetPath = Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Splits = Annotated[
    list[str] | None, typer.Option("--split", help="train, val or test; may be repeated; all by default.")
]


@export.command()
def export_command(
    path: SetPath,
    to: Annotated[str, typer.Option(help="coco, faceocc, celebamask-hq, webdataset, huggingface or fiftyone.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    split: Splits = None,
) -> None:
    """Write a set in the format of others, with the same masks; an export that was cut off goes on."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.publishing.formats.export import export as run
    from occset.support.console import progress_bar, say

    with progress_bar(f"exporting to {to}") as progress:
        said = run(OcclusionSet(path), to, out, split or (), progress)
    for sentence in said:
        say(sentence)
    print(out)


@card.command()
def card_command(
    path: SetPath,
    out: Annotated[Path | None, typer.Option(help="Folder for the two files; the set's own by default.")] = None,
    creator: Annotated[str, typer.Option(help="Who publishes it.")] = "not stated",
    url: Annotated[str, typer.Option(help="Address of its page.")] = "",
    date: Annotated[str, typer.Option(help="When, as 2026-01-31; when the set was last changed by default.")] = "",
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
) -> None:
    """A data card (README.md) and a Croissant description (croissant.json); every figure is computed.

    What no program can know, such as who agreed to what, you write into card.md in the set's folder.
    """
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.publishing.card import write_card
    from occset.publishing.croissant import About
    from occset.support.console import progress_bar

    with progress_bar("measuring faces") as progress:
        paths = write_card(OcclusionSet(path), out, About(creator, url, date), workers, progress)
    for file in paths:
        print(file)


@diff.command()
def diff_command(
    before: Annotated[Path, typer.Argument(help="A set, a snapshot of one, or a folder of results.")],
    after: Annotated[Path, typer.Argument(help="Another of the same kind.")],
    most: Annotated[int, typer.Option(help="Most rows of the table; --json has them all.", min=0)] = 50,
    as_json: Json = False,
) -> None:
    """What was added, changed and lost between two sets or two folders of results, and the version number that follows."""
    from occset.publishing import differences
    from occset.support import references
    from occset.support.console import print_json, print_table, say
    from occset.support.errors import OccsetError

    kinds = [differences.is_state(path) for path in (before, after)]
    if kinds[0] != kinds[1]:
        raise OccsetError(
            f"{before} and {after}: one is a set and the other is not: give two sets, or two results folders"
        )
    version = ""
    if kinds[0]:
        old, new = differences.read_state(before), differences.read_state(after)
        found = differences.changes(old, new)
        part = differences.part_that_rises(old, new, found)
        version = differences.next_version(old.version, part)
        rows = [vars(change) for change in found]
    else:
        rows = references.load(RESULTS)(before, after)
    counts = {what: sum(row["what"] == what for row in rows) for what in ("added", "changed", "lost")}
    if as_json:
        follows = {"version_before": old.version, "part": part or None, "version": version} if kinds[0] else {}
        print_json({**counts, **follows, "rows": rows})
        return
    if rows:
        print_table(rows[:most], f"{before} -> {after}")
    if len(rows) > most:
        say(f"{len(rows) - most} more rows are left out here; --json has them all")
    said = ", ".join(f"{count} {what}" for what, count in counts.items())
    if kinds[0]:
        said += (
            f": after version {old.version} follows {version} ({part})" if part else f": it stays version {old.version}"
        )
    say(said)


@plan.command()
def plan_command(
    path: SetPath,
    top: Annotated[int, typer.Option(help="How many faces to name.", min=0)] = 20,
    scores: Annotated[Path | None, typer.Option(help="What occset mine --out wrote: hard faces come first.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the ids of these faces, one a line, for --ids.")] = None,
    as_json: Json = False,
) -> None:
    """What is missing to the paper's occlusions and textures, by category, and which faces to label next."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.publishing.plan import by_category, missing, next_faces
    from occset.support.console import print_json, print_table, say
    from occset.support.files import write_atomic

    data = OcclusionSet(path)
    lacks, kinds = missing(data), by_category(data)
    faces: list[Any] = [vars(face) for face in next_faces(data, top, scores)]
    if out is not None:
        write_atomic(out, "".join(f"{face['id']}\n" for face in faces).encode())
    if as_json:
        print_json({"missing": lacks, "categories": kinds, "next": faces})
        return
    print_table(lacks, f"{path}: what the paper had")
    print_table(kinds, "Occluders by category")
    if faces:
        print_table(faces, "To label next")
    if out is None:
        say(
            f"{len(faces)} faces to label next; --out next.txt writes their ids for occset round open and annotate push"
        )
    else:
        say(f"{out}:  occset round open {path} --ids {out}  or  occset annotate push {path} --ids {out}  labels them")
    if scores is None:
        say(f"occset mine {path} --out hard.csv, then --scores hard.csv, puts the faces first that NS finds hard")


@gallery.command()
def gallery_command(
    path: SetPath,
    out: Annotated[Path, typer.Option(help="Folder for the page.")],
    limit: Annotated[int, typer.Option(help="Most faces, most cut-outs and most textures.", min=1)] = 400,
) -> None:
    """A page of faces, masks, cut-outs and textures, filtered by split, source or category, and flag; one file."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.publishing.gallery import write_gallery
    from occset.support.console import partly, progress_bar, say

    with progress_bar("drawing pictures") as progress:
        page, broken = write_gallery(OcclusionSet(path), out, limit, progress)
    for key, why in broken:
        say(f"left out {key}: {why}")
    print(page)
    if broken:
        partly(f"{page}: {len(broken)} pictures are left out", "they cannot be read, as said above")
