"""The small tables that lie beside a source's pictures: a curator's judgements, known bad labels, who is who."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from occset.support.errors import BadInput
from occset.support.reading import read_file

LENSES = ("none", "clear", "dark")
_MOST_BYTES = 256 << 20


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a small CSV that a curator wrote, each with its line number; surrounding blanks are dropped.

    Raises:
        BadInput: missing, not UTF-8, or without one of `columns`.
    """
    try:
        lines = read_file(path, _MOST_BYTES).decode("utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise BadInput(f"{path} does not exist: write a CSV with the columns {','.join(columns)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read ({error}): save it as a CSV in UTF-8") from error
    reader = csv.DictReader(lines, skipinitialspace=True)
    missing = [name for name in columns if name not in [(field or "").strip() for field in reader.fieldnames or []]]
    if missing:
        raise BadInput(f"{path} has no column {' and no column '.join(missing)}: its first line is {','.join(columns)}")
    for row in reader:
        yield reader.line_num, {(key or "").strip(): (value or "").strip() for key, value in row.items() if key}


def read_overrides(path: Path) -> dict[str, str]:
    """A curator's judgements, id to "none", "clear" or "dark", from a CSV with the columns id and lenses.

    Raises:
        BadInput: unreadable, another judgement, or an id twice; names file and line.
    """
    found: dict[str, str] = {}
    for line, row in read_table(path, ("id", "lenses")):
        if row["lenses"] not in LENSES:
            raise BadInput(f"{path}, line {line}: lenses are {', '.join(LENSES)}, not '{row['lenses']}'")
        if row["id"] in found:
            raise BadInput(f"{path}, line {line}: {row['id']} is there twice: keep one")
        found[row["id"]] = row["lenses"]
    return found


def read_errata(path: Path) -> dict[str, tuple[str, str]]:
    """Known bad items, id to (action, reason), from a CSV with the columns id, action ("skip" or "flag") and reason.

    Raises:
        BadInput: unreadable, another action, or no reason; names file and line.
    """
    found = {}
    for line, row in read_table(path, ("id", "action", "reason")):
        if row["action"] not in ("skip", "flag"):
            raise BadInput(f"{path}, line {line}: the action is skip or flag, not '{row['action']}'")
        if not row["reason"]:
            raise BadInput(f"{path}, line {line}: say the reason; it is shown to whoever misses {row['id']}")
        found[row["id"]] = (row["action"], row["reason"])
    return found


def read_celeba_identities(folder: Path) -> dict[str, str]:
    """CelebA-HQ number to CelebA identity, from ``CelebA-HQ-to-CelebA-mapping.txt`` and ``identity_CelebA.txt``.

    The first has a heading and lines ``idx orig_idx orig_file``, the second lines ``orig_file identity``. Without
    either file nobody is known, and the result is empty.

    Raises:
        BadInput: a line is malformed, or names a photo without identity; names file and line.
    """
    mapping, people = folder / "CelebA-HQ-to-CelebA-mapping.txt", folder / "identity_CelebA.txt"
    if not (mapping.is_file() and people.is_file()):
        return {}
    person = {row[0]: row[1] for _, row in _columns(people, 2)}
    found = {}
    for line, (number, _, original) in _columns(mapping, 3):
        if not number.isdigit() and line == 1:
            continue  # the heading
        if not number.isdigit() or original not in person:
            raise BadInput(f"{mapping}, line {line}: {original} has no identity in {people.name}: download both again")
        found[str(int(number))] = f"celeba-{person[original]}"
    return found


def _columns(path: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    """Fields of a table separated by blanks, each row with its line number."""
    for line, text in enumerate(read_file(path, _MOST_BYTES).decode("utf-8", "replace").splitlines(), start=1):
        fields = text.split()
        if fields and len(fields) != count:
            raise BadInput(f"{path}, line {line}: {len(fields)} columns where {count} belong: download it again")
        if fields:
            yield line, fields
