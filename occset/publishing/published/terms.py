"""Which terms let the mask of a face be published without its photo.

A mask that was drawn over a photo in a round, or that a model made, is the curator's own. One that came with the photo is
a part of its source, and goes only where the source's terms are known to let parts be passed on, or where the publisher
says that they do.
"""

from __future__ import annotations

import re

_FREE = re.compile(
    r"^(MIT|BSD|Apache|CC0|CC[ -]BY|public domain)\b|creativecommons\.org/(licenses|publicdomain)/", re.IGNORECASE
)
_CLOSED = re.compile(r"\b(ND|NoDerivs|NoDerivatives|by-nd|by-nc-nd)\b", re.IGNORECASE)


def lets_masks_go(licence: str) -> bool:
    """Whether the terms of a source are known to let masks be passed on.

    >>> lets_masks_go("MIT (made by code)"), lets_masks_go("Attribution License, http://creativecommons.org/licenses/by/2.0/")
    (True, True)
    >>> lets_masks_go("CelebAMask-HQ terms: non-commercial research and education only"), lets_masks_go("CC BY-NC-ND 4.0")
    (False, False)
    """
    return bool(_FREE.search(licence)) and not _CLOSED.search(licence)
