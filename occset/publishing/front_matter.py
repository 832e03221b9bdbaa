"""The front matter of a card, as the hub of Hugging Face reads it: YAML between two lines of dashes.

Each value is written as JSON, which is YAML too, so that no name can end it or add to it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_FREE = {"MIT": "mit", "CC-BY-4.0": "cc-by-4.0", "CC0-1.0": "cc0-1.0"}
TASKS = ("image-segmentation", "image-to-image")
TAGS = ("faces", "face-occlusion", "face-parsing", "inpainting")


def licences_of(data: OcclusionSet) -> list[str]:
    """All terms that some item of a set states, sorted."""
    tables = (data.faces, data.occluders, data.textures)
    return sorted({str(licence) for table in tables for licence in table["licence"].dropna()})


def size_category(count: int) -> str:
    """How many items, as the hub says it.

    >>> size_category(999), size_category(1000)
    ('n<1K', '1K<n<10K')
    """
    return next((name for most, name in _SIZES if count < most), "1M<n<10M" if count < 10_000_000 else "n>10M")


def front_matter(data: OcclusionSet, configs: list[dict[str, Any]] | None = None, count: int | None = None) -> str:
    """The front matter of a set's card.

    Args:
        data: the set.
        configs: which files make which configuration, as the hub reads them.
        count: how large it is; the number of faces when None.
    """
    licences = licences_of(data)
    known = _FREE.get(licences[0]) if len(licences) == 1 else None
    fields: dict[str, Any] = {"license": known or "other"}
    if known is None:
        fields["license_name"] = "terms-of-each-source"
    fields |= {
        "pretty_name": str(data.head["name"]),
        "task_categories": list(TASKS),
        "size_categories": [size_category(len(data.faces) if count is None else count)],
        "tags": list(TAGS),
    }
    if configs:
        fields["configs"] = configs
    lines = [f"{name}: {_yaml(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "---", ""])


def _yaml(value: Any) -> str:
    """JSON with what is beyond ASCII spelt as YAML does it, which knows no pairs of surrogates."""
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda c: f"\\U{ord(c[0]):08x}", text)
