"""What every page begins with, and that what is put in is never taken for more."""

from __future__ import annotations

import base64
import hashlib
import re

from occset.support import pages

WORDS = {"title": "Rounds &amp; scores", "lead": "{{js}} {{head}}", "tiles": "", "contents": "", "main": "", "foot": ""}


def test_the_policy_allows_the_page_s_own_style_and_script_and_nothing_else() -> None:
    page = pages.fill("occset.rounds", WORDS)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == allowed["base-uri"] == allowed["form-action"] == "'none'"
    for directive, pattern in (("style-src", r"<style>(.*?)</style>"), ("script-src", r"<script>(.*?)</script>")):
        (content,) = re.findall(pattern, page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed[directive] == f"'sha256-{digest}'"


def test_a_page_that_is_handed_out_may_ask_where_it_comes_from_and_no_other() -> None:
    policies = []
    for served in (False, True):
        page = pages.fill("occset.rounds", WORDS, served=served)
        (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
        policies.append(dict(part.split(" ", 1) for part in policy.split("; ")))
    file, handed_out = policies
    assert file["img-src"] == "data:" and "connect-src" not in file
    assert handed_out == file | {"img-src": "data: blob:", "connect-src": "'self'"}


def test_words_are_put_in_once_and_not_read_again() -> None:
    page = pages.fill("occset.rounds", WORDS, scheme="light")
    assert "{{js}} {{head}}" in page
    assert page.count("<!doctype html>") == 1 and page.startswith("<!doctype html>")
    assert "<title>Rounds &amp; scores</title>" in page and 'name="color-scheme" content="light"' in page
