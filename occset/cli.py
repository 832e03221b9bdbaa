"""The command line: mounts the verbs of the four folders, each loaded when it is asked for."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from occset.support import interrupts
from occset.support import references as registry
from occset.support.errors import OccsetError, UnknownName

VERBS = {
    "new": "occset.commands:new",
    "check": "occset.commands:check",
    "info": "occset.commands:info",
    "snapshot": "occset.commands:snapshot",
    "render": "occset.commands:render",
    "explain": "occset.commands:explain",
    "export": "occset.publishing.commands:export",
    "card": "occset.publishing.commands:card",
    "diff": "occset.publishing.commands:diff",
    "publish": "occset.publishing.published.commands:publish",
    "replay": "occset.publishing.published.commands:replay",
    "plan": "occset.publishing.commands:plan",
    "gallery": "occset.publishing.commands:gallery",
    "view": "occset.viewing.commands:view",
    "mine": "occset.mining.commands:mine",
    "label": "occset.mining.commands:label",
    "round": "occset.rounds.commands:round_",
    "annotate": "occset.annotation.cli:annotate",
    "train": "occset.models.cli:train",
    "segment": "occset.models.cli:segment",
    "fit": "occset.models.cli_faces:fit",
    "reconstruct": "occset.models.cli_faces:reconstruct",
    "deocclude": "occset.models.cli_faces:deocclude",
    "serve": "occset.models.cli_faces:serve",
    "models": "occset.models.cli_models:models",
    "doctor": "occset.commands:doctor",
    "bench": "occset.benchmark.cli:bench",
    "leaderboard": "occset.benchmark.cli:leaderboard",
}
"""Verb to the `typer.Typer` that holds it, in the order of the help."""


SAYS = {
    "new": "Make a set, or add to one, from one or more sources.",
    "check": "Read everything again: files, hashes, masks, duplicates, leaks between splits, frozen protocols.",
    "info": "What a set holds: rows by table, category and split, and its content hash.",
    "snapshot": "Freeze the tables as they are, with a content hash that names them; prints it as JSON.",
    "render": "Write occluded faces with their masks; resumes after a kill, same bytes for any number of workers.",
    "explain": "A recipe as words and as a strip of pictures: clean, occluder, alpha, occluded, face mask.",
    "export": "Write a set in the format of others, with the same masks; an export that was cut off goes on.",
    "card": "A data card (README.md) and a Croissant description (croissant.json); every figure is computed.",
    "diff": "What was added, changed and lost between two sets or two folders of results, and the version number that follows.",  # noqa: E501 - a sentence
    "publish": "A folder for a hub, without a photo: recipes, hashes of all sources, masks where terms allow, card.",
    "replay": "Make the samples of a published set from sources that you hold, and tell which differ, and why.",
    "plan": "What is missing to the paper's occlusions and textures, by category, and which faces to label next.",
    "gallery": "A page of faces, masks, cut-outs and textures, filtered by split, source or category, and flag; one file.",
    "view": "Look at a set in FiftyOne's App: faces, masks, cut-outs, scores, filters; or at the worst cases of a bench.",
    "mine": "Hard faces and doubtful labels, ranked and unlike each other, with the reason for each; changes nothing.",
    "label": "Masks by a model for unlabelled train faces, where it is sure: self-training; no protocol ever holds them.",
    "round": "A round: pick hard faces, merge their labels, report what changed.",
    "annotate": "Label faces in Label Studio: start it, push a round, pull its labels, pre-label.",
    "train": "Train a network on a set; resumes where it was interrupted.",
    "segment": "Mark the visible face in photos; works at once, with the released checkpoint.",
    "fit": "Find the 3D face of every labelled face that has none yet: pose, shape, albedo and light; resumes.",
    "reconstruct": "Find the 3D face in photos, whatever hides it: mesh, render over the photo, landmarks, coefficients.",
    "deocclude": "Remove what hides the faces in photos; works at once, with the released weights.",
    "serve": "The same as deocclude in the browser: drop a photo, see before and after, masks and render; until Ctrl-C.",
    "models": "What others published: morphable face models, and the weights of the paper's rivals.",
    "doctor": "What is installed, and what each missing extra would add.",
    "bench": "Compare methods on a protocol, between floor and ceiling; resumes, and computes no result twice.",
    "leaderboard": "Result files to Markdown, CSV and one self-contained HTML page; files that are broken are named and left out.",  # noqa: E501 - a sentence
}
"""The first sentence of each verb's help, so that the help of `occset` loads none of them; a test compares."""


class LazyGroup(TyperGroup):
    """A group whose commands are imported by name, when they are run and not when they are listed."""

    _is_listing = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show what `SAYS` tells of each verb."""
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """All verbs, in the order of `VERBS`."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one verb.

        Raises:
            UnknownName: there is none of that name; suggests the nearest.
        """
        if cmd_name not in VERBS:
            raise UnknownName("verb", cmd_name, VERBS)
        if self._is_listing:
            return TyperCommand(cmd_name, help=SAYS[cmd_name])
        command = typer.main.get_command(registry.load(VERBS[cmd_name]))
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Build a face-occlusion set, check it, label it, render it, and bench de-occlusion methods on it.",
)


def _version(value: bool) -> None:
    if value:
        from occset import __version__

        print(f"occset {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Build a face-occlusion set, check it, render it, and bench de-occlusion methods on it."""


def _dash_hint(arguments: list[str]) -> str:
    """What to do about files whose names begin with a dash, which are read as options; "" where there are none."""
    files = [one for one in arguments if one.startswith("-") and len(one) > 1 and os.path.lexists(one)]
    return f": {files[0]} is a file here: write it as ./{files[0]}" if files else ""


def main() -> None:
    """Run the command line: a user's mistake is one line on standard error and exit status 2, never a traceback.

    The command ``occset`` is `occset.__main__.main`, which also hears signals while this is loaded.
    """
    from occset.support.console import say

    try:
        status = app(standalone_mode=False)
    except OccsetError as error:
        say(f"occset: {error}")
        sys.exit(2)
    except interrupts.Interrupted as error:
        say(f"occset: {error}")
        sys.exit(error.status)
    except ModuleNotFoundError as error:
        from occset.doctor import missing_extra

        if (missing := missing_extra(error, sys.argv[1] if len(sys.argv) > 1 else "")) is None:
            raise
        say(f"occset: {missing}")
        sys.exit(2)
    except KeyboardInterrupt:
        status = 130
    except OSError as error:
        if error.filename is None:
            raise
        say(f"occset: {error.filename}: {error.strerror}: check the path and its permissions")
        sys.exit(2)
    except Exception as error:
        # wrong usage; newer releases of typer bring their own copy of click, so its class has no one name
        if not hasattr(error, "format_message"):
            raise
        if error.format_message():
            say(f"occset: {error.format_message()} (occset VERB --help tells more){_dash_hint(sys.argv[1:])}")
        sys.exit(getattr(error, "exit_code", 2))
    if status == 130:  # what typer makes of KeyboardInterrupt
        status = interrupts.tell()
    sys.exit(status)


if __name__ == "__main__":
    from occset.__main__ import main as listening

    listening()
