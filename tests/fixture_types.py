"""The types of what shared fixtures give, by the names that tests use for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import Report


class Said(NamedTuple):
    """What a command line did."""

    status: int
    out: str
    err: str


Occset = Callable[..., Said]  # takes the words of a command line
MakeSet = Callable[..., OcclusionSet]  # takes a name, and how much the set holds
Add = Callable[..., Report]  # takes a set, a kind and a source
Contents = Callable[[Path], dict[str, object]]  # what a folder holds, by path
