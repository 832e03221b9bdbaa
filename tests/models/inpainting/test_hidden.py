"""Eq. 1 by hand."""

from __future__ import annotations

import torch

from occset.models.inpainting.hidden import hidden


def test_hidden_is_where_the_render_covers_and_no_face_shows() -> None:
    rendered = torch.tensor([1.0, 1.0, 0.0, 0.4, 0.6]).view(1, 1, 1, 5)
    face = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.25]).view(1, 1, 1, 5)
    # seen; hidden; face beyond the render; the render's soft rim; half seen
    assert hidden(rendered, face).flatten().tolist() == [0.0, 1.0, 0.0, 0.0, 0.75]
