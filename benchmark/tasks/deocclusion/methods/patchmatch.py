"""Inpainting from the picture's own patches, coarse to fine (after Barnes et al. 2009 and Wexler et al. 2007).

On each level of a pyramid two steps alternate. *Search*: every 7 x 7 patch that touches the hole finds the nearest
patch that lies wholly outside it,

    nnf(t) = argmin over s of  || f(P_t) - f(P_s) ||^2,

where f projects a patch on the main axes of the picture's own patches. *Vote*: every pixel x of the hole becomes the
weighted mean of what the patches over it propose,

    I(x) = sum_t w_t I(nnf(t) + x - t) / sum_t w_t,    w_t = 1.3^-depth(t) * exp(-d_t / 2 sigma^2),

d_t the squared distance, sigma^2 a low quantile of d, depth the distance to the hole's border: what lies near
the border knows best. On the coarsest levels the search is exhaustive; on the others it starts from the level below and
improves by propagation (a neighbour's match, shifted, at jumps of 1, 2, 4 and 8 pixels) and random search
(radius halving from a quarter of the picture), each done for the whole field at once.

The answer depends on the seed and on the picture outside the hole, and on nothing else.
"""

from __future__ import annotations

import cv2
import numpy as np

from occset.benchmark.methods.content_seed import content_rng
from occset.benchmark.methods.interfaces import holes
from occset.benchmark.tasks.deocclusion.methods.patch_pyramid import HALF, Level, offsets, patches, pyramid

EXHAUSTIVE = 4_000_000  # target-source pairs up to which every one is compared
ROUNDS = (2, 4, 8, 12)  # of search and vote, the finest level first; coarser ones are cheap, and decide the structure


class PatchMatch:
    """The picture's own patches, matched and voted coarse to fine (Barnes 2009, Wexler 2007)."""

    name = "patchmatch"
    given: tuple[str, ...] = ("mask",)

    def __init__(self, seed: int = 0) -> None:
        """Inpainting whose random search depends on `seed` and the picture."""
        self.seed = seed

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        """(B, H, W, 3) uint8 RGB and (B, H, W) uint8 holes in; (B, H, W, 3) uint8 RGB out."""
        pairs = zip(images, holes(masks, self.name), strict=True)
        return np.stack([inpaint(image, hole, content_rng(self.seed, image, hole)) for image, hole in pairs])


def inpaint(image: np.ndarray, hole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fill the hole of one picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        hole: (H, W) bool.
        rng: for the random search.

    Returns:
        (H, W, 3) uint8 RGB, unchanged outside the hole. Where no 7 x 7 patch lies outside the hole, there is nothing to
        take patches from, and the answer is Telea's.
    """
    if not hole.any():
        return image.copy()
    levels = pyramid(image, hole)
    if not levels:
        return cv2.inpaint(image, hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    level = levels[-1]
    picture = _first_guess(level)
    field: np.ndarray | None = None
    for depth in range(len(levels) - 1, -1, -1):
        level = levels[depth]
        if field is not None:
            field = _upscale(field, levels[depth + 1], level, rng)
            distances = np.zeros(len(level.targets), np.float32)
            picture = _vote(level, level.image.copy(), field, distances)
        rounds = ROUNDS[min(depth, len(ROUNDS) - 1)]
        for turn in range(rounds):
            field, distances = _search(level, picture, field, rng)
            last = depth == 0 and turn == rounds - 1
            picture = _vote(level, picture, field, distances, sharp=last)
    filled = image.copy()
    filled[hole] = np.rint(picture[hole]).clip(0, 255)
    return filled


def _first_guess(level: Level) -> np.ndarray:
    """The coarsest picture, its hole filled by OpenCV's fast marching."""
    rounded = np.rint(level.image).clip(0, 255).astype(np.uint8)
    guess = cv2.inpaint(rounded, level.hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    return np.where(level.hole[..., None], guess, level.image).astype(np.float32)


def _search(
    level: Level, picture: np.ndarray, field: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The nearest source of every target: (T,) positions and (T,) squared distances."""
    wanted = patches(picture, level.targets) @ level.axes
    if len(level.targets) * int(level.is_source.sum()) <= EXHAUSTIVE:
        return _search_all(level, wanted)
    if field is None:
        field = rng.choice(np.flatnonzero(level.is_source), size=len(level.targets))
    distances = _distance(level, wanted, slice(None), field)
    for jump in (8, 4, 2, 1):
        _propagate(level, wanted, field, distances, jump)
    _search_at_random(level, wanted, field, distances, rng)
    _propagate(level, wanted, field, distances, 1)
    return field, distances


def _search_all(level: Level, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sources = np.flatnonzero(level.is_source)
    known = level.features[sources]
    # ||t||^2 is the same for all sources of a target, so it does not matter to the minimum.
    best = ((known**2).sum(axis=1) - 2 * (wanted @ known.T)).argmin(axis=1)
    field = sources[best]
    return field, _distance(level, wanted, slice(None), field)


def _distance(level: Level, wanted: np.ndarray, rows: slice | np.ndarray, sources: np.ndarray) -> np.ndarray:
    difference = wanted[rows] - level.features[sources]
    return np.einsum("nk,nk->n", difference, difference)


def _try(
    level: Level,
    wanted: np.ndarray,
    field: np.ndarray,
    distances: np.ndarray,
    rows: np.ndarray,
    candidates: np.ndarray,
) -> None:
    """Replace, in place, the matches of the targets `rows` by `candidates` where these are sources and nearer."""
    possible = (candidates >= 0) & (candidates < len(level.is_source))
    possible[possible] = level.is_source[candidates[possible]]
    rows, candidates = rows[possible], candidates[possible]
    tried = _distance(level, wanted, rows, candidates)
    better = tried < distances[rows]
    field[rows[better]], distances[rows[better]] = candidates[better], tried[better]


def _propagate(level: Level, wanted: np.ndarray, field: np.ndarray, distances: np.ndarray, jump: int) -> None:
    """Offer every target the matches of its four neighbours `jump` pixels away, shifted back by as much.

    Flat positions may run over the end of a row: what is offered then is far-fetched, but is a source or refused.
    """
    width = level.hole.shape[1]
    for step in (-jump, jump, -jump * width, jump * width):
        neighbours = level.targets + step
        inside = (neighbours >= 0) & (neighbours < len(level.target_of))
        rows = np.flatnonzero(inside)
        others = level.target_of[neighbours[rows]]
        rows, others = rows[others >= 0], others[others >= 0]
        _try(level, wanted, field, distances, rows, field[others] - step)


def _search_at_random(
    level: Level, wanted: np.ndarray, field: np.ndarray, distances: np.ndarray, rng: np.random.Generator
) -> None:
    """Offer every target positions in squares round its match, from a quarter of the picture down to a pixel."""
    height, width = level.hole.shape
    rows = np.arange(len(field))
    radius = max(height, width) // 4
    while radius >= 1:
        y, x = np.divmod(field, width)
        shift = rng.integers(-radius, radius + 1, size=(2, len(field)))
        y, x = (y + shift[0]).clip(0, height - 1), (x + shift[1]).clip(0, width - 1)
        _try(level, wanted, field, distances, rows, y * width + x)
        radius //= 2


def _vote(
    level: Level, picture: np.ndarray, field: np.ndarray, distances: np.ndarray, *, sharp: bool = False
) -> np.ndarray:
    """Paint the hole with the weighted mean of what the patches over each pixel propose.

    `sharp` weighs the best patches more, for the last vote: means of many patches are blurred.
    """
    width = picture.shape[1]
    spread = np.quantile(distances, 0.1 if sharp else 0.75)
    weights = level.trust * np.exp(-distances / (2 * max(float(spread), 1e-6)))
    weights = np.maximum(weights, 1e-12).astype(np.float32)
    pixels = np.flatnonzero(level.hole)
    colours = level.image.reshape(-1, 3)
    total = np.zeros((len(pixels), 3), np.float32)
    weight = np.zeros(len(pixels), np.float32)
    for offset in offsets(width):
        # A position that runs over the end of a row lands where no whole patch fits, so it is no target.
        centres = pixels - offset
        rows = level.target_of[centres.clip(0, len(level.target_of) - 1)]
        use = np.flatnonzero((rows >= 0) & (centres >= 0) & (centres < len(level.target_of)))
        chosen = rows[use]
        total[use] += weights[chosen, None] * colours[field[chosen] + offset]
        weight[use] += weights[chosen]
    painted = picture.copy()
    painted.reshape(-1, 3)[pixels] = total / weight[:, None]
    return painted


def _upscale(field: np.ndarray, coarse: Level, fine: Level, rng: np.random.Generator) -> np.ndarray:
    """Matches of the coarse level, doubled, for the targets of the fine one; at random where that is no source."""
    height, width = fine.hole.shape
    small_height, small_width = coarse.hole.shape
    y, x = np.divmod(fine.targets, width)
    parent = np.clip(y // 2, HALF, small_height - 1 - HALF) * small_width
    parent += np.clip(x // 2, HALF, small_width - 1 - HALF)
    rows = coarse.target_of[parent]
    shift_y, shift_x = np.divmod(field[np.maximum(rows, 0)], small_width)
    parent_y, parent_x = np.divmod(parent, small_width)
    new_y, new_x = y + 2 * (shift_y - parent_y), x + 2 * (shift_x - parent_x)
    possible = (rows >= 0) & (new_y >= 0) & (new_y < height) & (new_x >= 0) & (new_x < width)
    matched = np.where(possible, new_y * width + new_x, 0)
    possible &= fine.is_source[matched]
    matched[~possible] = rng.choice(np.flatnonzero(fine.is_source), size=int((~possible).sum()))
    return matched
