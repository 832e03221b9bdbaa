"""The page of a round: one HTML file that asks for nothing from outside, with its figures and pictures of what changed.

Everything is plain HTML that reads without a script; the script makes tables sortable. A content security policy allows
exactly this style and this script, by their hashes, and pictures inside the file. The page shows people: see its foot.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.rounds import page_sections as sections
from occset.rounds.ledger import ledger_path, read_round
from occset.rounds.page_parts import Safe, join, overlap, text
from occset.rounds.page_pictures import card, gallery, picture_of, without_folder
from occset.rounds.report import report
from occset.support import pages
from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.reading import read_json

LARGEST = 8_000_000
"""Bytes of a page; one that would be larger shows fewer pictures."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of a page.

    Attributes:
        shown: the picture of each pick, by its id, in the order of the page.
        wanted: how many picks have something to show.
        broken: id of a pick without a usable picture, and why.
    """

    shown: dict[str, Safe]
    wanted: int
    broken: list[tuple[str, str]]


def write_page(data: OcclusionSet, number: int | None, out: Path, limit: int = 60) -> Path:
    """Write the page of a round; the same round gives the same page.

    Args:
        data: the set.
        number: of the round; the latest where it is None.
        out: the HTML file, replaced where it is there.
        limit: most pictures, those with the lowest IoU of label before and after; 0 shows none.

    Returns:
        ``out``.

    Raises:
        OccsetError: there is no such round, ``out`` is a folder, or ``limit`` is below 0.
        BadInput: the round's ledger or its `discussion.json` is broken.
    """
    if limit < 0:
        raise OccsetError(f"a page of {limit} pictures: give a number from 0")
    if out.is_dir():
        raise OccsetError(f"{out}: is a folder: name a file, such as {out / 'round.html'}")
    page = page_html(data, number, limit).encode()
    while len(page) > LARGEST and limit:
        limit //= 2
        page = page_html(data, number, limit).encode()
    write_atomic(out, page)
    return out


def page_html(data: OcclusionSet, number: int | None = None, limit: int = 60) -> str:
    """The whole page; see `write_page`."""
    ledger = read_round(data.path, number)
    number = ledger.setup.number
    found = report(data, number)
    rows: Any = ledger.rows.astype(object).where(ledger.rows.notna(), None).to_dict("records")
    pictures = _pictures(data, number, rows, limit)
    anchors = {face: f"picture-{at}" for at, face in enumerate(pictures.shown, 1)}
    by_id = {row["id"]: row for row in found.samples}
    parts = [
        ("Overview", sections.overview(found)),
        ("For discussion", sections.discussion(read_discussion(data.path, number), by_id, anchors)),
        ("Out of use", sections.verdicts(found, anchors)),
        ("What changed", sections.changes(found)),
        ("Pictures", _gallery(pictures, by_id, anchors)),
        ("Cut-outs", sections.cutouts(found)),
        ("Annotators", sections.annotators(found)),
        ("Each face", sections.each_face(found, anchors)),
    ]
    title = text(f"{data.head['name']}, round {number}")
    words = {
        "title": title,
        "lead": sections.lead(found.setup),
        "tiles": sections.tiles(found),
        "contents": join(
            Safe(f'<li><a href="#part-{at}">{name}</a></li>') for at, (name, part) in enumerate(parts) if part
        ),
        "main": join(
            Safe(
                f'<section id="part-{at}" aria-labelledby="head-{at}"><h2 id="head-{at}">{name}</h2>\n{part}</section>\n'
            )
            for at, (name, part) in enumerate(parts)
            if part
        ),
        "foot": _foot(data.head),
    }
    return pages.fill("occset.rounds", words, scheme="light")


def read_discussion(root: Path, number: int) -> list[dict[str, Any]]:
    """The picks of a round that somebody wants to talk about: objects with id, reason and url; empty where none are.

    Raises:
        BadInput: the file is broken.
    """
    path = ledger_path(root, number).with_name("discussion.json")
    try:
        found = read_json(path, any_number=True)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not readable JSON ({error}): pull the round again") from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise BadInput(f"{path}: not a list of objects with id, reason and url: pull the round again")
    return found


def _pictures(data: OcclusionSet, number: int, rows: list[dict[str, Any]], limit: int) -> Pictures:
    """Those whose label changed, worst IoU first, first labels last."""
    changed = [row for row in rows if row["label_after"] is not None and row["label_after"] != row["label_before"]]
    changed.sort(key=lambda row: (row["iou"] is None, row["iou"] or 0.0, row["id"]))
    pictures = Pictures({}, len(changed), [])
    for row in changed:
        if len(pictures.shown) == limit:
            break
        is_honeypot = row["arm"] == "honeypot"
        names = ("truth", "annotators") if is_honeypot else ("before", "after")
        against = "first label" if row["iou"] is None else f"IoU of {names[0]} and {names[1]} {overlap(row['iou'])}"
        try:
            shown = picture_of(data, number, row, f"Face {row['source_id']} with its outlines, {against}", names)
        except OccsetError as error:
            pictures.broken.append((row["id"], without_folder(data, error)))
            continue
        pictures.shown[row["id"]] = shown
    return pictures


def _gallery(pictures: Pictures, by_id: dict[str, dict[str, Any]], anchors: dict[str, str]) -> Safe:
    cards = [(by_id[face], card(by_id[face], shown, anchors[face])) for face, shown in pictures.shown.items()]
    honeypots = [card for row, card in cards if row["arm"] == "honeypot"]
    faces = [card for row, card in cards if row["arm"] != "honeypot"]
    return gallery(faces, honeypots, pictures.wanted, pictures.broken)


def _foot(head: dict[str, Any]) -> Safe:
    """Whose pictures these are, and under which terms."""
    terms: dict[tuple[str, str], None] = {}  # in order, each once
    for source in head["sources"]:
        name = str(
            source.get("added_as") or str(source.get("source", "")).partition("=")[2].partition(":")[0] or "a source"
        )
        terms[name, str(source.get("licence", "no licence is written down"))] = None
    items = join(Safe(f"<li>{text(name)}: {text(licence)}</li>") for name, licence in terms)
    return Safe(
        "<p><strong>This page shows photos of people.</strong> The terms of the set hold for it too: keep it among "
        f"those who curate the set, and do not publish it.</p>\n<p>Set {text(head['name'])}, version "
        f"{text(head['version'])}. Its sources:</p><ul>{items or '<li>none is written down</li>'}</ul>"
    )
