"""The verb models: what others published and networks rest on or are held against, read from their makers' files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

models = typer.Typer(no_args_is_help=True, add_completion=False)
morphable = typer.Typer(no_args_is_help=True, add_completion=False)
models.add_typer(morphable, name="morphable")


@models.callback()
def models_command() -> None:
    """What others published: morphable face models, and the weights of the paper's rivals."""


@models.command("import")
def import_weights_command(
    name: Annotated[str, typer.Argument(help="pconv, deepfill-v2, picnet or lafin.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="What its makers' code saved: of picnet E and G, of lafin generator and landmark detector."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint.")],
    trained_on: Annotated[str, typer.Option(help="What they were trained on, where you know it.")] = "unknown",
) -> None:
    """Read a rival's weights as its makers published them in PyTorch; nothing in the files is executed.

    pconv  naoto0804's pytorch-inpainting-with-partial-conv

    deepfill-v2  nipponjo's deepfillv2-pytorch

    picnet  lyndonzheng's Pluralistic-Inpainting

    lafin  YaN9-Y's lafin
    """
    from occset.models.baselines.official import import_weights
    from occset.support.console import say

    done = import_weights(name, files, out, trained_on)
    say(
        f"{name}: {done.layout}, {done.parameters / 1e6:.1f} M weights in {out}; shown without a rank, as trained elsewhere"
    )
    say(f"to bench it:  occset bench --data SET --methods weights:{out}")


@morphable.callback()
def morphable_command() -> None:
    """Morphable face models: the procedural one is there at once, others are imported from their makers' files."""


@morphable.command("import")
def import_morphable_command(
    name: Annotated[str, typer.Argument(help="bfm09 or ict.")],
    source: Annotated[Path, typer.Argument(help="bfm09: BFM_model_front.mat; ict: its .npz, or FaceKit's OBJ folder.")],
) -> None:
    """Read a model from its makers' files and keep it in the user's data folder; their licence stays what it is."""
    from occset.models.morphable.store import import_morphable, known_models
    from occset.support.console import say

    model = import_morphable(name, source)
    file = next(known.file for known in known_models() if known.name == name)
    say(f"{name}: {_sizes_of(model)}; kept in {file}")


@morphable.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Models that can be named, with their sizes and what identifies their content."""
    from occset.models.morphable.store import known_models, open_morphable
    from occset.support.console import print_json, print_table, say
    from occset.support.errors import BadInput

    rows, broken = [], []
    for name, file in known_models():
        try:
            model = open_morphable(name)
        except BadInput as error:
            broken.append(error)
            continue
        rows.append(
            {
                "name": name,
                "vertices": len(model.mean),
                "triangles": len(model.triangles),
                "identity": len(model.identity_basis),
                "expression": len(model.expression_basis),
                "albedo": len(model.texture_basis),
                "revision": model.revision[:12],
                "file": str(file or "made by code"),
            }
        )
    if as_json:
        print_json(rows)
    else:
        print_table(rows, "morphable models")
    for why in broken:
        say(f"occset: {why}")
    if broken:
        raise typer.Exit(1)


@morphable.command("learn-albedo")
def learn_albedo_command(
    path: Annotated[Path, typer.Argument(help="The set's folder; occset fit comes first.", metavar="SET")],
    out: Annotated[Path, typer.Option(help="Folder of the albedo.")],
    name: Annotated[str, typer.Option("--morphable", help="The model that the faces were fitted with.")] = "procedural",
    components: Annotated[int, typer.Option(help="Of the basis.", min=1)] = 80,
    limit: Annotated[int, typer.Option(help="Learn from so many faces at most.", min=1)] = 1500,
) -> None:
    """Learn the albedo of real faces from the well-fitted train faces of a set: unwrap, take the light off, PCA."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.models.reconstruction.albedo import save_albedo
    from occset.models.reconstruction.albedo_faces import learn_from_set
    from occset.support.console import progress_bar, say

    with progress_bar("unwrapping") as progress:
        learned = learn_from_set(OcclusionSet(path), name, components, limit, progress)
    files = save_albedo(learned.model, out, learned.about)
    say(f"{learned.faces} faces, {components} components, {learned.explained:.1%} of the variance; in {files[0]}")


def _sizes_of(model: Any) -> str:
    parts = (
        (model.identity_basis, "identity"),
        (model.expression_basis, "expression"),
        (model.texture_basis, "albedo"),
    )
    modes = ", ".join(f"{len(basis)} {what}" for basis, what in parts)
    return f"{len(model.mean)} vertices, {len(model.triangles)} triangles, {modes} modes"
