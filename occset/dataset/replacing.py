"""Replacing what a set has: what may be replaced, and in which order it is written.

Three things are frozen: faces and cut-outs that a recipe file or protocol names, cut-outs of a snapshot, and labels that
a round gave, which neither a source nor an earlier round takes back. Test faces are never relabelled. Whatever may not be
replaced is refused by name, with the remedy; the rest is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import pandas as pd

from occset.dataset import records
from occset.dataset.frozen import frozen_cutouts, frozen_files
from occset.dataset.recipes import named_items, read_recipes
from occset.dataset.splits import split_items
from occset.support.errors import BadInput
from occset.support.files import safe_join

if TYPE_CHECKING:
    from occset.dataset.occlusion_set import OcclusionSet

MAY_BE_RELABELLED = ("train", "val")
"""The splits whose faces may get another label."""

_CUTOUT = re.compile(r"^o[0-9a-f]{15}\.png$")


class Labelled(Protocol):
    """A face that a round labelled: the round's number, and the labels that it and those before had and gave."""

    round: int
    replaced: set[str | None]


class Replacing:
    """One change of what a set has: decided first, then written in one go when the ``with`` block ends well.

    Cut-outs are written first, then the pictures without a row are removed, and faces are written last: as long as a
    face is as it was, doing all of it again after a kill ends the same. Where the block raises, nothing is written.

        with data.replacing(corrections(data.path)) as change:
            change.check_label(face, "labels/f0123.png")
            change.put_faces([{"id": face, "mask": counts}])
    """

    def __init__(self, data: OcclusionSet, labelled: Mapping[str, Labelled] | None = None) -> None:
        """Nothing is read yet.

        Args:
            data: the set, which the caller holds against other writers.
            labelled: faces with a label that this change must not take back.
        """
        self.data, self.labelled = data, labelled or {}
        self.added = 0  # cut-outs that came new, once written
        self._faces: list[dict[str, Any]] = []
        self._gone: set[str] = set()
        self._cutouts: list[dict[str, Any]] = []
        self._touches_cutouts = self._splits_now = False

    # --- may it be replaced? --------------------------------------------------------------------------------------

    @cached_property
    def named(self) -> dict[str, dict[str, set[str]]]:
        """What the recipe files and protocols name, by their path from the set's folder.

        Raises:
            BadInput: one of them cannot be read.
        """
        root = self.data.path
        return {str(p.relative_to(root)): named_items(read_recipes(p)) for p in frozen_files(root)}

    @cached_property
    def kept_cutouts(self) -> set[str]:
        """Paths of the cut-outs that snapshots name; raises `BadInput` where a snapshot cannot be read."""
        return frozen_cutouts(self.data.path)

    @cached_property
    def _splits(self) -> dict[str, Any]:
        return dict(zip(self.data.faces["id"], self.data.faces["split"], strict=True))

    def load(self) -> None:
        """Read what is frozen now, so that a broken file is told before anything is decided; raises `BadInput`."""
        _ = self.named, self.kept_cutouts

    def named_by(self, face: str | None = None, occluders: Set[str] = frozenset()) -> list[str]:
        """The recipe files that name a face, or one of the occluders."""
        return [path for path, has in self.named.items() if face in has["faces"] or occluders & has["occluders"]]

    def check_verdict(self, face: str, where: str) -> None:
        """Let what was said of a face replace what was known of it, but for its mask.

        Raises:
            BadInput: it is of a split that is never relabelled, or was labelled since; begins with ``where``.
        """
        if self._splits[face] not in MAY_BE_RELABELLED:
            raise BadInput(
                f"{where}: {face} is of the split '{self._splits[face]}', which is never relabelled: remove it"
            )
        if face in self.labelled:
            number = self.labelled[face].round
            raise BadInput(f"{where}: round {number} has labelled {face} since: remove it, or use that round")

    def check_label(self, face: str, where: str) -> None:
        """Let a new label replace that of a face.

        Raises:
            BadInput: as `check_verdict`, or a recipe names the face.
        """
        if self._splits[face] in MAY_BE_RELABELLED and self.named_by(face):
            raise BadInput(f"{where}: {face} is named by a frozen recipe file, its label must not change: remove it")
        self.check_verdict(face, where)

    def source_row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A face as its source gives it now, with the mask that a round gave it, where one did.

        Raises:
            BadInput: a round labelled the face, and the source has another mask than any of before.
        """
        known = self.labelled.get(row["id"])
        if known is None:
            return row
        if row["mask"] not in known.replaced:
            raise BadInput(
                f"face {row['id']} was labelled in round {known.round}, and its source has another mask for it now; "
                "it stays as it was: label it in another round, or make a new set to take the source's"
            )
        return {**row, "mask": self.data.face_row(row["id"])["mask"]}

    def check_source(self, face: str, stale: Set[str]) -> None:
        """Let a source's new word replace a face and cut-outs that the source harvested from it before.

        Raises:
            BadInput: a recipe names the face or one of the cut-outs.
        """
        if needed_by := self.named_by(face, stale):
            raise BadInput(
                f"face {face} has another mask or other flags now, but {', '.join(needed_by)} names it or what was cut "
                "from it; it stays as it was: make a new set, or delete what names it to freeze it anew"
            )

    def is_frozen(self, occluder: dict[str, Any]) -> bool:
        """Whether a recipe or a snapshot names a cut-out, by its row."""
        return occluder["cutout"] in self.kept_cutouts or bool(self.named_by(occluders={occluder["id"]}))

    def check_cutout(self, occluder: dict[str, Any], changes: Sequence[str]) -> None:
        """Let a cut-out be called otherwise.

        Raises:
            BadInput: a recipe or a snapshot names it.
        """
        if self.is_frozen(occluder):
            raise BadInput(
                f"cut-out {occluder['id']} was drawn anew ({', '.join(changes)}), but a recipe file or a snapshot names "
                "it; it stays as it was: make a new set, or delete what names it and pull everything again"
            )

    # --- what is replaced -----------------------------------------------------------------------------------------

    def put_faces(self, rows: Iterable[dict[str, Any]]) -> None:
        """Replace columns of faces that the set has: rows of `id` and of what changes; the rest stays."""
        self._faces += rows

    def drop_cutouts(self, ids: Iterable[str]) -> None:
        """Take cut-outs out of the table; their pictures go unless a snapshot names them."""
        self._gone |= set(ids)
        self.sweep()

    def put_cutouts(self, rows: Iterable[dict[str, Any]], split: bool = False) -> None:
        """Add cut-outs, whose pictures are there already; of rows with one id the first stays, as does one of the set.

        Args:
            rows: of `records.OCCLUDERS`.
            split: give them their split now; else whoever adds them does so later, with all others.
        """
        self._cutouts += rows
        self.sweep()
        self._splits_now |= split

    def sweep(self) -> None:
        """Remove pictures of cut-outs without a row, those that were stored for what was then refused among them."""
        self._touches_cutouts = True

    # --- writing --------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Write, unless the block raised."""
        if kind is not None:
            return
        if self._touches_cutouts:
            kept = self.kept_cutouts  # a broken snapshot is told before anything is written
            self._write_cutouts()
            remove_loose_cutouts(self.data, kept)
        if self._faces:
            rewrite_faces(self.data, self._faces)

    def _write_cutouts(self) -> None:
        """One write: cut off, the table is as it was."""
        held = self.data.occluders
        kept = held[~held["id"].isin(list(self._gone))]
        known = set(kept["id"])
        fresh: dict[str, dict[str, Any]] = {}
        for row in self._cutouts:
            if row["id"] not in known:
                fresh.setdefault(row["id"], row)
        self.added = len(fresh.keys() - set(held["id"]))
        if len(kept) == len(held) and not fresh:
            return
        added = pd.DataFrame(list(fresh.values()), columns=records.OCCLUDERS.names)
        table = pd.concat([part for part in (kept, added) if len(part)] or [kept], ignore_index=True)
        if self._splits_now:
            splits = {face: split for face, split in self._splits.items() if isinstance(split, str)}
            table = split_items(table, splits)
        self.data.write("occluders", table)


def remove_loose_cutouts(data: OcclusionSet, frozen: Set[str]) -> None:
    """Remove pictures of cut-outs without a row, but for those of snapshots."""
    held = frozen | set(data.occluders["cutout"])
    for path in data.path.glob("cutouts/*/*.png"):
        relative = path.relative_to(data.path).as_posix()
        if _CUTOUT.match(path.name) and relative not in held:
            safe_join(data.path, relative).unlink(missing_ok=True)


def rewrite_faces(data: OcclusionSet, rows: Sequence[dict[str, Any]]) -> None:
    """Write columns of faces that the set has, by id, in one write; everything else stays."""
    faces: pd.DataFrame = data.faces.set_index("id", drop=False)
    for column in dict.fromkeys(name for row in rows for name in row if name != "id"):
        cells = faces[column].astype(object)
        said = {row["id"]: row[column] for row in rows if column in row}
        cells.loc[list(said)] = list(said.values())
        faces[column] = cells
    data.write("faces", faces.reset_index(drop=True))
