"""What `occset bench` does beside benching: list, check-method, check-identity and privacy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

_PEOPLE_SIZE = 256
"""Side of the aligned photos that thresholds are set by, pixels."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def list_command(as_json: Json = False) -> None:
    """Methods that can be run, and protocols."""
    from occset.benchmark.protocols.frozen import published
    from occset.benchmark.tasks.opening import available
    from occset.benchmark.tasks.registry import all_tasks
    from occset.support.console import print_table

    rows = [
        {
            "task": m.task,
            "name": m.name,
            "kind": m.kind,
            "is given": ", ".join(m.given) or "nothing",
            "what it does": m.description,
        }
        for task in all_tasks()
        for m in available(task)
    ]
    rows += [
        {"task": r.task, "name": r.name, "kind": "protocol", "is given": "", "what it does": r.says}
        for r in published().values()
    ]
    print_table(rows, "", as_json)


def check_method_command(
    spec: Annotated[str, typer.Argument(help="package.module:Class, onnx:FILE, or a name.")],
    task: Annotated[
        str | None,
        typer.Option(help="A task of  occset bench list; told by what the method has, if not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell in seconds whether a method of yours fits the bench."""
    from occset.benchmark.check_method import check_method
    from occset.support.console import partly, print_table, say

    rows = [
        {"check": check.name, "ok": check.ok, "advice only": check.advice, "says": check.message}
        for check in check_method(spec, task)
    ]
    print_table(rows, spec, as_json)
    wrong = [str(row["check"]) for row in rows if not row["ok"] and not row["advice only"]]
    if wrong:
        partly(f"{spec}: does not fit: {', '.join(wrong)}", "a check failed")
    say(f"{spec}: fits")


def check_identity_command(
    data: Annotated[Path, typer.Option(help="The set's folder.")],
    arcface: Annotated[Path | None, typer.Option(help="ArcFace ONNX file.")] = None,
    as_json: Json = False,
) -> None:
    """Tell whether ArcFace knows a set's faces: different ones apart, mirrored and relit copies as the same."""
    from occset.benchmark.identity.check import check_identity
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.models.arcface import ArcFace
    from occset.support.console import partly, print_table, progress_bar, say

    opened = OcclusionSet(data)
    network = ArcFace(arcface)
    with progress_bar("identity") as progress:
        lines = check_identity(opened, network, progress=progress)
    title = f"{opened.head['name']}, {network.file.path.name} ({network.file.sha256[:12]})"
    print_table([line._asdict() for line in lines], title, as_json)
    wrong = [line.figure for line in lines if not line.holds]
    if wrong:
        partly(f"identity: does not hold: {', '.join(wrong)}", "a figure is not as it must be")
    say("identity: all holds")


def privacy_command(
    results: Annotated[list[Path], typer.Argument(help="Folders of results.")],
    data: Annotated[Path, typer.Option(help="The set that they are of.")],
    protocols: Annotated[Path | None, typer.Option(help="Folder of its protocols, if not in the set.")] = None,
    people: Annotated[
        Path | None,
        typer.Option(help="Photos, a folder a person, to set thresholds by; else by the clean faces of the results."),
    ] = None,
    out: Annotated[Path, typer.Option(help="File of the statement, Markdown.")] = Path("privacy.md"),
    arcface: Annotated[Path | None, typer.Option(help="ArcFace ONNX file, as the bench was given.")] = None,
    as_json: Json = False,
) -> None:
    """Tell how often a recovered face matches its owner at a false-match rate of 0.1 %, by type and judge."""
    from occset.benchmark.privacy import in_full, matches, rounded, statement
    from occset.benchmark.protocols.photos import open_photos
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.console import partly, print_table, progress_bar, say
    from occset.support.files import write_atomic

    known: OcclusionSet | None = None
    left_out: list[tuple[str, str]] = []
    if people is not None:
        with progress_bar("finding faces") as progress:
            known, left_out, notes = open_photos(people, results[0] / "photos", _PEOPLE_SIZE, None, progress)
        for said in (*notes, *(f"left out: {name}: {why}" for name, why in left_out)):
            say(said)
    with progress_bar("faces") as progress:
        found = matches(results, OcclusionSet(data), protocols, known, {"id": arcface}, progress)
    rows = [rounded(match) if not as_json else in_full(match) for match in found]
    print_table(rows, "faces that match their owners", as_json)
    write_atomic(out, statement(found).encode())
    if left_out:
        partly(f"{out}: the statement", f"{len(left_out)} photos were left out, as said above")
    say(f"{out}: the statement")


VERBS: dict[str, Callable[..., Any]] = {
    "list": list_command,
    "check-method": check_method_command,
    "check-identity": check_identity_command,
    "privacy": privacy_command,
}
"""By what is typed after ``occset bench``."""
