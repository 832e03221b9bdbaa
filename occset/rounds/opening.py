"""Opening a round: score, draw a random control, pick the hard ones, or take those that were named; write why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.dataset.frozen import frozen_faces
from occset.dataset.occlusion_set import OcclusionSet
from occset.mining.choice import score
from occset.mining.mine import MAY_BE_MINED, Scores, candidates, score_set
from occset.mining.options import DEFAULT_MODEL
from occset.mining.scoring import Progress
from occset.rounds.honeypots import add_honeypots, how_many
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
from occset.support.errors import OccsetError
from occset.support.locks import only_writer


def open_round(
    data: OcclusionSet,
    top: int = 50,
    random: int = 50,
    model: str = DEFAULT_MODEL,
    split: str = "train",
    seed: int = 0,
    weights: Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    honeypots: float = 0.0,
) -> tuple[Ledger, list[tuple[str, str]]]:
    """Pick ``top`` hard faces and ``random`` others, and write the ledger of a new round.

    Faces that an earlier round labelled are not picked again, nor those that a frozen recipe names. The random arm is
    drawn first and from all candidates, so that it is a control of them all. Cut off anywhere, nothing is there, and
    the same call does all of it.

    Args:
        data: the set.
        top, random: how many faces of each arm; fewer when there are no more.
        model, split, weights, device, workers, progress: see `occset.mining.mine.score_set`.
        seed: of the random arm and of the honeypots.
        honeypots: samples of known truth to add, as a share of the picks, see `occset.rounds.honeypots`.

    Returns:
        The ledger, and the faces that could not be read, and why.

    Raises:
        OccsetError: a round is open, nothing is left to pick, the model cannot be used, or another process writes here.
    """
    if top + random < 1:
        raise OccsetError("a round of no face: give --top or --random a number above 0")
    with only_writer(data.path):
        data.refresh()
        number = next_number(data)
        scores = score_set(
            data, model, split, weights, device, workers, progress, leave_out=corrections(data.path).keys()
        )
        rows = _rows(data, scores, top, random, seed)
        rest = _trusted(scores, {row["id"] for row in rows})
        known_truth = add_honeypots(data, number, how_many(honeypots, len(rows)), split, rest, seed, rows)
        about = {"model": scores.model, "weights_hash": scores.weights_hash, "scored": len(scores.table)}
        ledger = _write(data, number, [*rows, *known_truth], split, seed, about)
    return ledger, scores.problems


def open_chosen(
    data: OcclusionSet, ids: Sequence[str], reason: str = "named by the curator", honeypots: float = 0.0, seed: int = 0
) -> Ledger:
    """Open a round with faces that somebody named, whatever a model says of them; earlier rounds may have had them.

    Args:
        data: the set.
        ids: of the faces.
        reason: why, for the ledger.
        honeypots, seed: see `open_round`.

    Raises:
        UnknownName: the set has no such face.
        OccsetError: no face, one that may not be relabelled, a round is open, or another process writes here.
    """
    with only_writer(data.path):
        data.refresh()
        number = next_number(data)
        ids = list(dict.fromkeys(ids))
        splits = {face: data.face_row(face)["split"] for face in ids}
        if not ids:
            raise OccsetError("a round of no face: name at least one")
        if wrong := [face for face in ids if splits[face] not in MAY_BE_MINED]:
            raise OccsetError(
                f"{data.path}: {wrong[0]} is of the split '{splits[wrong[0]]}', which is never relabelled: leave it out "
                f"({len(wrong)} such were named)"
            )
        if held := sorted(set(ids) & frozen_faces(data.path)):
            raise OccsetError(f"{data.path}: {held[0]} is named by a frozen recipe file, its label must not change")
        split = splits[ids[0]]
        picks = [_named(data, face, i + 1, "chosen", reason) for i, face in enumerate(ids)]
        rest = [] if not honeypots else candidates(data, split, leave_out=ids)
        known_truth = add_honeypots(data, number, how_many(honeypots, len(ids)), split, rest, seed, picks)
        return _write(data, number, [*picks, *known_truth], split, seed, {})


def open_random(data: OcclusionSet, count: int, split: str = "train", honeypots: float = 0.0, seed: int = 0) -> Ledger:
    """Open a round with faces drawn at random and no model asked.

    Args:
        data: the set.
        count: how many; fewer where there are no more.
        split, honeypots, seed: see `open_round`.

    Raises:
        OccsetError: a round is open, nothing is left to pick, or another process writes here.
    """
    if count < 1:
        raise OccsetError("a round of no face: give --random a number above 0")
    with only_writer(data.path):
        data.refresh()
        number = next_number(data)
        pool = candidates(data, split, corrections(data.path).keys())
        drawn = [pool[i] for i in np.random.default_rng([seed, 0xD1CE]).permutation(len(pool))[:count]]
        reason = f"drawn at random (seed {seed}) from {len(pool)} faces"
        picks = [_named(data, face, i + 1, "random", reason) for i, face in enumerate(drawn)]
        rest = sorted(set(pool) - set(drawn))
        known_truth = add_honeypots(data, number, how_many(honeypots, len(drawn)), split, rest, seed, picks)
        return _write(data, number, [*picks, *known_truth], split, seed, {})


def still_open(data: OcclusionSet, ids: Sequence[str] | None, sizes: tuple[int, int] | None) -> Ledger | None:
    """The latest round, if it is open and was opened with what is asked for now; None where none is open.

    Args:
        data: the set.
        ids: faces that were named, if any were.
        sizes: how many mined and random faces are asked for, if that was said.

    Raises:
        OccsetError: the open round has other faces.
    """
    known = list_rounds(data.path)
    ledger = read_round(data.path, known[-1]) if known else None
    if ledger is None or not ledger.is_open:
        return None
    setup, picks = ledger.setup, ledger.rows[ledger.rows["arm"].ne("honeypot")]
    same = True
    if ids is not None:
        same = set(picks["id"]) == set(ids)
    elif sizes is not None:  # fewer than were asked for are all there were
        control = min(sizes[1], setup.scored)
        same = bool(setup.model) and (setup.mined, setup.random) == (min(sizes[0], setup.scored - control), control)
    if not same:
        raise OccsetError(
            f"{data.path}: round {setup.number} is open and has other faces: leave --ids, --top and --random out to get its "
            f"pictures, or end it first with  occset round close {data.path} --labels DIR"
        )
    return ledger


def next_number(data: OcclusionSet) -> int:
    """Number of the round that can be opened now.

    Raises:
        OccsetError: the latest one is open.
    """
    known = list_rounds(data.path)
    if known and (latest := read_round(data.path, known[-1])).is_open:
        raise OccsetError(
            f"{data.path}: round {known[-1]} is open, {len(latest.waiting)} of its faces wait for a label: end it with  "
            f"occset annotate pull {data.path}  or  occset round close {data.path} --labels DIR"
        )
    return known[-1] + 1 if known else 1


def chosen_ledger(data: OcclusionSet, number: int, ids: Sequence[str], reason: str) -> Ledger:
    """The ledger that a round of these faces begins with; nothing is written, and nobody asks whether they may be picked.

    Args:
        data: the set.
        number: of the round.
        ids: of the faces, at least one.
        reason: why, for the ledger.
    """
    picks = [_named(data, face, i + 1, "chosen", reason) for i, face in enumerate(ids)]
    return _ledger(data, number, picks, data.face_row(ids[0])["split"], 0, {})


def _write(
    data: OcclusionSet, number: int, rows: list[dict[str, Any]], split: str, seed: int, about: dict[str, Any]
) -> Ledger:
    ledger = _ledger(data, number, rows, split, seed, about)
    write_round(data.path, ledger)
    note_time(data.path, number, "opened")
    return ledger


def _ledger(
    data: OcclusionSet, number: int, rows: list[dict[str, Any]], split: str, seed: int, about: dict[str, Any]
) -> Ledger:
    table = pd.DataFrame(rows, columns=LEDGER.names)
    arms = table["arm"].value_counts()
    setup = Setup(
        number=number,
        model=about.get("model", ""),
        weights_hash=about.get("weights_hash", ""),
        split=split,
        mined=int(arms.get("mined", 0)),
        random=int(arms.get("random", 0)),
        seed=seed,
        scored=about.get("scored", 0),
        content_hash=data.content_hash(),
        chosen=int(arms.get("chosen", 0)),
        honeypots=int(arms.get("honeypot", 0)),
    )
    return Ledger(setup, table)


def _trusted(scores: Scores, picked: Collection[str]) -> list[str]:
    """Faces whose labels are believed: the half with the lower scores, those picked left out."""
    order = scores.table.loc[np.argsort(score(scores.table).to_numpy(), kind="stable"), "id"]
    return sorted(set(order.iloc[: max(1, len(order) // 2)]) - set(picked))


def _rows(data: OcclusionSet, scores: Scores, top: int, random: int, seed: int) -> list[dict[str, Any]]:
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
    about = {"model": scores.model, "weights_hash": scores.weights_hash}
    return [_row(data, {**picked, **about}) for picked in picks]


def _named(data: OcclusionSet, face: str, rank: int, arm: str, reason: str) -> dict[str, Any]:
    """The row of a pick that no model scored."""
    known = {"id": face, "source_id": data.face_row(face)["source_id"], "arm": arm, "rank": rank, "reason": reason}
    return _row(data, known)


def _row(data: OcclusionSet, picked: dict[str, Any]) -> dict[str, Any]:
    face = data.face_row(picked["id"])
    known = {name: picked[name] for name in LEDGER.names if name in picked}
    return {
        **dict.fromkeys(LEDGER.names),
        **known,
        "width": face["width"],
        "height": face["height"],
        "label_before": face["mask"] if isinstance(face["mask"], str) else None,
    }
