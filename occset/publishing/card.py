"""The data card of a set: ``README.md`` with the front matter of a hub, and ``croissant.json`` beside it.

Figures are those of `occset.publishing.facts`; words that are the same for every set stand here, and what no program can
know, its makers write into ``card.md`` in the set's folder.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from occset.dataset.frozen import frozen_files
from occset.dataset.occlusion_set import OcclusionSet
from occset.publishing.croissant import About, croissant
from occset.publishing.facts import Facts, facts_of
from occset.publishing.front_matter import front_matter
from occset.sources.items import SPLITS
from occset.support.console import printable
from occset.support.errors import BadInput
from occset.support.files import safe_join, write_atomic
from occset.support.reading import read_file

OWN = "card.md"
"""In a set's folder: what its makers say of it, as Markdown; data_cards/template.md asks for it."""

_MOST_OWN = 1 << 18  # bytes

USES = (
    "To train and compare networks that find or remove what hides a face.",
    "To measure label quality, and to choose what to label next.",
)
MUST_NOT = (
    "To identify people who covered their faces, or to unmask them: what a network paints is a plausible face, not the one "
    "that was there.",
    "To sort or judge people: nothing here says how well a method does for any group.",
    "To claim anything about people from rendered faces.",
    "Whatever the terms of a source forbid; most sources of faces allow non-commercial research only.",
)
LIMITS = (
    "Skin tone and pose are estimates, of pixels and of five landmarks; light changes the first as much as skin does.",
    "Masks of CelebAMask-HQ and sets like it do not know hands and objects; only relabelled faces do.",
    "Occluders that are composed over a face throw no shadow on it.",
)


def write_card(
    data: OcclusionSet,
    out: Path | None = None,
    about: About | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write the card of a set and its Croissant description; the same set gives the same files.

    Args:
        data: the set.
        out: the folder; the set's own when None, whose files the description then names.
        about: who publishes it, and where.
        workers: processes; all cores by default.
        progress: called with (done, all).

    Returns:
        The two files.

    Raises:
        BadInput: as `own_words`.
    """
    own = own_words(data)
    found = facts_of(data, workers, progress)
    folder = out or data.path
    described = croissant(data, found, about or About(), words=(USES, MUST_NOT, LIMITS))
    paths = [folder / "README.md", folder / "croissant.json"]
    text = front_matter(data, configs_of(data)) + "\n" + card_text(found, own)
    write_atomic(paths[0], text.encode("utf-8", "backslashreplace"))
    write_atomic(paths[1], (json.dumps(described, indent=2) + "\n").encode())
    return paths


def configs_of(data: OcclusionSet) -> list[dict[str, Any]]:
    """Which files of a set's folder make which configuration, as the hub reads them."""
    tables = [name for name in ("faces", "occluders", "textures") if len(getattr(data, name))]
    configs: list[dict[str, Any]] = [{"config_name": name, "data_files": f"{name}.parquet"} for name in tables]
    for folder in ("recipes", "protocols"):
        if any(path.parent.name == folder for path in frozen_files(data.path)):
            configs.append({"config_name": folder, "data_files": f"{folder}/*.parquet"})
    return configs


def own_words(data: OcclusionSet) -> str:
    """What a set's makers say of it in its `OWN`; "" where there is no such file.

    Raises:
        BadInput: it cannot be read, is no UTF-8 text, is too large, or holds lines of the template that nobody filled in.
    """
    path = safe_join(data.path, OWN)
    if not path.exists():
        return ""
    try:
        text = read_file(path, _MOST_OWN).decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is no text in UTF-8 ({error}): save it as UTF-8") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("TODO"):
            raise BadInput(f"{path}, line {number}: is still the template's: write what it asks for, or take it out")
    return text


def card_text(found: Facts, own: str = "") -> str:
    """A set in words and tables, as Markdown; what a stranger wrote is never markup.

    Args:
        found: the figures.
        own: what its makers say, Markdown that is taken as it is.
    """
    splits = (*SPLITS, "excluded")
    masks = [{"mask": name, "faces": count} for name, count in found.labels.items()]
    parts = [
        f"# {words(found.name)}",
        f"Version {words(found.version)}, content hash `{found.content_hash}`. {_computed(own)}",
        f"## In its makers' words\n\n{own}" if own else "",
        "## What is in it",
        table(found.counts, ("table", "kind", *splits)),
        _grouped(found),
        "## Labels",
        table(masks, ("mask", "faces")),
        _labelling(found),
        "## Who is in it (estimates)",
        "Skin tone by the typology angle of the visible face, counted in faces:",
        table(found.tones, ("class", *splits)),
        "Yaw in degrees by five landmarks, left and right as in the picture:",
        table(found.yaws, ("class", *splits)),
        "## Terms",
        table(found.terms, ("source", "licence", "faces", "occluders", "textures")),
        "Each item is under the terms of its source, which every row of the tables carries.",
        "## What it is for",
        bullets(USES),
        "## What must not be done with it",
        bullets(MUST_NOT),
        "## What is known to be wrong",
        bullets([*_errata(found), *LIMITS]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _computed(own: str) -> str:
    return (
        "Every figure was computed, but for those in its makers' words." if own else "Every figure here was computed."
    )


def words(value: Any) -> str:
    """A text of a stranger within Markdown: on one line, nothing in it is markup, HTML or the end of a cell."""
    shown = html.escape(printable(" ".join(str(value).split())), quote=False)
    return "".join("\\" + c if c in r"\`*_[]|#~!" else c for c in shown)


def table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Rows as a table of Markdown; numbers to the right."""
    if not rows:
        return ""
    numeric = [all(isinstance(row[name], int | float) for row in rows) for name in columns]
    lines = [columns, ["---:" if right else "---" for right in numeric]]
    body = [[words(row[name]) for name in columns] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [*lines, *body])


def bullets(sentences: Sequence[str]) -> str:
    """Sentences as a list of Markdown."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _grouped(found: Facts) -> str:
    by = found.grouping
    if not by:
        return ""
    return (
        f"Faces were kept apart between splits by known identity ({by.get('by_identity', 0)}), by ArcFace clusters "
        f"({by.get('by_arcface_clusters', 0)}) or by near-duplicates only ({by.get('by_near_duplicates_only', 0)})."
    )


def _labelling(found: Facts) -> str:
    said = [
        f"{count} faces were taken out of use by annotators ({words(why)})." for why, count in found.verdicts.items()
    ]
    if found.annotators:
        said.append(f"Annotators: {found.annotators}.")
    if found.agreement:
        said.append(
            f"{found.agreement['labels']:.0f} labels were given by several, whose masks have a mean IoU of "
            f"{found.agreement['mean']:.3f}."
        )
    if found.covered:
        low, lower, middle, upper, high = found.covered
        said.append(
            f"Share of the picture that is visible face: median {middle:.3f}, quartiles {lower:.3f} and {upper:.3f}, "
            f"from {low:.3f} to {high:.3f}."
        )
    return " ".join(said)


def _errata(found: Facts) -> list[str]:
    return [f"{found.errata} faces are listed by their source's errata, and flagged."] if found.errata else []
