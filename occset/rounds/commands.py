"""The verbs of a round: open, close, report, history, revoke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from occset.mining.options import DEFAULT_MODEL, Model

round_ = typer.Typer(no_args_is_help=True, help="A round: pick hard faces, merge their labels, report what changed.")

SetPath = Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")]
Number = Annotated[int | None, typer.Option("--round", help="Number of the round; the latest by default.", min=1)]
Face = Annotated[
    str, typer.Argument(help="Id of a face, the beginning of one, or its name in its source.", metavar="FACE")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@round_.command("open")
def open_command(
    path: SetPath,
    top: Annotated[int | None, typer.Option(help="How many faces the model picks.", show_default="50", min=0)] = None,
    random: Annotated[
        int | None, typer.Option(help="How many faces are drawn at random, as its control.", show_default="50", min=0)
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option(
            help="These faces, no model asked: ids, comma-separated, or a file: one a line, or what  occset mine --out  "
            "wrote."
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Also write the pictures to label, and their present masks, into this folder, for any editor; of a round "
            "that is open already too.",
            metavar="DIR",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    split: Annotated[str, typer.Option(help="train or val; test faces are never relabelled.")] = "train",
    seed: Annotated[int, typer.Option(help="Seed of the random arm.", min=0)] = 0,
    weights: Annotated[Path | None, typer.Option(help="Weights of the model; the released ones by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    honeypots: Annotated[
        float, typer.Option(help="Samples of known truth to mix in, as a share of the picks.", min=0, max=1)
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Score the set, pick what is worth labelling, and write the round's ledger."""
    from occset.dataset.named import faces_named
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.rounds.handing_out import hand_out
    from occset.rounds.ledger import ledger_path
    from occset.rounds.opening import open_chosen, open_round, still_open
    from occset.support.console import partly, print_table, progress_bar, say
    from occset.support.errors import OccsetError

    if ids is not None and (top is not None or random is not None):
        raise OccsetError("--ids says which faces, and so do --top and --random: give one of them")
    data = OcclusionSet(path)
    named = None if ids is None else faces_named(data, ids)
    sizes = (50 if top is None else top, 50 if random is None else random)
    problems: list[tuple[str, str]] = []
    ledger = still_open(data, named, sizes if (top, random) != (None, None) else None) if pictures else None
    if ledger is not None:
        say(f"round {ledger.setup.number} is open already: nothing is picked, its pictures are written")
    elif named is not None:
        ledger = open_chosen(data, named, honeypots=honeypots, seed=seed)
    else:
        with progress_bar("mining") as progress:
            ledger, problems = open_round(
                data, *sizes, model, split, seed, weights, device, workers, progress, honeypots
            )
    columns = ["arm", "rank", "id", "source_id", "score", "reason"]
    number = ledger.setup.number
    rows: Any = ledger.rows[columns].to_dict("records")
    print_table(rows, f"round {number}", as_json)
    setup = ledger.setup
    arms = {"mined": setup.mined, "random": setup.random, "named": setup.chosen}
    faces = " and ".join(f"{count} {arm}" for arm, count in arms.items() if count)
    say(f"{ledger_path(path, number)}: {faces} faces wait for labels")
    labels, masks = "DIR", "put their masks, <face id>.png, into a folder"
    if pictures is not None:
        with progress_bar("pictures") as progress:
            out = hand_out(data, ledger, pictures, progress)
        problems = [*problems, *out.problems]
        labels, masks = str(out.labels), f"save their masks, as PNG of the same names, in {out.labels}"
        say(
            f"{pictures / 'pictures'}: {out.pictures} pictures of people, under the terms of the set; "
            f"{pictures / 'masks'}: {out.masks} present masks, a copy of which is right where it needs no change"
        )
    told = f"{masks}, and run  occset round close {path} --labels {labels}"
    for face, message in problems:
        say(f"skipped {face}: {message}")
    if problems:
        partly(told, f"{len(problems)} faces were skipped, as said above")
    say(told)


@round_.command("close")
def close_command(
    path: SetPath,
    labels: Annotated[Path, typer.Option(help="Folder with the masks, <face id>.png, 255 = visible face.")],
    number: Number = None,
    finish: Annotated[
        bool, typer.Option("--finish", help="Give up what has no label, so that the round ends.")
    ] = False,
    confirm: Annotated[
        list[str] | None,
        typer.Option(help="Id of a face whose label was held back as doubtful, and is right; may be repeated."),
    ] = None,
    threshold: Annotated[
        int | None,
        typer.Option(help="Take masks with soft edges, JPEG too: on is what is above this, of 255.", min=0, max=254),
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge the labels that came; can be run again with what was missing."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.rounds.closing import close_round
    from occset.support.console import partly, print_json, progress_bar, say

    with progress_bar("closing"):
        closing = close_round(OcclusionSet(path), labels, number, finish, confirm or (), threshold)
    ledger = closing.ledger
    for note in closing.notes:
        say(note)
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
        told = f"{len(closing.refused)} labels were refused, as said above; the rest is merged"
        partly(told, "not all that was labelled is in the set")


@round_.command("report")
def report_command(
    path: SetPath,
    number: Number = None,
    page: Annotated[
        Path | None, typer.Option(help="Also write a page of it, one HTML file with pictures.", metavar="FILE")
    ] = None,
    limit: Annotated[int, typer.Option(help="Most pictures on the page.", min=0)] = 60,
    as_json: Json = False,
) -> None:
    """How many were picked, labelled and changed, mined against random, and each face."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.rounds.page import write_page
    from occset.rounds.report import report
    from occset.support.console import print_json, print_table, progress_bar, say

    data = OcclusionSet(path)
    found = report(data, number)
    setup = found.setup
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(found.samples, f"round {setup['number']}, faces")
        print_table(found.reasons, "by the leading signal")
        told = (
            (found.verdicts, "used no more"), (found.categories, "cut-outs"), (found.annotators, "by annotator"),
        )  # fmt: skip
        for rows, title in told:
            if rows:
                print_table(rows, title)
        print_table(found.work, "time and agreement")
        print_table(found.arms, "by arm")
    when = f", opened {setup['opened']}" if "opened" in setup else ""
    who = f"picked by {setup['model']} {setup['weights_hash'][:12]}" if setup["model"] else "no model was asked"
    say(f"round {setup['number']}: {who}{when}, {setup['waiting']} picks wait")
    if page is not None:
        with progress_bar("the page"):
            write_page(data, setup["number"], page, limit)
        say(f"{page}: the page, with photos of people: the terms of the set hold for it, do not publish it")


@round_.command("history")
def history_command(
    path: SetPath,
    face: Face,
    out: Annotated[Path | None, typer.Option(help="Folder to write each version's mask into, as PNG.")] = None,
    as_json: Json = False,
) -> None:
    """All labels that a face has had and what was said of it, oldest first: none is lost when another comes."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.mining.signals import iou
    from occset.pictures.masks import area, decode_rle, write_mask
    from occset.rounds.verdicts import find_face
    from occset.rounds.versions import history
    from occset.support.console import print_table, say

    data = OcclusionSet(path)
    face = find_face(data, face)
    height, width = (int(data.face_row(face)[side]) for side in ("height", "width"))
    rows, before = [], None
    for version in history(data, face):
        mask = None if version.label is None else decode_rle(version.label, height, width)
        rows.append(
            {
                "round": version.round,
                "version": version.version,
                "labelled": version.labelled,
                "annotators": ", ".join(version.annotators),
                "lead time": version.lead_time,
                "agreement": version.agreement,
                "area": None if mask is None else area(mask) / (height * width),
                "IoU with the one before": None if mask is None or before is None else iou(before, mask),
                "verdict": version.verdict,
                "quality": version.quality,
                "comment": version.comment,
                "origin": version.origin or ("the source" if version.round == 0 else None),
            }
        )
        if out is not None and mask is not None:
            write_mask(out / f"{face}.round-{version.round:03d}.version-{version.version}.png", mask)
        before = before if mask is None else mask
    print_table(rows, f"labels of {face}", as_json)
    if out is not None:
        say(f"{out}: one PNG a version; to go back to one, name it {face}.png and close a round with it")


@round_.command("revoke")
def revoke_command(path: SetPath, face: Face, as_json: Json = False) -> None:
    """Take back that a face is unusable, was skipped or must be discussed: it is used again, with the label that it has."""
    from dataclasses import asdict

    from occset.dataset.occlusion_set import OcclusionSet
    from occset.rounds.verdicts import revoke
    from occset.support.console import print_json, say

    revoked = revoke(OcclusionSet(path), face)
    if as_json:
        print_json(asdict(revoked))
    who = f" by {', '.join(revoked.annotators)}" if revoked.annotators else ""
    say(
        f"{revoked.face}: '{revoked.verdict}', said in round {revoked.round}{who}, is taken back: the face is used again"
    )
