"""How things are named on the command line: ``name:argument?option=value&option=value``."""

from __future__ import annotations

from collections.abc import Collection

from occset.support.errors import OccsetError, UnknownName


def split_spec(spec: str) -> tuple[str, str, str | None]:
    """Name, argument and the text of the options of a spec, None without any; they follow the last question mark."""
    name, _, rest = spec.partition(":")
    argument, mark, tail = rest.rpartition("?")
    return (name, argument, tail) if mark else (name, rest, None)


def read_options(
    text: str | None, spec: str, known: Collection[str] | None = None, kind: str = "option", separator: str = "&"
) -> dict[str, str]:
    """Options by name.

    Args:
        text: ``option=value&option=value``; blanks around names and values do not count. None for no options.
        spec: all that was written, for messages.
        known: names of the options that there are; any when None.
        kind: what an option is called in messages.
        separator: stands between two options.

    Raises:
        OccsetError: an option without ``=`` or without a name, or one that is given twice.
        UnknownName: an option that there is not; suggests the nearest.
    """
    options: dict[str, str] = {}
    for pair in () if text is None else text.split(separator):
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not name:
            raise OccsetError(f"'{spec}': '{pair}' is not of the form option=value")
        if known is not None and name not in known:
            if not known:
                raise OccsetError(f"'{spec}': there are no options here")
            raise UnknownName(kind, name, known)
        if name in options:
            raise OccsetError(f"'{spec}': the option {name} is given twice")
        options[name] = value
    return options
