"""PICNet on the bench: one fixed draw is its answer, others are there for the columns of the best of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import occset.models
from occset.benchmark.methods.interfaces import Draws
from occset.models.baselines.picnet.network import PICNetwork
from occset.models.weight_files import save_weights
from tests.models.baselines.tiny import tiny


def test_draw_nought_is_the_answer_and_others_are_other_pictures(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = PICNetwork(tiny("picnet").shape)
    network.prior.bias.data.fill_(1.0)  # type: ignore[union-attr]
    save_weights(network.state_dict(), tmp_path, tiny("picnet").to_dict(), "picnet")
    method = occset.models.load("picnet", tmp_path, device="cpu")
    assert isinstance(method, Draws) and method.draws == 10
    rng = np.random.default_rng(0)
    images, masks = rng.integers(0, 256, (2, 64, 64, 3), np.uint8), np.zeros((2, 64, 64), np.uint8)
    masks[:, 16:48, 16:48] = 255
    answer = method.deocclude(images, masks)
    drawn = [method.draw(images, masks, number) for number in (0, 1, 2, 1)]
    assert np.array_equal(drawn[0], answer) and np.array_equal(drawn[1], drawn[3])
    assert not np.array_equal(drawn[1], drawn[0]) and not np.array_equal(drawn[1], drawn[2])
    assert all(np.array_equal(one[masks == 0], images[masks == 0]) for one in drawn)
    assert not isinstance(occset.models.load("ns"), Draws)
