"""Which photos are meant, and where what comes of them is written: nothing that was given is ever overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from occset.sources.photos import PhotosSource
from occset.support.errors import BadInput


def find_photos(photos: Sequence[Path], suffix: str = ".png") -> list[tuple[str, Path]]:
    """Name and path of each photo; a photo in a folder that was given keeps its place below it.

    Args:
        photos: photos and folders of photos.
        suffix: of the files that are written, for the message.

    Raises:
        BadInput: there is no photo, or two would write one file.
    """
    return list(_named(photos, suffix))


def _named(photos: Sequence[Path], suffix: str) -> Iterator[tuple[str, Path]]:
    names: dict[str, Path] = {}
    for given in photos:
        if given.is_dir():
            found = [(key, given / key) for key in PhotosSource(str(given), align="no").face_keys()]
        else:
            found = [(given.name, given)]
        for name, file in found:
            key = str(Path(name).with_suffix(""))
            if names.setdefault(key, file) != file:
                raise BadInput(f"{file} and {names[key]} would both write {key}{suffix}: run them one after another")
            yield name, file


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
