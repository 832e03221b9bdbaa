"""``occset export``: writing a set in the format of others; what an interrupted export finished is kept.

OUT/occset-export.json says which set was written how. It is there from the beginning, and says "finished" at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from occset import __version__
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import read_note
from occset.publishing.formats.contents import Contents, Tick, choose
from occset.support.errors import OccsetError
from occset.support.files import write_atomic
from occset.support.locks import clear_temporaries, only_writer
from occset.support.references import look_up

FORMATS = {
    "coco": "occset.publishing.formats.coco:write",
    "faceocc": "occset.publishing.formats.faceocc:write",
    "celebamask-hq": "occset.publishing.formats.celebamask_hq:write",
    "webdataset": "occset.publishing.formats.webdataset:write",
    "huggingface": "occset.publishing.formats.huggingface:write",
    "fiftyone": "occset.publishing.formats.fiftyone:write",
}
"""Name to ``"module:attr"``: a function that takes (contents, out, tick) and returns sentences on what was written."""

NOTE = "occset-export.json"


def export(
    data: OcclusionSet,
    to: str,
    out: Path,
    splits: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Write a set into ``out``, a new or empty folder, or one that the same export was cut off in.

    Args:
        data: the set.
        to: a name of `FORMATS`.
        out: the folder.
        splits: of what goes out; train, val and test when empty.
        progress: called with (done, all).

    Returns:
        What was written, what was left out, and how to read it, in sentences.

    Raises:
        UnknownName: there is no such format or split.
        OccsetError: the folder holds something else, or there is nothing to write.
        BadInput: a file of the set is missing or broken.
    """
    write: Callable[[Contents, Path, Tick], list[str]] = look_up("format", to, FORMATS)
    contents = choose(data, splits)
    if out.resolve() == data.path.resolve():
        raise OccsetError(f"{out}: is the set itself: choose a new folder")
    asked = {
        "format": to,
        "set": str(data.head["name"]),
        "version": str(data.head["version"]),
        "content_hash": data.content_hash(),
        "splits": list(contents.splits),
        "occset": __version__,
    }
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, len(contents))

    with only_writer(out) as held:
        _claim(out, asked)
        clear_temporaries(out, held)
        said = write(contents, out, tick)
        counts = {table: len(getattr(contents, table)) for table in ("faces", "occluders", "textures")}
        write_atomic(out / NOTE, _json({**asked, **counts, "finished": True}))
    return [*contents.notes, *said]


def _claim(out: Path, asked: dict[str, Any]) -> None:
    """Write down what this folder holds, or hold an earlier note against it."""
    note = out / NOTE
    if not note.exists():
        if any(path.name[0] != "." for path in out.iterdir()):
            raise OccsetError(f"{out}: not empty and not an export of occset: choose a new folder")
        write_atomic(note, _json(asked))
        return
    was = read_note(note)
    other = sorted(key for key, value in asked.items() if was.get(key) != value)
    if other:
        raise OccsetError(f"{out}: holds another export (other {', '.join(other)}): choose another folder")


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
