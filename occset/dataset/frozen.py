"""What must not change any more: faces and cut-outs that recipe files, protocols or snapshots of a set name."""

from __future__ import annotations

from pathlib import Path

from occset.dataset import records
from occset.dataset.recipes import named_items, read_recipes


def frozen_files(root: Path) -> list[Path]:
    """The recipe files of a set, its protocols among them."""
    return sorted([*root.glob("recipes/[!.]*.parquet"), *root.glob("protocols/[!.]*.parquet")])


def frozen_faces(root: Path) -> set[str]:
    """Faces that the protocols and recipe files of a set name; their labels never change.

    Raises:
        BadInput: one of the files cannot be read.
    """
    return {face for path in frozen_files(root) for face in named_items(read_recipes(path))["faces"]}


def frozen_cutouts(root: Path) -> set[str]:
    """Paths, from the set's folder, of the cut-outs that its snapshots name.

    Raises:
        BadInput: a snapshot's table cannot be read.
    """
    tables = [records.read_table(path, records.OCCLUDERS) for path in root.glob("snapshots/**/occluders.parquet")]
    return {name for table in tables for name in table["cutout"].dropna()}
