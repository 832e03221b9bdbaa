"""The verbs of labelling in Label Studio: start, add-user, push, status, pull, backend, stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from occset.mining.options import DEFAULT_MODEL, Model

annotate = typer.Typer(
    no_args_is_help=True, help="Label faces in Label Studio: start it, push a round, pull its labels, pre-label."
)

SetPath = Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")]
Number = Annotated[int | None, typer.Option("--round", help="Number of the round; the latest by default.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Weights = Annotated[Path | None, typer.Option(help="Weights of the model; the released ones by default.")]


@annotate.command("start")
def start_command(
    port: Annotated[int, typer.Option(help="Port on this machine (127.0.0.1).", min=1, max=65535)] = 8080,
    username: Annotated[
        str | None, typer.Option(help="An e-mail address to log in with; curator@localhost by default.")
    ] = None,
    new_password: Annotated[bool, typer.Option("--new-password", help="Set and show a new password.")] = False,
) -> None:
    """Start a Label Studio on this machine, or try the one that LABEL_STUDIO_URL names; says where to log in."""
    import os

    from occset.support.console import say

    if os.environ.get("LABEL_STUDIO_URL"):
        from occset.annotation.api.client import connect

        studio = connect()
        say(
            f"LABEL_STUDIO_URL names Label Studio {studio.version} at {studio.url}, and it takes the token: nothing to start"
        )
    else:
        from occset.annotation.server.local_server import start

        server = start(port=port, username=username, new_password=new_password, say=say)
        say(f"Label Studio {server.version} runs at  {server.url}  : log in as  {server.username}")
        if server.password:
            say(f"with the password  {server.password}  , shown once (--new-password sets another)")
        else:
            say("with the password that you have; --new-password sets and shows another")
        say("it goes on until  occset annotate stop ; its data stay")
    say("next:  occset annotate push SET  , with the folder of your set")


@annotate.command("add-user")
def add_user_command(
    name: Annotated[str, typer.Argument(help="Who it is for: a name such as anna, or a mail address.", metavar="NAME")],
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Take the password from standard input, a line, instead of making one."),
    ] = False,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="The account is there: set another password.")
    ] = False,
) -> None:
    """Make an account for another annotator on the local Label Studio; says how to log in, and the password once."""
    import sys

    from occset.annotation.api.annotators import add_annotator
    from occset.support.console import say

    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    annotator = add_annotator(name, given, new_password, say)
    say(f"{annotator.mail} can log in at  {annotator.url}  now")
    if annotator.password:
        say(f"with the password  {annotator.password}  , shown once (--new-password sets another)")
    port = annotator.url.rpartition(":")[2]
    say(
        f"on another machine, first:  ssh -L {port}:127.0.0.1:{port} THIS-MACHINE  , since the server answers this one only"
    )


@annotate.command("stop")
def stop_command() -> None:
    """Stop the local Label Studio; its data stay."""
    from occset.annotation.server.local_server import stop
    from occset.support.console import say

    say("Label Studio has stopped" if stop() else "no Label Studio of occset's was running")


@annotate.command("push")
def push_command(
    path: SetPath,
    number: Number = None,
    top: Annotated[int | None, typer.Option(help="How many faces the model picks.", show_default="20", min=0)] = None,
    control: Annotated[int, typer.Option(help="How many are drawn at random beside them, to compare.", min=0)] = 0,
    where: Annotated[
        str | None, typer.Option(help="Pick by a condition on the faces, as pandas' query takes it.")
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option(help="Pick these ids, comma-separated, or a file: one a line, or what  occset mine --out  wrote."),
    ] = None,
    random: Annotated[int | None, typer.Option(help="Pick this many at random, no model asked.", min=1)] = None,
    honeypots: Annotated[
        float, typer.Option(help="Samples of known truth to mix in, as a share of the picks.", min=0, max=1)
    ] = 0.0,
    split: Annotated[str, typer.Option(help="train or val; test faces are never relabelled.")] = "train",
    seed: Annotated[int, typer.Option(help="Of random faces and honeypots.", min=0)] = 0,
    annotators: Annotated[int, typer.Option(help="How many people label each face.", min=1, max=12)] = 1,
    prelabel: Annotated[str, typer.Option(help="Drawn beforehand: model, label (the set's own) or none.")] = "model",
    model: Model = DEFAULT_MODEL,
    weights: Weights = None,
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Send the faces of a round to Label Studio; a round that is not there is opened. Twice sends nothing twice.

    An open round is sent as it is: --top, --random, --ids and --where open a round, and with an open one they have to be
    what it was opened with, so that a push that was cut off can be repeated. Other faces wait until it is closed.
    """
    from occset.annotation.api.client import connect
    from occset.annotation.push.push import push
    from occset.annotation.push.round_choice import Choice, round_to_push
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.mining.model import open_model
    from occset.support.console import partly, print_json, progress_bar, say
    from occset.support.errors import OccsetError

    if prelabel not in ("model", "label", "none"):
        raise OccsetError(f"--prelabel {prelabel}: take model, label or none")
    data = OcclusionSet(path)
    studio = connect()
    choice = Choice(top, control, where, ids, random, honeypots, split, seed, model, weights, device)
    with progress_bar("picking") as progress:
        number, problems = round_to_push(data, number, choice, dry_run, progress, say)
    if number is None:
        return
    opened = open_model(model, weights, device) if prelabel == "model" else None
    with progress_bar("pushing") as progress:
        pushed = push(data, studio, number, opened, prelabel, annotators, dry_run, progress)  # type: ignore[arg-type]
    skipped = [*problems, *pushed.skipped, *((name, "did not arrive: push again") for name in pushed.missing)]
    for face, message in skipped:
        say(f"skipped {face}: {message}")
    if as_json:
        print_json({**pushed.to_dict(), "skipped": skipped})
    if dry_run and pushed.honeypots:
        say(f"honeypots, which annotators must not know: {', '.join(pushed.honeypots)}")
    verb = "would be sent" if dry_run else "sent"
    said = f"round {number}: {pushed.new} faces {verb}, {pushed.already} were there already"
    if not skipped:
        say(said)
    if pushed.removed:
        say(f"{pushed.removed} tasks that were there twice were removed")
    if pushed.url:
        say(f"label them at  {pushed.url}  , then  occset annotate pull {path}")
    if skipped:
        partly(said, f"{len(skipped)} faces were skipped, as said above")


@annotate.command("status")
def status_command(path: SetPath, number: Number = None, as_json: Json = False) -> None:
    """How far a round is: labelled, partly (another annotator is asked), skipped, begun (drafts), waiting, and by whom.

    picks: faces of the round; decided: those whose label was pulled; pushed: those in Label Studio, each counted once.
    """
    from dataclasses import asdict

    from occset.annotation.api.client import connect
    from occset.annotation.pull.status import status
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.console import print_json, print_table, say

    found = status(OcclusionSet(path), connect(), number)
    if as_json:
        print_json(asdict(found))
        return
    counts = {key: value for key, value in asdict(found).items() if isinstance(value, int) and key != "number"}
    print_table([counts], f"round {found.number}")
    if found.annotators:
        print_table(found.annotators, "by annotator")
    say(f"label at  {found.url}  , then  occset annotate pull {path}" if found.url else "nothing was pushed yet")


@annotate.command("pull")
def pull_command(
    path: SetPath,
    number: Number = None,
    rule: Annotated[str, typer.Option(help="Consensus of three and more: staple or majority.")] = "staple",
    agreement: Annotated[
        float, typer.Option(help="IoU below which two annotators disagree, and a third is asked.", min=0, max=1)
    ] = 0.9,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Take what is there and give up the faces without a label: the round ends."),
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Read and merge all again, not only what changed.")] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option(help="Id of a face whose label was held back as doubtful, and is right; may be repeated."),
    ] = None,
    page: Annotated[Path | None, typer.Option(help="Write the round's report with pictures here, as HTML.")] = None,
    as_json: Json = False,
) -> None:
    """Bring labels into the set: face masks, occluders, agreement, ledger. What came before is kept as a version."""
    from occset.annotation.api.client import connect
    from occset.annotation.pull.merging import Options
    from occset.annotation.pull.pull import pull
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.console import partly, print_json, print_table, progress_bar, say
    from occset.support.errors import OccsetError

    if rule not in ("staple", "majority"):
        raise OccsetError(f"--rule {rule}: take staple or majority")
    data = OcclusionSet(path)
    options = Options(rule, least=agreement, finish=finish, everything=everything, confirmed=tuple(confirm or ()))  # type: ignore[arg-type]
    with progress_bar("pulling") as progress:
        pulled = pull(data, connect(), number, options, progress)
    for name, message in pulled.refused:
        say(f"refused {name}: {message}")
    for name, message in pulled.doubts:
        say(f"look at {name}: {message}")
    if as_json:
        print_json(pulled.to_dict())
    else:
        if pulled.discussion:
            print_table(pulled.discussion, "to talk about")
        if pulled.annotators:
            print_table(pulled.annotators, "annotators: what they labelled, and how well on honeypots")
    say(
        f"round {pulled.number}: {pulled.read} tasks read, {pulled.merged} labels merged, {pulled.changed} faces changed, "
        f"{pulled.occluders} occluders came new"
    )
    if pulled.requeued:
        say(f"{len(pulled.requeued)} faces on which annotators disagree wait for one more of them")
    if pulled.excluded:
        say(
            f"{pulled.excluded} faces are used no more, as annotators said:  occset round revoke {path} FACE  takes it back"
        )
    _say_what_waits(pulled.ledger, path)
    if page is not None:
        from occset.rounds.page import write_page

        with progress_bar("the page"):
            write_page(data, pulled.number, page)
        say(f"{page}: the page, with photos of people: the terms of the set hold for it, do not publish it")
    if pulled.refused:
        half = len(pulled.halves)
        whole = len({name for name, _ in pulled.refused} - set(pulled.halves))
        told = [f"{whole} labels were refused"] * bool(whole)
        told += [f"of {half} only the face was merged, not every occluder"] * bool(half)
        partly(f"{', and '.join(told)}, as said above; the rest is merged", "not all that was labelled is in the set")


def _say_what_waits(ledger: Any, path: Path) -> None:
    from occset.support.console import say

    given_up = int(ledger.rows["decision"].eq("missing").sum())
    if given_up:
        say(f"{given_up} faces were given up without a label; a label that comes later is still merged")
    waiting = ledger.waiting
    if waiting:
        say(
            f"{len(waiting)} faces still wait for a label ({', '.join(waiting[:3])}): pull again later, or with --finish"
        )
    else:
        say(f"the round is closed; its report:  occset round report {path} --page report.html")
        say(
            f"next: train on the new labels with  occset train ns --data {path} --out runs/ns  , or "
            f"label more:  occset annotate push {path}"
        )


@annotate.command("backend")
def backend_command(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="Only for the latest round of this set, whose honeypots get pre-labels that are wrong on purpose; by "
            "default for all projects of occset's.",
            metavar="SET",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    weights: Weights = None,
    device: Device = "auto",
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.", min=0, max=65535)] = 9090,
) -> None:
    """Pre-label a task that has no pre-label when an annotator opens it, until Ctrl-C."""
    from occset.annotation.api.client import connect
    from occset.annotation.backend.prelabelling import make_server, pictures_in, register, secret_from_environment
    from occset.annotation.push.first_guess import truths_of
    from occset.annotation.push.task_names import MARKER, marker_of
    from occset.mining.model import open_model
    from occset.rounds.ledger import read_round
    from occset.support.console import say
    from occset.support.errors import OccsetError

    studio = connect()
    if studio.document_root is None:
        raise OccsetError(
            f"{studio.url}: the backend reads the pictures of the local server, whose files it sees: run "
            "occset annotate start  without LABEL_STUDIO_URL; for another server, push with --prelabel model"
        )
    ledger = read_round(path) if path is not None else None
    marker = marker_of(ledger) if ledger is not None else None
    projects = (
        studio.find_projects(marker)
        if marker
        else [p for p in studio.projects() if MARKER in str(p.get("description"))]
    )
    if not projects:
        raise OccsetError(f"{studio.url}: has no project of occset's: run  occset annotate push SET  first")
    secret = secret_from_environment()
    truths = truths_of(ledger, marker_of(ledger)) if ledger is not None else None
    served = pictures_in(studio.document_root)
    server: Any = make_server(open_model(model, weights, device), secret, served, port, truths=truths)
    with server:
        for project in projects:
            register(studio, project["id"], server.url, secret)
            say(f"{studio.project_url(project['id'])}: asks {server.url} now")
        say(f"{server.version} pre-labels at {server.url} until Ctrl-C")
        server.serve()
