"""Eq. 1 by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from occset.models.inpainting.hidden import hidden, tidied, widened


def test_hidden_is_where_the_render_covers_and_no_face_shows() -> None:
    rendered = torch.tensor([1.0, 1.0, 0.0, 0.4, 0.6]).view(1, 1, 1, 5)
    face = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.25]).view(1, 1, 1, 5)
    # seen; hidden; face beyond the render; the render's soft rim; half seen
    assert hidden(rendered, face).flatten().tolist() == [0.0, 1.0, 0.0, 0.0, 0.75]


def test_slips_and_specks_are_no_occluders() -> None:
    whole = torch.ones(1, 1, 200, 200)
    found = torch.zeros_like(whole)
    found[..., 20:23, 20:180] = 1  # a sliver
    found[..., 100:140, 60:140] = 1  # an occluder
    kept = tidied(found, whole)
    assert kept[..., 20:23, 20:180].sum() == 0 and kept[..., 100:140, 60:140].min() == 1
    assert kept[..., 98, 100] == 1 and kept[..., 90, 100] == 0  # a rim is added
    speck = torch.zeros_like(whole)
    speck[..., 50:58, 50:58] = 1
    assert tidied(speck, whole).sum() == 0


def test_thin_parts_of_an_occluder_are_of_it_in_the_midst_of_the_face() -> None:
    whole = torch.zeros(1, 1, 200, 200)
    whole[..., 20:180, 20:180] = 1
    found = torch.zeros_like(whole)
    found[..., 80:110, 50:90] = found[..., 80:110, 110:150] = 1  # two glasses
    found[..., 94:97, 90:110] = 1  # their bridge
    found[..., 20:23, 50:150] = 1  # the render ends a little above the face
    found[..., 160:163, 90:110] = 1  # a dark line far from them
    kept = tidied(found, whole)
    assert kept[..., 94:97, 90:110].min() == 1
    assert kept[..., 20:23, 50:150].max() == 0 and kept[..., 160:163, 90:110].max() == 0
    assert kept[..., 60, 100] == 0, "the face between them stays"


@pytest.mark.parametrize("by", [1, 2, 3, 5, 8])
def test_widening_is_pooling(by: int) -> None:
    values = torch.randn(2, 3, 31, 23, generator=torch.Generator().manual_seed(by))
    assert torch.equal(widened(values, by), F.max_pool2d(values, 2 * by + 1, 1, by))
