"""What `import occset` offers to programs: opening a set, adding to it, checking it, and samples of it.

It stands above all rooms of the folder; the rooms themselves use `occset.dataset.occlusion_set.OcclusionSet`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from occset.checks.check import check
from occset.checks.tables import Finding
from occset.dataset import occlusion_set
from occset.dataset.usable import usable_faces
from occset.importing.add_source import Report, add_source
from occset.samples.sequence import DrawnSample, Samples

__all__ = ["DrawnSample", "Finding", "OcclusionSet", "Report", "Samples", "create", "open"]


class OcclusionSet(occlusion_set.OcclusionSet):
    """An occlusion set in a folder: faces, occluders and textures, each a pandas table with one row an item.

    >>> data = occset.open(folder)
    >>> data.faces[["id", "split"]].shape[1], data.head["name"]
    (2, 'tiny')
    >>> image, mask = data.load_face(data.usable_faces("train")[0])
    >>> image.dtype, image.shape[:2] == mask.shape, sorted(set(mask.flat))
    (dtype('uint8'), True, [np.uint8(0), np.uint8(255)])
    """

    def add(
        self,
        kind: str,
        source: str,
        *,
        seed: int = 0,
        workers: int | None = None,
        progress: Callable[[int, int], None] | None = None,
        arcface: Path | None = None,
    ) -> Report:
        """Add what a source has; what is there already stays, and what cannot be used is named in the report.

        Args:
            kind: "faces", "occluders" or "textures".
            source: ``name:argument?option=value``, as `occset new` takes it.
            seed: of the splits of what is new.
            workers: processes; all cores when None.
            progress: called with (done, all).
            arcface: the ArcFace file that tells persons apart, before all others that are looked for.

        Returns:
            Counts, and what was refused or is a duplicate, by name and with the reason.

        Raises:
            OccsetError: no such source, the disk is full, or another process is adding to the set.

        >>> report = data.add("textures", "builtin:2")
        >>> report.added + report.already, report.problems
        (2, [])
        """
        return add_source(self, kind, source, workers, progress, seed, arcface)

    def check(self, workers: int | None = None, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
        """Read everything again and say what does not hold, errors first; an empty list means that everything does.

        >>> [finding.message for finding in data.check() if finding.level == "error"]
        []
        """
        return check(self, workers, progress)

    def usable_faces(self, split: str | None = None, landmarks: bool = True) -> list[str]:
        """Ids of the faces that samples can be made of, sorted.

        Args:
            split: "train", "val" or "test"; None for all.
            landmarks: whether occluders are to be placed on them.

        >>> set(data.usable_faces("test")) <= set(data.usable_faces())
        True
        """
        return usable_faces(self, split, landmarks)


def open(path: str | Path) -> OcclusionSet:
    """Open a set.

    Raises:
        OccsetError: there is none, or it was written by a newer occset.

    >>> occset.open(folder).path == folder
    True
    """
    return OcclusionSet(path)


def create(path: str | Path, name: str | None = None) -> OcclusionSet:
    """Make an empty set in a new folder; one that is there already is opened.

    Args:
        path: a new or empty folder.
        name: of the set; the folder's when None.

    Raises:
        OccsetError: the folder holds something else.

    >>> len(occset.create(folder.with_name("new"), "mine").faces)
    0
    """
    return OcclusionSet.create(path, name)
