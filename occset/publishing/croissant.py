"""Croissant 1.1 with the fields of RAI 1.0: what a set's folder holds, as machines read it.

Validated by ``mlcroissant``, which also reads a record of each record set, in the tests.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import FILES_OF, TABLES, content_hash
from occset.publishing.facts import Facts
from occset.publishing.front_matter import TAGS, licences_of
from occset.sources.items import SPLITS
from occset.support.console import printable
from occset.support.files import sha256_file

CONFORMS = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")

# the appendix's own, with http names
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"}, "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset", "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5",
    "name": {"@container": "@language"}, "parentField": "cr:parentField", "path": "cr:path",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator",
    "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip

_TOLD = {
    "id": "Made from the pixels.",
    "source": "Where it comes from.",
    "source_id": "Its name there.",
    "image": "Path of the picture.",
    "cutout": "Path of the cut-out, RGBA.",
    "path": "Path of the texture.",
    "width": "In pixels.",
    "height": "In pixels.",
    "mask": "Visible face, as the counts of a COCO RLE over (height, width); decoded, 255 is face and 0 is not.",
    "identity": "Who it is, as the source numbers people; no names.",
    "group": "Who belongs together when splitting.",
    "split": "What it may be used for.",
    "category": "What hid a face, or what the texture shows.",
    "face": "The face that it was cut from.",
    "licence": "Terms of its source.",
    "sha256": "Of the decoded pixels.",
}
_LEFT_OUT = {"landmarks", "landmarks_source", "flags", "truth", "verdict", "phash", "round", "annotator", "lead_time"}
_FOLDERS = {"faces": "images", "occluders": "cutouts", "textures": "textures"}


@dataclass(frozen=True)
class About:
    """Who publishes a set, and where.

    Attributes:
        creator: a person or an organisation; "not stated" where nobody said.
        url: of its page.
        date: ISO 8601; when the set was last changed where it is "".
    """

    creator: str = "not stated"
    url: str = ""
    date: str = ""


def croissant(
    data: OcclusionSet, found: Facts, about: About, words: tuple[Sequence[str], Sequence[str], Sequence[str]]
) -> dict[str, Any]:
    """The description of a set's folder, as a JSON-LD object.

    Args:
        data: the set.
        found: its figures.
        about: who publishes it.
        words: sentences on uses, on what must not be done, and on limits.
    """
    tables = [name for name in TABLES if len(getattr(data, name))]
    changed = datetime.datetime.fromtimestamp((data.path / "occset.json").stat().st_mtime, datetime.UTC)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(CONFORMS),
        "name": printable(found.name),
        "description": _description(found),
        "license": licences_of(data) or ["not stated"],
        "url": about.url or "not published",
        "creator": {"@type": "sc:Organization", "name": about.creator},
        "datePublished": about.date or changed.date().isoformat(),
        "version": found.version if _is_version(found.version) else f"{found.version}.0.0",
        "keywords": list(TAGS),
        "citeAs": f"{printable(found.name)}, version {printable(found.version)}, content hash {found.content_hash}",
        "isLiveDataset": False,
        **_responsible(found, words),
        "distribution": _distribution(data, tables),
        "recordSet": [splits_record(), *(part for name in tables for part in (_records(name), _pictures(name)))],
    }


def _description(found: Facts) -> str:
    totals = {
        t: sum(row[s] for row in found.counts if row["table"] == t for s in (*SPLITS, "excluded")) for t in TABLES
    }
    counted = ", ".join(f"{count} {name}" for name, count in totals.items())
    return f"Face occlusions: {counted}; masks of the visible face; content hash {found.content_hash}."


def _is_version(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 3 and all(part.isdecimal() for part in parts)


def _responsible(found: Facts, words: tuple[Sequence[str], Sequence[str], Sequence[str]]) -> dict[str, Any]:
    """The fields of RAI that checkers of conferences ask for."""
    uses, must_not, limits = words
    labels = ", ".join(f"{count} {name}" for name, count in found.labels.items())
    tones = ", ".join(f"{sum(row[s] for s in SPLITS)} {row['class']}" for row in found.tones)
    sources = ", ".join(sorted({row["source"] for row in found.terms}))
    return {
        "rai:dataCollection": f"Imported from {sources}; faces are aligned photos, or were made by code.",
        "rai:dataAnnotationProtocol": (
            f"Masks of the visible face: {labels}. Clear lenses are face; dark ones, hair and hands are not."
        ),
        "rai:dataAnnotationPlatform": ["Label Studio or an editor of masks in rounds; else that of the source"],
        "rai:dataLimitations": list(limits),
        "rai:dataBiases": [f"Skin tone by the typology angle of pixels, an estimate: {tones}."],
        "rai:personalSensitiveInformation": ["Photos of people's faces, without names."],
        "rai:dataUseCases": list(uses),
        "rai:dataSocialImpact": "Not to be used for this: " + " ".join(must_not),
    }


def _distribution(data: OcclusionSet, tables: list[str]) -> list[dict[str, Any]]:
    # one folder for each set of files: of one that holds several, mlcroissant cannot read the second
    folders = [
        {
            "@type": "cr:FileObject",
            "@id": f"{name}-folder",
            "name": f"{name}-folder",
            "description": f"A folder; its hash is that of the rows of {name}.parquet, which hash each picture.",
            "contentUrl": _FOLDERS[name],
            "encodingFormat": "application/x-directory",
            "sha256": content_hash({name: getattr(data, name)}),
        }
        for name in tables
    ]
    objects = [parquet_object(data.path / f"{name}.parquet") for name in tables]
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{name}-files",
            "name": f"{name}-files",
            "containedIn": {"@id": f"{name}-folder"},
            "encodingFormat": "image/*",
            "includes": [f"*/*{suffix}" for suffix in _suffixes(data, name)],
        }
        for name in tables
    ]
    return [*objects, *folders, *sets]


def parquet_object(path: Path) -> dict[str, Any]:
    """A table that lies beside the description."""
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "encodingFormat": "application/x-parquet",
        "sha256": sha256_file(path),
    }


def _suffixes(data: OcclusionSet, name: str) -> list[str]:
    """Of the pictures of a table; a pattern without them would match folders too."""
    return sorted({PurePosixPath(path).suffix for path in getattr(data, name)[FILES_OF[name]].dropna()})


def splits_record() -> dict[str, Any]:
    """The splits that the column of this name refers to."""
    names = [*SPLITS, "excluded"]
    return {
        "@type": "cr:RecordSet",
        "@id": "splits",
        "name": "splits",
        "description": "What an item may be used for; excluded ones lie between two splits.",
        "dataType": "cr:Split",
        "key": {"@id": "splits/name"},
        "field": [{"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"}],
        "data": [{"splits/name": name} for name in names],
    }


def _records(name: str) -> dict[str, Any]:
    file = f"{name}.parquet"
    columns = [column for column in TABLES[name] if column.name not in _LEFT_OUT]
    return table_record(name, columns, {"fileObject": {"@id": file}}, _TOLD)


def table_record(
    name: str, columns: Iterable[pa.Field], where: Mapping[str, Any], told: Mapping[str, str], key: str = "id"
) -> dict[str, Any]:
    """The record set of a table.

    Args:
        name: of the table.
        columns: those that are told of.
        where: the file, or files, that hold it.
        told: what each column is.
        key: the column that tells rows apart.
    """
    fields = []
    for column in columns:
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{name}/{column.name}",
            "name": column.name,
            "description": told[column.name],
            "dataType": _type_of(column.type),
            "source": {**where, "extract": {"column": column.name}},
        }
        if column.name == "split":
            field["references"] = {"field": {"@id": "splits/name"}}
        if column.name == "mask":
            field["dataType"] = ["sc:Text", "cr:SegmentationMask"]
        fields.append(field)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"The rows of {name}.",
        "key": {"@id": f"{name}/{key}"},
        "field": fields,
    }


def _type_of(kind: pa.DataType) -> str:
    return "sc:Integer" if pa.types.is_integer(kind) else "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


def _pictures(name: str) -> dict[str, Any]:
    """The picture files of a table, each with the id that its name begins with."""
    what = f"{name}-pictures"
    source = {"fileSet": {"@id": f"{name}-files"}}
    return {
        "@type": "cr:RecordSet",
        "@id": what,
        "name": what,
        "description": f"The files that the column {FILES_OF[name]} of {name} names.",
        "key": {"@id": f"{what}/id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{what}/id",
                "name": "id",
                "dataType": "sc:Text",
                "source": {
                    **source,
                    "extract": {"fileProperty": "filename"},
                    "transform": {"regex": r"^([a-z0-9]+)\."},
                },
            },
            {
                "@type": "cr:Field",
                "@id": f"{what}/picture",
                "name": "picture",
                "dataType": "sc:ImageObject",
                "source": {**source, "extract": {"fileProperty": "content"}},
            },
        ],
    }
