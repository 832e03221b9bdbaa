"""The verbs of what leaves a set: export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

export = typer.Typer()

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
