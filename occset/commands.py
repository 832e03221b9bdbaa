"""The verbs of the dataset folder: new, check, info, snapshot, render, explain, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

new, check, info = typer.Typer(), typer.Typer(), typer.Typer()
snapshot, render, explain, doctor = typer.Typer(), typer.Typer(), typer.Typer(), typer.Typer()

SetPath = Annotated[Path, typer.Argument(help="The set's folder.", metavar="SET")]
Workers = Annotated[int | None, typer.Option(help="Processes; all cores by default.", min=1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@new.command()
def new_command(
    path: SetPath,
    faces: Annotated[list[str] | None, typer.Option(help="Source of faces, name:argument; may be repeated.")] = None,
    occluders: Annotated[list[str] | None, typer.Option(help="Source of occluders; may be repeated.")] = None,
    textures: Annotated[list[str] | None, typer.Option(help="Source of textures; may be repeated.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the set; the folder's by default.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the splits.")] = 0,
    arcface: Annotated[Path | None, typer.Option(help="ArcFace ONNX file, to split faces by person.")] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make a set, or add to one, from one or more sources.

    celebamask-hq:DIR (faces)  CelebAMask-HQ with its part masks; hair, hats and dark glasses become occluders

    faceocc:DIR (occluders, textures)  FaceOcc's cut-outs and textures

    ffhq:DIR (faces)  FFHQ's folders

    image-masks:DIR (faces)  images/NAME.jpg with masks/NAME.png

    label-studio:DIR (faces)  what Label Studio exported, as JSON or as PNGs of its brush, with images/

    coco:DIR (faces)  COCO with compressed RLE, as occset export writes it

    photos:DIR (faces)  a folder of photos, without masks

    builtin:N (faces, occluders, textures)  any number, made by code

    A source may have options, as in photos:DIR?faces=all; docs/formats/sources.md tells them.
    """
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.importing.add_source import add_source, open_embedder
    from occset.sources.registry import open_source
    from occset.support.console import partly, print_json, print_table, progress_bar, say
    from occset.support.errors import OccsetError

    wanted = [("faces", s) for s in faces or []] + [("occluders", s) for s in occluders or []]
    wanted += [("textures", s) for s in textures or []]
    if not wanted:
        raise OccsetError("nothing to add: give --faces, --occluders or --textures, for example --faces builtin:200")
    for kind, spec in wanted:
        open_source(spec, kind)  # a misspelt source is told before anything is made
    if arcface is not None:
        open_embedder(arcface)
    data = OcclusionSet.create(path, name)
    data.clean()
    rows: list[dict[str, Any]] = []
    items: dict[str, list[dict[str, str]]] = {"refused": [], "duplicates": []}
    notes: list[dict[str, str]] = []
    for kind, spec in wanted:
        with progress_bar(f"{kind} {spec}") as progress:
            report = add_source(data, kind, spec, workers, progress, seed, arcface)
        if report.left and spec.startswith("photos:"):
            report.notes.append(f"{report.left} more faces in its photos were left: photos:DIR?faces=all takes them")
        for note in report.notes:
            say(note)
        notes += [{"kind": kind, "source": spec, "message": note} for note in report.notes]
        for key, message in report.problems:
            say(f"refused {key}: {message}")
            items["refused"].append({"kind": kind, "source": spec, "item": key, "message": message})
        for key, message in report.duplicates:
            say(f"duplicate {key}: {message}")
            items["duplicates"].append({"kind": kind, "source": spec, "item": key, "message": message})
        rows.append(
            {
                "kind": kind,
                "source": spec,
                "added": report.added,
                "already there": report.already,
                "updated": report.updated,
                "duplicates": len(report.duplicates),
                "harvested occluders": report.harvested,
                "refused": len(report.problems),
            }
        )
    if as_json:
        print_json({"sources": rows, **items, "notes": notes})
    else:
        print_table(rows, f"{path}")
    alone = data.head["grouping"]["by_near_duplicates_only"]
    if alone:
        say(f"{alone} faces were split without knowing who they are: for ArcFace run  pip install 'occset[identity]'")
    if items["refused"]:
        refused = f"{len(items['refused'])} items were refused, as said above; the rest is in the set"
        partly(refused, "not all that was asked for is in it")


@check.command()
def check_command(
    path: SetPath,
    doubts: Annotated[
        Path | None,
        typer.Option(
            help="Also look for labels that NS contradicts, photos that come twice or show no face; folder of a page."
        ),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Read everything again: files, hashes, masks, duplicates, leaks between splits, frozen protocols."""
    from occset.checks.check import Finding
    from occset.checks.check import check as run
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.console import partly, print_table, progress_bar, say

    data = OcclusionSet(path)
    with progress_bar("checking") as progress:
        found = run(data, workers, progress)
    if doubts is not None:
        looked_at = _doubts_of(data, doubts, workers)
        found += [Finding("doubt", f"faces {doubt.face}", doubt.message) for doubt in looked_at]
    errors = sum(f.level == "error" for f in found)
    if found or as_json:
        print_table([vars(f) for f in found], f"{path}", as_json)
    counts = f"{len(data.faces)} faces, {len(data.occluders)} occluders, {len(data.textures)} textures"
    said = f"{path}: {counts}: {errors} errors, {sum(f.level == 'warning' for f in found)} warnings"
    if doubts is not None:
        said += f", {len({doubt.face for doubt in looked_at})} faces to look at in {doubts}/index.html"
    if errors:
        partly(said, "there are errors")
    say(said)


def _doubts_of(data: Any, out: Path, workers: int | None) -> list[Any]:
    """What a person should look at, written as a page into a folder."""
    from occset.checks.doubts import find_doubts
    from occset.mining.options import DEFAULT_MODEL
    from occset.publishing.gallery import write_gallery
    from occset.support.console import progress_bar, say
    from occset.support.errors import OccsetError

    if out.is_file():  # before minutes of looking
        raise OccsetError(f"{out}: is a file: name a folder for the page")
    with progress_bar("looking") as progress:
        found = find_doubts(data, DEFAULT_MODEL, workers=workers, progress=progress)
    for note in found.notes:
        say(note)
    for name, why in found.problems:
        say(f"not looked at: {name}: {why}")
    by_face = found.by_face()
    write_gallery(data, out, limit=max(1, len(by_face)), doubts=by_face)
    return found.doubts


@info.command()
def info_command(path: SetPath, as_json: Json = False) -> None:
    """What a set holds: rows by table, category and split, and its content hash."""
    import pandas as pd

    from occset.dataset.occlusion_set import OcclusionSet
    from occset.support.console import print_json, print_table, say

    data = OcclusionSet(path)
    rows: list[dict[str, Any]] = []
    for table in ("faces", "occluders", "textures"):
        frame: pd.DataFrame = getattr(data, table)
        kinds = frame["source"] if table == "faces" else frame["category"]
        counts = pd.crosstab(kinds, frame["split"].fillna("none"))
        for kind, row in counts.iterrows():
            by_split = {s: int(row.get(s, 0)) for s in ("train", "val", "test", "excluded", "none")}
            rows.append({"table": table, "kind": kind, **by_split})
    name, version, content = data.head["name"], data.head["version"], data.content_hash()
    if as_json:
        print_json({"name": name, "version": version, "content_hash": content, "tables": rows})
    else:
        print_table(rows, f"{name} {version}")
    out = data.faces["verdict"].value_counts()
    if len(out):
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(out.items()))
        say(
            f"{out.sum()} faces are out of use, as annotators said ({told}):  occset round revoke {path} FACE  takes it back"
        )
    say(f"content hash {content}")


@snapshot.command()
def snapshot_command(
    path: SetPath,
    version: Annotated[str | None, typer.Option(help="Name of the version; the set's own by default.")] = None,
) -> None:
    """Freeze the tables as they are, with a content hash that names them; prints it as JSON."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.dataset.records import read_note
    from occset.support.console import print_json, say

    folder = OcclusionSet(path).snapshot(version)
    say(f"{folder}")
    print_json(read_note(folder / "snapshot.json"))


@render.command()
def render_command(
    path: SetPath,
    out: Annotated[Path, typer.Option(help="Folder for the samples.")],
    count: Annotated[
        int | None,
        typer.Option(help="How many samples; 100 by default, or all of --recipes.", min=1, max=100_000_000),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.", min=0, max=2**63 - 1)] = 0,
    split: Annotated[str, typer.Option(help="Split of faces, occluders and textures.")] = "train",
    size: Annotated[int, typer.Option(help="Height and width, pixels.", min=32, max=1024)] = 256,
    recipes: Annotated[Path | None, typer.Option(help="Replay this recipe file instead of drawing.")] = None,
    to: Annotated[str, typer.Option(help="pictures (a folder each of PNGs) or webdataset (tar shards).")] = "pictures",
    shard: Annotated[int, typer.Option(help="Samples of one shard of webdataset.", min=1)] = 1000,
    workers: Workers = None,
    ray: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster that renders, such as 10.0.0.1:6379, or auto (extra scale)."),
    ] = None,
) -> None:
    """Write occluded faces with their masks; resumes after a kill, same bytes for any number of workers."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.dataset.recipes import RecipeFile
    from occset.publishing.formats.sample_shards import render_shards
    from occset.samples.draw import Plan
    from occset.samples.export import export
    from occset.samples.job import Job
    from occset.support.console import progress_bar
    from occset.support.errors import OccsetError, UnknownName

    if to not in ("pictures", "webdataset"):
        raise UnknownName("form of samples", to, ("pictures", "webdataset"))

    data = OcclusionSet(path)
    if recipes is not None:
        held = len(RecipeFile(recipes))
        if held == 0:
            raise OccsetError(f"{recipes}: holds no recipe: nothing to render")
        job = Job(min(count or held, held), None, seed, recipes)
    else:
        job = Job(count or 100, Plan(split=split, size=size), seed)
    with progress_bar("rendering") as progress:
        if to == "webdataset":
            print(render_shards(data, job, out, workers, shard, progress, ray))
        else:
            print(export(data, job, out, workers, progress, ray))


@explain.command()
def explain_command(
    sample: Annotated[str, typer.Argument(help="Id of a sample, or its beginning, or a picture that render wrote.")],
    data: Annotated[Path, typer.Option(help="The set's folder.")],
    recipes: Annotated[
        Path | None, typer.Option(help="Look in this recipe file, or folder that render wrote, and nowhere else.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the strip of pictures goes; SAMPLE.png by default.")] = None,
    as_json: Json = False,
) -> None:
    """A recipe as words and as a strip of pictures: clean, occluder, alpha, occluded, face mask."""
    from occset.dataset.occlusion_set import OcclusionSet
    from occset.pictures.images import write_png
    from occset.samples import explain as words
    from occset.samples.render import Renderer
    from occset.support.console import print_table, say

    opened = OcclusionSet(data)
    recipe = words.find_recipe(opened, sample, recipes)
    rendered = Renderer(opened).render(recipe)
    lines = words.describe(opened, recipe, rendered)
    print_table([{"what": a, "value": b} for a, b in lines], "", as_json)
    target = out or Path(f"{recipe.sample}.png")
    write_png(target, words.strip(rendered))
    say(f"pictures: {target}")


@doctor.command()
def doctor_command(as_json: Json = False) -> None:
    """What is installed, and what each missing extra would add."""
    from occset.doctor import examine
    from occset.support.console import print_table

    print_table([vars(line) for line in examine()], "", as_json)
