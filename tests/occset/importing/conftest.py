"""What tests of importing share: an import in this process, by which no machine's ArcFace is found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from occset.importing import add_source as importing
from occset.importing.add_source import Report, add_source

Add = Callable[..., Report]  # takes a set, a kind and a source


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Add:
    """`add_source` in this process, without ArcFace."""
    monkeypatch.setattr(importing, "EMBEDDER", "occset.nowhere:Nothing")
    return partial(add_source, workers=1)
