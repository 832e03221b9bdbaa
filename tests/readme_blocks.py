"""The blocks that README.md and the site set off: which are commands, which Python, what `occset` makes of commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import typer

from occset.cli import VERBS
from occset.support import references

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GUIDES = [ROOT / "docs" / "guides" / f"{reader}.md" for reader in ("newcomer", "curator", "researcher")]
PAGES = [README, *GUIDES, *sorted(set((ROOT / "docs").rglob("*.md")) - set(GUIDES))]
"""All that users read, in the order in which one who follows it would."""
SHELL = ("", "sh", "bash", "shell", "console")
PROGRAMS = ("occset", "pip", "make")
"""What commands begin with."""

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"^::: .*\n(?: {4}.*\n)*", re.MULTILINE)
"""What mkdocstrings fills in, with options beneath it."""
_INDENTED = re.compile(r"^(?: {4}.*\n(?:[ \t]*\n(?= {4}))*)+", re.MULTILINE)


class Block(NamedTuple):
    """A block: its first line's number, "python", "shell" or "text", and its lines, without indent and prompt."""

    line: int
    language: str
    lines: list[str]


def everything() -> str:
    """The text of all `PAGES`."""
    return "\n\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def blocks(text: str) -> list[Block]:
    """All blocks of a Markdown text, in its order: fenced ones and those indented by four spaces.

    A block of the shell's is one whose lines begin with one of `PROGRAMS`; any other, fenced as such or not, is Python.
    Lines of the shell's that end in a backslash are joined with the next.
    """
    text = _REFERENCE.sub(lambda match: "\n" * match.group().count("\n"), text)
    found = [(match.start(2), match.group(1), match.group(2)) for match in _FENCED.finditer(text)]
    inside = [range(match.start(), match.end()) for match in _FENCED.finditer(text)]
    for match in _INDENTED.finditer(text):
        if not any(match.start() in fence for fence in inside):
            found.append((match.start(), "", re.sub("^ {4}", "", match.group(), flags=re.MULTILINE)))
    return [_block(text.count("\n", 0, start) + 1, language, body) for start, language, body in sorted(found)]


def _block(line: int, language: str, body: str) -> Block:
    lines = body.rstrip().splitlines()
    if language not in SHELL:
        return Block(line, language, lines)
    joined = [re.sub(r"^\$ ", "", one.strip()) for one in re.sub(r"\s*\\\n\s*", " ", body).splitlines() if one.strip()]
    if any(one.split()[0] in PROGRAMS for one in joined) or language:
        return Block(line, "shell", joined)
    return Block(line, "python", lines)


def command_lines(text: str, program: str = "") -> list[str]:
    """The command lines of all blocks, in order; those of one program where it is named."""
    lines = [line for block in blocks(text) if block.language == "shell" for line in block.lines]
    return [line for line in lines if not program or line.split()[0] == program]


def parse(line: str) -> None:
    """Parse a command line as `occset` would, without doing anything.

    Raises:
        AssertionError: there is no such verb or option, or an argument is missing.
    """
    words = shlex.split(line, comments=True)[1:]
    end = next((i for i, word in enumerate(words) if word in ("|", "&&", ";", ">", ">>")), len(words))
    words = words[:end]
    if words == ["--help"] or words == ["--version"]:
        return
    assert words, f"{line}: no verb"
    assert words[0] in VERBS, f"{line}: there is no verb '{words[0]}'"
    command = click_command(words[0])
    rest = [word for word in words[1:] if word != "--help"]
    if rest and rest[0] in (below := sub_commands(command)):
        command, rest = below[rest[0]], rest[1:]
    if len(rest) < len(words) - 1 and "--help" in words:
        return  # --help needs no arguments
    try:
        command.make_context(words[0], rest).close()
    except Exception as error:  # typer's own exceptions have no public common class
        said = error.format_message() if hasattr(error, "format_message") else error
        raise AssertionError(f"{line}: {said}") from error


def click_command(verb: str) -> Any:
    """What a verb is made of; its options are in `.params`."""
    return typer.main.get_command(references.load(VERBS[verb]))


def sub_commands(command: Any) -> dict[str, Any]:
    """The commands below one, by name; those that are loaded when they are asked for too."""
    if not hasattr(command, "list_commands"):
        return {}
    context = command.context_class(command)
    return {name: command.get_command(context, name) for name in command.list_commands(context)}


def all_options() -> set[str]:
    """Every option of every verb, as `--help` shows them."""
    found, waiting = {"--help", "--version"}, [click_command(verb) for verb in VERBS]
    while waiting:
        command = waiting.pop()
        waiting += sub_commands(command).values()
        for parameter in command.params:
            found.update((*parameter.opts, *parameter.secondary_opts))
    return {name for name in found if name.startswith("-")}


def told_options(text: str) -> set[str]:
    """The long options of occset that a Markdown text names in running text, in code spans."""
    running = _INDENTED.sub("", _FENCED.sub("", text))
    spans = [span for span in re.findall(r"`([^`\n]+)`", running) if not span.startswith(("ssh", "pip"))]
    return {option for span in spans for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)}
