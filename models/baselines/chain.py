"""What trains a rival on a set, see `occset.models.groups`."""

from __future__ import annotations

from occset.models.baselines import RIVALS
from occset.models.baselines.budget import refuse_unequal
from occset.models.registry import find
from occset.models.steps import Plan, Step


def chain(plan: Plan, name: str) -> tuple[Step, ...]:
    """Fits of the faces by the released NR's own albedo, which the first rival makes for all of them; and the network.

    Raises:
        OccsetError: the preset does not give all rivals the same, as "paper", each paper's own numbers, does not.
    """
    refuse_unequal({one: find(one).preset(plan.preset) for one in RIVALS})
    return Step(("fit", str(plan.data), "--albedo", "released"), partly=True), plan.train(name)
