"""The verbs of the benchmark: bench (with check-method and list) and leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

bench, leaderboard = typer.Typer(), typer.Typer()

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@bench.callback(invoke_without_command=True)
def bench_command(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Option(help="The set's folder.")] = None,
    protocol: Annotated[str, typer.Option(help="sunglasses (Table 1) or types (Fig. 9).")] = "sunglasses",
    methods: Annotated[str, typer.Option(help="Names, comma-separated; see  occset bench list.")] = "",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    limit: Annotated[int | None, typer.Option(help="Only the first so many samples.", min=1)] = None,
    arcface: Annotated[Path | None, typer.Option(help="ArcFace ONNX file for the ID column.")] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Run the controls; fail unless they rank as they must.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Compare de-occlusion methods on a protocol; resumable, and results already there are not computed again."""
    if ctx.invoked_subcommand is not None:
        return
    from occset.benchmark.audit import CONTROLS
    from occset.benchmark.audit import audit as hold_against
    from occset.benchmark.protocols import open_protocol
    from occset.benchmark.runner import run
    from occset.benchmark.summary import summary
    from occset.console import print_table, progress_bar, say
    from occset.dataset import OcclusionSet
    from occset.errors import OccsetError
    from occset.models.arcface import NoArcFace, find_arcface

    names = [name.strip() for name in methods.split(",") if name.strip()]
    if audit:
        names += [name for name in CONTROLS if name not in names]
    if data is None or not names:
        raise OccsetError(
            "give --data SET and --methods A,B (or --audit): see  occset bench --help  and  occset bench list"
        )
    opened = OcclusionSet(data)
    id_missing = None
    try:
        face_file = find_arcface(arcface)
    except NoArcFace as error:
        face_file, id_missing = None, str(error)
        say(f"no ID column: {error}")
    with progress_bar(f"protocol {protocol}") as progress:
        frozen = open_protocol(opened, protocol, workers, progress)
    with progress_bar(f"bench {protocol}") as progress:
        done = run(
            opened,
            frozen,
            names,
            out,
            limit=limit,
            arcface=face_file,
            id_missing=id_missing,
            workers=workers,
            progress=progress,
        )
    for note in done.notes:
        say(note)
    if done.reused:
        say(f"already there, not computed again: {', '.join(done.reused)}")
    used = done.results[0].samples if done.results else 0
    count = f"{used} of {len(frozen.recipes)} samples" if used < len(frozen.recipes) else f"all {used} samples"
    title = f"{opened.head['name']}, protocol {protocol}, {count}, {frozen.rule.size} px"
    verdicts = hold_against({r.method: r for r in done.results}) if audit and not done.broken else []
    if as_json:
        import json

        shown: dict[str, Any] = {
            "table": summary(done.results),
            "audit": [vars(v) for v in verdicts],
            "broken": done.broken,
        }
        print(json.dumps(shown, indent=2))
    else:
        print_table(summary(done.results), title)
        if verdicts:
            print_table([vars(v) for v in verdicts], "audit")
    for name, why in done.broken.items():
        say(f"{name} has no result: {why}")
    failed = [v for v in verdicts if not v.ok]
    if audit:
        say(f"audit: {len(verdicts) - len(failed)} of {len(verdicts)} hold" + ("" if verdicts else ": not run"))
    if done.broken or failed:
        raise typer.Exit(1)


@bench.command("list")
def list_command(as_json: Json = False) -> None:
    """Methods that can be run, and protocols."""
    from occset.benchmark.methods.registry import available
    from occset.benchmark.protocols import RULES
    from occset.console import print_table

    rows = [
        {"name": m.name, "kind": m.kind, "is given": ", ".join(m.given) or "nothing", "what it does": m.description}
        for m in available()
    ]
    rows += [{"name": r.name, "kind": "protocol", "is given": "", "what it does": r.says} for r in RULES.values()]
    print_table(rows, "", as_json)


@bench.command("check-method")
def check_method_command(
    spec: Annotated[str, typer.Argument(help="package.module:Class, onnx:FILE, or a name.")], as_json: Json = False
) -> None:
    """Tell in seconds whether a method of yours fits the bench."""
    from occset.benchmark.check_method import check_method

    from occset.console import print_table, say

    rows = [{"check": name, "ok": ok, "says": message} for name, ok, message in check_method(spec)]
    print_table(rows, spec, as_json)
    wrong = sum(not row["ok"] for row in rows)
    say(f"{spec}: {'fits' if not wrong else f'{wrong} checks failed'}")
    if wrong:
        raise typer.Exit(1)


@leaderboard.command()
def leaderboard_command(
    results: Annotated[Path, typer.Argument(help="Folder of the results.")],
    out: Annotated[Path, typer.Option(help="Folder of the tables and the page.")] = Path("site"),
) -> None:
    """Result files to Markdown, CSV and one self-contained HTML page."""
    from occset.benchmark.leaderboard import build

    for path in build(results, out):
        print(path)
