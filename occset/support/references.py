"""Names to ``"module:attr"`` strings, so that a list of what exists costs no import of what it lists."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from occset.support.errors import OccsetError, UnknownName


def load(reference: str) -> Any:
    """Import ``"package.module:attr"`` and return the attribute.

    Raises:
        OccsetError: the reference is malformed, or module or attribute do not exist.
    """
    module, _, attribute = reference.partition(":")
    if not module or not attribute:
        raise OccsetError(f"'{reference}' is not of the form package.module:Name")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (module == error.name or module.startswith(error.name + ".")):
            raise OccsetError(f"'{reference}': there is no module {error.name} on the Python path") from error
        raise
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise OccsetError(f"'{reference}': {module} has no {part}")
        found = getattr(found, part)
    return found


def look_up(kind: str, name: str, table: Mapping[str, str]) -> Any:
    """Load what ``table`` registers under ``name``.

    Raises:
        UnknownName: nothing is registered under ``name``; the message suggests the nearest names.
    """
    if name not in table:
        raise UnknownName(kind, name, table)
    return load(table[name])
