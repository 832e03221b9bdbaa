"""One line of the speed table."""

from __future__ import annotations

from typing import Any


def row(name: str, ours_ms: float, peer_ms: float, limit: str = "", holds: bool = True) -> dict[str, Any]:
    """A ratio measured in one run: `ratio` = ours / peer, times in milliseconds.

    Args:
        name: what is measured / against what.
        ours_ms: our time.
        peer_ms: the peer's, in the same run.
        limit: what is promised, in words; "" where nothing is.
        holds: whether the promise is kept.
    """
    return {
        "name": name,
        "ours": round(ours_ms, 3),
        "peer": round(peer_ms, 3),
        "ratio": round(ours_ms / peer_ms, 3),
        "limit": limit,
        "holds": holds,
    }
