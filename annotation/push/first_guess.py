"""What is drawn already when an annotator opens a sample: what the model finds, the label so far, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from occset.annotation.labels.prelabel import Prelabel, prelabel
from occset.annotation.labels.resizing import reduce
from occset.annotation.push.sent_prelabels import Sent, add_sent
from occset.annotation.push.task_names import key_of, side_of
from occset.pictures.masks import decode_rle
from occset.rounds.honeypots import damage
from occset.rounds.ledger import Ledger

Kind = Literal["model", "label", "none"]


class Guesses:
    """Makes the pre-labels of a round, and keeps what was sent."""

    def __init__(self, root: Path, number: int, model: Any, kind: Kind) -> None:
        """See `occset.annotation.push.push.push`; ``root`` is the set's folder."""
        self.root, self.number, self.model, self.kind = root, number, model, kind
        self._made: dict[str, tuple[str, Sent]] = {}  # by key

    def make(self, key: str, row: Mapping[str, Any], jpeg: bytes, side: int) -> Prelabel | None:
        """The pre-label of a sample, (side, side), from its row of the ledger and the copy that is shown; None for none.

        A honeypot's is damaged: its label is the truth, and a good guess of the model would be a present.
        """
        guess = self._guess(row, jpeg, side)
        if guess is not None and row["arm"] == "honeypot":
            guess = guess._replace(mask=damage(guess.mask, label_of(row, side), key))
        if guess is None or not guess.mask.any():
            return None
        self._made[key] = (str(row["id"]), Sent(guess.mask, guess.version))
        return guess

    def keep(self, keys: Iterable[str]) -> None:
        """Write down what was made for these keys, before it is sent."""
        add_sent(self.root, self.number, dict(self._made.pop(key) for key in keys if key in self._made))

    def _guess(self, row: Mapping[str, Any], jpeg: bytes, side: int) -> Prelabel | None:
        if self.kind == "model" and self.model is not None:
            seen: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
            return prelabel(self.model, [seen])[0]
        if self.kind != "label" or not isinstance(row["label_before"], str):
            return None
        return Prelabel(label_of(row, side), 1.0, "label")


def truths_of(ledger: Ledger, marker: str) -> dict[str, np.ndarray]:
    """What is right of the honeypots of a round, by key, at the side that annotators see."""
    rows: Any = ledger.rows[ledger.rows["arm"] == "honeypot"].to_dict("records")
    return {key_of(marker, row["id"]): label_of(row, side_of(row)) for row in rows}


def label_of(row: Mapping[str, Any], side: int) -> np.ndarray:
    """The label of a sample before it is labelled, at the side that annotators see, (side, side) uint8 0/255."""
    return reduce(decode_rle(row["label_before"], int(row["height"]), int(row["width"])), side, side)
