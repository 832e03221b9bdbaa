"""Makes every released checkpoint again, in the order of the registry: ``python -m occset.models.released``.

What is finished is skipped, what was cut off goes on. The steps of a network lie in its folder; each is a command line of
occset, so that whoever wants to can type them.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from occset.models.registry import Network, find, networks
from occset.models.steps import Step, run_steps
from occset.models.weight_files import SPENT
from occset.support import references as registry
from occset.support.errors import BadInput, OccsetError
from occset.support.files import copy_atomic


@dataclass(frozen=True)
class Recipe:
    """How a released checkpoint is made.

    Attributes:
        steps: one after another.
        weights: folder of the checkpoint that comes out, with the same places.
    """

    steps: tuple[Step, ...]
    weights: str


def make(
    network: Network,
    folders: Mapping[str, Path],
    install: bool = False,
    run: Callable[[Sequence[str]], int] | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Make the released checkpoint of one network again.

    Args:
        network: one with a recipe.
        folders: "work", "real" and "runs".
        install: copy the checkpoint to where released ones lie.
        run: runs the words of a command of occset and returns its status; a process of its own when None.
        say: takes lines for the user.

    Returns:
        Folder of the checkpoint.

    Raises:
        OccsetError: a step failed; what is done stays done.
        KeyboardInterrupt: a step was interrupted.
    """
    recipe: Recipe = registry.load(network.recipe)
    places = {name: str(path) for name, path in folders.items()}
    note = folders["work"] / "released" / f"{network.name}.json"
    run_steps(network.name, recipe.steps, note, run or _run, places, say=say)
    weights = Path(recipe.weights.format(**places))
    if install:
        _install(weights, network.released)
        say(f"{network.name}: {weights} is now {network.released}")
    return weights


def _run(words: Sequence[str]) -> int:
    # the step hears Ctrl-C too, ends in good order and says so by its status; subprocess.run would kill it meanwhile
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run([sys.executable, "-m", "occset", *words], check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def _install(weights: Path, released: Path) -> None:
    files = sorted(weights.glob("*.safetensors"))
    if not files:
        raise BadInput(f"{weights}: no weights came out: run again")
    for old in released.glob("*.safetensors"):
        if old.name not in {file.name for file in files}:
            old.unlink()
    for file in (*files, weights / SPENT):
        if file.is_file():
            copy_atomic(file, released / file.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m occset.models.released", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these networks; all that are released by default")
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="folder of sets and results")
    real = Path(os.environ.get("OCCSET_REAL_DATA", "../shared/data"))
    parser.add_argument("--real", type=Path, default=real, help="folder of the real photos")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the trainings")
    parser.add_argument("--install", action="store_true", help="put the checkpoints where released ones lie")
    given = parser.parse_args(arguments)
    try:
        chosen = [find(name) for name in given.names] or [n for n in networks().values() if n.recipe]
        for network in chosen:
            if not network.recipe:
                raise OccsetError(f"{network.title} has no recipe: no weights of it are released")
            make(network, {"work": given.work, "real": given.real, "runs": given.runs}, given.install)
    except OccsetError as error:
        print(f"occset: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("occset: interrupted; run the same command again and it goes on where it stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
