"""The verbs that ask a model about faces: mine, label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from occset.mining.options import DEFAULT_MODEL, WHOLE_FACES, Model
from occset.support import references as registry

mine, label = typer.Typer(), typer.Typer()


@mine.command()
def mine_command(
    path: Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")],
    model: Model = DEFAULT_MODEL,
    top: Annotated[int, typer.Option(help="How many faces to pick.", min=1)] = 500,
    split: Annotated[str, typer.Option(help="train or val; test faces are never mined.")] = "train",
    out: Annotated[Path | None, typer.Option(help="Write the picks here, .csv or .parquet, all columns.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of the model; the released ones by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    render: Annotated[
        bool, typer.Option("--render", help="Also hold the masks against the whole face that NR renders.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table, all columns.")] = False,
) -> None:
    """Hard faces and doubtful labels, ranked and unlike each other, with the reason for each; changes nothing."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.mining.mine import score_set, write_picks
    from occset.support.console import partly, print_table, progress_bar, say
    from occset.support.errors import OccsetError

    if out is not None and out.suffix.lower() not in (".csv", ".parquet"):
        raise OccsetError(f"{out}: picks are written as .csv or .parquet: choose one of these endings")
    rendered = registry.load(WHOLE_FACES)() if render else None
    with progress_bar("mining") as progress:
        scores = score_set(OcclusionSet(path), model, split, weights, device, workers, progress, rendered)
    picks = scores.choose(top)
    if out is not None:
        write_picks(out, picks)
        say(f"{out}: {len(picks)} picks with all their scores")
    columns = list(picks.columns) if as_json else ["rank", "id", "source_id", "score", "reason"]
    rows: Any = picks[columns].to_dict("records")
    print_table(rows, f"{path}", as_json)
    for note in scores.notes:
        say(note)
    name = f"{scores.model} {scores.weights_hash[:12]}".strip()
    for face, message in scores.problems:
        say(f"skipped {face}: {message}")
    said = f"{len(picks)} of {len(scores.table)} faces of the split '{split}' were picked by {name}"
    if scores.problems:
        partly(said, f"{len(scores.problems)} faces were skipped, as said above")
    say(said)


@label.command()
def label_command(
    path: Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")],
    model: Model = DEFAULT_MODEL,
    unsure: Annotated[
        float, typer.Option(help="Largest share of pixels that the model cannot place, of those of the face.")
    ] = 0.10,
    agreement: Annotated[
        float, typer.Option(help="Least IoU of the masks of a picture and of its mirror image.", min=0, max=1)
    ] = 0.955,
    weights: Annotated[Path | None, typer.Option(help="Weights of the model; the released ones by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
) -> None:
    """Masks by a model for unlabelled train faces, where it is sure: self-training; no protocol ever holds them."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.mining.machine_masks import Surety, label_faces
    from occset.support.console import partly, progress_bar, say

    with progress_bar("labelling") as progress:
        done = label_faces(OcclusionSet(path), model, weights, Surety(unsure, agreement), device, workers, progress)
    for face, message in done.problems:
        say(f"skipped {face}: {message}")
    said = f"{done.labelled} faces have a mask by {model} now; of {len(done.left)} it is not sure, they stay unlabelled"
    if done.problems:
        partly(said, f"{len(done.problems)} faces were skipped, as said above")
    say(said)
