"""Rivals at equal processor seconds: ``python -m experiments.equal_seconds SET TRAININGS... [--seconds N] [--limit N]``.

TRAININGS are folders of trainings, or of several, such as runs/rivals of ``occset train rivals``; NG runs as ``ours``.
Each keeps its weights at 60 processor seconds, 120, 240 and so on; benched are those of the highest mark that all reached.
With --seconds a mark of your own: who ended before stands with its last weights, and the column CPU tells its time.
Learning rates were still on their way down at a mark: what a training that was planned for that time comes to is no worse.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from occset.models.registry import find
from occset.models.training.registered import ON_THE_WAY, WEIGHTS
from occset.models.weight_files import name_of, spent
from occset.support.errors import BadInput


def trainings_in(folders: Sequence[Path]) -> list[Path]:
    """Folders of trainings that kept weights on the way, among these and what lies directly in them.

    Raises:
        BadInput: there is none.
    """
    found = [
        one
        for folder in folders
        for one in (folder, *sorted(folder.glob("*")))
        if marks_of(one) or (one / WEIGHTS).is_dir()
    ]
    if not any(marks_of(one) for one in found):
        raise BadInput(
            f"{', '.join(map(str, folders))}: no training here kept weights on the way (FOLDER/{ON_THE_WAY}/60s): train "
            "with the preset laptop"
        )
    return found


def marks_of(training: Path) -> dict[float, Path]:
    """Folders of the weights that a training kept, by processor seconds."""
    named = ((re.fullmatch(r"([\d.e+-]+)s", path.name), path) for path in (training / ON_THE_WAY).glob("*s"))
    return {float(match[1]): path for match, path in named if match}


def at(trainings: Sequence[Path], seconds: float | None) -> tuple[float, dict[Path, Path]]:
    """The mark, and for each training the weights that stand for it there.

    Raises:
        BadInput: a training has none at that mark, or no mark is common to all; names it.
    """
    marks = {training: marks_of(training) for training in trainings}
    if seconds is None:
        common = set.intersection(*(set(each) for each in marks.values()))
        if not common:
            least = min(marks, key=lambda training: max(marks[training], default=0.0))
            raise BadInput(f"{least}: has no weights at a mark that the others reached: name one by --seconds")
        seconds = max(common)
    chosen: dict[Path, Path] = {}
    for training, each in marks.items():
        ended = spent(training / WEIGHTS, "processor")
        if seconds in each:
            chosen[training] = each[seconds]
        elif ended is not None and ended <= seconds:
            chosen[training] = training / WEIGHTS
        else:
            told = ", ".join(f"{mark:g}" for mark in sorted(each)) or "none"
            raise BadInput(f"{training}: kept no weights at {seconds:g} processor seconds, but at {told}")
    return seconds, chosen


def command(data: Path, protocol: str, chosen: Sequence[Path], out: Path, limit: int | None) -> list[str]:
    """The words of the bench that holds them against each other."""
    methods = []
    for path in chosen:
        ours = find(name_of(path)).does == find("ng").does
        kinds = ("ours", "ours+mask") if ours else ("weights",)
        methods += [f"{kind}:{path}" for kind in kinds]
    words = ["bench", "--data", str(data), "--protocol", protocol, "--methods", ",".join(methods), "--out", str(out)]
    return words + (["--limit", str(limit)] if limit else [])


def main(arguments: Sequence[str] | None = None, run: Callable[[Sequence[str]], int] | None = None) -> int:
    """Bench them and write their page; returns the status of the bench.

    Raises:
        BadInput: there are no such weights.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("trainings", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--protocol", default="sunglasses")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--out", type=Path, default=Path("results/equal-seconds"))
    asked = parser.parse_args(arguments)
    if run is None:
        from occset.models.groups import run_here as run
    seconds, chosen = at(trainings_in(asked.trainings), asked.seconds)
    out = asked.out / f"{seconds:g}s"
    print(f"at {seconds:g} processor seconds: {', '.join(map(str, chosen.values()))}")
    status = run(command(asked.data, asked.protocol, list(chosen.values()), out, asked.limit))
    return run(["leaderboard", str(out), "--out", str(out / "site")]) or status


if __name__ == "__main__":
    raise SystemExit(main())
