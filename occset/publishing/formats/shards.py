"""Tar files as WebDataset reads them, the same bytes for the same samples.

The members of a sample lie together under one key, in which no dot may be; times and owners are 0.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from occset.support.files import atomic_path, sha256_file

INDEX = "index.json"


def write_tar(path: Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> int:
    """Write one shard, whole or not at all.

    Args:
        path: of the shard.
        samples: a key each, and its members by suffix, such as "image.png".

    Returns:
        How many samples it holds.

    Raises:
        ValueError: a key with a dot or a slash, or keys that are not in ascending order.
        NoSpace: the disk is full or the folder cannot be written; nothing is left behind.
    """
    count, last = 0, ""
    with atomic_path(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        for key, members in samples:
            if "." in key or "/" in key or key <= last:
                raise ValueError(f"the key '{key}' after '{last}': keys ascend, and have no dot and no slash")
            for suffix, data in members.items():
                entry = tarfile.TarInfo(f"{key}.{suffix}")
                entry.size, entry.mode = len(data), 0o644
                archive.addfile(entry, io.BytesIO(data))
            count, last = count + 1, key
    return count


def json_member(value: Mapping[str, Any]) -> bytes:
    """An object as the member ``KEY.json``."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def index_of(paths: Mapping[Path, int], root: Path) -> list[dict[str, Any]]:
    """What the index says of shards: name, number of samples, bytes and sha256."""
    return [
        {
            "name": str(path.relative_to(root)),
            "samples": count,
            "bytes": path.stat().st_size,
            "sha256": sha256_file(path),
        }
        for path, count in paths.items()
    ]
