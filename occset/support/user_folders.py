"""Where things of the user's lie that belong to no set."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder() -> Path:
    """``XDG_DATA_HOME/occset``, or ``~/.local/share/occset``; it need not be there yet."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base).absolute() / "occset"
