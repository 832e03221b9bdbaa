"""The small tables that lie beside a source's pictures: a curator's judgements, known bad labels, who is who."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from occset.sources.items import SPLITS
from occset.sources.small_tables import IdTable, plain_id, read_table, read_text
from occset.support.errors import BadInput

LENSES = ("none", "clear", "dark")


def read_overrides(path: Path) -> IdTable[str]:
    """A curator's judgements, id to "none", "clear" or "dark", from a table with the columns id and lenses.

    Raises:
        BadInput: unreadable, another judgement, or an id twice; names file and line.
    """
    found = IdTable[str](path)
    for line, row in read_table(path, ("id", "lenses")):
        if row["lenses"].lower() not in LENSES:
            raise BadInput(f"{path}, line {line}: lenses are {', '.join(LENSES)}, not '{row['lenses']}'")
        found.add(row["id"], line, row["lenses"].lower())
    return found


def read_errata(path: Path) -> IdTable[tuple[str, str]]:
    """Known bad items, id to (action, reason), from a table with the columns id, action ("skip" or "flag") and reason.

    Raises:
        BadInput: unreadable, another action, no reason, or an id twice; names file and line.
    """
    found = IdTable[tuple[str, str]](path)
    for line, row in read_table(path, ("id", "action", "reason")):
        if row["action"].lower() not in ("skip", "flag"):
            raise BadInput(f"{path}, line {line}: the action is skip or flag, not '{row['action']}'")
        if not row["reason"]:
            raise BadInput(f"{path}, line {line}: say the reason; it is shown to whoever misses {row['id']}")
        found.add(row["id"], line, (row["action"].lower(), row["reason"]))
    return found


def read_celeba_identities(folder: Path) -> dict[str, str]:
    """CelebA-HQ number to CelebA identity, from ``CelebA-HQ-to-CelebA-mapping.txt`` and ``identity_CelebA.txt``.

    The first has a heading and lines ``idx orig_idx orig_file``, the second lines ``orig_file identity``. Without
    either file nobody is known, and the result is empty. Names are numbers: 1.jpg is 000001.jpg.

    Raises:
        BadInput: a line is malformed, or names a photo without identity; names file and line.
    """
    mapping, people = folder / "CelebA-HQ-to-CelebA-mapping.txt", folder / "identity_CelebA.txt"
    if not (mapping.is_file() and people.is_file()):
        return {}
    person = {plain_id(row[0]): row[1] for _, row in _columns(people, 2)}
    found = {}
    for line, (number, _, original) in _columns(mapping, 3):
        if not number.isdigit() and line == 1:
            continue  # the heading
        if not number.isdigit() or plain_id(original) not in person:
            raise BadInput(f"{mapping}, line {line}: {original} has no identity in {people.name}: download both again")
        found[str(int(number))] = f"celeba-{person[plain_id(original)]}"
    return found


def read_celeba_splits(folder: Path) -> dict[str, str]:
    """CelebA-HQ number to split, from ``CelebA-HQ-to-CelebA-mapping.txt`` and ``list_eval_partition.txt``.

    The second has lines ``orig_file partition``, the partition 0, 1 or 2 for train, val and test. Without either file the
    result is empty.

    Raises:
        BadInput: a line is malformed, or names a photo without partition; names file and line.
    """
    mapping, partition = folder / "CelebA-HQ-to-CelebA-mapping.txt", folder / "list_eval_partition.txt"
    if not (mapping.is_file() and partition.is_file()):
        return {}
    names = dict(zip("012", SPLITS, strict=True))
    part = {}
    for line, (original, number) in _columns(partition, 2):
        if number not in names:
            raise BadInput(f"{partition}, line {line}: the partition is 0, 1 or 2, not '{number}': download it again")
        part[plain_id(original)] = names[number]
    found = {}
    for line, (number, _, original) in _columns(mapping, 3):
        if not number.isdigit() and line == 1:
            continue  # the heading
        if not number.isdigit() or plain_id(original) not in part:
            raise BadInput(
                f"{mapping}, line {line}: {original} has no partition in {partition.name}: download both again"
            )
        found[str(int(number))] = part[plain_id(original)]
    return found


def _columns(path: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    """Fields of a table separated by blanks, each row with its line number."""
    for line, text in enumerate(read_text(path).split("\n"), start=1):
        fields = text.split()
        if fields and len(fields) != count:
            raise BadInput(f"{path}, line {line}: {len(fields)} columns where {count} belong: download it again")
        if fields:
            yield line, fields
