"""Sources that are asked for single items: what an item is now, and which files of the source it was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.decoders import pixels_of
from occset.pictures.listing import without_suffix
from occset.sources.registry import open_source, parse_spec
from occset.support.errors import OccsetError
from occset.support.files import sha256_bytes
from occset.support.reading import followed

KINDS = ("faces", "occluders", "textures")


@dataclass(frozen=True)
class Place:
    """A source that was opened; picklable, as sources are.

    Attributes:
        kind: "faces", "occluders" or "textures".
        name: by which rows of a set call it.
        spec: as it was written.
        source: itself.
        folder: that it reads; None for what is made by code.
    """

    kind: str
    name: str
    spec: str
    source: Any
    folder: Path | None

    def keys(self) -> list[str]:
        """Keys of all its items."""
        found: list[str] = getattr(self.source, f"{self.kind[:-1]}_keys")()
        return found

    def told(self) -> dict[str, Any]:
        """What may be said of it to others: no path of this machine."""
        name, argument, options = parse_spec(self.spec)
        shown = {
            option: Path(value).name if "/" in value or "\\" in value else value for option, value in options.items()
        }
        return {
            "kind": self.kind,
            "name": name,
            "argument": argument if self.folder is None else "",
            "options": shown,
            "licence": self.source.licence,
        }


@dataclass(frozen=True)
class Seen:
    """A file of a source: its size, the hash of its bytes, of its pixels ("" for what is no picture), and their decoder."""

    bytes: int
    sha256: str
    pixels: str
    decoder: str


@dataclass
class Read:
    """What a source gives for a key.

    Attributes:
        items: by table and name; the cut-outs of a face are among them.
        files: the files that were read, by their path below the source's folder.
        refused: why it gives nothing; "" where it gives something.
    """

    items: dict[tuple[str, str], Any] = field(default_factory=dict)
    files: dict[str, Seen] = field(default_factory=dict)
    refused: str = ""


def open_place(kind: str, spec: str) -> Place:
    """Open a source.

    Raises:
        OccsetError: as `occset.sources.registry.open_source`.
    """
    source = open_source(spec, kind)
    argument = Path(parse_spec(spec)[1]).expanduser()
    return Place(kind, source.name, spec, source, argument if argument.is_dir() else None)


def places_of(data: OcclusionSet, given: Mapping[str, Sequence[str]]) -> tuple[list[Place], list[str]]:
    """The sources of a set: those that are given, and where a kind has none of a name given, those that it was made from.

    Returns:
        The sources, and sentences on those that cannot be opened any more.

    Raises:
        OccsetError: one that is given cannot be opened.
    """
    places = [open_place(kind, spec) for kind in KINDS for spec in given.get(kind, ())]
    told = {(place.kind, place.name) for place in places}
    lost = []
    for entry in data.head["sources"]:
        kind, equals, spec = str(entry.get("source", "")).partition("=")
        if not equals or kind not in KINDS or (kind, entry.get("added_as")) in told:
            continue
        try:
            places.append(open_place(kind, spec))
        except OccsetError as error:
            lost.append(f"a source of the set cannot be opened: {error}; if it lies elsewhere now, give --{kind} again")
    return places, lost


def read_key(place: Place, key: str) -> Read:
    """Ask a source for all that it has under a key, and note which of its files are read."""
    found = Read()
    singular = place.kind[:-1]
    with followed() as files:
        try:
            several = getattr(place.source, f"read_{singular}s", None)
            items = several(key) if several is not None else [getattr(place.source, f"read_{singular}")(key)]
            for item in items:
                found.items[place.kind, item.name] = item
                for piece in item.occluders if singular == "face" else ():
                    found.items["occluders", piece.name] = piece
        except OccsetError as error:
            found.refused = str(error)
        except KeyError:
            found.refused = f"{place.spec} has no {singular} {key}"
    for path, data in files.items():
        if place.folder is not None and path.is_relative_to(place.folder):
            pixels, decoder = pixels_of(data, path)
            name = path.relative_to(place.folder).as_posix()
            found.files[name] = Seen(len(data), sha256_bytes(data), pixels, decoder)
    return found


def picture_of(item: Any) -> Any:
    """The pixels of an item, (H, W, 3) or (H, W, 4) uint8."""
    return item.rgba if hasattr(item, "rgba") else item.image


class Keys:
    """Under which key of a source an item of some name may lie, without reading anything."""

    def __init__(self, place: Place) -> None:
        """List the keys of a source."""
        self.all = place.keys()
        self._known = {without_suffix(key): key for key in reversed(self.all)} | {key: key for key in self.all}

    def of(self, name: str) -> str | None:
        """The key of an item; faces of one photo are called ``key#2``, what was cut from a face ``key-category``."""
        for guess in (name, name.rpartition("#")[0], name.rpartition("-")[0]):
            if guess in self._known:
                return self._known[guess]
        return None
