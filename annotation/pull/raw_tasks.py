"""What a server sent of a round, kept as it came: `rounds/NNN/raw/`, one file for each version of a task.

Nothing here is ever overwritten: a task that changed is kept beside what it was. Predictions are left out, they are ours
and can be made again; so is what differs from one answer to the next though nothing changed. The state of the last pull,
`rounds/NNN/label-studio.json`, says what was read of each task and which samples were merged from which words; it
holds no token.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from occset.dataset.records import read_note
from occset.rounds.ledger import ledger_path
from occset.support.errors import BadInput
from occset.support.files import write_atomic
from occset.support.reading import parse_json, read_file

_NAME = re.compile(r"^p(\d+)-t(\d+)\.(\d{3,})\.json\.gz$")
# what the server sums up from the annotations, in an order of its own each time, and from the predictions
_SUMMED_UP = ("annotations_ids", "annotations_results", "annotators", "total_predictions")
_LARGEST = 1 << 30  # bytes of a task, unpacked; the line to the server lets no larger answer through


@dataclass
class State:
    """Where the last pull of a round ended.

    Attributes:
        server, project: what was read.
        tasks: for each task, by its number as text, updated-at of what was read of it and the version it is kept as.
        merged: for each key of a sample, what its label was merged from, see `digest`.
    """

    server: str = ""
    project: int = 0
    tasks: dict[str, list[Any]] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)


def state_path(root: Path, number: int) -> Path:
    """Where the state of a round of the set at ``root`` lies."""
    return ledger_path(root, number).with_name("label-studio.json")


def read_state(root: Path, number: int, server: str, project: int) -> State:
    """The state of a round for a project of a server; a new one when another project was read before.

    Raises:
        BadInput: the file is broken.
    """
    path = state_path(root, number)
    if not path.is_file():
        return State(server, project)
    remedy = "remove it, the next pull reads all again"
    try:
        state = State(**read_note(path))
    except (TypeError, BadInput) as error:
        raise BadInput(f"{path}: not a state of a pull ({type(error).__name__}): {remedy}") from error
    if not (
        isinstance(state.tasks, dict)
        and isinstance(state.merged, dict)
        and all(isinstance(entry, list) and len(entry) == 2 for entry in state.tasks.values())
    ):
        raise BadInput(f"{path}: not a state of a pull: {remedy}")
    return state if (state.server, state.project) == (server, project) else State(server, project)


def write_state(root: Path, number: int, state: State) -> None:
    """Write the state, atomically."""
    write_atomic(state_path(root, number), (json.dumps(asdict(state), indent=1, sort_keys=True) + "\n").encode())


class Raw:
    """The kept tasks of a round."""

    def __init__(self, root: Path, number: int) -> None:
        self.folder = ledger_path(root, number).with_name("raw")
        self._latest: dict[tuple[int, int], int] = {}
        for path in self.folder.glob("p*-t*.json.gz") if self.folder.is_dir() else ():
            if match := _NAME.match(path.name):
                project, task, version = map(int, match.groups())
                self._latest[project, task] = max(version, self._latest.get((project, task), 0))

    def path(self, project: int, task: int, version: int) -> Path:
        """Where a version of a task lies."""
        return self.folder / f"p{project}-t{task}.{version:03d}.json.gz"

    def keep(self, project: int, task: dict[str, Any]) -> bool:
        """Keep a task as a new version, unless it is as it was or never had an annotation; returns whether it was."""
        place = (project, int(task["id"]))
        version = self._latest.get(place, 0)
        if not version and not task.get("annotations"):
            return False
        content = _content(task)
        if version and self._is_kept(self.path(*place, version), content):
            return False
        write_atomic(self.path(*place, version + 1), gzip.compress(content, 6, mtime=0))
        self._latest[place] = version + 1
        return True

    def _is_kept(self, path: Path, content: bytes) -> bool:
        try:
            return self._read(path) == content
        except BadInput:
            return False  # a broken file is no reason not to keep what came

    def version(self, project: int, task: int) -> int:
        """Number of the latest version of a task; 0 where none is kept."""
        return self._latest.get((project, task), 0)

    def tasks(self, project: int) -> list[int]:
        """Numbers of the kept tasks of a project, in order."""
        return sorted(task for of, task in self._latest if of == project)

    def load(self, project: int, task: int) -> dict[str, Any]:
        """The latest version of a task.

        Raises:
            BadInput: its file is broken.
        """
        path = self.path(project, task, self._latest[project, task])
        try:
            found = parse_json(self._read(path), any_number=True)
        except ValueError as error:
            raise BadInput(f"{path}: not readable JSON ({error}): remove it and pull again") from error
        if not isinstance(found, dict) or found.get("id") != task:
            raise BadInput(f"{path}: not a task: remove it and pull again")
        return found

    def _read(self, path: Path) -> bytes:
        try:
            with gzip.open(io.BytesIO(read_file(path, _LARGEST))) as stream:
                content = stream.read(_LARGEST + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{path}: not a readable file ({error}): remove it and pull again") from error
        if len(content) > _LARGEST:
            raise BadInput(f"{path}: unpacks to more than {_LARGEST >> 20} MB: remove it")
        return content


def digest(tasks: list[dict[str, Any]]) -> str:
    """What identifies the words of annotators on a sample: its annotations and how many are asked for, nothing else."""
    words = []
    for task in tasks:
        annotations = task.get("annotations")
        for one in annotations if isinstance(annotations, list) else []:
            word = (
                [one.get(k) for k in ("id", "updated_at", "was_cancelled", "result")] if isinstance(one, dict) else one
            )
            words.append([task["id"], word])
    text = json.dumps([words, [task.get("overlap") for task in tasks]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _content(task: dict[str, Any]) -> bytes:
    kept = {k: _without_age(v) for k, v in task.items() if not k.startswith("predictions") and k not in _SUMMED_UP}
    return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()


def _without_age(value: Any) -> Any:
    """Annotations and drafts without "created_ago", which is another one each minute."""
    if not isinstance(value, list):
        return value
    return [{k: v for k, v in one.items() if k != "created_ago"} if isinstance(one, dict) else one for one in value]
