"""One figure of a task, declared once: results, leaderboard and documentation read it from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        key: its name in result files.
        label: its heading in tables.
        higher_is_better: direction in which methods are ranked.
        unit: "" (a ratio or a value on 0..1), "dB", "%" or "mm".
        digits: decimals shown.
        group: "primary" columns rank methods, "secondary" ones are shown on demand.
        definition: one sentence.
        ranked: whether methods are ranked by it; never by what looks at the truth on a method's behalf.
        ratio: of a pooled figure, the columns whose sums are divided: (those above, those below); None of a mean.
    """

    key: str
    label: str
    higher_is_better: bool
    unit: str
    digits: int
    group: Literal["primary", "secondary"]
    definition: str
    ratio: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    ranked: bool = True

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of a result that it is made of."""
        return (self.key,) if self.ratio is None else tuple(dict.fromkeys(k for part in self.ratio for k in part))

    def values(self, scores: pd.DataFrame) -> pd.Series:
        """What is averaged or, of a pooled figure, summed above the line; one value a row of the scores."""
        return scores[self.key] if self.ratio is None else scores[list(self.ratio[0])].sum(axis=1)

    def weights(self, scores: pd.DataFrame) -> pd.Series | None:
        """What a pooled figure sums below the line; None of a mean."""
        return None if self.ratio is None else scores[list(self.ratio[1])].sum(axis=1)
