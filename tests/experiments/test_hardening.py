"""What hardening brings is a ratio of means, and its interval resamples faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.hardening import below, read
from occset.support.errors import OccsetError


def test_the_share_is_that_of_the_means() -> None:
    table = pd.DataFrame({"face": ["a", "a", "b"], "nr": [0.1, 0.2, 0.3], "deep3d": [0.2, 0.2, 0.4]})
    share, low, high = below(table)
    assert share == pytest.approx(1 - 0.6 / 0.8)
    assert low == pytest.approx(1 - 0.3 / 0.4) and high == pytest.approx(1 - 0.3 / 0.4)  # both faces alike: no spread


def test_faces_are_drawn_and_not_samples() -> None:
    """Many samples of two faces that differ tell no more than two faces."""
    one = pd.DataFrame({"face": ["a", "b"], "nr": [0.1, 0.3], "deep3d": [0.2, 0.2]})
    many = pd.concat([one] * 50)
    assert np.allclose(below(one), below(many))
    assert below(many)[1] < -0.4 and below(many)[2] > 0.4


def test_a_folder_without_results_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(OccsetError, match="no result"):
        read(tmp_path)
