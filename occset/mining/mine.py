"""Mining a set: who may be picked, what their scores are, and which are chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.dataset.frozen import frozen_faces
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.replacing import MAY_BE_RELABELLED
from occset.mining.calibration import calibrate
from occset.mining.choice import choose
from occset.mining.model import open_model, weights_hash_of
from occset.mining.options import DEFAULT_MODEL
from occset.mining.scoring import Progress, Rendered, score_faces
from occset.support.errors import OccsetError
from occset.support.pools.processes import default_workers

MAY_BE_MINED = MAY_BE_RELABELLED


@dataclass(frozen=True)
class Scores:
    """What a model makes of the candidates of a set.

    Attributes:
        table: one row a face, sorted by id: `id`, `source`, `source_id`, `split`, the signals, `pieces`, `holes`.
        features: (N, D) float32, one row a face.
        model, weights_hash: who said so.
        problems: faces that could not be read, and why.
        notes: what else there is to tell, in sentences.
    """

    table: pd.DataFrame
    features: np.ndarray
    model: str
    weights_hash: str
    problems: list[tuple[str, str]]
    notes: tuple[str, ...] = ()

    def choose(self, count: int, leave_out: Iterable[str] = ()) -> pd.DataFrame:
        """Choose hard and diverse faces, see `occset.mining.choice.choose`; those to leave out are still ranked against."""
        return choose(self.table, self.features, count, leave_out=leave_out)


def candidates(
    data: OcclusionSet, split: str = "train", leave_out: Iterable[str] = (), judged: bool = False
) -> list[str]:
    """Ids of the faces that may be picked, sorted: those of the split that no frozen recipe names.

    Args:
        data: the set.
        split: "train" or "val".
        leave_out: ids that must not be picked.
        judged: those too that an annotator called unusable, skipped or wants to discuss.

    Raises:
        OccsetError: another split, or no face is left.
        BadInput: a recipe file of the set cannot be read.
    """
    if split not in MAY_BE_MINED:
        raise OccsetError(
            f"the split '{split}' is never mined, nor relabelled: use --split {' or '.join(MAY_BE_MINED)}"
        )
    of_split = set(data.faces.loc[data.faces["split"] == split, "id"])
    frozen = frozen_faces(data.path)
    out = set() if judged else of_split & set(data.faces.loc[data.faces["verdict"].notna(), "id"])
    found = sorted(of_split - frozen - out - set(leave_out))
    if not found:
        why = f"{len(of_split & frozen)} of its {len(of_split)} faces are named by frozen recipes"
        why += f", {len(out)} were taken out by annotators" if out else ""
        raise OccsetError(f"{data.path}: no face of the split '{split}' is left to pick ({why}): add more faces")
    return found


def score_set(
    data: OcclusionSet,
    model: str = DEFAULT_MODEL,
    split: str = "train",
    weights: Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: Progress | None = None,
    rendered: Rendered | None = None,
    leave_out: Iterable[str] = (),
) -> Scores:
    """Score all candidates of a set; the same set, model and weights give the same scores for any number of workers.

    Args:
        data: the set.
        model, weights, device: see `occset.mining.model.open_model`.
        split: see `candidates`.
        workers: processes; all cores by default, one for a model that runs on an accelerator.
        progress: called with (done, all).
        rendered: see `occset.mining.scoring.score_faces`; it is calibrated on good faces first.
        leave_out: ids that are not scored.

    Raises:
        OccsetError: the split may not be mined, the model cannot be opened or returned something unusable.
    """
    ids = candidates(data, split, leave_out)
    make = partial(open_model, model, weights, device)
    opened = make()  # a misspelt name is told before any worker starts, and its hash is wanted
    on_cpu = str(getattr(opened, "device", "cpu")) == "cpu"
    name, digest = str(getattr(opened, "name", model)), weights_hash_of(opened)
    known = calibrate(data, ids, make, rendered) if rendered else None
    trust, notes = (known.trust, (known.sentence(),)) if known else (None, ())
    found = score_faces(data, ids, make, workers or (default_workers() if on_cpu else 1), progress, rendered, trust)
    return collect(data, found.table(), found.features, name, digest, found.problems, notes)


def collect(
    data: OcclusionSet,
    table: pd.DataFrame,
    features: list[np.ndarray],
    model: str,
    weights_hash: str,
    problems: list[tuple[str, str]],
    notes: tuple[str, ...] = (),
) -> Scores:
    """Scored faces with what the set knows of them, as `Scores`."""
    known = data.faces[["id", "source", "source_id", "split"]]
    joined = table.merge(known, on="id", how="left", validate="one_to_one")
    front = ["id", "source", "source_id", "split"]
    joined = joined[[*front, *(c for c in joined.columns if c not in front)]]
    stacked = np.stack(features) if features else np.zeros((0, 1), np.float32)
    return Scores(joined, stacked, model, weights_hash, problems, notes)


def write_picks(path: Path, picks: pd.DataFrame) -> None:
    """Write picks as CSV or Parquet, told by the ending, atomically.

    Raises:
        OccsetError: another ending.
        NoSpace: the folder cannot be written.
    """
    import io

    from occset.support.files import write_atomic

    writers: dict[str, Callable[[], Any]] = {
        ".csv": lambda: picks.to_csv(index=False).encode(),
        ".parquet": lambda: _parquet(picks, io.BytesIO()),
    }
    if path.suffix.lower() not in writers:
        raise OccsetError(f"{path}: picks are written as .csv or .parquet: choose one of these endings")
    write_atomic(path, writers[path.suffix.lower()]())


def _parquet(picks: pd.DataFrame, sink: Any) -> bytes:
    picks.to_parquet(sink, index=False)
    return sink.getvalue()  # type: ignore[no-any-return]
