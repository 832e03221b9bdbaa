"""The best of several draws: in columns of its own, from the draw nearest to the truth, and never ranked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from occset.benchmark.leaderboards.cells import NEVER_RANKED, cells_of
from occset.benchmark.tasks.deocclusion import TASK
from occset.benchmark.tasks.deocclusion.batch import Batch
from occset.benchmark.tasks.deocclusion.columns import METRIC_VERSION, ORACLE_METRICS
from occset.benchmark.tasks.deocclusion.evaluator import PictureEvaluator
from occset.benchmark.tasks.deocclusion.trial import make_batch
from occset.support.errors import BrokenMethod
from tests.benchmark.result_files import make_result, make_scores

KEYS = [metric.key for metric in ORACLE_METRICS]


class Drawing:
    """Answers the truth, darker by 100; draws it darker by 80, and by 5 where the number is the picture's, 1 or 2."""

    name, given, draws = "drawing", ("mask",), 3

    def __init__(self, batch: Batch) -> None:
        self.truths, self.asked = batch.truths, list[int]()

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        return np.clip(self.truths.astype(int) - 100, 0, 255).astype(np.uint8)

    def draw(self, images: np.ndarray, masks: np.ndarray | None, number: int) -> np.ndarray:
        assert masks is not None and not images.flags.writeable
        self.asked.append(number)
        darker = np.array([5 if number == at + 1 else 80 for at in range(len(images))])
        return np.clip(self.truths.astype(int) - darker[:, None, None, None], 0, 255).astype(np.uint8)


class Plain:
    name, given = "plain", ("mask",)

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        return images.copy()


def test_each_picture_has_its_own_best_draw() -> None:
    batch = make_batch(64, 2)
    method, evaluator = Drawing(batch), PictureEvaluator({})
    answer, _ = evaluator.run(method, batch, {})
    (own, _), found = evaluator.score(answer, batch), evaluator.beside(method, batch)
    assert method.asked == [0, 1, 2]
    for row, best in zip(own, found, strict=True):
        assert list(best) == KEYS
        assert best["oracle_l1"] == pytest.approx(5 / 255, abs=1e-3) and row["l1"] > 0.2  # what is scored is its answer
        assert best["oracle_psnr"] > row["psnr"] + 20 and best["oracle_ssim"] > row["ssim"]


def test_who_paints_one_picture_has_no_such_value() -> None:
    batch = make_batch(64, 2)
    for row in PictureEvaluator({}).beside(Plain(), batch):
        assert list(row) == KEYS and all(math.isnan(value) for value in row.values())


def test_a_draw_is_checked_as_an_answer_is() -> None:
    class Broken(Plain):
        draws = 2

        def draw(self, images: np.ndarray, masks: np.ndarray | None, number: int) -> Any:
            return images / 255

    with pytest.raises(BrokenMethod, match=r"plain on .*: returned float64"):
        PictureEvaluator({}).beside(Broken(), make_batch(64, 1))


def test_nobody_is_ranked_by_the_best_of_his_draws() -> None:
    both = [make_result(name, metric_version=METRIC_VERSION) for name in ("picnet", "other")]
    for result, oracle in zip(both, (0.01, math.nan), strict=True):
        scores = make_scores(0.5, version=METRIC_VERSION).assign(**dict.fromkeys(KEYS, oracle))
        result._scores = scores  # type: ignore[attr-defined]
    faces = pd.Series(scores["face"].to_numpy(), index=scores["sample"].to_numpy())
    metrics = {key: TASK.metrics[key] for key in ("l1", "oracle_l1")}
    drew, painted = cells_of(both, faces, TASK, {}, metrics)
    assert drew["oracle_l1"].mean == pytest.approx(0.01)
    assert drew["oracle_l1"].rank is None and drew["oracle_l1"].reason == NEVER_RANKED
    assert painted["oracle_l1"].mean is None and "one picture" in painted["oracle_l1"].reason
    assert drew["l1"].rank == painted["l1"].rank == 1
    assert all(TASK.metrics[key].group == "secondary" for key in KEYS)
    assert not set(KEYS) & set(TASK.columns[2]) and set(KEYS) <= set(TASK.columns[METRIC_VERSION])
