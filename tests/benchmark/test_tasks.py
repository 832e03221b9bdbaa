"""Tasks as they are declared: what they name exists, and de-occlusion is what it was."""

from __future__ import annotations

import pytest

from occset.benchmark.methods.registry import CONTROLS, SEGMENTATION_CONTROLS, SEGMENTERS, open_method
from occset.benchmark.protocols import RULES
from occset.benchmark.tasks import DEOCCLUSION, SEGMENTATION, TASKS


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_names_exists(name: str) -> None:
    task = TASKS[name]
    assert task.metrics[task.headline].group == "primary"
    assert set(task.shown) <= set(task.metrics)
    for key, metric in task.metrics.items():
        stored = {*task.columns, "id"} if task.identity else set(task.columns)
        assert {key} <= stored if metric.ratio is None else {k for part in metric.ratio for k in part} <= stored
    assert set(task.roles.values()) == set(task.bounds) == {"floor", "ceiling"}
    assert set(task.above) | set(task.perfect) <= set(task.metrics)
    controls = {DEOCCLUSION: CONTROLS, SEGMENTATION: SEGMENTATION_CONTROLS}[name]
    assert set(task.roles) <= set(controls)
    for method in task.audited:
        assert callable(getattr(open_method(method, name), task.call))


def test_de_occlusion_is_what_it_was() -> None:
    task = TASKS[DEOCCLUSION]
    assert task.audited == ("truth", "shifted-truth", "input", "mean-colour", "noise")
    assert (task.shown, task.headline, task.metric_version) == (("l1", "psnr", "ssim", "id"), "l1", 1)


def test_rules_name_tasks() -> None:
    assert {name: rule.task for name, rule in RULES.items()} == {
        "sunglasses": DEOCCLUSION,
        "types": DEOCCLUSION,
        "segmentation": SEGMENTATION,
        "natural": SEGMENTATION,
    }
    assert set(TASKS[SEGMENTATION].defaults) <= set(SEGMENTERS)
