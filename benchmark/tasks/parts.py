"""The parts of a task that say something, rather than do it: words, methods, audit, samples, judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from occset.benchmark.tasks.rule import Rule
from occset.models.registry import networks

if TYPE_CHECKING:
    from occset.dataset.occlusion_set import OcclusionSet

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Words:
    """What pages and lists say of a task.

    Attributes:
        title: of a page about it alone.
        lead: one paragraph beneath the title.
        kinds: what types of samples are called.
        bounds: what "floor" and "ceiling" are.
        given: of methods that are not automatic.
        marks: of a method that is given the thing named, the first that fits; others are "given <what>".
        no_identity: why its results have no column `id`, where no judge of the task has it.
        conventions: paragraphs about what is scored and how.
        before: pictures that belong to no method and pages and sheets show before those of methods, by the names of
            `Evaluator.shared`, and how they are called; without them a sample is not shown.
        after: the same, shown behind them.
    """

    title: str
    lead: str
    kinds: str
    bounds: Mapping[str, str]
    given: str
    marks: Mapping[str, str] = field(default_factory=dict)
    no_identity: str = "this task shows nobody"
    conventions: tuple[str, ...] = ()
    before: Mapping[str, str] = field(default_factory=lambda: {"input": "Input"})
    after: Mapping[str, str] = field(default_factory=lambda: {"truth": "Truth"})

    @property
    def pictures(self) -> dict[str, str]:
        """Those before and those after."""
        return {**self.before, **self.after}


class Unseen(NamedTuple):
    """What lists say of a method that would take seconds to load: one line, and what it is given."""

    says: str
    given: tuple[str, ...] = ()


def unseen_networks(does: str, runs: str) -> dict[str, Unseen]:
    """What lists say of every network that does a task of the bench, by name; ``runs`` tells which weights it runs."""
    found = [network for network in networks().values() if network.does == does]
    return {n.name: Unseen(f"{n.title}: {n.says}; {runs}", n.given) for n in found}


@dataclass(frozen=True)
class Form:
    """Methods that are named by a kind and something after a colon, such as ``onnx:FILE``.

    Attributes:
        name: as lists show it, ``kind:WHAT``.
        opens: ``"module:attr"`` of what makes a method of the text after the colon.
        says: one line for lists.
        given: what such methods are given, for lists.
    """

    name: str
    opens: str
    says: str
    given: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What stands before the colon."""
        return self.name.partition(":")[0]


@dataclass(frozen=True)
class Methods:
    """Who does a task.

    Attributes:
        signature: what a method must have, as it is called, such as ``segment(images)``.
        given: what a method may ask for in its `given`.
        registered: every built-in name, the controls included, to its ``"module:attr"``.
        controls: names of known rank: shown, never ranked, and given whatever they ask for.
        told: names that are no controls, and yet are given some of the answers; to what these are.
        needs: controls that do without a face only where its truth holds arrays whose names begin so; see `Samples.truth`.
            On a protocol that shows other faces too they are absent, and an audit goes without them.
        roles: the controls that bound a method, "floor" and "ceiling" by name; they always run.
        defaults: those that run when none is named.
        forms: how others are named, beside ``package.module:Class`` and plug-ins.
        unseen: for lists, a line for each method that would take seconds to look at.
    """

    signature: str
    given: tuple[str, ...]
    registered: Mapping[str, str]
    controls: tuple[str, ...]
    roles: Mapping[str, str]
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: Mapping[str, str] = field(default_factory=dict)
    defaults: tuple[str, ...] = ()
    forms: tuple[Form, ...] = ()
    unseen: Mapping[str, Unseen] = field(default_factory=dict)

    @property
    def call(self) -> str:
        """Name of the attribute that is called."""
        return self.signature.partition("(")[0]


@dataclass(frozen=True)
class Audit:
    """What must hold of controls, or the bench itself is wrong.

    Attributes:
        above: for each metric, pairs of which the first must be better, significantly.
        perfect: for each metric, what a method must reach exactly.
    """

    above: Mapping[str, Pairs]
    perfect: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def runs(self) -> tuple[str, ...]:
        """The methods that it needs, in the order in which they are first named."""
        pairs = [pair for pairs in self.above.values() for pair in pairs]
        named = [name for pair in pairs for name in pair] + [name for at in self.perfect.values() for name in at]
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Samples:
    """What a task asks of its protocols.

    Attributes:
        rules: those it publishes.
        fit: the rule as a set can follow it, called with (set, rule); as it is when None.
        faces: ids of the test faces that may be drawn, called with (set, rule); every face that can be drawn
            when None.
        landmarks: whether a face without landmarks is of no use, in training too.
        masks: whether a face that nobody labelled is of no use; where it is of use, a folder of photos is enough.
        truth: what of a rendered face's own truth (`OcclusionSet.load_truth`) methods are held against, as beginnings of
            the arrays' names, such as "coefficients/"; it is part of the hash of a protocol's data.
    """

    rules: tuple[Rule, ...]
    fit: Callable[[OcclusionSet, Rule], Rule] | None = None
    faces: Callable[[OcclusionSet, Rule], list[str]] | None = None
    landmarks: bool = True
    masks: bool = True
    truth: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bins:
    """How tables split samples by a number that each of them has, whatever the method.

    Attributes:
        column: that number; the same in the results of all methods.
        edges: rising; a sample belongs to the first bin whose upper edge it does not exceed, and to none at or below the
            first edge.
        label: of a bin, such as "hidden {low:.0%} to {high:.0%}".
    """

    column: str
    edges: tuple[float, ...]
    label: str

    def names(self) -> list[tuple[str, float, float]]:
        """Each bin's name with its edges, the lower one exclusive."""
        return [(self.label.format(low=low, high=high), low, high) for low, high in pairwise(self.edges)]


@dataclass(frozen=True)
class JudgeKind:
    """Another network's opinion of what a method made, in columns of its own; a result without it says why.

    A judge may store more than it shows: a share of a gap closed is a `Metric.ratio` of what was gained and of the gap.

    Attributes:
        key: its name in results, "id" for example.
        network: what it is called in messages.
        columns: what it adds to each sample.
        missing: why a result has none, if nobody says more.
        find: ``"module:attr"`` of what is called with a path or None and returns the network's file, a dataclass with a
            `path` and a `sha256`, or a sentence that says why there is none, or nothing to run it with.
        load: ``"module:attr"`` of what makes a judge of such a file, in each worker; the task's evaluator uses it.
    """

    key: str
    network: str
    columns: tuple[str, ...]
    missing: str
    find: str
    load: str
