"""What the site shows that lies elsewhere or is made: the cards, the guidelines, and a page of all commands.

MkDocs calls these functions; see https://www.mkdocs.org/user-guide/configuration/#hooks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from occset.benchmark.tasks.registry import task_named
from occset.cli import VERBS
from occset.support import references

ROOT = Path(__file__).parents[1]
COMMANDS = "reference/commands.md"
_EVERYWHERE = ("help", "install_completion", "show_completion")  # options that tell nothing of a verb


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the cards, the guidelines with their figures, and the page of commands."""
    for path in sorted((ROOT / "data_cards").iterdir()):
        files.append(File.generated(config, f"cards/{path.name}", abs_src_path=str(path)))
    for path in (ROOT / "annotation" / "guidelines.md", ROOT / "benchmark" / "RELATED.md"):
        files.append(File.generated(config, f"cards/{path.name}", abs_src_path=str(path)))
    for path in sorted((ROOT / "annotation" / "figures").iterdir()):
        files.append(File.generated(config, f"cards/figures/{path.name}", abs_src_path=str(path)))
    files.append(File.generated(config, COMMANDS, content="".join(describe_commands())))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to files that lie outside `docs/` to the site's pages of them, and fill in the tables of figures."""
    markdown = re.sub(r"\]\((?:\.\./)+data_cards/", "](../cards/", markdown)
    markdown = re.sub(r"\]\((?:\.\./)+(?:annotation|benchmark)/", "](../cards/", markdown)
    markdown = markdown.replace("](../docs/", "](../")
    return re.sub(r"<!-- figures: (\w+) -->", lambda match: describe_figures(match.group(1)), markdown)


def describe_figures(task: str) -> str:
    """A Markdown table of the columns of a task of the bench, as its code defines them."""
    rows = [
        f"| `{metric.key}` | {metric.label} | {'higher' if metric.higher_is_better else 'lower'} | {metric.definition} |"
        for metric in task_named(task).metrics.values()
    ]
    return "\n".join(["| column | shown as | better | what it is |", "|---|---|---|---|", *rows])


def describe_commands() -> Iterator[str]:
    """Every verb with its arguments and options, in Markdown, a part at a time."""
    yield "# Commands\n\nThe same as `occset VERB --help` says. Every verb that prints a table also takes `--json`.\n"
    for verb, reference in VERBS.items():
        yield from _describe(typer.main.get_command(references.load(reference)), f"occset {verb}", 2)


def _describe(command: Any, name: str, level: int) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    below = getattr(command, "list_commands", lambda _: [])(context)
    parameters = [
        p for p in command.get_params(context) if p.name not in _EVERYWHERE and not getattr(p, "hidden", False)
    ]
    yield f"\n{'#' * level} {name}\n\n{_plain(command.help or '')}\n"
    if parameters and not (below and not command.callback):
        yield "\n| argument or option | what it is | default |\n|---|---|---|\n"
        yield from map(_row, parameters)
    for other in below:
        yield from _describe(command.get_command(context, other), f"{name} {other}", level + 1)


def _row(parameter: Any) -> str:
    """A line of the table of one parameter."""
    word = parameter.metavar or parameter.name.upper().replace("_", "-")
    if parameter.param_type_name == "argument":
        name = word
    else:
        name = ", ".join([*parameter.opts, *parameter.secondary_opts])
        name += "" if parameter.is_flag else f" {word}"
    default = parameter.default
    shown = "" if default is None or default is False or callable(default) or parameter.required else str(default)
    cells = (f"`{name}`", _plain(parameter.help or ""), f"`{shown}`" if shown not in ("", "()", "[]") else "")
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def _plain(text: str) -> str:
    """Text of the terminal as Markdown: what could be taken for a tag is shown as it stands."""
    return re.sub(r"<(?=\w)", "&lt;", text.replace("\b", "").strip())
