"""Who a picture shows, as judges of tasks say it: ArcFace behind the column `id`, dlib's network behind `id2`.

Each judge compares by the cosine of embeddings, both pictures warped by the truth's five landmarks, and stores besides how
much a method gained on the occluded input, and how far the input was from the truth:

    gained = cos(method) - cos(input)        gap = cos(truth) - cos(input) = 1 - cos(input)

so that the share of the gap closed is a pooled figure, ``sum gained / sum gap``. A further judge is a `JudgeKind` and a
class like `DlibJudge`, and stands beside these in the `judges` of a task.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.parts import JudgeKind

if TYPE_CHECKING:
    import numpy as np

    from occset.benchmark.identity.dlib_faces import DlibFile
    from occset.models.arcface import ArcFaceFile

_HERE = "occset.benchmark.identity.judge"


def _columns(key: str) -> tuple[str, str, str]:
    return key, f"{key}_gained", f"{key}_gap"


def _metrics(key: str, label: str, cosine: str) -> dict[str, Metric]:
    """The figures of a judge: the cosine, and the share of the gap closed."""
    _, gained, gap = _columns(key)
    says = (
        f"Share of the gap in {label} that is closed: the sum over samples of method - input, divided by that of truth - "
        "input. 0 is the occluded input, 1 the truth."
    )
    return {
        key: Metric(key, label, True, "", 4, "primary", cosine),
        f"{key}_closed": Metric(f"{key}_closed", f"{label} closed", True, "", 3, "primary", says, ((gained,), (gap,))),
    }


IDENTITY: dict[str, Metric] = _metrics(
    "id",
    "ID",
    "ArcFace cosine between the composite and the truth, both warped by the truth's five landmarks to 112 x 112.",
)
"""The figures of ArcFace by key."""

IDENTITY_2: dict[str, Metric] = _metrics(
    "id2",
    "ID2",
    "The same by dlib's recognition network at 150 x 150, which no loss was trained on. Its cosines lie higher: about .84 "
    "between different people, .95 between two photos of one.",
)
"""The figures of dlib's network by key."""

ARCFACE = JudgeKind(
    key="id",
    network="ArcFace",
    columns=_columns("id"),
    missing="no ArcFace file was given",
    find=f"{_HERE}:find",
    load=f"{_HERE}:IdentityJudge",
)

DLIB = JudgeKind(
    key="id2",
    network="dlib",
    columns=_columns("id2"),
    missing="no second judge of identity was asked",
    find=f"{_HERE}:find_second",
    load=f"{_HERE}:DlibJudge",
)


def find(file: Path | None) -> ArcFaceFile | str:
    """The ArcFace file, tried; or why there is none, or nothing to run it with.

    Raises:
        BadInput: the file that is named cannot be used.
    """
    from occset.models.arcface import ArcFace, NoArcFace, find_arcface
    from occset.support.errors import MissingExtra

    try:
        found = find_arcface(file)
        ArcFace(found, threads=1)
    except (NoArcFace, MissingExtra) as error:
        return str(error)
    return found


def find_second(file: Path | None) -> DlibFile | str:
    """The file of dlib's network, tried; or why there is none, or nothing to run it with.

    Raises:
        BadInput: the file that is named cannot be used.
    """
    from occset.benchmark.identity.dlib_faces import DlibFaces, NoDlib, find_dlib

    try:
        found = find_dlib(file)
        DlibFaces(found)
    except NoDlib as error:
        return str(error)
    return found


class Embeds(Protocol):
    """A network that knows faces."""

    def embed(self, images: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and (B, 5, 2) float pixels to (B, D) float32 of unit length."""
        ...


class CosineJudge:
    """Compares who pictures show with who the truth of the same batch shows."""

    key: str

    def __init__(self, network: Embeds) -> None:
        """Take over a network."""
        self.network = network
        self._seen: tuple[np.ndarray, np.ndarray] | None = None

    def look(self, truths: np.ndarray, inputs: np.ndarray, points: np.ndarray) -> None:
        """Remember who a batch shows, and how much of that its occluded pictures still tell.

        Args:
            truths: (B, H, W, 3) uint8 clean pictures.
            inputs: the same, occluded.
            points: (B, 5, 2) float pixels, the five points of the truth.
        """
        from occset.models.arcface import similarity

        known = self.network.embed(truths, points)
        self._seen = known, similarity(self.network.embed(inputs, points), known)

    def columns(self, pictures: np.ndarray, points: np.ndarray) -> list[dict[str, float]]:
        """The judge's columns of each of (B, H, W, 3) uint8 pictures of the batch that was looked at last."""
        from occset.models.arcface import similarity

        if self._seen is None:
            raise RuntimeError("the judge has not looked at the truth of this batch: call look() first")
        known, floor = self._seen
        names = _columns(self.key)
        return [
            dict(zip(names, (float(cosine), float(cosine) - float(of_input), 1 - float(of_input)), strict=True))
            for cosine, of_input in zip(similarity(self.network.embed(pictures, points), known), floor, strict=True)
        ]


class IdentityJudge(CosineJudge):
    """ArcFace as a judge."""

    key = ARCFACE.key

    def __init__(self, file: ArcFaceFile) -> None:
        """Load the network, on one thread."""
        from occset.models.arcface import ArcFace

        super().__init__(ArcFace(file, threads=1))


class DlibJudge(CosineJudge):
    """dlib's network as a judge."""

    key = DLIB.key

    def __init__(self, file: DlibFile) -> None:
        """Load the network, which runs on one thread."""
        from occset.benchmark.identity.dlib_faces import DlibFaces

        super().__init__(DlibFaces(file))
