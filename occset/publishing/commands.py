"""The verbs of what leaves a set: export, card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

export, card = typer.Typer(), typer.Typer()

SetPath = Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")]
Splits = Annotated[
    list[str] | None, typer.Option("--split", help="train, val or test; may be repeated; all by default.")
]


@export.command()
def export_command(
    path: SetPath,
    to: Annotated[str, typer.Option(help="coco, faceocc, celebamask-hq, webdataset or huggingface.")],
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
    """A data card (README.md) and a Croissant description (croissant.json); every figure is computed."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.publishing.card import write_card
    from occset.publishing.croissant import About
    from occset.support.console import progress_bar

    with progress_bar("measuring faces") as progress:
        paths = write_card(OcclusionSet(path), out, About(creator, url, date), workers, progress)
    for file in paths:
        print(file)
