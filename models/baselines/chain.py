"""What trains a rival on a set, see `occset.models.groups`."""

from __future__ import annotations

from occset.models.steps import Plan, Step


def chain(plan: Plan, name: str) -> tuple[Step, ...]:
    """Fits of the faces by the released NR's own albedo, which the first rival makes for all of them; and the network."""
    return Step(("fit", str(plan.data), "--albedo", "released"), partly=True), plan.train(name)
