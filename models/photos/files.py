"""Which photos are meant, and where what comes of them is written: nothing that was given is ever overwritten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from occset.pictures.listing import SUFFIXES, list_pictures, namesakes, suffix_of, without_suffix
from occset.support.errors import BadInput


@dataclass
class Photos:
    """Which photos are meant.

    Attributes:
        files: name and path of each; what comes of it is written under its name.
        problems: photos that are left out, and why.
        notes: what was passed over, in sentences.
    """

    files: list[tuple[str, Path]] = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_photos(
    photos: Sequence[Path], suffix: str = ".png", out: Path | None = None, others: Sequence[Path] = ()
) -> Photos:
    """Name and path of each photo; a photo in a folder that was given keeps its place below it.

    Where photos of several folders share a name, all names begin with the name of the folder, and with as many of the
    folders above it as tell them apart. Two of one folder that would write one file are left out.

    Args:
        photos: photos and folders of photos.
        suffix: of the files that are written, for the message.
        out: folder of what is written; where it lies in a folder that was given, it is not read.
        others: folders of masks, of which the same holds.

    Raises:
        BadInput: there is no photo in a folder.
    """
    found = Photos()
    taken: dict[Path, tuple[Path, str]] = {}  # a photo that is given twice is one
    for given in photos:
        folder = _plain(given) if given.is_dir() else _plain(given).parent
        for name in _below(given, out, others, found) if given.is_dir() else [given.name]:
            taken.setdefault(folder / name, (folder, name))
    names = _told_apart(list(taken.values()))
    users: dict[str, list[Path]] = {}
    for name, file in zip(names, taken, strict=True):
        users.setdefault(_stem(name), []).append(file)
    for name, file in zip(names, taken, strict=True):
        others = [other for other in users[_stem(name)] if other != file]
        if others:
            why = f"{file} and {others[0].name} would both write {_stem(name)}{suffix}: rename one of them"
            found.problems.append((name, why))
        elif not file.exists() and (there := namesakes(file.parent, file.name)):
            found.problems.append((name, f"{file} does not exist, but {there[0]} does: name that"))
        else:
            found.files.append((name, file))
    return found


def _below(given: Path, out: Path | None, others: Sequence[Path], found: Photos) -> list[str]:
    """Names of the photos below a folder, but for those in folders that hold something else."""
    listing = list_pictures(given)
    found.notes += listing.notes()
    root, keys = given.resolve(), listing.keys
    for folder in [*([out] if out else []), *others]:
        passed = folder.resolve() if folder.is_dir() else root
        if passed == root or not passed.is_relative_to(root):
            continue
        kept = [key for key in keys if not (given / key).parent.resolve().is_relative_to(passed)]
        if len(kept) < len(keys):
            what = "is what is written" if folder == out else "holds masks"
            found.notes.append(f"{given}: passed over {len(keys) - len(kept)} pictures in {folder}, which {what}")
        keys = kept
    if not keys:
        told = f" ({'; '.join(found.notes)})" if found.notes else ""
        raise BadInput(f"{given} has no {', '.join(SUFFIXES)}: give a folder with photos{told}")
    return keys


def _told_apart(photos: list[tuple[Path, str]]) -> list[str]:
    """Names of photos, given as folder and name in it, with what tells those of several folders apart."""
    depth = 0
    deepest = max((len(folder.parts) for folder, _ in photos), default=0)
    while True:
        names = [str(PurePath(*_last(folder, depth), name).as_posix()) for folder, name in photos]
        folders = Counter(
            name for name, _ in {(_stem(name), folder) for name, (folder, _) in zip(names, photos, strict=True)}
        )
        if depth >= deepest or all(count == 1 for count in folders.values()):
            return names
        depth += 1


def _last(folder: Path, depth: int) -> tuple[str, ...]:
    parts = folder.parts[1:]  # without the root
    return parts[len(parts) - depth :] if depth < len(parts) else parts


def _plain(path: Path) -> Path:
    """A path from the root, by the names that the user gave where they say it."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _stem(name: str) -> str:
    """A photo's name as that of what it writes, without suffix; see `target`."""
    return without_suffix(name) if suffix_of(name) else name


def target(out: Path, name: str, suffix: str = ".png") -> Path:
    """The file below ``out`` that comes of the photo of a name."""
    return (out / name).with_suffix(suffix)


def refuse_overwriting(
    files: Iterable[tuple[str, Path]], out: Path, sheet: Path | None = None, suffixes: Sequence[str] = (".png",)
) -> None:
    """Nothing that is written may be a photo that was given, nor be written twice.

    Args:
        files: of `find_photos`.
        out: folder of what is written.
        sheet: file of a contact sheet.
        suffixes: a photo writes a file with each of them.

    Raises:
        BadInput: it would be; names both.
    """
    pairs = list(files)
    given = {file.resolve() for _, file in pairs}
    written = {target(out, name, suffix).resolve() for name, _ in pairs for suffix in suffixes}
    lost = sorted(given & (written | ({sheet.resolve()} if sheet else set())))
    if lost:
        raise BadInput(
            f"{lost[0]}: the photo itself would be overwritten: choose another folder with --out (or --sheet)"
        )
    if sheet is not None and sheet.resolve() in written:
        raise BadInput(f"{sheet}: is written for a photo too: choose another name for --sheet")
