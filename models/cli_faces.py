"""The verbs of whole faces: fit, reconstruct, deocclude, serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

fit, reconstruct, deocclude, serve = typer.Typer(), typer.Typer(), typer.Typer(), typer.Typer()


@fit.command()
def fit_command(
    path: Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")],
    morphable: Annotated[str, typer.Option(help="procedural, or an imported one: see occset models morphable.")] = (
        "procedural"
    ),
    albedo: Annotated[Path | None, typer.Option(help="A learned albedo, or the word released for NR's own.")] = None,
    stage: Annotated[str, typer.Option(help="The last stage: landmarks, photometry or em.")] = "photometry",
    split: Annotated[str | None, typer.Option(help="Only the faces of train, val or test.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many faces.", min=1)] = None,
    colours: Annotated[
        int, typer.Option(help="Of the light: 3, or 1 as in the paper, for its preset of NR.", min=1, max=3)
    ] = 3,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Also write a contact sheet (PNG): flagged fits and a few good ones, photo, render, distance."
        ),
    ] = None,
) -> None:
    """Find the 3D face of every labelled face that has none yet: pose, shape, albedo and light; resumes."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.models.reconstruction.albedo import open_face_model
    from occset.models.reconstruction.fitting.fit import fit_faces
    from occset.models.reconstruction.fitting.sheet import write_fit_sheet
    from occset.support.console import progress_bar, say

    data, model = OcclusionSet(path), open_face_model(morphable, albedo)
    with progress_bar("fitting") as progress:
        report = fit_faces(
            data, model, stage, colours=colours, split=split, limit=limit, workers=workers, progress=progress
        )
    for line in report.lines():
        say(line)
    if sheet is not None:
        shown = write_fit_sheet(data, model, sheet, colours)
        say(f"{len(shown.poor)} flagged fits and {len(shown.good)} good ones on {sheet}")
    if report.problems:
        raise typer.Exit(1)


@reconstruct.command()
def reconstruct_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option(help="Folder of what is written: NAME.ply, NAME.png, NAME.json.")] = Path("mesh"),
    weights: Annotated[
        Path | None,
        typer.Option(help="Checkpoint: ours, or Deep3DFaceReconstruction's epoch_20.pth; the released one by default."),
    ] = None,
    morphable: Annotated[
        str | None, typer.Option(help="With epoch_20.pth: bfm09, or a file of it; bfm09 by default.")
    ] = None,
    align: Annotated[
        bool, typer.Option(help="Find the face and align it first; --no-align takes photos as aligned squares.")
    ] = True,
    mesh: Annotated[str, typer.Option(help="Kind of the meshes: ply or obj.")] = "ply",
    renderer: Annotated[str, typer.Option(help="torch, or nvdiffrast on a GPU, where it is installed.")] = "torch",
    sheet: Annotated[Path | None, typer.Option(help="Also write a contact sheet (PNG): crops beside renders.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Find the 3D face in photos, whatever hides it: mesh, render over the photo, landmarks, coefficients."""
    from occset.models.reconstruction.deep3d.reconstructor import open_reconstructor
    from occset.models.reconstruction.photos import reconstruct_photos
    from occset.models.rendering.render import checked_renderer
    from occset.support.console import progress_bar, say

    network = open_reconstructor(weights, morphable, device)
    network.drawer.face.renderer = checked_renderer(renderer)
    with progress_bar("reconstructing") as progress:
        done = reconstruct_photos(network, photos, out, align, mesh, sheet, progress)
    for note in done.notes:
        say(note)
    for name, why in done.problems:
        say(f"skipped {name}: {why}")
    for name, why in done.doubtful:
        say(f"look at {name}: {why}")
    say(f"{done.written} faces in {out}" + (f", contact sheet {sheet}" if sheet and done.written else ""))
    if done.left[0]:
        say(f"{done.left[0]} more faces in {done.left[1]} photos were left out: only the largest of a photo is taken")
    if done.problems:
        raise typer.Exit(1)


@deocclude.command()
def deocclude_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option(help="Folder of what is written: NAME.png, as large as the photo.")] = Path(
        "faces"
    ),
    align: Annotated[
        bool, typer.Option(help="Find the faces and align them; --no-align takes photos as aligned squares.")
    ] = True,
    largest: Annotated[bool, typer.Option("--largest", help="Repair only the largest face of a photo.")] = False,
    mask: Annotated[
        Path | None,
        typer.Option(
            help="Folder of masks of your own, NAME.png for NAME.jpg in the same places, 255 = paint here; give each a rim "
            "of clear skin for the seam. A photo without one is skipped. Found by the networks by default."
        ),
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(help="With --mask: on is what is above, for masks with soft edges.", min=0, max=254)
    ] = None,
    save_mask: Annotated[Path | None, typer.Option(help="Folder for masks of what was repainted.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a contact sheet (PNG): crop, what is hidden, outcome.")
    ] = None,
    gap: Annotated[
        int,
        typer.Option(
            help="Leave so many pixels (of a face of 256) open on either side of the drawn face's outline, and fill them "
            "smoothly, where an occluder spans face and background. --sheet shows both ways.",
            min=0,
            max=32,
        ),
    ] = 0,
    profile: Annotated[
        bool, typer.Option("--profile", help="Also say how long each stage took, and its share; without starting up.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Remove what hides the faces in photos; works at once, with the released weights."""
    from occset.models.deocclusion.deoccluder import Deoccluder
    from occset.models.deocclusion.photos import deocclude_photos
    from occset.models.photos.stages import profiled
    from occset.support.console import partly, print_table, progress_bar, say

    network = Deoccluder(device=device, gap=gap)
    with profiled() as stages, progress_bar("de-occluding") as progress:
        done, same = deocclude_photos(
            network, photos, out, align, not largest, save_mask, sheet, progress, mask, threshold
        )
    if profile:
        print_table(stages.rows(), "stages")
    for note in done.notes:
        say(note)
    for name, why in done.problems:
        say(f"skipped {name}: {why}")
    for name, why in done.doubtful:
        say(f"look at {name}: {why}")
    for name in same:
        what = "nothing hides a face here" if mask is None else "its mask marks nothing near a face"
        say(f"{name}: {what}, it is written as it was")
    said = f"{done.written} face{'s' * (done.written != 1)} in {out}"
    said += f", contact sheet {sheet}" if sheet and done.written else ""
    if done.problems:
        partly(said, f"{len(done.problems)} photos were skipped, as said above")
    say(said)


@serve.command()
def serve_command(
    host: Annotated[
        str, typer.Option(help="Address to answer at; beyond this machine only with a secret in OCCSET_SERVE_SECRET.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = 8088,
    weights: Annotated[
        Path | None,
        typer.Option(help="Checkpoint of NG: a .safetensors file or a folder; the released one by default."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    browser: Annotated[bool, typer.Option(help="Show the page in the browser.")] = True,
) -> None:
    """The same as deocclude in the browser: drop a photo, see before and after, masks and render; until Ctrl-C."""
    from occset.models.serving.command import run

    run(host, port, weights, device, browser)
