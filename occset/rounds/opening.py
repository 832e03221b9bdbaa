"""Opening a round: score, draw a random control, pick the hard ones, write why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.dataset import OcclusionSet
from occset.errors import OccsetError
from occset.locks import only_writer
from occset.mining.choice import score
from occset.mining.mine import Scores, score_set
from occset.mining.scoring import Progress
from occset.rounds.ledger import (
    LEDGER,
    Ledger,
    Setup,
    corrections,
    list_rounds,
    note_time,
    read_round,
    write_round,
)


def open_round(
    data: OcclusionSet,
    top: int = 50,
    random: int = 50,
    model: str = "ns",
    split: str = "train",
    seed: int = 0,
    weights: Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
) -> tuple[Ledger, list[tuple[str, str]]]:
    """Pick ``top`` hard faces and ``random`` others, and write the ledger of a new round.

    Faces that an earlier round labelled are not picked again, nor those that a frozen recipe names. The random arm is
    drawn first and from all candidates, so that it is a control of them all. Cut off anywhere, nothing is there, and
    the same call does all of it.

    Args:
        data: the set.
        top, random: how many faces of each arm; fewer when there are no more.
        model, split, weights, device, workers, progress: see `occset.mining.mine.score_set`.
        seed: of the random arm.

    Returns:
        The ledger, and the faces that could not be read, and why.

    Raises:
        OccsetError: a round is open, nothing is left to pick, the model cannot be used, or another process writes here.
    """
    if top + random < 1:
        raise OccsetError("a round of no face: give --top or --random a number above 0")
    with only_writer(data.path):
        data.refresh()
        known = list_rounds(data.path)
        if known and (latest := read_round(data.path, known[-1])).is_open:
            raise OccsetError(
                f"{data.path}: round {known[-1]} is open, {len(latest.waiting)} of its faces wait for a label: close it "
                f"with  occset round close {data.path} --labels DIR"
            )
        scores = score_set(
            data, model, split, weights, device, workers, progress, leave_out=corrections(data.path).keys()
        )
        rows = _rows(data, scores, top, random, seed)
        arms = rows["arm"].value_counts()
        setup = Setup(
            number=known[-1] + 1 if known else 1,
            model=scores.model,
            weights_hash=scores.weights_hash,
            split=split,
            mined=int(arms.get("mined", 0)),
            random=int(arms.get("random", 0)),
            seed=seed,
            scored=len(scores.table),
            content_hash=data.content_hash(),
        )
        ledger = Ledger(setup, rows)
        write_round(data.path, ledger)
        note_time(data.path, setup.number, "opened")
    return ledger, scores.problems


def _rows(data: OcclusionSet, scores: Scores, top: int, random: int, seed: int) -> pd.DataFrame:
    table = scores.table
    if table.empty:
        raise OccsetError(f"{data.path}: none of its faces could be read: run  occset check {data.path}")
    if top and random and top + random > len(table):  # the random arm is drawn first and would leave too few
        raise OccsetError(
            f"{data.path}: {top} mined and {random} random faces were asked for, and there are {len(table)} to pick from: "
            "lower --top or --random"
        )
    drawn = np.random.default_rng([seed, 0xD1CE]).permutation(len(table))[:random]
    control = table.iloc[drawn].assign(rank=np.arange(1, len(drawn) + 1), score=score(table).iloc[drawn])
    control = control.assign(arm="random", reason=f"drawn at random (seed {seed}) from {len(table)} faces")
    mined = scores.choose(top, leave_out=control["id"]).assign(arm="mined")
    picks: Any = [*mined.to_dict("records"), *control.to_dict("records")]
    return pd.DataFrame([_row(data, picked, scores) for picked in picks], columns=LEDGER.names)


def _row(data: OcclusionSet, picked: dict[str, Any], scores: Scores) -> dict[str, Any]:
    face = data.face_row(picked["id"])
    known = {name: picked[name] for name in LEDGER.names if name in picked}
    return {
        **dict.fromkeys(LEDGER.names),
        **known,
        "model": scores.model,
        "weights_hash": scores.weights_hash,
        "width": face["width"],
        "height": face["height"],
        "label_before": face["mask"] if isinstance(face["mask"], str) else None,
    }
