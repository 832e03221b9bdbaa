"""The verbs of the benchmark: bench (with those of `cli_verbs`) and leaderboard."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from occset.benchmark.cli_verbs import VERBS, Json

if TYPE_CHECKING:
    from occset.benchmark.audit import Verdict
    from occset.benchmark.protocols.frozen import Protocol
    from occset.benchmark.runner.planned import Opened
    from occset.benchmark.runner.run import Run
    from occset.benchmark.tasks.definition import BenchTask
    from occset.dataset.occlusion_set import OcclusionSet

bench, leaderboard = typer.Typer(), typer.Typer()
for _name, _verb in VERBS.items():
    bench.command(_name)(_verb)

EVERY = "all"
"""Stands for every built-in method of a task that can run."""

LONG_S = 120.0
"""A bench that takes longer says so when its first batch is done."""


@bench.callback(invoke_without_command=True)
def bench_command(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Option(help="The set's folder.")] = None,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Instead of a set a folder of real photos, for the protocol wild; methods that learn take the train faces "
            "of --data."
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            help="What is asked of the methods, and of which samples: sunglasses (Table 1), types (Fig. 9) or "
            "another of those that  occset bench list  names."
        ),
    ] = "sunglasses",
    methods: Annotated[
        str,
        typer.Option(
            help="Names, comma-separated; see  occset bench list. The word all stands for every built-in method that has "
            "what it needs. If none is named, those that the task names itself, "
            "where it does. The floor and the ceiling of the task always run too."
        ),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    protocols: Annotated[
        Path | None,
        typer.Option(
            help="Folder to keep the protocol in, if the set has none yet; the set itself by default, and the folder of the "
            "results where the set cannot be written to."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many samples.", min=1)] = None,
    arcface: Annotated[Path | None, typer.Option(help="ArcFace ONNX file for the ID column.")] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Also a contact sheet, a PNG: what methods were given, and what they made of it."),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Run the controls of known rank; fail unless they rank as they must.")
    ] = False,
    worst: Annotated[
        int,
        typer.Option(help="Keep pictures of so many worst samples of each method, for  occset view --results.", min=0),
    ] = 0,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Compare methods on a protocol, between floor and ceiling; resumes, and computes no result twice."""
    if ctx.invoked_subcommand is not None:
        return
    from occset.benchmark.protocols.frozen import open_protocol, rule_of
    from occset.benchmark.runner.planned import absent_controls, find_judges, open_all
    from occset.benchmark.runner.run import run
    from occset.benchmark.tasks.registry import task_named
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.console import partly, progress_bar, say
    from occset.support.errors import OccsetError

    task = task_named(rule_of(protocol).task)
    names = _named(methods, task)
    asked = [*names, *task.methods.roles]
    if audit:
        names += [name for name in task.audit.runs if name not in names]
    names = names or list(task.methods.defaults)
    if (data is None and photos is None) or not names:
        raise OccsetError(
            "give --data SET and --methods A,B (or --audit): see  occset bench --help  and  occset bench list"
        )
    if photos is not None and task.samples.masks:
        raise OccsetError(f"protocol {protocol} needs faces with masks, which photos have not: leave out --photos")
    names += [name for name in task.methods.roles if name not in names]
    # a method may change the current directory while it is opened or run
    data, photos, out = data and data.resolve(), photos and photos.resolve(), out.resolve()
    protocols, arcface, sheet = (
        protocols and protocols.resolve(),
        arcface and arcface.absolute(),
        sheet and sheet.resolve(),
    )
    learn_from = None if data is None else OcclusionSet(data)
    # a misspelt name is told before a protocol is made, which may take minutes
    methods_open = open_all(names, task)
    opened, left_out = _faces_of(photos, learn_from, methods_open, out, rule_of(protocol).size, workers)
    judges = find_judges(task, {"id": arcface})
    for kind in task.judges:
        if isinstance(judges[kind.key], str):
            say(f"no {task.metrics[kind.columns[0]].label} column: {judges[kind.key]}")
    with progress_bar(f"protocol {protocol}") as progress:
        frozen = open_protocol(opened, protocol, workers, progress, protocols, out / "protocols")
    if not frozen.path.is_relative_to(opened.path):
        say(f"protocol {protocol} is kept in {frozen.path}")
    for name, why in absent_controls(opened, frozen).items() if audit else ():
        if name not in asked:
            methods_open = [(spec, method) for spec, method in methods_open if spec != name]
            say(f"no control '{name}' on this set: {why}")
    with progress_bar(f"bench {protocol}") as progress:
        done = run(
            opened,
            frozen,
            methods_open,
            out,
            limit=limit,
            judges=judges,
            learn_from=learn_from,
            workers=workers,
            worst=worst,
            progress=progress,
            estimate=partial(_say_how_long, min(limit or len(frozen.recipes), len(frozen.recipes))),
        )
    verdicts = _hold_against(done) if audit else []
    _show(opened.head["name"], frozen, done, verdicts, limit, as_json)
    said = _audit_in_words(verdicts) if audit else ""
    if sheet is not None and done.results:
        from occset.benchmark.leaderboards.sheet import write_sheet

        say(f"{sheet}: {', '.join(write_sheet(done.results, sheet))}")
    if left_out:
        partly(said or "the others have their results", f"{left_out} photos were left out, as said above")
    if done.broken:
        partly(said or "the others have their results", f"{', '.join(done.broken)} has no result, as said above")
    if audit and not (verdicts and all(v.ok for v in verdicts)):
        partly(said, "the audit does not hold")
    if said:
        say(said)


def _named(methods: str, task: BenchTask) -> list[str]:
    """The names that a user typed; for the word "all" every built-in method that can run, and a line for each other."""
    from occset.benchmark.tasks.opening import runnable
    from occset.support.console import say

    names = [name.strip() for name in methods.split(",") if name.strip()]
    if EVERY not in names:
        return names
    found, left_out = runnable(task)
    for name, why in left_out.items():
        say(f"left out: {name}: {why}")
    at = names.index(EVERY)
    return list(dict.fromkeys([*names[:at], *found, *names[at + 1 :]]))


def _faces_of(
    photos: Path | None, data: OcclusionSet | None, methods: list[Opened], out: Path, size: int, workers: int | None
) -> tuple[OcclusionSet, int]:
    """The set that is asked about, that of the photos where there are some; and how many of these had to be left out."""
    from occset.benchmark.methods.interfaces import Learns
    from occset.benchmark.protocols.photos import open_photos
    from occset.support.console import progress_bar, say
    from occset.support.errors import OccsetError

    if photos is None:
        assert data is not None
        return data, 0
    learning = [spec for spec, method in methods if isinstance(method, Learns)]
    if learning and data is None:
        raise OccsetError(f"{learning[0]} learns from the train faces of a set: give --data SET beside --photos")
    with progress_bar("finding faces") as progress:
        found = open_photos(photos, out / "photos", size, workers, progress)
    for said in (*found.notes, *(f"left out: {name}: {why}" for name, why in found.left_out)):
        say(said)
    return found.data, len(found.left_out)


def _say_how_long(samples: int, seconds: float) -> None:
    """Before a long bench: how long it takes, and how it can be made shorter."""
    from occset.benchmark.runner.worker import BATCH
    from occset.support.console import say
    from occset.support.progress import duration

    if seconds < LONG_S:
        return
    fewer = max(1, int(samples * LONG_S / seconds) // BATCH) * BATCH
    shorter = f"; --limit {fewer} takes the first {fewer} only, about {duration(seconds * fewer / samples)}"
    say(f"about {duration(seconds)} for these {samples} samples{shorter if fewer < samples else ''}")


def _hold_against(done: Run) -> list[Verdict]:
    """The audit's verdicts; none when a control has no result."""
    from occset.benchmark.audit import audit
    from occset.benchmark.tasks.registry import task_named

    found = {result.method: result for result in done.results}
    if not found:
        return []
    task = task_named(done.results[0].task)
    return audit(found) if set(task.audit.runs) - set(task.methods.needs) <= set(found) else []


def _show(name: str, protocol: Protocol, done: Run, verdicts: list[Verdict], limit: int | None, as_json: bool) -> None:
    """Tables or JSON on standard output; what else there is to say on standard error."""
    from occset.benchmark.summary import figures, summary
    from occset.support.console import print_table, say

    if protocol.rule.left_out:
        say(
            f"protocol {protocol.rule.name}: frozen without {', '.join(protocol.rule.left_out)}, no such occluder to test"
        )
    for note in done.notes:
        say(note)
    if done.reused:
        say(f"already there, not computed again: {', '.join(done.reused)}")
    whole = len(protocol.recipes)
    used = min(limit or whole, whole)
    if as_json:
        shown: dict[str, Any] = {
            "data": name,
            "protocol": protocol.rule.name,
            "samples": used,
            "samples_in_protocol": whole,
            "resolution": protocol.rule.size,
            **({"left_out": list(protocol.rule.left_out)} if protocol.rule.left_out else {}),
            "table": figures(done.results),
            "audit": [vars(v) for v in verdicts],
            "reused": done.reused,
            "broken": done.broken,
            "notes": done.notes,
        }
        print(json.dumps(shown, indent=2, allow_nan=False))
    else:
        count = f"{used} of {whole} samples" if used < whole else f"all {whole} samples"
        if verdicts:
            print_table([vars(v) for v in verdicts], "audit")
        if done.results:
            print_table(
                summary(done.results), f"{name}, protocol {protocol.rule.name}, {count}, {protocol.rule.size} px"
            )
    for method, why in done.broken.items():
        say(f"{method} has no result: {why}")


def _audit_in_words(verdicts: list[Verdict]) -> str:
    """Say what does not hold of the audit; returns the line that sums it up."""
    from occset.support.console import say

    if not verdicts:
        return "audit: not run, since a control has no result"
    for verdict in verdicts:
        if not verdict.ok:
            say(f"audit: {verdict.metric}: {verdict.must} does not hold: {verdict.seen}")
    return f"audit: {sum(v.ok for v in verdicts)} of {len(verdicts)} hold"


@leaderboard.command()
def leaderboard_command(
    results: Annotated[list[Path], typer.Argument(help="Folders of results.")],
    out: Annotated[Path, typer.Option(help="Folder of the tables and the page.")] = Path("site"),
    figures: Annotated[
        bool,
        typer.Option(
            "--figures",
            help="Also draw a picture of each table: input, what each method made of it, truth, a row a sample.",
        ),
    ] = False,
) -> None:
    """Result files to Markdown, CSV and one self-contained HTML page; files that are broken are named and left out."""
    from occset.benchmark.leaderboards import build
    from occset.support.console import partly, progress_bar, say

    broken: dict[Path, str] = {}
    with progress_bar("leaderboard"):
        made = build(results, out, broken, figures)
    for path in made.values():
        print(path)
    for message in broken.values():
        say(f"left out: {message}")
    if broken:
        partly(f"{out}: the tables and the page", f"{len(broken)} files were left out, as said above")
