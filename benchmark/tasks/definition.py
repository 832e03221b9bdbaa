"""What a task of the bench is: one record of all its parts, filled in by the folder of the task.

A task is a folder beside this module with a `TASK`, and a line in `occset.benchmark.tasks.registry`. Parts that take time
to load are named by ``"module:attr"``, so that lists and pages cost no import of what they list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.parts import Audit, Bins, JudgeKind, Methods, Samples, Words

if TYPE_CHECKING:
    import numpy as np

    from occset.benchmark.methods.guard import Hand
    from occset.dataset.recipes import Recipe
    from occset.samples.render import Renderer


class Rendered(Protocol):
    """What every batch has; what else it holds is between a task's evaluator and its trial.

    A batch is a dataclass of lists and arrays, each with one entry a sample.

    Attributes:
        ids, faces, types: of each sample.
    """

    ids: list[str]
    faces: list[str]
    types: list[str]


class Evaluator(Protocol):
    """How a task is rendered, run and scored; made once in each worker, with its judges by key."""

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> Any:
        """A batch (see `Rendered`) of recipes of one size."""
        ...

    def shared(self, batch: Any) -> dict[str, np.ndarray]:
        """Pictures that belong to no method, (B, H, W[, 3]) uint8 by what they show; those of `Words` are among them."""
        ...

    def answers(self, batch: Any) -> dict[str, Any]:
        """What controls may be given, by the names that `given` uses."""
        ...

    def run(
        self, method: Any, batch: Any, answers: Mapping[str, Any], hand: Hand
    ) -> tuple[Any, tuple[int, int] | None]:
        """What a method makes of a batch.

        Args:
            method: what to run.
            batch: of `render`, or of the task's trial.
            answers: those of `answers` that the method may be given.
            hand: every array goes to the method through it.

        Returns:
            The answer, an array or a tuple of arrays with one entry a sample each, in the form that `score` takes;
            and (height, width) of what was returned if that was another size and had to be scaled, else None.

        Raises:
            BrokenMethod: the method raised, or returned something that cannot be scored; names method and samples.
        """
        ...

    def score(self, answer: Any, batch: Any) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each sample, and what to show of it, (B, H, W, 3) uint8."""
        ...


@runtime_checkable
class LooksAgain(Protocol):
    """An `Evaluator` that has more to ask of a method once it has answered, at its own time."""

    def beside(self, method: Any, batch: Any, hand: Hand) -> list[dict[str, Any]]:
        """Further columns of each sample.

        Args:
            method: what has been run.
            batch: of `Evaluator.render`.
            hand: every array goes to the method through it.

        Raises:
            BrokenMethod: the method raised, or returned something that cannot be scored; names method and samples.
        """
        ...


class Remark(NamedTuple):
    """One line of advice of check-method: its name, whether all is well, and what there is to say."""

    name: str
    ok: bool
    message: str


@dataclass(frozen=True)
class BenchTask:
    """A task.

    Attributes:
        name: as rules and results name it.
        words: of pages and lists.
        methods: who does it.
        metrics: every figure by key, those of judges included; primary ones first.
        columns: for each metric version, what is stored for each sample beside `sample`, `face`, `type` and the judges'
            columns; the highest version is the one that is computed now. What a version has stays as it is: a new
            column, or another convention, is a new version.
        headline: the metric that orders tables.
        shown: metrics of the table on the command line.
        audit: what must hold of controls.
        samples: what it asks of its protocols.
        evaluator: ``"module:attr"`` of an `Evaluator`, called with its judges by key.
        trial: ``"module:attr"`` of what makes a batch without data, called with (size, count), for check-method.
        remarks: ``"module:attr"`` of what check-method says of an answer, called with (answer, batch): `Remark` each.
        judges: further networks that have a say.
        optional: columns that have no value (NaN) where nobody can tell one, of a sample or of a whole method, and why.
        bins: of a column, by which tables are split beside the types; None for no such tables.
        judged_since: of columns of judges that came later, the metric version from which they are stored.
        keeps_all: whether the pictures of all samples are kept, not only of the first.
        agreeing: what is said of a method only where several figures say it: a word such as "identity", to their keys.
    """

    name: str
    words: Words
    methods: Methods
    metrics: dict[str, Metric]
    columns: Mapping[int, tuple[str, ...]]
    headline: str
    shown: tuple[str, ...]
    audit: Audit
    samples: Samples
    evaluator: str
    trial: str
    remarks: str
    judges: tuple[JudgeKind, ...] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    bins: Bins | None = None
    judged_since: Mapping[str, int] = field(default_factory=dict)
    keeps_all: bool = False
    agreeing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse an audit that would pass over what it names in silence, and figures that need what may be missing.

        Raises:
            ValueError: the audit names a figure that is unknown or pooled (differences are of values of one sample); or the
                headline, the bins or a pooled figure rest on an optional column.
        """
        must = [self.headline, *([self.bins.column] if self.bins else [])]
        must += [key for metric in self.metrics.values() if metric.ratio is not None for key in metric.needs]
        for key in must:
            if key in self.optional:
                raise ValueError(f"{key} of {self.name} is optional, and tables need a value of it for each sample")
        for key in (*self.audit.above, *self.audit.perfect):
            if key not in self.metrics or self.metrics[key].ratio is not None:
                raise ValueError(
                    f"the audit of {self.name} names {key}, which is no figure with a value for each sample"
                )

    @property
    def metric_version(self) -> int:
        """Number of the conventions by which is scored now."""
        return max(self.columns)

    def judge_columns(self, kind: JudgeKind, version: int) -> tuple[str, ...]:
        """What a judge stores of each sample in a metric version, where it is asked."""
        return tuple(column for column in kind.columns if self.judged_since.get(column, 0) <= version)

    def metrics_among(self, columns: Collection[str]) -> dict[str, Metric]:
        """The figures that can be made of some columns of a result."""
        return {key: metric for key, metric in self.metrics.items() if set(columns).issuperset(metric.needs)}

    def metrics_in(self, version: int) -> dict[str, Metric]:
        """The figures of a metric version, and those of judges, which a result may lack for a reason."""
        judged = [column for kind in self.judges for column in self.judge_columns(kind, version)]
        return self.metrics_among([*self.columns[version], *judged])

    def judge_of(self, metric: Metric) -> JudgeKind | None:
        """Whose figure it is; None of the task's own."""
        return next((kind for kind in self.judges if set(kind.columns) & set(metric.needs)), None)
