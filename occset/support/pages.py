"""Pages that are one HTML file and ask for nothing from outside: what all of them begin with.

A content security policy allows exactly the page's own style and script, by their hashes, and pictures inside the file. A
page that a server of ours hands out may also ask that server, and show the pictures that it answers.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources

_SERVED = " blob:; connect-src 'self'"
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:{served}; style-src '{style}'; \
script-src '{script}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="{scheme}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{css}</style>
</head>"""


def fill(package: str, words: Mapping[str, str], scheme: str = "light dark", served: bool = False) -> str:
    """The page of a package: its ``page.html`` with words put in, behind the head that all pages have.

    Args:
        package: holds ``page.html``, which begins with ``{{head}}`` and names each word as ``{{name}}``, ``page.css`` and
            ``page.js``.
        words: what is put in, as HTML; "title" is among them, "head" and "js" are added.
        scheme: colours that the style is made for.
        served: a server of ours hands it out, which it may ask.

    Raises:
        KeyError: the page names a word that is not given.
    """
    html, css, js = (
        resources.files(package).joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")
    )
    allowed = {"style": _hash(css), "script": _hash(js), "served": _SERVED if served else ""}
    head = _HEAD.format(**allowed, scheme=scheme, title=words["title"], css=css)
    known = {**words, "head": head, "js": js}
    # one pass, so that nothing inside an inserted part is taken for a placeholder
    return re.sub(r"\{\{(\w+)\}\}", lambda place: known[place[1]], html)


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
