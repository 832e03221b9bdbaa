"""Command lines of occset one after another: what is finished is skipped, what was cut off goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from occset.support.errors import BadInput, OccsetError
from occset.support.files import write_atomic
from occset.support.interrupts import STATUS
from occset.support.reading import read_json

_SOME_SKIPPED = 1  # exit status of a verb that did what it could

Run = Callable[[Sequence[str]], int]


@dataclass(frozen=True)
class Step:
    """One command line of occset.

    Attributes:
        command: its words; where a runner knows places, such as ``{work}``, their names in braces stand for them.
        makes: what must be there once it is done; "" for steps of which nothing is looked for.
        partly: it is done where it had to skip some of what it was given, which it says itself.
    """

    command: tuple[str, ...]
    makes: str = ""
    partly: bool = False


@dataclass(frozen=True)
class Plan:
    """What networks are trained from, one after the other, as somebody asked for it.

    Attributes:
        data: the set.
        preset: of each of them.
        out: folder that gets a folder a network.
        options: words for every training.
    """

    data: Path
    preset: str
    out: Path
    options: tuple[str, ...] = ()

    def weights(self, name: str) -> str:
        """Folder of what the training of a network comes to."""
        return str(self.out / name / "weights")

    def train(self, name: str, *more: str) -> Step:
        """The step that trains a network, with words of its own."""
        words = ("train", name, "--data", str(self.data), "--preset", self.preset, "--out", str(self.out / name))
        return Step((*words, *self.options, *more), self.weights(name))


def run_steps(
    title: str,
    steps: Sequence[Step],
    note: Path,
    run: Run,
    places: Mapping[str, str] | None = None,
    of: str = "",
    say: Callable[[str], None] = print,
) -> None:
    """Run the steps that are not done; what comes after a step that is run is run, too, being made from it.

    Args:
        title: begins each line.
        steps: in order.
        note: file in which is written what is done.
        run: runs the words of a command of occset and returns its status.
        places: what names in braces stand for.
        of: what everything is made from besides, such as the hash of a set: of another, nothing is done.
        say: takes lines for the user.

    Raises:
        BadInput: the note cannot be read.
        OccsetError: a step failed; what is done stays done.
        KeyboardInterrupt: a step was interrupted.
    """
    before, done = _read(note), list[str]()
    for number, step in enumerate(steps, 1):
        words = [word.format(**places) for word in step.command] if places else list(step.command)
        line = f"{title}, step {number} of {len(steps)}: occset {' '.join(words)}"
        key = hashlib.sha256(json.dumps([*words, of] if of else words).encode()).hexdigest()
        done.append(key)
        if before[: len(done)] == done and (not step.makes or Path(step.makes.format(**places or {})).exists()):
            say(f"{line} (done before)")
            continue
        before = []
        say(line)
        status = run(words)
        if status in STATUS.values():
            raise KeyboardInterrupt
        if status and not (step.partly and status == _SOME_SKIPPED):
            raise OccsetError(f"{line}: ended with status {status}: mend what it says, and run again")
        write_atomic(note, (json.dumps(done, indent=1) + "\n").encode())


def _read(note: Path) -> list[str]:
    if not note.is_file():
        return []
    try:
        found: Iterable[object] = read_json(note)
    except ValueError as error:
        raise BadInput(f"{note}: is not a list of what is done ({error}): remove it to begin anew") from error
    return [str(key) for key in found]
