"""The verbs of the networks: train, segment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

train, segment = typer.Typer(), typer.Typer()

Weights = Annotated[
    Path | None, typer.Option(help="Checkpoint: a .safetensors file or a folder; the released one by default.")
]


@train.callback()
def train_command() -> None:
    """Train a network on a set; resumes where it was interrupted."""


@train.command("ns")
def train_ns_command(
    data: Annotated[Path, typer.Option(help="The set's folder.")],
    preset: Annotated[str, typer.Option(help="demo, laptop, laptop-192, paper or fast.")] = "demo",
    out: Annotated[Path, typer.Option(help="Folder of the training.")] = Path("runs/ns"),
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 0,
    epochs: Annotated[int | None, typer.Option(help="Instead of the preset's.", min=1)] = None,
    start: Annotated[
        Path | None, typer.Option(help="Checkpoint of NS, or folder of a training, to start from.")
    ] = None,
    encoder_weights: Annotated[
        Path | None, typer.Option(help="ImageNet weights of the encoder, saved by torch.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that make samples.", min=0)] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many; auto takes what there is.")] = "auto",
    nodes: Annotated[int, typer.Option(help="Machines, each started with torchrun.", min=1)] = 1,
) -> None:
    """NS, the face segmentation that sees through any occluder."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.models.segmentation.train import train as run
    from occset.support.console import progress_bar, say

    with progress_bar(f"ns, {preset}") as progress:
        trained = run(
            OcclusionSet(data), preset, out, seed, epochs, start, encoder_weights, workers, accelerator,
            int(devices) if devices.isdigit() else devices, nodes, progress, say,
        )  # fmt: skip
    say(trained.sentence)
    if trained.weights is None:
        raise typer.Exit(130)


@segment.command()
def segment_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option(help="Folder of the masks: NAME.png, 255 = visible face.")] = Path("masks"),
    weights: Weights = None,
    align: Annotated[
        bool, typer.Option(help="Find the face and align it first; --no-align takes photos as aligned squares.")
    ] = True,
    soft: Annotated[bool, typer.Option("--soft", help="Masks of 0..255 instead of 0 and 255.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Also write a contact sheet (PNG) of the crops.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Mark the visible face in photos; works at once, with the released checkpoint."""
    from occset.models.segmentation.photos import segment_photos
    from occset.models.segmentation.segmenter import FaceSegmenter
    from occset.support.console import progress_bar, say

    network = FaceSegmenter(weights, device)
    with progress_bar("segmenting") as progress:
        done = segment_photos(network, photos, out, align, soft, sheet, progress)
    for name, why in done.problems:
        say(f"skipped {name}: {why}")
    say(
        f"{done.written} mask{'s' * (done.written != 1)} in {out}"
        + (f", contact sheet {sheet}" if sheet and done.written else "")
    )
    if done.problems:
        raise typer.Exit(1)
