"""What `import occset` shows, and that every example in its docstrings runs as it stands."""

from __future__ import annotations

import doctest
import importlib.util
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import occset
from occset import python_api
from occset.dataset.occlusion_set import OcclusionSet
from occset.samples import sequence
from occset.samples.draw import Drawer, Plan
from occset.support.errors import MissingExtra

PUBLIC = {"OccsetError", "OcclusionSet", "Samples", "__version__", "create", "open"}
ROOMS = {"annotation", "benchmark", "models", "torch", "transforms"}


def test_dir_shows_what_is_public_and_no_more() -> None:
    assert set(dir(occset)) == PUBLIC | ROOMS
    assert set(occset.__all__) == PUBLIC
    for name in PUBLIC | ROOMS - {"torch", "transforms"}:
        assert getattr(occset, name) is not None


@pytest.mark.parametrize(
    ("room", "name", "needs", "extra"),
    [
        ("torch", "OcclusionDataset", "torch", "models"),
        ("transforms", "OccludeFace", "albumentations", "transforms"),
    ],
)
def test_what_needs_an_extra_is_there_or_names_it(room: str, name: str, needs: str, extra: str) -> None:
    if importlib.util.find_spec(needs) is not None:
        assert getattr(getattr(occset, room), name).__name__ == name
    else:
        with pytest.raises(MissingExtra, match=rf"pip install 'occset\[{extra}\]'"):
            getattr(getattr(occset, room), name)


def test_what_the_version_before_offered_is_still_found() -> None:
    assert occset.Drawer is Drawer and occset.Plan is Plan
    assert occset.Recipe.__name__ == "Recipe" and occset.Renderer.__name__ == "Renderer"
    with pytest.raises(AttributeError, match="no attribute 'Writer'"):
        _ = occset.Writer


def test_importing_it_loads_nothing_heavy() -> None:
    script = "import sys, occset; print([n for n in ('numpy', 'pandas', 'torch', 'cv2') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "where", [python_api.OcclusionSet, python_api.open, python_api.create, sequence.Samples], ids=lambda w: w.__name__
)
def test_the_examples_run(where: type, plain_set: OcclusionSet, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    shutil.copytree(plain_set.path, folder)
    data = occset.open(folder)
    data.note(name="tiny")
    names = {"occset": occset, "folder": folder, "data": data, "np": np}
    ran = 0
    for example in doctest.DocTestFinder(exclude_empty=True).find(where, where.__name__, globs=names):
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example)
        assert not result.failed, example.name
        ran += result.attempted
    assert ran


def test_samples_are_a_sequence_that_can_be_sent_to_a_worker(plain_set: OcclusionSet) -> None:
    samples = occset.Samples(plain_set, size=48, count=5, seed=3)
    drawn = Drawer(plain_set, Plan(split="train", size=48), 3)
    expected = [drawn.renderer.render(drawn.draw(i)).image for i in range(5)]
    assert [np.array_equal(s.image, e) for s, e in zip(samples, expected, strict=True)] == [True] * 5
    assert np.array_equal(pickle.loads(pickle.dumps(samples))[-1].image, expected[4])
    assert [s.recipe.index for s in samples[1:4:2]] == [1, 3]
    for outside in (5, -6):
        with pytest.raises(IndexError, match="of 5"):
            samples[outside]


def test_samples_of_one_category_hold_no_other(plain_set: OcclusionSet) -> None:
    category = str(plain_set.occluders.loc[plain_set.occluders["split"] == "train", "category"].iloc[0])
    samples = occset.Samples(plain_set, size=48, count=6, categories=[category])
    named = {layer.occluder for sample in samples for layer in sample.recipe.layers}
    of_category = plain_set.occluders.set_index("id")["category"]
    assert named and {of_category[one] for one in named} == {category}
    with pytest.raises(occset.OccsetError, match="no-such"):
        occset.Samples(plain_set, categories=["no-such"])
    with pytest.raises(occset.OccsetError, match="at least 0"):
        occset.Samples(plain_set, count=-1)
