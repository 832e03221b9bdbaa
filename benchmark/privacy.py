"""`occset bench privacy`: how often a recovered face still tells whose it is, from result files (the argument of Fig. 9).

A judge compares two faces by a cosine and calls them one person above a threshold. The threshold is where it would take one
pair in a thousand of different people for one person (false-match rate 0.1 %), measured on the clean faces that the results
were scored on, or on photos of people that are given. A recovered face *matches its owner* when its cosine to the truth,
which results store, lies above.

The truth is the very photo that was occluded: where only one photo of a person exists, it is what the recovered face is held
against, and shares its pose, its light and all pixels outside the hole. So the figures are upper bounds of what would match
another photo of the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from occset.benchmark.identity.judge import CosineJudge
from occset.benchmark.leaderboards.cells import common_file
from occset.benchmark.leaderboards.tables import ALL, Table, read_tables
from occset.benchmark.protocols.hashing import data_hash
from occset.benchmark.runner.planned import find_judges
from occset.benchmark.statistics import LEVEL, Interval, mean_interval
from occset.benchmark.tasks.parts import JudgeKind
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes
from occset.pictures.images import shrink
from occset.samples.render import Renderer
from occset.support.errors import OccsetError
from occset.support.files import safe_join
from occset.support.references import load

FALSE_MATCHES = 0.001
"""Share of pairs of different people that a judge may take for one person."""

_BATCH = 16
_BLOCK = 1024  # rows of the matrix of all pairs that are held at once

Progress = Callable[[int, int], None]


class Threshold(NamedTuple):
    """Where a judge says "one person".

    Attributes:
        cosine: above it.
        pairs: of different people it was measured on.
        people: how many.
        known: share of pairs of two photos of one person that lie above it; None where no two are known.
    """

    cosine: float
    pairs: int
    people: int
    known: float | None


class Matches(NamedTuple):
    """How often a method's faces match their owners: one judge, one type of sample; ends of 95 % intervals may be NaN."""

    protocol: str
    judge: str
    method: str
    role: str
    type: str
    samples: int
    share: float
    low: float
    high: float
    threshold: Threshold


def matches(
    results: Sequence[Path],
    data: OcclusionSet,
    protocols: Path | None = None,
    people: OcclusionSet | None = None,
    files: Mapping[str, Path | None] | None = None,
    progress: Progress | None = None,
) -> list[Matches]:
    """Count who is recognised.

    Args:
        results: folders of results; tables of other sets are passed over.
        data: the set that they are of.
        protocols: where its protocols are kept, if not in it.
        people: photos whose names are PERSON/PHOTO, to measure thresholds on; the truths of the results when None.
        files: by the key of a judge, its network's file.
        progress: called with (done, all), in faces.

    Returns:
        For each table, judge, method and type, and for all types together, in that order.

    Raises:
        OccsetError: no result is of this set, no judge is at hand, or there are too few people to tell.
    """
    found: list[Matches] = []
    why: list[str] = []
    of_people: dict[tuple[str, int], Threshold] = {}  # the same for every table of a size
    for table in read_tables(results):
        reason = _why_not(table, data, protocols)
        if reason:
            why.append(reason)
            continue
        networks = find_judges(table.task, files or {})
        for kind in table.task.judges:
            judge = _same_judge(kind, networks[kind.key], table, why)
            if judge is not None:
                key = kind.key, table.about.resolution
                threshold = of_people.get(key) or _threshold(judge, data, table, people, progress)
                if people is not None:
                    of_people[key] = threshold
                found += _of_table(table, kind, threshold)
    if not found:
        raise OccsetError(f"nothing to tell: {'; '.join(dict.fromkeys(why)) or 'no results'}")
    return found


def threshold_of(embedded: np.ndarray, people: Sequence[str], most: float = FALSE_MATCHES) -> Threshold:
    """The cosine above which at most a share of the pairs of different people lie.

    Args:
        embedded: (N, D) float of unit length.
        people: who each of them shows.
        most: that share.

    Raises:
        OccsetError: too few pairs to measure it.
    """
    names = np.unique(np.asarray(people), return_inverse=True)[1]
    others: list[np.ndarray] = []
    same: list[np.ndarray] = []
    for start in range(0, len(embedded), _BLOCK):
        rows = slice(start, start + _BLOCK)
        cosines = embedded[rows].astype(np.float32) @ embedded.astype(np.float32).T
        upper = np.arange(len(embedded))[None] > np.arange(start, start + len(cosines))[:, None]
        alike = names[rows, None] == names[None]
        others.append(cosines[upper & ~alike])
        same.append(cosines[upper & alike])
    impostors, own = np.concatenate(others), np.concatenate(same)
    allowed = int(most * len(impostors))
    if not allowed:
        need = int(np.ceil((1 + np.sqrt(1 + 8 / most)) / 2))
        raise OccsetError(
            f"{len(impostors)} pairs of different people cannot tell a false-match rate of {most:.1%}: "
            f"it takes {need} people"
        )
    cosine = float(np.partition(impostors, len(impostors) - allowed - 1)[len(impostors) - allowed - 1])
    known = float((own > cosine).mean()) if len(own) else None
    return Threshold(cosine, len(impostors), int(names.max()) + 1, known)


def share_interval(matched: pd.Series, faces: pd.Series) -> Interval:
    """Share of samples that match, with its 95 % interval.

    A bootstrap that resamples faces, as everywhere; where all samples agree it would be a point, and what it leaves open is
    told by the exact bound instead: with N faces that all match, at least ``0.05 ** (1 / N)`` do.

    Args:
        matched: (N,) bool, one a sample.
        faces: (N,) the face each shows.
    """
    found = mean_interval(matched.astype(float), faces)
    open_share = 1 - (1 - LEVEL) ** (1 / faces.nunique())
    if found.mean == 1:
        return Interval(1.0, 1 - open_share, 1.0)
    return Interval(0.0, 0.0, open_share) if found.mean == 0 else found


def in_full(found: Matches) -> dict[str, Any]:
    """As a dictionary of plain values; an end of an interval that a single face leaves unknown is None."""
    ends = {what: None if np.isnan(value) else value for what, value in (("low", found.low), ("high", found.high))}
    at = found.threshold
    measured = {"threshold": at.cosine, "pairs": at.pairs, "people": at.people, "known": at.known}
    return {**found._asdict(), **ends, **measured}


def rounded(found: Matches) -> dict[str, str | int]:
    """As a line of a table."""
    return {
        "judge": found.judge,
        "above": f"{found.threshold.cosine:.3f}",
        "method": found.method,
        "type": found.type,
        "samples": found.samples,
        "match": f"{found.share:.1%}",
        "95 %": _range(found),
    }


def statement(found: Sequence[Matches]) -> str:
    """The figures in sentences, as Markdown."""
    lines = ["# Whose face is it", ""]
    for key in dict.fromkeys((m.protocol, m.judge, m.threshold) for m in found):
        some = [m for m in found if (m.protocol, m.judge, m.threshold) == key]
        protocol, judge, at = key
        known = "" if at.known is None else f" It knows {at.known:.1%} of the pairs of two photos of one person."
        lines += [
            f"Protocol {protocol}, {judge}: called one person above a cosine of {at.cosine:.3f}, where {FALSE_MATCHES:.1%} "
            f"of {at.pairs} pairs of {at.people} different people lie.{known} Share of faces that match their owner:",
            "",
        ]
        for method in dict.fromkeys(m.method for m in some):
            of_method = [m for m in some if m.method == method]
            role = f" ({of_method[0].role})" if of_method[0].role else ""
            shares = [f"{m.type} {m.share:.1%} ({_range(m)})" for m in of_method]
            lines.append(f"- {method}{role}: {', '.join(shares)}")
        lines.append("")
    lines += [
        "Each face is held against the very photo that was occluded, with its pose and light and all that the occluder left "
        "visible: where only one photo of a person exists, no other can be asked. These shares are therefore upper bounds "
        "of how often a recovered face would match another photo of its owner. What the floor says is recognised without "
        "any recovery.",
        "",
    ]
    return "\n".join(lines)


def _range(found: Matches) -> str:
    return "one face" if np.isnan(found.low) else f"{found.low:.1%} to {found.high:.1%}"


def _why_not(table: Table, data: OcclusionSet, protocols: Path | None) -> str:
    """Why a table is not of a set; "" where it is."""
    name = f"{table.about.protocol}.parquet"
    places = [*([protocols / name] if protocols else []), safe_join(data.path, f"protocols/{name}")]
    path = next((place for place in places if place.exists()), None)
    if path is None:
        return f"{table.title}: {data.path} has no protocol {table.about.protocol}"
    if data_hash(data, read_recipes(path), table.task.samples.truth) != table.about.data_hash:
        return f"{table.title}: is not of {data.path} as it is now"
    return ""


def _same_judge(kind: JudgeKind, network: Any, table: Table, why: list[str]) -> CosineJudge | None:
    """A judge that compares faces, by the file that the results of a table were judged by; else `why` takes the reason."""
    used = common_file([row.result for row in table.rows], kind.key)
    if used is None:
        why.append(f"{table.title}: {table.about.why_no(kind.key)}")
    elif isinstance(network, str):
        why.append(network)
    elif network.sha256 != used:
        why.append(f"{table.title}: was judged by another {kind.network} file ({used[:12]})")
    else:
        judge = load(kind.load)(network)
        return judge if isinstance(judge, CosineJudge) else None
    return None


def _threshold(
    judge: CosineJudge, data: OcclusionSet, table: Table, people: OcclusionSet | None, progress: Progress | None
) -> Threshold:
    if people is not None:
        rows = people.faces.dropna(subset=["landmarks"])
        names = [str(name).rpartition("/")[0] or str(name) for name in rows["source_id"]]
        return threshold_of(_embed(judge, people, list(rows["id"]), table.about.resolution, progress), names)
    shown = {face for row in table.rows for face in row.result.scores["face"]}
    rows = data.faces[data.faces["id"].isin(shown)]
    names = [str(group or face) for group, face in zip(rows["group"], rows["id"], strict=True)]
    found = threshold_of(_embed(judge, data, list(rows["id"]), table.about.resolution, progress), names)
    # a set tells people apart by a network, ArcFace itself maybe: what it calls one person is no test of a judge
    return found._replace(known=None)


def _embed(
    judge: CosineJudge, data: OcclusionSet, faces: Sequence[str], size: int, progress: Progress | None
) -> np.ndarray:
    """Faces of a set at a size, (N, D) of unit length."""
    renderer, found = Renderer(data, keep=1), []
    for at in range(0, len(faces), _BATCH):
        some = faces[at : at + _BATCH]
        points = [renderer.face_points(face, size) for face in some]
        images = np.stack([shrink(data.load_image(face), size) for face in some])
        found.append(judge.network.embed(images, np.stack([five for five in points if five is not None])))
        if progress:
            progress(at + len(some), len(faces))
    return np.concatenate(found)


def _of_table(table: Table, kind: JudgeKind, threshold: Threshold) -> list[Matches]:
    column = kind.columns[0]
    label = table.task.metrics[column].label
    found = []
    for row in table.rows:
        if (row.result.control and not row.role) or column not in row.result.scores:
            continue
        scores = row.result.scores
        types = list(dict.fromkeys(scores["type"]))
        for chosen in [*(types if len(types) > 1 else []), ALL]:
            some = scores if chosen == ALL else scores[scores["type"] == chosen]
            interval = share_interval(some[column] > threshold.cosine, some["face"])
            found.append(
                Matches(
                    table.title,
                    label,
                    row.result.method,
                    row.role,
                    chosen,
                    len(some),
                    interval.mean,
                    interval.low,
                    interval.high,
                    threshold,
                )
            )
    return found
