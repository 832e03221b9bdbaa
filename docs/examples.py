"""Examples of docstrings, which stand there as doctests without a heading, as the section that the site shows as code."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from griffe import Extension, Object

_DOCTEST = re.compile(r"^>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)


class Examples(Extension):
    """An extension of griffe, see `mkdocs.yml`."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Give the doctests of a docstring the heading that a section needs."""
        if obj.docstring is not None:
            obj.docstring.value = _DOCTEST.sub(_as_section, obj.docstring.value)


def _as_section(found: re.Match[str]) -> str:
    return "Examples:\n" + textwrap.indent(found.group(), "    ")
