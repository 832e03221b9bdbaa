"""How a protocol is made: what a task publishes, and what is frozen beside the recipes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rule:
    """How a protocol is made.

    Attributes:
        name: what the command line calls it.
        says: one sentence for lists and pages.
        types: name of each type of sample -> categories of its layers.
        count: number of samples, the types in turn.
        size: resolution, pixels.
        seed: of the draw.
        task: what methods are asked to do, a name of `occset.benchmark.tasks.registry.TASKS`.
        left_out: types of the published rule that the set had no occluders for when the protocol was frozen.
    """

    name: str
    says: str
    types: dict[str, tuple[str, ...]]
    count: int = 1000
    size: int = 256
    seed: int = 2022
    task: str = field(kw_only=True)
    left_out: tuple[str, ...] = ()
