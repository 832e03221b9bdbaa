"""What a card says in figures: each is counted or measured here, none is typed by anybody.

Skin tone and pose are estimates, of pixels and of five points. The individual typology angle of the face's pixels is

    ITA = atan2(L* - 50, b*) * 180 / pi        (Chardin et al., 1991; classes by Del Bino et al., 2006)

which depends on the light of the photo as much as on the skin. The yaw is that of an average head: with eyes at (-e, 0) and
(e, 0) and the nose tip p before them, turning by t shortens the distance of the eyes to 2 e cos t and shifts the nose by
p sin t along it, so that tan t = 2 e / p * shift / distance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import pandas as pd

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import MACHINE, flag_of
from occset.pictures.images import shrink
from occset.pictures.masks import area, shrink_mask
from occset.rounds.ledger import list_rounds
from occset.rounds.versions import read_versions
from occset.sources.items import SPLITS
from occset.support.errors import OccsetError
from occset.support.pools.processes import default_workers, map_chunks

TONES = (
    (55.0, "very light"),
    (41.0, "light"),
    (28.0, "intermediate"),
    (10.0, "tan"),
    (-30.0, "brown"),
    (-90.0, "dark"),
)
"""Lower ends of the classes of the typology angle, degrees; what is above an end and below the one before has the name."""

YAWS = ((-90.0, "left, beyond 30"), (-30.0, "left, 15 to 30"), (-15.0, "within 15"), (15.0, "right, 15 to 30"),
        (30.0, "right, beyond 30"))  # fmt: skip
"""Lower ends of the classes of the yaw, degrees; left and right are the picture's."""

UNKNOWN = "not known"
_NOSE = 0.55  # p / 2 e of an average head
_SIDE, _CHUNK = 128, 16


@dataclass(frozen=True)
class Facts:
    """A set in figures.

    Attributes:
        name, version, content_hash: of the set.
        counts: one row a table and kind (source of faces, category of others): "table", "kind", and a number for each of
            train, val, test and excluded.
        labels: faces by where their mask is from.
        verdicts: faces that annotators took out of use, by why.
        agreement: "labels" that several annotators gave and the "mean" of their IoU; empty where there are none.
        annotators: how many different ones the labels and cut-outs name.
        grouping: by what faces were split, see `occset.importing`.
        tones, yaws: faces by class and split; a class more counts those of which it is not known.
        covered: quartiles of the share of the picture that is visible face, 0..1.
        terms: one row a source and licence, with how many faces, occluders and textures.
        errata: faces whose source lists them as doubtful.
    """

    name: str
    version: str
    content_hash: str
    counts: list[dict[str, Any]]
    labels: dict[str, int]
    verdicts: dict[str, int]
    agreement: dict[str, float]
    annotators: int
    grouping: dict[str, Any]
    tones: list[dict[str, Any]]
    yaws: list[dict[str, Any]]
    covered: list[float]
    terms: list[dict[str, Any]]
    errata: int


def facts_of(
    data: OcclusionSet, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Facts:
    """Count and measure a set; reads the picture of every labelled face once.

    Args:
        data: the set.
        workers: processes; all cores by default.
        progress: called with (done, all).
    """
    faces = data.faces
    measured = _measure(data, workers or default_workers(), progress)
    tones = [_class(measured[face][0] if face in measured else None, TONES) for face in faces["id"]]
    yaws = [_class(yaw_of(data.face_landmarks(face)), YAWS) for face in faces["id"]]
    shares = [share for _, share in measured.values()]
    machine = flag_of(faces, MACHINE).ne("")
    labelled = faces["mask"].notna()
    by_hand, agreement, people = _labels_of_rounds(data)
    drawn = faces["id"].isin(list(by_hand)) & labelled & ~machine
    drawn_by = {str(name) for name in data.occluders["annotator"].dropna()}
    return Facts(
        name=str(data.head["name"]),
        version=str(data.head["version"]),
        content_hash=data.content_hash(),
        counts=counts_of(data),
        labels={
            "from their source": int((labelled & ~machine & ~drawn).sum()),
            "by annotators in rounds": int(drawn.sum()),
            "by a model": int((labelled & machine).sum()),
            "none": int((~labelled).sum()),
        },
        verdicts={str(k): int(v) for k, v in sorted(faces["verdict"].value_counts().items())},
        agreement=agreement,
        annotators=len(people | drawn_by),
        grouping=dict(data.head.get("grouping", {})),
        tones=_by_split(faces["split"], tones, [name for _, name in TONES]),
        yaws=_by_split(faces["split"], yaws, [name for _, name in YAWS]),
        covered=[float(v) for v in np.percentile(shares, (0, 25, 50, 75, 100))] if shares else [],
        terms=terms_of(data),
        errata=int(flag_of(faces, "errata").ne("").sum()),
    )


def counts_of(data: OcclusionSet) -> list[dict[str, Any]]:
    """Rows of each table by kind and split."""
    rows: list[dict[str, Any]] = []
    for table, column in (("faces", "source"), ("occluders", "category"), ("textures", "category")):
        frame: pd.DataFrame = getattr(data, table)
        count = Counter(zip(frame[column], frame["split"].fillna("excluded"), strict=True))
        for kind in sorted({kind for kind, _ in count}):
            rows.append({"table": table, "kind": kind, **{s: count[kind, s] for s in (*SPLITS, "excluded")}})
    return rows


def terms_of(data: OcclusionSet) -> list[dict[str, Any]]:
    """How many items of each table come from which source under which licence."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for table in ("faces", "occluders", "textures"):
        frame: pd.DataFrame = getattr(data, table)
        licences = frame["licence"].fillna("no licence is written down")
        for (source, licence), count in Counter(zip(frame["source"], licences, strict=True)).items():
            found.setdefault((str(source), str(licence)), {"faces": 0, "occluders": 0, "textures": 0})[table] = count
    return [{"source": source, "licence": licence, **counts} for (source, licence), counts in sorted(found.items())]


def typology_angle(image: np.ndarray, mask: np.ndarray) -> float | None:
    """The individual typology angle of a face, degrees -180..180, of the medians of L* and b* over its mask.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, 255 = visible face; None comes back where it is empty.
    """
    if not mask.any():
        return None
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[mask > 0].astype(np.float64)
    light, blue = float(np.median(lab[:, 0])), float(np.median(lab[:, 2]))
    return float(np.degrees(np.arctan2(light - 50, blue)))


def yaw_of(points: np.ndarray | None) -> float | None:
    """Estimate of how far a face is turned, degrees, positive to the picture's right.

    Args:
        points: the five points, (5, 2) pixels; None, or eyes that coincide, give None.
    """
    if points is None:
        return None
    along = points[1] - points[0]
    length = float(np.hypot(*along))
    if length == 0:
        return None
    shift = float((points[2] - points[:2].mean(axis=0)) @ along) / length
    return float(np.degrees(np.arctan(shift / length / _NOSE)))


def _class(value: float | None, classes: tuple[tuple[float, str], ...]) -> str:
    """The class with the highest lower end that is not above the value."""
    if value is None:
        return UNKNOWN
    ends = sorted(classes)
    return next((name for end, name in reversed(ends) if value >= end), ends[0][1])


def _measure(
    data: OcclusionSet, workers: int, progress: Callable[[int, int], None] | None
) -> dict[str, tuple[float, float]]:
    """Typology angle and share of the picture that is visible face, of each labelled face that can be read."""
    ids = list(data.faces.loc[data.faces["mask"].notna(), "id"])
    chunks = [ids[i : i + _CHUNK] for i in range(0, len(ids), _CHUNK)]
    found: dict[str, tuple[float, float]] = {}
    done = 0
    for some, chunk in zip(map_chunks(partial(_make_meter, data), chunks, workers), chunks, strict=True):
        found |= some
        done += len(chunk)
        if progress:
            progress(done, len(ids))
    return found


def _make_meter(data: OcclusionSet) -> Callable[[list[str]], dict[str, tuple[float, float]]]:
    def measure(ids: list[str]) -> dict[str, tuple[float, float]]:
        found = {}
        for face in ids:
            try:
                image, mask = data.load_face(face)
            except OccsetError:
                continue  # counted as not known; occset check says why
            side = min(_SIDE, image.shape[0])
            angle = typology_angle(shrink(image, side), shrink_mask(mask, side))
            if angle is not None:
                found[face] = (angle, area(mask) / mask.size)
        return found

    return measure


def _by_split(splits: pd.Series, classes: list[str], names: list[str]) -> list[dict[str, Any]]:
    count = Counter(zip(classes, splits.fillna("excluded"), strict=True))
    shown = [*names, *([UNKNOWN] if UNKNOWN in classes else [])]
    return [{"class": name, **{s: count[name, s] for s in (*SPLITS, "excluded")}} for name in shown]


def _labels_of_rounds(data: OcclusionSet) -> tuple[set[str], dict[str, float], set[str]]:
    """Faces that rounds gave a label, the agreement of labels that several gave, and who labelled."""
    labelled: set[str] = set()
    people: set[str] = set()
    values: list[float] = []
    for number in list_rounds(data.path):
        versions = read_versions(data.path, number)
        labelled |= set(versions.loc[versions["label"].notna(), "face"])
        values += [float(v) for v in versions["agreement"].dropna()]
        people |= {str(name) for names in versions["annotators"] if names is not None for name in names}
    return labelled, {"labels": len(values), "mean": float(np.mean(values))} if values else {}, people
