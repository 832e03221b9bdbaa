"""What keeps an outsider's object from being benched, found before it is run."""

from __future__ import annotations

import unicodedata
from typing import Any

from occset.benchmark.tasks.definition import BenchTask

FOR_CONTROLS = ("truth", "face")
LONGEST_NAME = 100


def problems_of(method: Any, task: BenchTask) -> list[str]:
    """What keeps an object that is no control from being benched at a task, one sentence each; empty if nothing does."""
    can_be_given = task.methods.given
    found = []
    name = getattr(method, "name", None)
    if not isinstance(name, str) or not name.strip():
        found.append("it needs a `name`, a string that is not empty")
    elif len(name) > LONGEST_NAME or not _is_line(name):
        found.append(
            f"its `name` must be one line of at most {LONGEST_NAME} characters that can be written as UTF-8, "
            f"not {name[:LONGEST_NAME]!r}"
        )
    revision = getattr(method, "revision", None)
    if revision is not None and not (isinstance(revision, str) and _is_line(revision)):
        found.append(f"its `revision` must be one line of text, not {revision!r}")
    citations = getattr(method, "citations", [])
    lines = citations if isinstance(citations, list | tuple) else [None]
    if not all(isinstance(line, str) and _encodes(line) for line in lines):
        found.append(f"its `citations` must be a list of strings, not {citations!r}")
    given = getattr(method, "given", None)
    if isinstance(given, str) or not isinstance(given, tuple | list):
        found.append('it needs `given`, a tuple such as ("mask",), or () for an automatic method')
    else:
        for what in given:
            if what in FOR_CONTROLS and what not in can_be_given:
                found.append(
                    f"`given` names {what!r}, the answer, which only the built-in controls are given: "
                    f"ask for {' or '.join(can_be_given)}, or nothing"
                )
            elif what not in can_be_given:
                found.append(f"`given` names {what!r}; what can be given is {', '.join(can_be_given)}")
    if not callable(getattr(method, task.methods.call, None)):
        found.append(f"it needs a method `{task.methods.signature}`")
    return found


def _is_line(text: str) -> bool:
    """Whether a text can stand in a table's cell and in a file: no control characters, no lone surrogates."""
    return _encodes(text) and not any(unicodedata.category(character) == "Cc" for character in text)


def _encodes(text: str) -> bool:
    return not any(unicodedata.category(character) == "Cs" for character in text)
