"""Tasks as they are declared: what they name exists, and de-occlusion is what it was."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from occset.benchmark.protocols.frozen import published
from occset.benchmark.tasks import deocclusion
from occset.benchmark.tasks.opening import open_method
from occset.benchmark.tasks.parts import Audit
from occset.benchmark.tasks.registry import TASKS, all_tasks, task_named
from occset.support.errors import UnknownName
from occset.support.references import load


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_names_exists(name: str) -> None:
    task = task_named(name)
    assert task.name == name
    assert task.metrics[task.headline].group == "primary"
    assert set(task.shown) <= set(task.metrics)
    stored = {*task.columns[task.metric_version], *(column for kind in task.judges for column in kind.columns)}
    for key, metric in task.metrics.items():
        assert set(metric.needs) <= stored, key
    methods = task.methods
    assert set(methods.roles.values()) == set(task.words.bounds) == {"floor", "ceiling"}
    assert set(task.audit.above) | set(task.audit.perfect) <= set(task.metrics)
    assert set(methods.roles) <= set(methods.controls) <= set(methods.registered)
    assert {*methods.defaults, *methods.told, *methods.unseen} <= set(methods.registered)
    assert {name: unseen.given for name, unseen in methods.unseen.items()} == {
        name: tuple(load(methods.registered[name]).given) for name in methods.unseen
    }
    for method in task.audit.runs:
        assert callable(getattr(open_method(method, task), methods.call))
    for reference in (
        *methods.registered.values(),
        task.evaluator,
        task.trial,
        task.remarks,
        *(form.opens for form in methods.forms),
    ):
        assert callable(load(reference))
    assert set(task.judged_since) <= {column for kind in task.judges for column in kind.columns}
    assert {key for keys in task.agreeing.values() for key in keys} <= set(task.metrics)
    for kind in task.judges:
        assert callable(load(kind.find)) and callable(load(kind.load))


@pytest.mark.parametrize("name", TASKS)
def test_the_trial_of_a_task_is_a_batch_of_its_evaluator(name: str) -> None:
    task = task_named(name)
    batch = load(task.trial)(64, 3)
    assert {len(getattr(batch, part.name)) for part in fields(batch)} == {3}
    shared = load(task.evaluator)({}).shared(batch)
    assert set(task.words.pictures) <= set(shared) and "input" in task.words.pictures
    assert all(pictures.dtype == np.uint8 and pictures.shape[:3] == (3, 64, 64) for pictures in shared.values())


def test_de_occlusion_is_what_it_was() -> None:
    task = deocclusion.TASK
    assert task.audit.runs == ("truth", "shifted-truth", "input", "mean-colour", "noise")
    assert (task.shown, task.headline, task.metric_version) == (("l1", "psnr", "ssim", "id", "id2"), "l1", 3)
    first = task.metrics_in(1)
    assert [key for key, metric in first.items() if metric.group == "primary"] == ["l1", "psnr", "ssim", "id"]
    assert list(task.metrics_in(2))[3:7] == ["id", "id_closed", "id2", "id2_closed"]


def test_rules_name_their_tasks() -> None:
    for task in all_tasks():
        assert {rule.task for rule in task.samples.rules} == {task.name}
    assert list(published()) == [
        "sunglasses",
        "types",
        "large-yaw",
        "segmentation",
        "natural",
        "reconstruction",
        "wild",
    ]


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean segmentation"):
        task_named("segmentaton")


def test_an_audit_of_what_is_pooled_would_hold_nothing_and_is_refused() -> None:
    task = task_named("segmentation")
    with pytest.raises(ValueError, match="pooled_iou"):
        replace(task, audit=Audit({"pooled_iou": (("truth", "noise"),)}))
