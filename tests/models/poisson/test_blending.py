"""Poisson blending against a dense solve, pixel by pixel, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from occset.models.poisson.blending import blend
from occset.support.errors import BadInput

SIZE = 23
PROMISED = 1e-3


def dense(source: np.ndarray, target: np.ndarray, mask: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """The definition: one equation a pixel, (H, W, C) pictures and (H, W) masks; who touches nothing known stays."""
    height, width = mask.shape
    pixels = [(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)]
    number = {pixel: i for i, pixel in enumerate(pixels)}
    matrix, right = np.zeros((len(pixels), len(pixels))), np.zeros((len(pixels), source.shape[2]))
    for (y, x), row in number.items():
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= near[0] < height and 0 <= near[1] < width):
                continue
            if near in number:
                matrix[row, row] += 1
                matrix[row, number[near]] -= 1
            elif known is None or known[near]:
                matrix[row, row] += 1
                right[row] += target[near] - source[near]
    result = target.copy()  # the smallest solution: 0 for parts that nothing holds
    result[mask] = source[mask] + np.linalg.lstsq(matrix, right, rcond=1e-9)[0]
    return result.clip(0, 1)


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float().contiguous()


def pictures(seed: int, rough: bool = True) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    if rough:
        return rng.random((SIZE, SIZE, 3)), rng.random((SIZE, SIZE, 3))
    slopes = np.linspace(0, 1, SIZE)
    return np.stack([slopes[:, None] * slopes] * 3, -1), np.stack([(1 - slopes)[:, None] + 0 * slopes] * 3, -1)


def masks() -> dict[str, np.ndarray]:
    y, x = np.mgrid[:SIZE, :SIZE]
    rng = np.random.default_rng(1)
    thin, all_but_one = np.zeros((SIZE, SIZE), bool), np.ones((SIZE, SIZE), bool)
    thin[::3], thin[:, 4] = True, True
    all_but_one[7, 12] = False
    return {
        "a disc": (y - 11) ** 2 + (x - 10) ** 2 < 64,
        "over the lower border": (y - 22) ** 2 + (x - 11) ** 2 < 81,
        "over all four borders": (abs(y - 11) < 4) | (abs(x - 11) < 3),
        "a comb": thin,
        "between a comb": ~thin,
        "grains": rng.random((SIZE, SIZE)) < 0.5,
        "all but grains": rng.random((SIZE, SIZE)) < 0.93,
        "all but one pixel": all_but_one,
        "a corner": (y < 2) & (x < 2),
        "one pixel": (y == 5) & (x == 5),
    }


@pytest.mark.parametrize("name", masks())
@pytest.mark.parametrize("rough", [True, False])
def test_it_solves_the_equation(name: str, rough: bool) -> None:
    source, target = pictures(3, rough)
    mask = masks()[name]
    found = blend(tensor(source), tensor(target), torch.from_numpy(mask)[None, None])
    off = np.abs(found[0].permute(1, 2, 0).numpy() - dense(source, target, mask)).max()
    assert off < PROMISED


def test_one_pixel_by_hand() -> None:
    source, target = torch.zeros(1, 1, 3, 3), torch.full((1, 1, 3, 3), 0.5)
    source[0, 0, 1, 1] = 0.2  # 0.2 above all its neighbours, which the result is too
    mask = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    mask[0, 0, 1, 1] = True
    target[0, 0, 1, 1] = 0.9  # what is hidden does not count
    expected = torch.full((1, 1, 3, 3), 0.5)
    expected[0, 0, 1, 1] = 0.7
    assert torch.allclose(blend(source, target, mask), expected, atol=1e-5)


def test_a_source_of_another_brightness_takes_the_rims() -> None:
    _, target = pictures(5, rough=False)
    mask = torch.from_numpy(masks()["a disc"])[None, None]
    darker = blend(tensor(target * 0.5 + 0.1), tensor(target * 0.5 + 0.4), mask)
    assert torch.allclose(darker, tensor(target * 0.5 + 0.4), atol=PROMISED)


def test_without_a_rim_the_source_stays_and_without_a_mask_the_target() -> None:
    source, target = (tensor(picture) for picture in pictures(7))
    everywhere = torch.ones(1, 1, SIZE, SIZE, dtype=torch.bool)
    assert torch.equal(blend(source, target, everywhere), source)
    assert torch.equal(blend(source, target, ~everywhere), target)
    disc = torch.from_numpy(masks()["a disc"])[None, None]
    mixed = blend(source.repeat(3, 1, 1, 1), target.repeat(3, 1, 1, 1), torch.cat((everywhere, ~everywhere, disc)))
    assert torch.equal(mixed[0], source[0])
    assert torch.equal(mixed[1], target[0])
    assert torch.allclose(mixed[2], blend(source, target, disc)[0], atol=PROMISED)


def test_what_is_not_known_does_not_bleed_in() -> None:
    """A forehead between a face, which is known, and dark hair, which is not."""
    source = torch.full((1, 1, 9, 9), 0.5)
    target = torch.full((1, 1, 9, 9), 0.6)
    target[:, :, :3] = 0.05  # hair
    mask = torch.zeros(1, 1, 9, 9, dtype=torch.bool)
    mask[:, :, 3:6, 2:7] = True
    known = torch.zeros_like(mask)
    known[:, :, 6:] = True
    assert blend(source, target, mask)[0, 0, 3, 4] < 0.3
    kept = blend(source, target, mask, known)
    assert torch.allclose(kept[mask], torch.tensor(0.6), atol=2e-3)
    nowhere = blend(source, target, mask, torch.zeros_like(mask))  # nothing to go by
    assert torch.equal(nowhere[mask], source[mask])
    assert torch.equal(nowhere[~mask], target[~mask])


@pytest.mark.parametrize("name", ["a disc", "over all four borders", "grains"])
def test_it_solves_the_equation_where_some_is_not_known(name: str) -> None:
    source, target = pictures(11)
    known = np.random.default_rng(2).random((SIZE, SIZE)) < 0.6
    known[:, :8] = False
    mask = masks()[name] | (np.random.default_rng(3).random((SIZE, SIZE)) < 0.1)  # specks, some of which touch nothing
    found = blend(tensor(source), tensor(target), *(torch.from_numpy(m)[None, None] for m in (mask, known)))
    assert np.abs(found[0].permute(1, 2, 0).numpy() - dense(source, target, mask, known)).max() < PROMISED


def test_a_large_smooth_difference_is_found_within_the_promise() -> None:
    """Harmonic by itself, so the answer is known at any size: u = x y."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 300), torch.linspace(0, 1, 257), indexing="ij")
    target = (x * y)[None, None].contiguous()
    mask = torch.zeros(1, 1, 300, 257, dtype=torch.bool)
    mask[:, :, 1:-1, 1:-1] = True
    found = blend(torch.zeros_like(target), torch.where(mask, 0.0, target), mask)
    assert (found - target).abs().max() < PROMISED


def test_each_picture_has_its_own_mask() -> None:
    source, target = pictures(13)
    chosen = [masks()[name] for name in ("a disc", "a corner", "grains")]
    batch = blend(
        tensor(source).repeat(3, 1, 1, 1),
        tensor(target).repeat(3, 1, 1, 1),
        torch.from_numpy(np.stack(chosen))[:, None],
    )
    for found, mask in zip(batch, chosen, strict=True):
        assert np.abs(found.permute(1, 2, 0).numpy() - dense(source, target, mask)).max() < PROMISED


def test_what_does_not_fit_is_refused() -> None:
    picture, mask = torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    with pytest.raises(BadInput, match="one shape"):
        blend(picture, picture[:1], mask)
    with pytest.raises(BadInput, match=r"mask .* bool of shape \(2, 1, 8, 8\)"):
        blend(picture, picture, mask.float())
    with pytest.raises(BadInput, match="known"):
        blend(picture, picture, mask, mask[:1])
    with pytest.raises(BadInput, match="float32"):
        blend(picture.double(), picture.double(), mask)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_finds_the_same() -> None:
    source, target = pictures(17)
    mask = torch.from_numpy(masks()["over all four borders"])[None, None]
    found = blend(tensor(source).cuda(), tensor(target).cuda(), mask.cuda()).cpu()
    assert (
        np.abs(found[0].permute(1, 2, 0).numpy() - dense(source, target, masks()["over all four borders"])).max()
        < PROMISED
    )
