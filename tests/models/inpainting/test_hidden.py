"""Eq. 1 by hand."""

from __future__ import annotations

import torch

from occset.models.inpainting.hidden import hidden, tidied


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
