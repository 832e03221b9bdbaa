"""Known bad items of CelebAMask-HQ, under its official numbers, as users reported them in its issue tracker.

Sources: switchablenorms/CelebAMask-HQ, issues 5 (labels), 84 (duplicates, alignment, a missing mouth) and 109 (a cut photo).
Labels of parts that the face mask is not made of (hair, hat, cloth) are left out.
"""

from __future__ import annotations

from pathlib import Path

_TWINS = (234, 3329, 5162, 6770, 7384, 7561, 12444, 12885, 13825, 15506, 19199, 20134, 24646)
"""Each shows the same photo as the number after it."""

OFFICIAL: dict[str, tuple[str, str]] = {
    "70": ("flag", "half of the face is cut off"),
    "404": ("flag", "mouth and lips are not labelled"),
    "2110": ("flag", "not aligned"),
    "4790": ("skip", "its part masks are empty"),
    "4995": ("skip", "the mask named skin shows something else"),
    **{str(n + 1): ("flag", f"the same photo as {n}") for n in _TWINS},
}
"""Number to (action, reason)."""

OFFICIAL_COUNT = 30_000


def shipped_errata(folder: Path, photos: int) -> dict[str, tuple[str, str]]:
    """The errata of a folder that has the official numbers: all 30,000 photos, or the mapping to CelebA beside them.

    Subsets under other numbers circulate; for those the table would name the wrong photos, so they get none.
    """
    official = photos == OFFICIAL_COUNT or (folder / "CelebA-HQ-to-CelebA-mapping.txt").is_file()
    return dict(OFFICIAL) if official else {}
