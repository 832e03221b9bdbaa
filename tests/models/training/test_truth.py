"""A face's truth as arrays of fixed shapes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.training.loading import stack
from occset.models.training.truth import KNOWN, Truths
from occset.support.errors import BadInput

SHAPES = {"coefficients/identity": (80,), "coefficients/pose": (6,)}


def fit(face: str) -> dict[str, np.ndarray]:
    known = {"coefficients/identity": np.arange(80.0), "coefficients/pose": np.ones(6), "picture": np.zeros((9, 9))}
    return known if face != "unfitted" else {}


def test_known_and_unknown_faces_make_one_batch(plain_set: OcclusionSet) -> None:
    truths = Truths(plain_set, SHAPES, fit)
    batch = stack([truths("one"), truths("unfitted")])
    assert batch[KNOWN].tolist() == [1, 0]
    assert batch["coefficients/identity"][0].tolist() == list(range(80))
    assert not batch["coefficients/identity"][1].any() and batch["coefficients/pose"].shape == (2, 6)
    assert set(batch) == {KNOWN, *SHAPES}


def test_built_in_faces_bring_theirs(plain_set: OcclusionSet, monkeypatch: pytest.MonkeyPatch) -> None:
    face = plain_set.faces["id"][0]
    assert not Truths(plain_set, SHAPES)(face)[KNOWN]  # plain faces are no renders
    calls: list[str] = []

    def load_truth(self: OcclusionSet, face: str) -> dict[str, np.ndarray]:
        calls.append(face)
        return fit(face)

    monkeypatch.setattr(OcclusionSet, "load_truth", load_truth)
    truths = pickle.loads(pickle.dumps(Truths(plain_set, SHAPES)))
    assert truths(face)[KNOWN] and truths(face)["coefficients/pose"].dtype == np.float32
    assert calls == [face]  # looked up once


def test_truth_of_another_model_is_refused(plain_set: OcclusionSet) -> None:
    with pytest.raises(BadInput, match=r"'coefficients/pose' of face one is \(6,\) instead of \(7,\)"):
        Truths(plain_set, {"coefficients/pose": (7,)}, fit)("one")
    with pytest.raises(BadInput, match="is not finite"):
        Truths(plain_set, {"x": (1,)}, lambda face: {"x": np.array([np.nan])})("one")
