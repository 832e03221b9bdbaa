"""The verbs publish and replay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

publish, replay = typer.Typer(), typer.Typer()

Faces = Annotated[list[str] | None, typer.Option(help="Source of faces, name:folder; may be repeated.")]
Occluders = Annotated[list[str] | None, typer.Option(help="Source of occluders; may be repeated.")]
Textures = Annotated[list[str] | None, typer.Option(help="Source of textures; may be repeated.")]
Workers = Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)]


@publish.command()
def publish_command(
    path: Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    without_photos: Annotated[
        bool, typer.Option("--without-photos", help="Say that you know: no photo and no cut-out goes in.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(
            help="Recipes to draw; by default the set's recipe files and protocols go, or 1000.", min=1, max=10_000_000
        ),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Draw from it; may be repeated; train by default.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of what is drawn, pixels.", min=32, max=1024)] = 256,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0, max=2**63 - 1)] = 0,
    recipes: Annotated[list[Path] | None, typer.Option(help="A recipe file to publish; may be repeated.")] = None,
    faces: Faces = None,
    occluders: Occluders = None,
    textures: Textures = None,
    masks_of: Annotated[
        list[str] | None, typer.Option(help="A source whose terms let its masks be published, as you know.")
    ] = None,
    creator: Annotated[str, typer.Option(help="Who publishes it.")] = "not stated",
    url: Annotated[str, typer.Option(help="Address of its page.")] = "",
    date: Annotated[str, typer.Option(help="When, as 2026-01-31; when the set was last changed by default.")] = "",
    workers: Workers = None,
) -> None:
    """A folder for a hub, without a photo: recipes, hashes of all sources, masks where terms allow, card.

    Sources are looked for where the set was made from them; --faces, --occluders and --textures say where they lie now.
    """
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.publishing.croissant import About
    from occset.publishing.published.publish import publish as run
    from occset.publishing.published.samples import jobs_of
    from occset.support.console import partly, progress_bar, say
    from occset.support.errors import OccsetError

    if not without_photos:
        raise OccsetError(
            "photos are never published: say that you know by --without-photos; occset export copies them"
        )
    data = OcclusionSet(path)
    jobs = jobs_of(data, count, tuple(dict.fromkeys(split or ["train"])), size, seed, recipes or [])
    given = {"faces": faces or (), "occluders": occluders or (), "textures": textures or ()}
    about, free = About(creator, url, date), masks_of or ()
    note, doubts = run(data, jobs, out, given, about, free, workers, progress_bar)
    for doubt in doubts:
        say(doubt)
    counts = ", ".join(f"{count} {name}" for name, count in note["counts"].items())
    print(out)
    said = f"{out}: {counts}"
    if note["not_found"] or doubts:
        partly(said, "some of it cannot be replayed by others, as said above")
    say(said)


@replay.command()
def replay_command(
    folder: Annotated[Path, typer.Argument(help="What occset publish wrote.")],
    faces: Faces = None,
    occluders: Occluders = None,
    textures: Textures = None,
    verify_only: Annotated[
        bool, typer.Option("--verify-only", help="Look at the sources alone; render nothing.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A new folder for the samples; none are kept by default.")] = None,
    most: Annotated[int, typer.Option(help="Most rows of each table; --json has them all.", min=0)] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    workers: Workers = None,
) -> None:
    """Make the samples of a published set from sources that you hold, and tell which differ, and why.

    Exit status: 0, all are the same bit for bit; 1, some are not, and they are listed; 2, it could not be done.
    """
    from occset.publishing.published.replay import replay as run
    from occset.publishing.published.verdicts import WORDS
    from occset.support.console import partly, print_json, print_table, progress_bar, say

    given = {"faces": faces or (), "occluders": occluders or (), "textures": textures or ()}
    report = run(folder, given, out, verify_only, workers, progress_bar)
    found = report.as_json()
    if as_json:
        print_json(found)
    else:
        for name, title in (("items_that_differ", "Items that differ"), ("samples_that_differ", "Samples that differ")):
            rows = [{key: str(value) for key, value in row.items()} for row in found[name]]
            if rows[:most]:
                print_table(rows[:most], title)
            if len(rows) > most:
                say(f"{len(rows) - most} more {title.lower()}; --json has them all")
    counted = ", ".join(f"{found['samples'][word]} {word}" for word in WORDS if found["samples"][word])
    said = f"{folder}: samples: {counted}" + ("; nothing was rendered" if verify_only else "")
    if not report.is_equal:
        partly(said, "not all is as it was published")
    say(said)
