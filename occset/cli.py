"""The command line: mounts the verbs of the four folders, each loaded when it is asked for."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

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


class LazyGroup(TyperGroup):
    """A group whose commands are imported by name."""

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
