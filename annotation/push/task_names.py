"""How a sample of a round is called in Label Studio, and which picture is shown of it.

A project belongs to one round of one set: its description ends with the round's marker. A sample has a key that tells
nobody what it is: a honeypot's looks like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from occset.annotation.api.studio import Studio
from occset.dataset.occlusion_set import OcclusionSet
from occset.pictures.images import read_image
from occset.rounds.honeypots import honeypot_path
from occset.rounds.ledger import Ledger
from occset.support.console import printable
from occset.support.errors import BadInput

LARGEST = 512
"""Side of the pictures that annotators see, pixels, unless the face is smaller: big brushes freeze the browser."""


MARKER = "occset:"
"""What the marker of each of occset's projects begins with."""


def marker_of(ledger: Ledger) -> str:
    """What the description of the round's project ends with: `MARKER` and 16 hex digits of how it was opened, and for whom.

    Fields of `Setup` are named one by one: a field that comes later must not rename the projects that are there.
    """
    setup = ledger.setup
    opened = (setup.number, setup.model, setup.weights_hash, setup.split, setup.seed, setup.content_hash)
    text = json.dumps([*opened, *sorted(ledger.rows["id"])])
    return MARKER + hashlib.sha256(text.encode()).hexdigest()[:16]


def key_of(marker: str, name: str) -> str:
    """Key of a face or honeypot by its id: 16 hex digits."""
    return hashlib.blake2b(f"{marker} {name}".encode(), digest_size=8).hexdigest()


def places_of(marker: str, names: Iterable[str]) -> dict[str, str]:
    """By its key, how far an annotator is when a sample is opened: "Face 3 of 40".

    Samples are sent in the order of their keys, and Label Studio shows them as they came; its own counter is of what this
    page has shown so far.
    """
    keys = sorted(key_of(marker, name) for name in names)
    return {key: f"Face {number} of {len(keys)}" for number, key in enumerate(keys, 1)}


def title_of(data: OcclusionSet, number: int) -> str:
    """Title of the round's project, at most 50 characters, as many as Label Studio takes."""
    end = f", round {number}"
    return printable(str(data.head["name"]))[: 50 - len(end)] + end


def side_of(row: Mapping[str, Any]) -> int:
    """Side at which annotators see a sample, pixels, from its row of the ledger."""
    return min(LARGEST, int(row["height"]), int(row["width"]))


def picture_of(data: OcclusionSet, number: int, row: Mapping[str, Any]) -> np.ndarray:
    """Picture of a sample, (H, W, 3) uint8, from its row of the ledger.

    Raises:
        BadInput: it is missing, broken, or of another size than the ledger says; names the file.
    """
    if row["arm"] != "honeypot":
        image, name = data.load_image(row["id"]), f"face {row['id']}"
    else:
        path = honeypot_path(data.path, number, row["id"])
        image, name = read_image(path), str(path)
    if image.shape[:2] != (row["height"], row["width"]):
        raise BadInput(
            f"{name}: is {image.shape[1]} x {image.shape[0]}, the round's ledger says {row['width']} x {row['height']}: "
            "restore it from a copy"
        )
    return image


def find_project(studio: Studio, marker: str) -> dict[str, Any] | None:
    """The project of a round, None where it was not pushed; see `choose_project`."""
    return choose_project(studio.find_projects(marker))


def choose_project(found: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Where a lost connection left two projects of one round, the first that has tasks, else the first."""
    return next((project for project in found if project.get("task_number")), found[0] if found else None)
