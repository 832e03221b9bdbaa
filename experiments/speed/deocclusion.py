"""How much of the time of `deocclude` its networks take: one face, one photo, and a folder of photos.

Times are of the processor, on one thread, so that other work on the machine counts little. A network's own time is that
between entering and leaving it, in the same calls; where faces have to be found, the detector is one of the networks.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.row import row

MOST_TIMES, MOST_TIMES_IN_A_FOLDER = 3.0, 1.3
SIZE, COUNT, SINGLES = 256, 100, 8
_REPEATS = 3


def photos(folder: Path, count: int) -> list[Path]:
    """Built-in faces of 256 px with a dark bar over the eyes, as files."""
    from occset.models.builtin.faces import render_face
    from occset.pictures.images import write_png

    files = []
    for index in range(count):
        face = render_face(index, size=SIZE)
        eyes = np.asarray(face.landmarks[36:48])
        left, right, middle = eyes[:, 0].min() - 14, eyes[:, 0].max() + 14, eyes[:, 1].mean()
        image = face.image.copy()
        image[max(0, int(middle) - 16) : int(middle) + 18, max(0, int(left)) : int(right)] = (25, 22, 24)
        files.append(folder / f"{index:03d}.png")
        write_png(files[-1], image)
    return files


class OwnTime:
    """Processor seconds inside the networks of a pipeline, and inside the detector."""

    def __init__(self, pipeline: Any) -> None:
        self.seconds, self._began = 0.0, 0.0
        prior = pipeline.prior
        for network in (prior.segmenter.network, prior.reconstructor.network, pipeline.painter.network):
            network.register_forward_pre_hook(lambda *_: self._enter())
            network.register_forward_hook(lambda *_: self._leave())

    def _enter(self) -> None:
        self._began = time.process_time()

    def _leave(self) -> None:
        self.seconds += time.process_time() - self._began

    @contextmanager
    def of_detectors_too(self) -> Iterator[None]:
        """Within ``with``, what a detector's network takes is counted as well."""
        from occset.support.onnx_session import OnnxSession

        run = OnnxSession.run

        def timed(session: OnnxSession, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
            self._enter()
            found = run(session, feeds)
            self._leave()
            return found

        OnnxSession.run = timed  # type: ignore[method-assign]
        try:
            yield
        finally:
            OnnxSession.run = run  # type: ignore[method-assign]


def measure(count: int = COUNT) -> list[dict[str, Any]]:
    """The rows, in milliseconds a face; without a detector only that of faces that are aligned."""
    import cv2
    import torch

    from occset.models.registry import networks

    if not all(networks()[name].is_released for name in ("ns", "nr", "ng")):
        return []
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _rows(Path(folder), count)
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


def _rows(folder: Path, count: int) -> list[dict[str, Any]]:
    from occset.models.deocclusion.deoccluder import Deoccluder
    from occset.models.deocclusion.photos import deocclude_photos
    from occset.pictures.detector import find_detector

    network = Deoccluder(device="cpu")
    own = OwnTime(network)
    files = photos(folder / "photos", count)

    def of(some: list[Path], align: bool) -> Callable[[], Any]:
        return lambda: deocclude_photos(network, some, folder / "out", align)

    whole, alone = _best(of(files[:1], False), own)
    rows = [_row("deocclude, one aligned face of 256 px / NS, NR and NG alone", whole, alone, MOST_TIMES)]
    if find_detector() is None:
        return rows
    with own.of_detectors_too():
        singles = [_best(of([file], True), own) for file in files[:SINGLES]]
        whole, alone = (float(np.mean(values)) for values in zip(*singles, strict=True))
        rows.append(
            _row("deocclude, one face of 256 px, found / detector, NS, NR and NG alone", whole, alone, MOST_TIMES)
        )
        everything, _ = _best(of(files, True), own, repeats=1)
    name = f"deocclude, a folder of {count} photos / detector, NS, NR and NG alone, photo by photo"
    return [*rows, _row(name, everything / count, alone, MOST_TIMES_IN_A_FOLDER)]


def _row(name: str, whole: float, alone: float, most: float) -> dict[str, Any]:
    return row(name, whole * 1000, alone * 1000, f"at most {most:g}", whole <= most * alone)


def _best(work: Callable[[], Any], own: OwnTime, repeats: int = _REPEATS) -> tuple[float, float]:
    """Seconds of the quickest call after a first one, and those that the networks took in it."""
    if repeats > 1:
        work()
    found = []
    for _ in range(repeats):
        own.seconds, began = 0.0, time.process_time()
        work()
        found.append((time.process_time() - began, own.seconds))
    return min(found)


if __name__ == "__main__":
    for line in measure():
        print(line)
