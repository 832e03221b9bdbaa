"""The sections of a round's page: which figures stand where, and the words around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from occset.rounds.page_parts import (
    DASH,
    Column,
    Safe,
    attribute,
    change,
    duration,
    hint,
    histogram,
    join,
    overlap,
    percent,
    table,
    text,
)
from occset.rounds.report import CHANGED, RoundReport

ARM_NAMES = {"mined": "mined", "random": "random control", "chosen": "chosen by hand", "honeypot": "honeypots"}

_MOST_SAMPLES = 600

_ARMS = (
    Column("arm", "Arm", numeric=False),
    Column("picked", "Picked"),
    Column("done", "Labelled"),
    Column("waiting", "Waiting"),
    Column("out", "Out of use", hint="unusable, skipped or to be discussed, until that is taken back", optional=True),
    Column("missing", "Given up", hint="no label came before the round was finished"),
    Column("labelled", "First label", hint="had no label before"),
    Column("corrected", "Corrected"),
    Column("confirmed", "Confirmed", hint="labelled the same, to the pixel"),
    Column("IoU before/after", "Mean IoU", overlap, hint="of label before and after"),
    Column("changed", "Changed", percent, hint=f"IoU below {CHANGED}, as a share of those that had a label before"),
    Column("area change", "Area moved", percent, hint="mean change of the label's area, without sign"),
)
_WORK = (
    Column("arm", "Arm", numeric=False),
    Column("timed", "Timed", hint="labels whose time is known"),
    Column("median seconds", "Median", duration),
    Column("total seconds", "In all", duration),
    Column("by several", "By several", hint="labelled by more than one annotator"),
    Column("agreement", "Agreement", overlap, hint="mean IoU of the annotators' masks"),
    Column("lowest agreement", "Lowest", overlap),
)
_SIGNALS = (
    Column("signal", "Leading signal", lambda name: name.replace("_", " "), numeric=False),
    Column("arm", "Arm", numeric=False),
    Column("picked", "Picked"),
    Column("compared", "Compared", hint="had a label before and after"),
    Column("IoU before/after", "Mean IoU", overlap),
    Column("changed", "Changed", percent),
)
_SAMPLES = (
    Column("face", "Face", numeric=False),
    Column("arm", "Arm", numeric=False),
    Column("decision", "Decision", numeric=False),
    Column("iou", "IoU", overlap),
    Column("area_change", "Area", change),
    Column("lead_time", "Time", duration),
    Column("agreement", "Agreement", overlap),
    Column("annotators", "Annotators", ", ".join, numeric=False),
    Column("quality", "Quality", numeric=False, optional=True),
    Column("comment", "Comment", numeric=False, optional=True),
    Column("reason", "Why it was picked", numeric=False),
)
_VERDICTS = (
    Column("face", "Face", numeric=False),
    Column("verdict", "Verdict", numeric=False),
    Column("comment", "What was written", numeric=False),
    Column("annotators", "By", ", ".join, numeric=False),
    Column("labelled", "When", lambda when: when[:16].replace("T", " "), numeric=False),
)
_CUTOUTS = (
    Column("category", "Category", numeric=False),
    Column("annotator", "Annotator", numeric=False),
    Column("cut-outs", "Cut-outs"),
    Column("median seconds", "Median time", duration),
)
_ANNOTATORS = (
    Column("annotator", "Annotator", numeric=False),
    Column("labels", "Labels"),
    Column("median seconds", "Median time", duration, hint="of what this annotator labelled alone"),
    Column("honeypots", "Honeypots"),
    Column("honeypot IoU", "Mean IoU with the truth", overlap),
    Column("lowest", "Lowest", overlap),
    Column("shared", "Shared", hint="honeypots that others labelled too: their joint label counts for each"),
    Column("given IoU", "As given", overlap, hint="IoU of the honeypots' pre-labels with the truth", optional=True),
    Column("untouched", "Untouched", hint="submitted with the pre-label as it came", optional=True),
    Column("pre-label IoU", "IoU with the pre-label", overlap, optional=True),
    Column("unsure", "Unsure", hint="labels called unsure", optional=True),
    Column("comments", "Comments", optional=True),
)


def lead(setup: dict[str, Any]) -> Safe:
    """When the round was, and who picked."""
    times = [f"{what} {str(setup[what])[:16].replace('T', ' ')} UTC" for what in ("opened", "closed") if what in setup]
    model = f"picked by {setup['model']} {setup['weights_hash'][:12]}" if setup["model"] else "no model was asked"
    scored = [f"{setup['scored']} faces scored"] if setup["scored"] else []
    split = [f"split {setup['split']}"] if setup["split"] else []
    return text(", ".join([*times, model, *scored, *split, f"seed {setup['seed']}"]))


def tiles(found: RoundReport) -> Safe:
    """The round in a few figures, honeypots left out of the counts."""
    arms = [arm for arm in found.arms if arm["arm"] != "honeypot"]
    picked, waiting = (sum(arm[key] for arm in arms) for key in ("picked", "waiting"))
    done = sum(_done(arm) for arm in arms)
    compared = sum(arm["compared"] for arm in arms)
    changed = round(sum(arm["compared"] * arm["changed"] for arm in arms if arm["compared"]))
    honeypots = sum(arm["picked"] for arm in found.arms) - picked
    work = found.work[-1]
    facts = [
        ("faces picked", picked, f"and {honeypots} honeypots" if honeypots else ""),
        ("labelled", done, f"{waiting} wait" if waiting else "none waits"),
        ("labels changed", changed, f"IoU below {CHANGED}, of {compared} that had one"),
        ("median time", _or_dash(work["median seconds"], duration), _of(work["total seconds"], duration, "in all")),
        ("agreement", _or_dash(work["agreement"], overlap), _of(work["lowest agreement"], overlap, "at the lowest")),
        ("cut-outs", sum(row["cut-outs"] for row in found.categories), ""),
    ]
    shown = (
        Safe(f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd>{_note(note)}</div>") for name, value, note in facts
    )
    return Safe(f'<dl class="tiles">{join(shown)}</dl>')


def overview(found: RoundReport) -> Safe:
    """How many, and how long, for each arm."""
    arms = [{**arm, "done": _done(arm), "out": arm["excluded"] or None, "arm": _arm(arm["arm"])} for arm in found.arms]
    for row, arm in zip(arms, found.arms, strict=True):
        if arm["arm"] == "honeypot":  # what was before is the truth here, and nothing was corrected
            of_faces = ("labelled", "corrected", "confirmed", "IoU before/after", "changed", "area change")
            row.update(dict.fromkeys(of_faces))
    work = [{**row, "arm": _arm(row["arm"])} for row in found.work]
    timed = work if work[-1]["timed"] or work[-1]["by several"] else []
    return join(
        [
            table(_ARMS, arms, "Picks by arm"),
            Safe("<h3>Time and agreement</h3>\n"),
            table(_WORK, timed, "Time and agreement by arm")
            if timed
            else hint("No label came with a time or several annotators."),
        ]
    )


def changes(found: RoundReport) -> Safe:
    """IoU before and after: its histogram by arm, and by leading signal."""
    faces = [row for row in found.samples if row["arm"] != "honeypot"]
    parts: list[Safe] = []
    known = {arm: [r["iou"] for r in faces if r["arm"] == arm and r["iou"] is not None] for arm in ARM_NAMES}
    known = {arm: values for arm, values in known.items() if values}
    if known:
        low = max(0.0, min(0.9, int(10 * min(min(values) for values in known.values())) / 10))
        drawn = join(histogram(values, low, CHANGED, _arm(arm)) for arm, values in known.items())
        parts.append(
            hint(
                f"IoU of the label before with the label after; left of the dashed line ({CHANGED}) it counts as changed."
            )
        )
        parts.append(Safe(f'<div class="histograms">{drawn}</div>\n'))
    else:
        parts.append(hint("No face has a label both before and after yet."))
    if found.reasons:
        parts += [Safe("<h3>By leading signal</h3>\n"), table(_SIGNALS, found.reasons, "By leading signal")]
    return join(parts)


def each_face(found: RoundReport, anchors: dict[str, str]) -> Safe:
    """One row a pick, those that changed most first; honeypots are no faces of the set."""
    faces = [row for row in found.samples if row["arm"] != "honeypot"]
    order = sorted(faces, key=lambda row: (row["iou"] is None, row["iou"] or 0.0, row["decision"] is None))
    rows = [{**row, "face": _face(row, anchors), "decision": _decision(row)} for row in order]
    return table(_SAMPLES, rows, "Each face", _MOST_SAMPLES)


def verdicts(found: RoundReport, anchors: dict[str, str]) -> Safe:
    """The faces that annotators took out of use, and why."""
    rows = [{**row, "face": _face(row, anchors)} for row in found.verdicts]
    if not rows:
        return Safe("")
    words = (
        "None of these is trained on, rendered or drawn into a new protocol; occset round revoke takes a verdict back."
    )
    return join([table(_VERDICTS, rows, "Out of use"), hint(words)])


def cutouts(found: RoundReport) -> Safe:
    """The occluders that the round cut out."""
    if not found.categories:
        return Safe("")
    named = [
        {**row, "category": row["category"] or "no category", "annotator": row["annotator"] or "not named"}
        for row in found.categories
    ]
    return table(_CUTOUTS, named, "Cut-outs by category and annotator")


def annotators(found: RoundReport) -> Safe:
    """Who labelled how much, and how well on samples of known truth."""
    if not any(row["annotator"] is not None or row["honeypots"] for row in found.annotators):
        return Safe("")
    named = [{**row, "annotator": row["annotator"] or "not named"} for row in found.annotators]
    words = "A honeypot is a rendered face whose truth is known: its IoU tells how well an annotator draws."
    return join([table(_ANNOTATORS, named, "Annotators"), hint(words)])


def discussion(entries: Sequence[dict[str, Any]], by_id: dict[str, dict[str, Any]], anchors: dict[str, str]) -> Safe:
    """What somebody wants to talk about, with links to the tasks."""
    if not entries:
        return Safe("")
    rows = []
    for entry in entries:
        face = str(entry.get("id", ""))
        url = entry.get("url")
        link = (
            url if isinstance(url, str) and re.match(r"https?://[^\s\x00-\x1f]{1,500}$", url, re.IGNORECASE) else None
        )
        rows.append(
            {
                "face": _face(by_id.get(face, {"id": face, "source_id": ""}), anchors),
                "reason": entry.get("reason"),
                "task": url
                if link is None
                else Safe(f'<a href="{attribute(link)}" rel="noreferrer noopener">open the task</a>'),
            }
        )
    columns = [
        Column("face", "Face", text, False),
        Column("reason", "Reason", text, False),
        Column("task", "Task", text, False),
    ]
    return table(columns, rows, "For discussion")


def _done(arm: dict[str, Any]) -> int:
    return int(arm["labelled"] + arm["corrected"] + arm["confirmed"])


def _arm(name: str) -> str:
    return ARM_NAMES.get(name, name)


def _decision(row: dict[str, Any]) -> str:
    named = {None: "waits", "labelled": "first label", "missing": "given up", "excluded": "out of use"}
    return str(named.get(row["decision"], row["decision"]))


def _face(row: dict[str, Any], anchors: dict[str, str]) -> Safe:
    name, source = row["id"], row["source_id"]
    shown = Safe(f'<a href="#{anchors[name]}">{text(name)}</a>') if name in anchors else text(name)
    return Safe(f"{shown} <small>{text(source)}</small>" if source and source != name else shown)


def _note(words: str) -> Safe:
    return Safe(f"<dd>{text(words)}</dd>" if words else "")


def _or_dash(value: float | None, write: Any) -> str:
    return DASH if value is None else str(write(value))


def _of(value: float | None, write: Any, words: str) -> str:
    return "" if value is None else f"{write(value)} {words}"
