"""What a training has to tell: losses, which must stay finite, how fast it goes, and what it has taken so far."""

from __future__ import annotations

import math
from typing import Any

import torch

from occset.models.training.trouble.snapshot import Trouble

_RECENT = 200


class Journal:
    """Collects the losses of the steps and looks at them when it is told to, since looking waits for an accelerator."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, str, torch.Tensor, dict[str, Any]]] = []
        self._sums: dict[str, tuple[float, int]] = {}
        self._durations: list[float] = []

    def note(self, step: int, network: str, total: torch.Tensor, parts: dict[str, Any]) -> None:
        """Remember a network's loss and its other scalars."""
        self._pending.append((step, network, total, parts))

    def look(self) -> Trouble | None:
        """Add up the losses since the last look; the first that is not finite, if one is."""
        for step, network, total, parts in self._pending:
            values = {"loss": float(total), **{name: float(value) for name, value in parts.items()}}
            if not math.isfinite(values["loss"]):
                return Trouble(step, network, values)
            for name, value in values.items():
                total_before, count = self._sums.get(f"{network}/{name}", (0.0, 0))
                self._sums[f"{network}/{name}"] = total_before + value, count + 1
        self._pending.clear()
        return None

    def means(self) -> dict[str, float]:
        """The mean of each scalar, named network/scalar, over the steps since the last call."""
        found = {name: total / count for name, (total, count) in self._sums.items()}
        self._sums.clear()
        return found

    def took(self, seconds: float) -> None:
        """Remember how long a step took."""
        self._durations.append(seconds)
        del self._durations[1:-_RECENT]  # but for the first, which waited for the workers to start

    def steps_per_second(self) -> float:
        """Over the last steps; the first counts only while there is no other."""
        recent = self._durations[1:] or self._durations
        return len(recent) / sum(recent) if recent else 0.0


class Marks:
    """Processor seconds of all steps so far, and the marks that they pass: a first one, and each twice the one before."""

    def __init__(self, first: float | None, seconds: float = 0.0) -> None:
        """On from so many seconds."""
        self.first, self.seconds = first, seconds

    def took(self, seconds: float) -> float | None:
        """Add a step; the last mark that it passed, None if it passed none."""
        before, self.seconds = self.seconds, self.seconds + seconds
        if self.first is None or self.seconds < self.first:
            return None
        mark = self.first * 2.0 ** math.floor(math.log2(self.seconds / self.first))
        return mark if before < mark else None
