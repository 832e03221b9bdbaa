"""The verbs of a round: open, close, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

round_ = typer.Typer(no_args_is_help=True, help="A round: pick hard faces, merge their labels, report what changed.")

SetPath = Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")]
Number = Annotated[int | None, typer.Option("--round", help="Number of the round; the latest by default.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@round_.command("open")
def open_command(
    path: SetPath,
    top: Annotated[int, typer.Option(help="How many faces the model picks.", min=0)] = 50,
    random: Annotated[int, typer.Option(help="How many faces are drawn at random, as its control.", min=0)] = 50,
    model: Annotated[str, typer.Option(help="ns, or a class of your own as module:Class.")] = "ns",
    split: Annotated[str, typer.Option(help="train or val; test faces are never relabelled.")] = "train",
    seed: Annotated[int, typer.Option(help="Seed of the random arm.", min=0)] = 0,
    weights: Annotated[Path | None, typer.Option(help="Weights of the model; the released ones by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Score the set, pick what is worth labelling, and write the round's ledger."""
    from occset.console import print_table, progress_bar, say
    from occset.dataset import OcclusionSet
    from occset.rounds.ledger import ledger_path
    from occset.rounds.opening import open_round

    with progress_bar("mining") as progress:
        ledger, problems = open_round(
            OcclusionSet(path), top, random, model, split, seed, weights, device, workers, progress
        )
    columns = ["arm", "rank", "id", "source_id", "score", "reason"]
    number = ledger.setup.number
    rows: Any = ledger.rows[columns].to_dict("records")
    print_table(rows, f"round {number}", as_json)
    say(
        f"{ledger_path(path, number)}: {ledger.setup.mined} mined and {ledger.setup.random} random faces wait for labels"
    )
    say(f"put their masks, <face id>.png, into a folder, and run  occset round close {path} --labels DIR")
    for face, message in problems:
        say(f"skipped {face}: {message}")
    if problems:
        raise typer.Exit(1)


@round_.command("close")
def close_command(
    path: SetPath,
    labels: Annotated[Path, typer.Option(help="Folder with the masks, <face id>.png, 255 = visible face.")],
    number: Number = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Give up what has no label, so that the round ends.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Merge the labels that came; can be run again with what was missing."""
    from occset.console import print_json, say
    from occset.dataset import OcclusionSet
    from occset.rounds.closing import close_round

    closing = close_round(OcclusionSet(path), labels, number, finish)
    ledger = closing.ledger
    for name, message in closing.refused:
        say(f"refused {name}: {message}")
    if as_json:
        refused = [{"file": name, "message": message} for name, message in closing.refused]
        counts = {"merged": closing.merged, "changed": closing.changed, "waiting": ledger.waiting}
        print_json({"round": ledger.setup.number, **counts, "refused": refused})
    say(f"round {ledger.setup.number}: {closing.merged} labels read, {closing.changed} faces of the set changed")
    given_up = int(ledger.rows["decision"].eq("missing").sum())
    if given_up:
        say(f"{given_up} picks were given up without a label; a label that comes later is still merged")
    if ledger.is_open:
        some = ", ".join(ledger.waiting[:3])
        say(f"{len(ledger.waiting)} picks still wait ({some}): run again with more labels, or with --finish")
    if closing.refused:
        say(f"{len(closing.refused)} labels were refused, as said above; the rest is merged")
        raise typer.Exit(1)


@round_.command("report")
def report_command(path: SetPath, number: Number = None, as_json: Json = False) -> None:
    """How many were picked, labelled and changed, mined against random, and each face."""
    from occset.console import print_json, print_table, say
    from occset.dataset import OcclusionSet
    from occset.rounds.report import report

    found = report(OcclusionSet(path), number)
    setup = found.setup
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(found.samples, f"round {setup['number']}, faces")
        print_table(found.reasons, "by the leading signal")
        print_table(found.arms, "by arm")
    when = f", opened {setup['opened']}" if "opened" in setup else ""
    say(f"round {setup['number']}: {setup['model']} {setup['weights_hash'][:12]}{when}, {setup['waiting']} picks wait")
