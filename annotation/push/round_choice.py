"""Which round is pushed, and which faces a round gets that is opened for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from occset.dataset.named import faces_named
from occset.dataset.occlusion_set import OcclusionSet
from occset.mining.mine import candidates
from occset.mining.options import DEFAULT_MODEL
from occset.rounds.honeypots import how_many
from occset.rounds.ledger import Ledger, corrections, list_rounds, read_round
from occset.rounds.opening import next_number, open_chosen, open_random, open_round
from occset.support.errors import OccsetError

Progress = Callable[[int, int], None]


TOP = 20
"""Faces that the model picks where nobody says how many."""


@dataclass(frozen=True)
class Choice:
    """Which faces: by mining, unless one of `where`, `ids` and `random` is given.

    Attributes:
        top, control: how many the model picks, `TOP` where that is None, and how many are drawn at random beside them.
        where: a condition on the faces' columns, as `pandas.DataFrame.query` takes it.
        ids: ids or names in their source, see `occset.dataset.named.faces_named`.
        random: how many are drawn at random, without a model.
        honeypots, split, seed: see `occset.rounds.opening.open_round`.
        model, weights, device: who mines.
    """

    top: int | None = None
    control: int = 0
    where: str | None = None
    ids: str | None = None
    random: int | None = None
    honeypots: float = 0.0
    split: str = "train"
    seed: int = 0
    model: str = DEFAULT_MODEL
    weights: Path | None = None
    device: str = "auto"

    @property
    def named(self) -> list[str]:
        """The options that say which faces."""
        return [f"--{name}" for name in ("top", "where", "ids", "random") if getattr(self, name) is not None]


def round_to_push(
    data: OcclusionSet,
    number: int | None,
    choice: Choice,
    dry_run: bool,
    progress: Progress,
    say: Callable[[str], None],
) -> tuple[int | None, list[tuple[str, str]]]:
    """The number of the round to push, which is opened where it is not there; None for a dry run without a round.

    An open round is pushed. A choice that is given with it has to be the one that it was opened with: so a command that
    was cut off can be repeated, and no other one sends faces that it did not name.

    Returns:
        The number, and faces that could not be read while picking, and why.

    Raises:
        OccsetError: the choice names nothing that may be labelled, or a round that is there has faces already.
    """
    known = list_rounds(data.path)
    named = choice.named
    if len(named) > 1:
        raise OccsetError(f"{' and '.join(named)} both say which faces: give one of them")
    latest = read_round(data.path) if known else None
    if number is None and latest is not None and latest.is_open:
        number = latest.setup.number
    if number in known:
        ledger = read_round(data.path, number)
        if named and not _is_opened_by(data, ledger, choice):
            raise OccsetError(
                f"{data.path}: round {number} has its faces already: leave {named[0]} out to push them, or end it first "
                f"with  occset annotate pull {data.path} --finish"
            )
        if ledger.is_open:
            say(f"round {number} is open already: its {len(ledger.waiting)} samples without a label are sent")
        return number, []
    following = next_number(data)
    if number not in (None, following):
        raise OccsetError(f"{data.path}: the next round is {following}, not {number}: leave --round out")
    if dry_run:
        say(f"round {following} would be opened: {_told(data, choice)}")
        return None, []
    problems: list[tuple[str, str]] = []
    if choice.random is not None:
        ledger = open_random(data, choice.random, choice.split, choice.honeypots, choice.seed)
    elif choice.ids is not None or choice.where is not None:
        ledger = open_chosen(data, chosen_faces(data, choice), _reason(choice), choice.honeypots, choice.seed)
    else:
        ledger, problems = open_round(
            data, _top(choice), choice.control, choice.model, choice.split, choice.seed, choice.weights, choice.device,
            progress=progress, honeypots=choice.honeypots,
        )  # fmt: skip
    setup = ledger.setup
    by_model = not set(named) - {"--top"}
    asked = {"mined": _top(choice), "random": choice.control} if by_model else {"random": choice.random or 0}
    for arm, count in asked.items():
        if getattr(setup, arm) < count:
            say(f"{count} {arm} faces were asked for, there were {getattr(setup, arm)} that may be labelled")
    say(f"round {setup.number} is open: {len(ledger.rows)} samples")
    return ledger.setup.number, problems


def _top(choice: Choice) -> int:
    return TOP if choice.top is None else choice.top


def _is_opened_by(data: OcclusionSet, ledger: Ledger, choice: Choice) -> bool:
    """Whether a choice would open a round as this one was opened; fewer faces than were asked for are all there were."""
    setup, picks = ledger.setup, ledger.rows[ledger.rows["arm"].ne("honeypot")]
    if setup.honeypots != how_many(choice.honeypots, len(picks)) or setup.seed != choice.seed:
        return False
    reasons = set(picks["reason"])
    if choice.where is not None:
        return reasons == {_reason(choice)}
    if choice.ids is not None:
        return setup.chosen == len(picks) and set(picks["id"]) == set(chosen_faces(data, choice))
    if setup.split != choice.split:
        return False
    if choice.random is not None:
        all_there_were = any(str(reason).endswith(f" from {len(picks)} faces") for reason in reasons)
        enough = choice.random == setup.random or (choice.random > setup.random and all_there_were)
        return not setup.model and setup.random == len(picks) and enough
    control = min(choice.control, setup.scored)
    return bool(setup.model) and (setup.mined, setup.random) == (min(_top(choice), setup.scored - control), control)


def _reason(choice: Choice) -> str:
    return f"where {choice.where}" if choice.where is not None else "named by the curator"


def _told(data: OcclusionSet, choice: Choice) -> str:
    if choice.random is not None:
        count, faces = choice.random, f"{choice.random} faces at random"
    elif choice.ids is not None or choice.where is not None:
        count = len(chosen_faces(data, choice))
        faces = f"{count} faces"
    else:
        pool = len(candidates(data, choice.split, corrections(data.path).keys()))
        count = _top(choice) + choice.control
        faces = f"{_top(choice)} faces picked by {choice.model} and {choice.control} at random, of {pool}"
    honeypots = how_many(choice.honeypots, count)
    return faces + (f", and {honeypots} honeypots, which are named once it is open" if honeypots else "")


def chosen_faces(data: OcclusionSet, choice: Choice) -> list[str]:
    """Ids of the faces that `ids` or `where` names; a condition passes over test faces and frozen ones.

    Raises:
        OccsetError: a name that no face has, a condition that cannot be evaluated or that no face meets.
    """
    if choice.where is not None:
        free = set(candidates(data, choice.split, judged=True))
        try:
            found = data.faces.query(choice.where, engine="python")
        except Exception as error:  # pandas has a dozen kinds for what a condition can do wrong
            raise OccsetError(
                f"--where '{choice.where}': {type(error).__name__}: {error}: it is a condition on the columns "
                f"{', '.join(data.faces.columns)}, such as \"source == 'photos' and mask.isna()\""
            ) from None
        ids = [face for face in found["id"] if face in free]
        if not ids:
            raise OccsetError(f"--where '{choice.where}': no face of the split '{choice.split}' that may be labelled")
        return ids
    assert choice.ids is not None
    return faces_named(data, choice.ids)
