"""What the samples of NS show, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

from occset.composition.categories import category


@dataclass(frozen=True)
class Mix:
    """What samples show, and how often.

    Attributes:
        bare: share of samples that show a face as it is, whose own hair, hat or glasses hide it.
        double: share of samples that have two occluders.
        more: how many times as often as its record says a category is drawn.
        labelled: turns of a face that a person labelled for one of a face whose mask a model made.
    """

    bare: float = 0.2
    double: float = 0.2
    more: Mapping[str, float] = field(default_factory=dict)
    labelled: int = 1


def training_types(categories: list[str], mix: Mix | None = None) -> dict[str, tuple[tuple[str, ...], float]]:
    """Types of samples and their weights: bare faces, one occluder as often as its category says, and two.

    Args:
        categories: those that there are occluders of; what data sets count as face where it is worn is passed over.
        mix: how often what is shown.

    Returns:
        Name to (categories of the layers, weight), as `occset.samples.draw.Plan` takes them; the weights add to 1.
    """
    mix = mix or Mix()
    used = [category(name) for name in sorted(set(categories))]
    weights = {c.name: c.weight * mix.more.get(c.name, 1.0) for c in used if not c.worn_as_face}
    if not weights:
        return {"bare": ((), 1.0)}
    whole = sum(weights.values())
    types: dict[str, tuple[tuple[str, ...], float]] = {"bare": ((), mix.bare)}
    for name, weight in weights.items():
        types[name] = ((name,), (1 - mix.bare - mix.double) * weight / whole)
    pairs = {(a, b): weights[a] * weights[b] for a, b in combinations_with_replacement(weights, 2)}
    for (a, b), weight in pairs.items():
        types[f"{a} and {b}"] = ((a, b), mix.double * weight / sum(pairs.values()))
    return types
