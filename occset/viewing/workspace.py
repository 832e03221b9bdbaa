"""Where a set is laid out for the App: a folder of the user's own, with the masks that the App shows and edits.

    DATA/occset/view/NAME/metadata.json  samples.json  fields/…    what FiftyOne reads
    DATA/occset/view/NAME/laid-out.json                            what was laid out, written last

The set itself is never written to from the App: `occset.viewing.pull` brings what was edited into it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occset.dataset.records import read_note
from occset.publishing.formats.fiftyone import FACE
from occset.publishing.formats.fiftyone_layout import Entry, View, documents
from occset.support.errors import BadInput
from occset.support.files import data_folder, write_atomic
from occset.viewing.edits import LaidOut, as_json, from_json

_NOTE = "laid-out.json"


@dataclass(frozen=True)
class Workspace:
    """The folder of one set, or of one folder of results.

    Attributes:
        folder: of the layout.
        name: of the dataset in FiftyOne.
    """

    folder: Path
    name: str

    @property
    def note(self) -> dict[str, Any]:
        """What was laid out; empty where nothing was, or not to the end.

        Raises:
            BadInput: it cannot be read.
        """
        path = self.folder / _NOTE
        return read_note(path) if path.is_file() else {}

    def laid_out(self) -> dict[str, LaidOut]:
        """What was laid out of each face.

        Raises:
            BadInput: the note of it cannot be read.
        """
        try:
            return from_json(self.note.get("faces", {}))
        except (AttributeError, TypeError, ValueError) as error:
            raise BadInput(f"{self.folder / _NOTE}: is damaged ({error}): run  occset view SET --fresh") from error

    def clear(self) -> None:
        """Remove what was laid out, and make the folder; the note goes first."""
        (self.folder / _NOTE).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(
        self, entries: Sequence[Entry], views: Sequence[View], shown: str, masks: Mapping[str, str | None]
    ) -> None:
        """Write what FiftyOne reads, and the note last.

        Args:
            entries, views: of the dataset.
            shown: identifies all that the layout was made from.
            masks: of each face that may be edited, as RLE counts, None for one without.
        """
        metadata, samples = documents(self.name, entries, views, editable={FACE: ["face"]} if masks else {})
        write_atomic(self.folder / "samples.json", samples)
        write_atomic(self.folder / "metadata.json", metadata)
        faces = {one.id: LaidOut(masks[one.id], one.tags) for one in entries if one.id in masks}
        self._note({"shown": shown, "faces": as_json(faces)})

    def take_over(self, now: Mapping[str, LaidOut]) -> None:
        """Count these as laid out from now on, since the set has them."""
        note = self.note
        self._note({**note, "faces": {**note.get("faces", {}), **as_json(now)}})

    def _note(self, value: dict[str, Any]) -> None:
        write_atomic(self.folder / _NOTE, (json.dumps(value) + "\n").encode())


def workspace_of(path: Path) -> Workspace:
    """The workspace of a set or of a folder of results, by where it lies; nothing is made."""
    where = path.resolve()
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in where.name).strip("-")[:40]
    name = f"occset-{plain or 'set'}-{hashlib.sha256(str(where).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    return Workspace(data_folder() / "view" / name, name)
