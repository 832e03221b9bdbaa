"""Several annotators, one face: how far their masks agree, one mask out of all, and how good each annotator is.

Masks are (H, W) uint8, 0 or 255; anything else raises `BadInput`. Distances between
outlines are those of `occset.annotation.labels.outlines`, in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import cv2
import numpy as np

from occset.annotation.labels.outlines import boundary_distance, check_masks, mean_gap, outline_of, signed_distance
from occset.mining.signals import iou
from occset.pictures.masks import area
from occset.support.errors import BadInput

MARGIN = 0.125
"""What `staple` sees around all masks, in longer sides of their box: an ellipse then fills about half of what it sees."""

MOST_ANNOTATORS = 12
"""Of `staple`, which tabulates the 2^K ways in which K annotators can vote."""

_START, _LEAST = 0.99, 1e-6  # sensitivity and specificity: the first guess, and how near to 0 and 1 they may come


@dataclass(frozen=True)
class Pair:
    """Two annotators by name: the IoU of their masks, 0..1, and the `boundary_distance` between them, pixels."""

    one: str
    other: str
    iou: float
    distance: float


@dataclass(frozen=True)
class Staple:
    """What `staple` found: mask (H, W) uint8 0/255; probability (H, W) float32 0..1 that a pixel is on, 0 beyond the box
    that was looked at; sensitivity and specificity, 0..1, in the order of the masks; iterations that were made."""

    mask: np.ndarray
    probability: np.ndarray
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]
    iterations: int


@dataclass(frozen=True)
class Consensus:
    """One mask (H, W) uint8 0/255 of all annotators; the means of the pairs' IoU and distance, None for a single one."""

    mask: np.ndarray
    agreement: float | None
    distance: float | None
    pairs: list[Pair]


def pairs(masks: Mapping[str, np.ndarray]) -> list[Pair]:
    """Each two annotators, by name in sorted order; none for fewer than two.

    Raises:
        BadInput: a mask that is none, or shapes that differ, naming the annotators.
    """
    check_masks(masks)
    outlines = {name: outline_of(mask) for name, mask in masks.items()}
    return [
        Pair(one, other, iou(masks[one], masks[other]), mean_gap(outlines[one], outlines[other]))
        for one, other in combinations(sorted(masks), 2)
    ]


def majority(masks: Sequence[np.ndarray]) -> np.ndarray:
    """What more than half of K masks (H, W) call on; a tie goes to the side of the outline halfway between.

    With d_k the signed distance of a pixel to the edge of mask k, positive inside, a pixel is on where the median of the
    d_k is above 0. That is the strict majority, and it also decides a tie: there the median is the mean of the two
    middle distances. So two annotators get the outline halfway between theirs, and what lies exactly halfway is off. A
    hole or a piece that one of two drew stays only where it is deeper than the other's outline is far: an oversight may
    win, so look at the agreement. An empty mask wins against another, and so does a full one against all but an empty.

    Returns:
        (H, W) uint8, 0 or 255.

    Raises:
        BadInput: no mask, a mask that is none, or shapes that differ.
    """
    stack = _stack(masks)
    votes = np.count_nonzero(stack, axis=0)
    on, tied = 2 * votes > len(stack), 2 * votes == len(stack)
    if tied.any():
        on[tied] = np.median([signed_distance(mask)[tied] for mask in stack], axis=0) > 0
    return on * np.uint8(255)


def staple(masks: Sequence[np.ndarray], tolerance: float = 1e-6, most_iterations: int = 500) -> Staple:
    """The STAPLE of K masks (H, W): a hidden truth, and the reliability of each annotator, by expectation-maximisation.

    Warfield, Zou and Wells, "Simultaneous truth and performance level estimation", IEEE TMI 23 (2004). With the votes
    D_ik (0 or 1), sensitivities p_k, specificities q_k, and the prior g that a pixel is on, repeat

        logit W_i = logit g + sum_k [D_ik log(p_k / (1 - q_k)) + (1 - D_ik) log((1 - p_k) / q_k)]
        p_k = sum_i W_i D_ik / sum_i W_i          q_k = sum_i (1 - W_i) (1 - D_ik) / sum_i (1 - W_i)

    until no p or q changes by the tolerance or more. A wide background would make every q nearly 1, and a single vote
    for "on" would outweigh all others. So the pixels i are those of the box of all masks, widened by `MARGIN`, and g is
    the share of the votes in it that say on. A pixel is on where W > 1/2, but what all annotators agree on is never
    overruled. No chance is involved. Errors must be independent: two annotators with the same fault outvote a third.

    Raises:
        BadInput: fewer than three masks (it cannot tell which of two is right) or more than `MOST_ANNOTATORS`, a mask
            that is none, or shapes that differ.
    """
    stack = _stack(masks)
    if not 3 <= len(stack) <= MOST_ANNOTATORS:
        raise BadInput(f"STAPLE takes 3 to {MOST_ANNOTATORS} masks, not {len(stack)}: take the majority instead")
    if all(np.array_equal(stack[0], mask) for mask in stack):
        certain = (1.0,) * len(stack)
        return Staple(stack[0].copy(), (stack[0] > 0).astype(np.float32), certain, certain, 0)
    box = _box(stack)
    patterns = sum((mask[box] > 0) * np.uint16(1 << bit) for bit, mask in enumerate(stack))
    counts = np.bincount(np.ravel(patterns), minlength=1 << len(stack))
    votes = (np.arange(len(counts))[:, None] >> np.arange(len(stack))) & 1
    chances, sensitivity, specificity, iterations = _maximise(votes, counts, tolerance, most_iterations)
    on = chances > 0.5
    on[0], on[-1] = False, True
    mask, probability = np.zeros_like(stack[0]), np.zeros(stack[0].shape, np.float32)
    mask[box], probability[box] = (on * np.uint8(255))[patterns], chances[patterns]
    return Staple(mask, probability, tuple(sensitivity.tolist()), tuple(specificity.tolist()), iterations)


def consensus(masks: Mapping[str, np.ndarray], rule: Literal["staple", "majority"] = "staple") -> Consensus:
    """One mask of all annotators, whatever their order: a single one's as it is, of two the `majority` by either rule.

    Raises:
        BadInput: no mask, a mask that is none, shapes that differ, an unknown rule, or too many masks for `staple`.
    """
    if rule not in ("staple", "majority"):
        raise BadInput(f"no rule is called '{rule}': take staple or majority")
    found, stack = pairs(masks), [masks[name] for name in sorted(masks)]
    mask = staple(stack).mask if rule == "staple" and len(stack) > 2 else majority(stack)
    if not found:
        return Consensus(mask, None, None, [])
    agreement, distance = np.mean([(pair.iou, pair.distance) for pair in found], axis=0).tolist()
    return Consensus(mask, agreement, distance, found)


def score_annotators(answers: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """Score answers whose truth is known: annotator, mask (H, W) and true mask (H, W), of any size and in any order.

    Returns:
        One row an annotator, sorted by name: annotator, count, the means iou, distance (`boundary_distance`, pixels),
        precision (share of his mask that is true) and recall (share of the truth that he marked), and lowest_iou.
        Precision and recall are 1 where mask and truth are empty; a share of nothing is 0 otherwise.

    Raises:
        BadInput: a mask that is none, or a mask and truth of two shapes, naming the annotator.
    """
    figures: dict[str, list[dict[str, float]]] = {}
    for annotator, mask, truth in answers:
        check_masks({annotator: mask, f"the truth of {annotator}": truth})
        figures.setdefault(annotator, []).append(_figures(mask, truth))
    return [
        {"annotator": annotator, "count": len(rows)}
        | {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        | {"lowest_iou": min(row["iou"] for row in rows)}
        for annotator, rows in sorted(figures.items())
    ]


def _figures(mask: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    hits, nothing = area(mask & truth), float(not mask.any() and not truth.any())
    precision, recall = (hits / area(whole) if whole.any() else nothing for whole in (mask, truth))
    distance = boundary_distance(mask, truth)
    return {"iou": iou(mask, truth), "distance": distance, "precision": precision, "recall": recall}


def _stack(masks: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not len(masks):
        raise BadInput("there is no mask to make a consensus of: pass one mask an annotator")
    check_masks({f"mask {number}": mask for number, mask in enumerate(masks, 1)})
    return list(masks)


def _box(stack: Sequence[np.ndarray]) -> tuple[slice, slice]:
    """The box of all masks, widened by `MARGIN`, as rows and columns of the picture."""
    x, y, width, height = cv2.boundingRect(np.bitwise_or.reduce(stack))
    margin = math.ceil(MARGIN * max(width, height))
    return slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)


def _maximise(
    votes: np.ndarray, counts: np.ndarray, tolerance: float, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The EM of `staple` over P patterns: votes (P, K) 0/1, counts (P,) pixels; gives W (P,), p (K,), q (K,), rounds."""
    prior = float(counts @ votes.mean(axis=1)) / counts.sum()
    p = q = np.full(votes.shape[1], _START)
    rounds, change = 0, math.inf
    while rounds < max(most, 1) and change >= tolerance:
        rounds += 1
        odds = math.log(prior / (1 - prior)) + votes @ np.log(p / (1 - q)) + (1 - votes) @ np.log((1 - p) / q)
        chances = 1 / (1 + np.exp(-odds))
        on, off = counts * chances, counts * (1 - chances)
        before = np.concatenate([p, q])
        p = np.clip(on @ votes / on.sum(), _LEAST, 1 - _LEAST)
        q = np.clip(off @ (1 - votes) / off.sum(), _LEAST, 1 - _LEAST)
        change = np.abs(np.concatenate([p, q]) - before).max()
    return chances, p, q, rounds
