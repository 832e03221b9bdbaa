"""What became of the items and samples of a published set in the hands of someone else, in four words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from occset.pictures.images import pixel_hash
from occset.pictures.masks import decode_rle
from occset.publishing.published.places import Place, Read, Seen, picture_of
from occset.support.errors import BadInput

EQUAL, MISSING, CHANGED, DECODER = "equal", "source missing", "source changed", "another decoder"
WORDS = (EQUAL, MISSING, CHANGED, DECODER)
"""`DECODER` is said where the file is the same, byte by byte, and what is read from it is not."""

_SEVERITY = {
    EQUAL: 0,
    MISSING: 1,
    DECODER: 2,
    CHANGED: 3,
}  # of two sources, the one that comes nearer to an answer is told


@dataclass(frozen=True)
class Verdict:
    """What became of an item.

    Attributes:
        status: one of `WORDS`.
        why: in words; "" for what is equal.
        files: names of the files of its source that are missing or differ.
    """

    status: str
    why: str = ""
    files: tuple[str, ...] = ()

    def tells_more(self, other: Verdict | None) -> bool:
        """Whether this is rather to be told than another one of the same item in another source."""
        if other is None or self.status == EQUAL:
            return True
        return other.status != EQUAL and _SEVERITY[self.status] > _SEVERITY[other.status]


@dataclass
class Report:
    """What `replay` found.

    Attributes:
        verdicts: of all items, by table and id.
        names: of the items, "source:name".
        files: how many files of the sources are equal, and so on.
        samples: those that are not equal: file of recipes, number there, id, status, and because of what.
        counts: of all samples by status.
        rendered: whether samples were rendered, or their sources looked at alone.
    """

    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    files: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rendered: bool = True

    @property
    def is_equal(self) -> bool:
        """Whether all samples are those that were published."""
        return not self.samples and all(verdict.status == EQUAL for verdict in self.verdicts.values())

    def items(self) -> list[dict[str, Any]]:
        """The items that are not equal, as rows."""
        return [
            {"table": table, "id": item, "item": self.names[item], "status": verdict.status, "why": verdict.why}
            for (table, item), verdict in self.verdicts.items()
            if verdict.status != EQUAL
        ]

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "equal": self.is_equal,
            "rendered": self.rendered,
            "samples": {word: self.counts[word] for word in WORDS},
            "items": {word: sum(v.status == word for v in self.verdicts.values()) for word in WORDS},
            "files": {word: self.files[word] for word in WORDS},
            "items_that_differ": self.items(),
            "samples_that_differ": self.samples,
        }


def judge_files(
    place: Place,
    read: Read,
    names: list[str],
    published: Mapping[str, Mapping[str, Any]],
    look: Callable[[str], Seen | None],
) -> dict[str, str]:
    """Hold the files that an item was read from against those that are here.

    Args:
        place: the source that is here.
        read: what it gave for the item's key.
        names: the files, by their path below the source's folder.
        published: what was published of each, see `occset.publishing.published.layout.FILES`.
        look: reads a file of the source that reading the item did not come to; None where it is missing.

    Returns:
        One of `WORDS` for each file. Other bytes with the same pixels are equal: pixels are what counts.
    """
    found = {}
    for name in names:
        was, now = published[name], read.files.get(name) or look(name)
        if now is None:
            found[name] = MISSING
        elif was["pixels"] is not None and now.pixels == was["pixels"]:
            found[name] = EQUAL
        elif now.sha256 != was["sha256"]:
            found[name] = CHANGED
        else:
            found[name] = EQUAL if was["pixels"] is None else DECODER
    return found


def judge_item(
    row: Mapping[str, Any], given: Any | None, refused: str, files: Mapping[str, str], decoders: str
) -> Verdict:
    """Hold an item against what was published of it.

    Args:
        row: of `occset.publishing.published.layout.TABLES`.
        given: the item as its source gives it here; None where it gives none.
        refused: why, as the source says it.
        files: what `judge_files` found.
        decoders: those of its files when it was published and here, for messages.
    """
    if given is not None:
        what = differs(row, given)
        if not what:
            return Verdict(EQUAL)
    else:
        what = refused or "its source has nothing of this name"
    odd = tuple(name for name, status in files.items() if status != EQUAL)
    for status in (MISSING, CHANGED, DECODER):
        of_status = [name for name, found in files.items() if found == status]
        if of_status:
            more = f" and {len(of_status) - 1} more" if len(of_status) > 1 else ""
            said = {
                MISSING: "is not there",
                CHANGED: "is another file",
                DECODER: f"is the same file, read by another decoder ({decoders})",
            }
            return Verdict(status, f"{of_status[0]}{more} {said[status]}", odd)
    if files:
        return Verdict(
            DECODER,
            f"its files are the same, but {what}: are the options of the source and the version of occset those of then?",
        )
    if given is not None:
        return Verdict(DECODER, f"{what}: it is made by code, or its files were not noted when it was published")
    return Verdict(MISSING, what)


def differs(row: Mapping[str, Any], given: Any) -> str:
    """In which way an item is not the one that was published; "" where it is."""
    if pixel_hash(picture_of(given)) != row["sha256"]:
        return "its pixels differ"
    if "mask_sha256" not in row:
        return ""
    mask = mask_of(row, given)
    if mask is None:
        return "its source has no mask of it"
    return "" if pixel_hash(mask) == row["mask_sha256"] else "its mask differs"


def mask_of(row: Mapping[str, Any], given: Any) -> Any | None:
    """The mask of a face, (H, W) uint8: the one that was published, else its source's, or None.

    Raises:
        BadInput: the one that was published is not of the picture's size.
    """
    if row["mask"] is None:
        return given.mask
    try:
        return decode_rle(row["mask"], *given.image.shape[:2])
    except BadInput as error:
        raise BadInput(f"faces.parquet: the mask of {row['id']}: {error}: download it again") from error
