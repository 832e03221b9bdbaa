"""What methods that were trained cost, as columns of tables: their size, their work, what their training took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from occset.benchmark.results.result import Result


@dataclass(frozen=True)
class Cost:
    """A column.

    Attributes:
        key: among what a method states of its training, see `occset.benchmark.methods.interfaces`.
        label: head of the column.
        said: a number in words.
        definition: what it is.
    """

    key: str
    label: str
    said: Callable[[float], str]
    definition: str

    def of(self, result: Result) -> str:
        """The number of a method in words; "" where it states none."""
        found = result.trained.get(self.key)
        return "" if found is None else self.said(float(found))


COSTS = (
    Cost("parameters", "params", lambda n: f"{n / 1e6:.2f} M", "weights of the network, millions"),
    Cost(
        "macs",
        "MAC",
        lambda n: f"{n / 1e9:.2f} G",
        "multiply-accumulates for one picture, billions",
    ),
    Cost("samples", "samples", lambda n: f"{n:,.0f}", "samples that its training saw"),
    Cost(
        "seconds",
        "training",
        lambda n: f"{n / 60:,.0f} min",
        "minutes of its training, on whatever machine it had",
    ),
    Cost(
        "processor",
        "CPU",
        lambda n: f"{n / 60:,.0f} min",
        "minutes of the processor, of all threads, that the steps of its training took",
    ),
)
"""Every column, in order; a table shows those that any of its methods states."""

_ALIKE = 1.02  # of the longest of equal times to the shortest


def budget_notes(results: Sequence[Result]) -> list[str]:
    """A sentence where ranked methods that state their training saw different numbers of samples; in equal time, or not."""
    (samples,) = (cost for cost in COSTS if cost.key == "samples")
    seen = {result.method: samples.of(result) for result in results if not result.unranked and samples.of(result)}
    if len(set(seen.values())) < 2:
        return []
    told = ", ".join(f"{method} {count}" for method, count in sorted(seen.items()))
    taken = [float(result.trained.get("processor", 0.0)) for result in results if result.method in seen]
    if min(taken) > 0 and max(taken) <= _ALIKE * min(taken):
        return [f"Trained for as many processor seconds each, {min(taken):,.0f}, which were so many samples: {told}."]
    return [f"Not trained on as many samples, so that their ranks are not those of equal budgets: {told}."]
