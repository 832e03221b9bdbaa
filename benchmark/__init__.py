"""Compare methods: tasks, protocols, methods, runner, results, statistics, audit and leaderboards.

>>> import occset.benchmark
>>> dir(occset.benchmark)
['boundary_f', 'evaluate', 'iou', 'l1', 'leaderboard', 'psnr', 'run', 'ssim']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from occset.benchmark.calls import evaluate, leaderboard, run
    from occset.benchmark.tasks.deocclusion.pictures import l1, psnr, ssim
    from occset.benchmark.tasks.segmentation.pictures import boundary_f, iou

__all__ = ["boundary_f", "evaluate", "iou", "l1", "leaderboard", "psnr", "run", "ssim"]

_WHERE = {
    **dict.fromkeys(("evaluate", "leaderboard", "run"), "occset.benchmark.calls"),
    **dict.fromkeys(("l1", "psnr", "ssim"), "occset.benchmark.tasks.deocclusion.pictures"),
    **dict.fromkeys(("boundary_f", "iou"), "occset.benchmark.tasks.segmentation.pictures"),
}


def __getattr__(name: str) -> Any:
    """Load what is public when it is asked for."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    """What is public."""
    return list(__all__)
