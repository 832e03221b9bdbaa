"""Which methods of the bench have no weights in the repository."""

from __future__ import annotations

from collections.abc import Mapping

from occset.models.registry import NETWORKS, find
from occset.support import references


def untrained(methods: Mapping[str, str]) -> set[str]:
    """Names of the methods, of name to ``"module:attr"``, whose own network is not released."""
    networks = {name: getattr(references.load(where), "painting", name) for name, where in methods.items()}
    return {name for name, network in networks.items() if network in NETWORKS and not find(network).is_released}
