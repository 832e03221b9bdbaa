"""The card and the Croissant description of a published set: those of the set, and what lies in this folder instead."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from occset.dataset.occlusion_set import OcclusionSet
from occset.publishing.card import LIMITS, MUST_NOT, USES, bullets, card_text, own_words, table, words
from occset.publishing.croissant import About, croissant, parquet_object, splits_record, table_record
from occset.publishing.facts import Facts
from occset.publishing.front_matter import front_matter
from occset.publishing.published.layout import FILES, NOTE, RECIPES, TABLES
from occset.support.files import write_atomic

_TOLD = {
    "sample": "Made from what is rendered.",
    "type": "What it is called in tables.",
    "face": "The face, of faces.parquet; of an occluder, the one that it was cut from.",
    "seed": "What it was drawn from.",
    "index": "Its number in the draw.",
    "draw": "How many earlier draws hid too little.",
    "size": "Height and width of the sample, pixels.",
    "pixels": "Hash of the decoded pixels; of a recipe, of all that it renders to.",
    "id": "Made from the pixels.",
    "source": "Where it comes from.",
    "source_id": "Its name there.",
    "key": "By which its source is asked for it.",
    "place": "Which of the sources of published.json.",
    "width": "In pixels.",
    "height": "In pixels.",
    "split": "What it may be used for.",
    "licence": "Terms of its source.",
    "sha256": "Of the decoded pixels of an item, of the bytes of a file.",
    "mask": "Visible face, as the counts of a COCO RLE over (height, width); decoded, 255 is face and 0 is not.",
    "mask_from": "source, round or model.",
    "mask_sha256": "Of the mask's pixels, 0 and 255.",
    "category": "What hid a face, or what the texture shows.",
    "file": "Path below the folder of its source.",
    "bytes": "Its size.",
    "decoder": "What gave the pixels, and its version.",
}
_KEYS = {"files": "file", "recipes": "sample"}


def write_description(
    data: OcclusionSet, found: Facts, out: Path, about: About, note: Mapping[str, Any], recipes: Sequence[Path]
) -> None:
    """Write README.md and croissant.json into a published folder; the same set gives the same files.

    Args:
        data: the set.
        found: its figures.
        out: the folder, in which the tables and recipes lie already.
        about: who publishes it.
        note: what published.json is going to say.
        recipes: the recipe files.
    """
    by_name: dict[str, list[str]] = {}
    for path in recipes:
        by_name.setdefault(path.stem[: -len("-00000-of-00001")], []).append(f"recipes/{path.name}")
    configs: list[dict[str, Any]] = [
        {"config_name": "recipes", "data_files": [{"split": name, "path": paths} for name, paths in by_name.items()]}
    ]
    tables = [name for name in (*TABLES, "files") if note["counts"][name]]
    configs += [{"config_name": name, "data_files": f"{name}.parquet"} for name in tables]
    front = front_matter(data, configs, count=note["counts"]["recipes"])
    text = front + "\n" + card_text(found, own_words(data)) + "\n" + _replaying(note)
    write_atomic(out / "README.md", text.encode("utf-8", "backslashreplace"))
    described = croissant(data, found, about, words=(USES, MUST_NOT, LIMITS))
    described["distribution"] = [*(parquet_object(out / f"{name}.parquet") for name in tables), _recipe_files()]
    schemas = {**{name: (FILES if name == "files" else TABLES[name]) for name in tables}, "recipes": RECIPES}
    described["recordSet"] = [splits_record(), *(_records(name, schema) for name, schema in schemas.items())]
    write_atomic(out / "croissant.json", (json.dumps(described, indent=2) + "\n").encode())


def _replaying(note: Mapping[str, Any]) -> str:
    counts = note["counts"]
    sources = [
        {"kind": one["kind"], "source": spec_of(one), "terms": one["licence"], "items": one["items"]}
        for one in note["sources"]
    ]
    asked = dict.fromkeys(f"--{one['kind']} {shlex.quote(spec_of(one))}" for one in note["sources"])
    parts = [
        "## What lies here, and how to get the samples",
        f"{counts['recipes']} recipes, and where the {counts['faces']} faces, {counts['occluders']} occluders and "
        f"{counts['textures']} textures that they name come from, with hashes of files and of pixels; the figures above are "
        f"of the whole set. No photo and no other picture is here. {counts['masks']} of the faces have their mask here, "
        f"the others get it from their source, whose terms keep it there.",
        table(sources, ("kind", "source", "terms", "items")),
        "Whoever holds these sources gets the same samples, bit for bit, or the list of what differs:",
        "\n".join(f"    {line}" for line in ("pip install occset", f"occset replay . {' '.join(asked)} --out samples")),
        f"Pictures were decoded by {words(', '.join(note['decoders']) or 'nothing: all is made by code')}. Others may "
        f"differ in single bits, which replay tells apart from a picture that was changed. {NOTE} has the hash of each "
        "file here.",
    ]
    if note["not_found"]:
        parts.append(
            bullets(
                [f"{note['not_found']} of the items cannot be had from a source: samples that name them do not replay."]
            )
        )
    return "\n\n".join(part for part in parts if part) + "\n"


def spec_of(source: Mapping[str, Any]) -> str:
    """A source as replay wants it written, with FOLDER for the folder."""
    options = "&".join(f"{name}={value}" for name, value in source["options"].items())
    return f"{source['name']}:{source['argument'] or 'FOLDER'}" + (f"?{options}" if options else "")


def _recipe_files() -> dict[str, Any]:
    # in no folder of its own: of files within a folder mlcroissant tells the names alone
    return {
        "@type": "cr:FileSet",
        "@id": "recipes-files",
        "name": "recipes-files",
        "description": f"{NOTE} has the hash of each.",
        "encodingFormat": "application/x-parquet",
        "includes": "recipes/*.parquet",
    }


def _records(name: str, schema: pa.Schema) -> dict[str, Any]:
    where = {"fileSet": {"@id": "recipes-files"}} if name == "recipes" else {"fileObject": {"@id": f"{name}.parquet"}}
    columns = [column for column in schema if not pa.types.is_list(column.type)]
    return table_record(name, columns, where, _TOLD, _KEYS.get(name, "id"))
