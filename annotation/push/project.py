"""The project in Label Studio: the labelling page, whether it is still as occset reads it, and the guidelines.

The page is `labelling.xml`; the guidelines are `guidelines.md` with the pictures in `figures`, drawn by
`guideline_pictures`. Label Studio cleans the HTML of an instruction: of an image's address only http, https and paths on
the server itself are left, so pictures must lie where the server finds them, and none can be inside the HTML.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from occset.support.errors import OccsetError

FOLDER = Path(__file__).parents[1]
_CONTROLS = ("brushlabels", "polygonlabels", "choices", "textarea")
_LARGEST = 1_000_000  # characters of a labelling page; ours has 4000
_REMEDY = "put it back (Settings, Labeling Interface; the page that occset made is annotation/labelling.xml)"
_STYLE = """
.occset-guidelines { line-height: 1.5; }
.occset-guidelines h1 { font-size: 20px; font-weight: 600; margin: 0 0 8px; }
.occset-guidelines h2 { font-size: 16px; font-weight: 600; margin: 20px 0 6px; }
.occset-guidelines p { margin: 8px 0; }
.occset-guidelines ol { list-style: decimal; margin: 8px 0; padding-left: 24px; }
.occset-guidelines img { max-width: 100%; height: auto; border-radius: 4px; }
.occset-guidelines table { border-collapse: collapse; }
.occset-guidelines td, .occset-guidelines th { text-align: left; padding: 2px 16px 2px 0; }
"""


def labelling_config() -> str:
    """The labelling page as XML."""
    return (FOLDER / "labelling.xml").read_text(encoding="utf-8")


def check_config(xml: str) -> None:
    """Whether a project's page still has all that occset reads; what was added to it is no matter.

    Args:
        xml: the labelling page of a project, as the server tells it.

    Raises:
        OccsetError: it is no XML, declares entities, or lacks a control, a label or a choice; names it.
    """
    theirs = {name: control for control in _parse(xml).iter() if (name := control.get("name"))}
    for ours in _parse(labelling_config()).iter():
        kind = ours.tag.lower()
        if kind not in (*_CONTROLS, "image"):
            continue
        name = str(ours.get("name"))
        found = theirs.get(name)
        if found is None or found.tag.lower() != kind:
            raise OccsetError(f"the labelling page has no {ours.tag} called {name}: {_REMEDY}")
        if kind == "image":
            if found.get("value") != ours.get("value"):
                raise OccsetError(f"the labelling page shows another picture than {ours.get('value')}: {_REMEDY}")
            continue
        if "image" not in [target.strip() for target in (found.get("toName") or "").split(",")]:
            raise OccsetError(f"{name} of the labelling page is not for the picture (toName): {_REMEDY}")
        if _per_region(found) != _per_region(ours):
            raise OccsetError(f"{name} of the labelling page has another perRegion: {_REMEDY}")
        if lost := [value for value in _values(ours) if value not in _values(found)]:
            raise OccsetError(f"{name} of the labelling page lacks {', '.join(lost)}: {_REMEDY}")


def _parse(xml: str) -> ElementTree.Element:
    """XML without document types, so without entities that grow or read files."""
    if len(xml) > _LARGEST:
        raise OccsetError(f"the labelling page has {len(xml)} characters, more than can be meant: {_REMEDY}")
    if "<!doctype" in xml.lower() or "<!entity" in xml.lower():
        raise OccsetError(f"the labelling page declares a document type, which is not read: {_REMEDY}")
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise OccsetError(f"the labelling page is not XML ({error}): {_REMEDY}") from error


def _per_region(control: ElementTree.Element) -> bool:
    return (control.get("perRegion") or "").lower() == "true"


def _values(control: ElementTree.Element) -> list[str]:
    """Labels or choices of a control, in order, also those in groups."""
    return [str(e.get("value")) for e in control.iter() if e.tag.lower() in ("label", "choice")]


def figures() -> dict[str, Path]:
    """Name to file of each picture of the guidelines."""
    return {file.name: file for file in sorted((FOLDER / "figures").glob("*.jpg"))}


def instruction(pictures: Mapping[str, str] | None = None) -> str:
    """The guidelines as HTML for a project's instruction.

    Args:
        pictures: name to address of each picture of `figures`, a path on the server or http(s); a picture without one
            is left out.
    """
    found = pictures or {}
    return f'<div class="occset-guidelines"><style>{_STYLE}</style>{_render(found.get)}</div>'


def guidelines() -> str:
    """The guidelines as one HTML page that holds its pictures and needs no server."""
    inside = {
        name: "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode()
        for name, file in figures().items()
    }
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Guidelines</title>'
        f"<style>body {{ font-family: sans-serif; max-width: 680px; margin: 24px auto; padding: 0 16px; }}{_STYLE}</style>"
        f'</head><body class="occset-guidelines">{_render(inside.get)}</body></html>\n'
    )


def _render(address_of: Callable[[str], str | None]) -> str:
    """`guidelines.md` as HTML; each picture is a paragraph, left out where it has no address."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    written = (FOLDER / "guidelines.md").read_text(encoding="utf-8")
    blocks = []
    for block in written.split("\n\n"):
        if block.startswith("!["):
            words, _, path = block.strip()[2:-1].partition("](")
            if address := address_of(Path(path).name):
                source, words = html.escape(address, quote=True), html.escape(words, quote=True)
                blocks.append(f'<p><img src="{source}" alt="" width="640"><small>{words}</small></p>\n')
        else:
            blocks.append(parser.render(block))
    return "".join(blocks)
