"""Matching the render's colours to the visible face, against NumPy's least squares."""

from __future__ import annotations

import numpy as np
import torch

from occset.models.inpainting.colour import GAINS, match_colours


def pictures(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    render, noise = (torch.rand(2, 3, 12, 12, generator=generator) for _ in range(2))
    visible = torch.zeros(2, 1, 12, 12)
    visible[:, :, 3:11, 2:9] = 1
    gain = torch.tensor([[0.7, 0.9, 1.1], [1.2, 0.8, 0.6]]).view(2, 3, 1, 1)
    return render, (0.1 + 0.6 * gain * render + 0.02 * noise), visible


def test_gain_and_offset_are_those_of_least_squares() -> None:
    render, picture, visible = pictures()
    found = match_colours(render, picture, visible)
    for one in range(2):
        seen = visible[one, 0].numpy() > 0
        for channel in range(3):
            r, y = render[one, channel].numpy(), picture[one, channel].numpy()
            gain, offset = np.polyfit(r[seen], y[seen], 1)
            gain = max(gain, GAINS[0])
            offset = y[seen].mean() - gain * r[seen].mean()
            assert np.abs(found[one, channel].numpy() - (gain * r + offset).clip(0, 1)).max() < 0.01


def test_what_hides_the_face_does_not_count() -> None:
    render, picture, visible = pictures()
    hidden = torch.where(visible > 0, picture, torch.zeros_like(picture))
    assert torch.equal(match_colours(render, picture, visible), match_colours(render, hidden, visible))


def test_a_face_of_one_colour_is_met_and_gains_stay_in_bounds() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3)
    everywhere = torch.ones(1, 1, 8, 8)
    assert torch.allclose(match_colours(flat, flat + 0.4, everywhere), flat + 0.4, atol=1e-5)
    ramp = torch.linspace(0.2, 0.4, 8).expand(1, 3, 8, 8)
    inverted = match_colours(ramp, 1 - 3 * ramp, everywhere)  # the fit would turn the face inside out
    assert torch.allclose(inverted[..., -1] - inverted[..., 0], torch.tensor(0.2 * GAINS[0]), atol=1e-5)


def test_without_a_visible_face_the_render_stays() -> None:
    render, picture, visible = pictures()
    visible[0] = 0
    found = match_colours(render, picture, visible)
    assert torch.equal(found[0], render[0])
    assert not torch.allclose(found[1], render[1])
