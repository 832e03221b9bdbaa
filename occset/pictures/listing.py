"""The one lister of pictures in a folder, for all sources and verbs: what counts as a picture, and what is passed over.

Suffixes count in any case. Links are followed, to files and to folders, wherever they lead: download caches make folders
of nothing but links. A folder is read once, and one that leads back to where the reading began not at all. Hidden files
and what operating systems and file servers leave behind are passed over, and what was passed over is told.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from occset.support.errors import BadInput

LOSSLESS = (".png", ".tif", ".tiff", ".bmp")
"""Kinds that keep each value of a mask."""
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic", ".heif", *LOSSLESS)
"""Kinds that are read; the last two of those with losses where Pillow or a plug-in of it reads them."""
OTHER_PICTURES = (".gif", ".jxl", ".jp2", ".psd", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf")
"""Pictures that are not read; they are refused by name instead of being passed over."""
USUAL = (".jpg", ".jpeg", ".png", ".webp")
"""Kinds that go before the others where two pictures share a name: cameras write a JPEG beside the HEIC or TIFF."""

_JUNK = {
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
    "@eadir", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "@tmp", "~snapshot",
    "__macosx", "lost+found", "$recycle.bin", "system volume information", "network trash folder",
}  # fmt: skip
_SHOWN = 3


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder.

    Attributes:
        folder: that was listed.
        keys: paths of the pictures below it, with ``/``, sorted.
        junk: hidden files and folders, and what systems left, below it.
        others: files that are no pictures, or none that the caller has a use for.
        loops: links to folders that lead back.
        closed: folders that may not be read.
    """

    folder: Path
    keys: list[str] = field(default_factory=list)
    junk: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    loops: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """What was passed over, in sentences; none where there was nothing."""
        kinds = (
            (self.junk, "hidden or left by a system"),
            (self.others, "of no use here"),
            (self.loops, "links that lead back"),
            (self.closed, "folders that may not be read"),
        )
        told = [f"{len(names)} {what} ({_some(names)})" for names, what in kinds if names]
        return [f"{self.folder}: passed over {', '.join(told)}"] if told else []

    def by_name(self) -> dict[str, list[str]]:
        """Keys by their name without suffix; of several, those of the usual kinds alone where there are such."""
        found: dict[str, list[str]] = {}
        for key in self.keys:
            found.setdefault(without_suffix(key), []).append(key)
        for name, keys in found.items():
            found[name] = [key for key in keys if suffix_of(key) in USUAL] or keys
        return found


def list_pictures(folder: Path, deep: bool = True) -> Listing:
    """List the pictures of a folder; one that is not there has none.

    Pictures of a kind that is not read are listed too, so that whoever reads them refuses them by name.

    Args:
        folder: the folder; links to folders are followed after all that lies in it without a link.
        deep: list its sub-folders too.
    """
    found = Listing(folder)
    if not folder.is_dir():
        return found
    root = folder.resolve()
    seen: set[Path] = set()
    linked = [("", folder)]
    while linked:
        waiting, linked = linked, []
        for below, place in waiting:
            target = place.resolve()
            if below and (root.is_relative_to(target) or target in seen):
                found.loops.append(below.rstrip("/"))
                continue
            linked += _walk(place, below, deep, seen, found)
    for names in (found.keys, found.junk, found.others, found.loops, found.closed):
        names.sort()
    return found


def _walk(place: Path, below: str, deep: bool, seen: set[Path], found: Listing) -> list[tuple[str, Path]]:
    """List a folder and those in it that are no links, and return the links to folders."""
    linked: list[tuple[str, Path]] = []
    stack = [(below, place, place.resolve())]
    while stack:
        below, place, real = stack.pop()
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(place) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError:
            found.closed.append(below.rstrip("/") or str(place))
            continue
        for entry in entries:
            key = below + entry.name
            if is_junk(entry.name):
                found.junk.append(key)
            elif _is_folder(entry):
                if deep and entry.is_symlink():
                    linked.append((f"{key}/", Path(entry.path)))
                elif deep:
                    stack.append((f"{key}/", Path(entry.path), real / entry.name))
            elif suffix_of(key) in SUFFIXES + OTHER_PICTURES:
                found.keys.append(key)
            else:
                found.others.append(key)
    return sorted(linked)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden or left by an operating system or a file server, by its name."""
    return name.startswith(".") or name.lower() in _JUNK


def suffix_of(key: str) -> str:
    """The suffix of a name in small letters."""
    stem, _, kind = key.rpartition("/")[2].rpartition(".")
    return f".{kind.lower()}" if stem else ""


def without_suffix(key: str) -> str:
    """A key without the suffix of its file."""
    return key[: len(key) - len(suffix_of(key))]


def check_kind(file: Path) -> None:
    """Let a picture pass that is of a kind which is read.

    Raises:
        BadInput: it is of another kind, by its suffix.
    """
    if file.suffix.lower() in OTHER_PICTURES:
        raise BadInput(f"{file}: {file.suffix} pictures are not read: convert it to JPEG or PNG")


def namesakes(folder: Path, name: str) -> list[str]:
    """Files in the folder of ``folder / name`` that have its name in another case or with another suffix."""
    wanted = folder / name
    try:
        beside = sorted(entry.name for entry in os.scandir(wanted.parent) if not is_junk(entry.name))
    except OSError:
        return []
    return [other for other in beside if _bare(other) == _bare(wanted.name) and other != wanted.name]


def _bare(name: str) -> str:
    is_known = suffix_of(name) in SUFFIXES + OTHER_PICTURES
    return (without_suffix(name) if is_known else name).lower()


def by_number(keys: Iterable[str]) -> dict[int, list[str]]:
    """Keys by the number that is their file's name, whatever its leading zeros; others are left out."""
    found: dict[int, list[str]] = {}
    for number, key in _numbered(keys):
        found.setdefault(number, []).append(key)
    return found


def _numbered(keys: Iterable[str]) -> Iterator[tuple[int, str]]:
    for key in keys:
        name = without_suffix(key.rpartition("/")[2])
        if name.isascii() and name.isdecimal() and len(name) < 18:
            yield int(name), key


def _some(names: list[str]) -> str:
    """A few names, of as many kinds as there are."""
    kinds = Counter(suffix_of(name) for name in names)
    first = [next(name for name in names if suffix_of(name) == kind) for kind, _ in kinds.most_common(_SHOWN)]
    return ", ".join(first) + (", ..." if len(names) > len(first) else "")
