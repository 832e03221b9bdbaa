"""The parts of the multigrid solver, each against its definition."""

from __future__ import annotations

import torch
from torch import Tensor

from occset.models.poisson.multigrid import COARSEST, Level, hierarchy, prolong, restrict, solve, v_cycle


def ring(height: int = 21, width: int = 30) -> Tensor:
    """Diagonal of a mask with a hole that touches the lower border, where fewer neighbours count."""
    inside = torch.zeros(1, 1, height, width)
    inside[:, :, 3:, 2:-3] = 1
    inside[:, :, 9:12, 9:14] = 0
    diagonal = 4 * inside
    diagonal[:, :, -1] -= inside[:, :, -1]
    return diagonal


def matrix_of(level: Level) -> Tensor:
    """(n, n): what the level makes of every unit vector, one at a time."""
    height, width = level.diagonal.shape[2:]
    unit = torch.eye(height * width).view(-1, 1, height, width) * level.inside
    return torch.stack([level.times(one[None]).flatten() for one in unit])


def test_restriction_is_the_transpose_of_prolongation() -> None:
    generator = torch.Generator().manual_seed(0)
    for height, width in ((8, 9), (1, 2), (13, 4)):
        fine = torch.randn(1, 2, height, width, generator=generator)
        coarse = torch.randn(1, 2, height // 2 + 1, width // 2 + 1, generator=generator)
        there, back = prolong(coarse, torch.empty_like(fine)), restrict(fine)
        assert torch.allclose((there * fine).sum(), (coarse * back).sum(), atol=1e-4)


def test_prolongation_is_linear_between_nodes() -> None:
    coarse = torch.tensor([[0.0, 1.0, 3.0]])[None, None].expand(1, 1, 2, 3)
    assert prolong(coarse, torch.empty(1, 1, 2, 5))[0, 0, 1].tolist() == [0, 0.5, 1, 2, 3]


def test_a_coarser_matrix_is_the_galerkin_product() -> None:
    fine, coarse = hierarchy(ring())[:2]
    height, width = fine.diagonal.shape[2:]
    rows, columns = coarse.diagonal.shape[2:]
    unit = torch.eye(rows * columns).view(1, -1, rows, columns)
    basis = (prolong(unit, torch.empty(1, rows * columns, height, width)) * fine.inside)[0].flatten(1)
    expected = basis @ matrix_of(fine) @ basis.T
    assert torch.allclose(matrix_of(coarse), expected, atol=1e-4)
    assert torch.allclose(expected, expected.T, atol=1e-4)


def test_levels_shrink_to_what_is_solved_at_once() -> None:
    levels = hierarchy(ring(70, 40))
    sides = [tuple(level.diagonal.shape[2:]) for level in levels]
    assert sides == [(70, 40), (36, 21), (19, 11), (10, 6), (6, 4)]
    assert max(sides[-1]) <= COARSEST < max(sides[-2])
    assert [level.inverse is not None for level in levels] == [False] * 4 + [True]


def test_a_cycle_is_symmetric_and_shrinks_the_error() -> None:
    levels = hierarchy(ring(40, 60))
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.randn(1, 1, 40, 60, generator=generator) * levels[0].inside for _ in range(2))
    left, right = (v_cycle(levels, a).clone() * b).sum(), (a * v_cycle(levels, b)).sum()
    assert torch.allclose(left, right, rtol=1e-3)
    error = a - v_cycle(levels, levels[0].times(a))
    assert error.norm() < 0.3 * a.norm()


def test_solve_inverts_the_matrix_for_each_channel() -> None:
    levels = hierarchy(ring(40, 60))
    wanted = torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(2)) * levels[0].inside
    wanted[:, 1] = 0  # a system that is solved from the start must not disturb the others
    found = solve(levels, levels[0].times(wanted), 1e-4)
    assert (found - wanted).abs().max() < 1e-4
    assert not found[:, 1].any()
