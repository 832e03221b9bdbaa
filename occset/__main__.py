"""``python -m occset``, and what the command ``occset`` runs: hears Ctrl-C before anything else is loaded."""

from __future__ import annotations

import sys

from occset.support import interrupts

_AGAIN = "run the same command again and it goes on where it stopped"
KEPT = {
    "new": f"what was added so far is kept: {_AGAIN}",
    "render": f"the samples that were finished stay: {_AGAIN}",
    "export": f"what was written so far stays: {_AGAIN}",
    "label": f"masks that were stored stay: {_AGAIN}",
    "annotate": f"what was sent, pulled or installed stays: {_AGAIN}",
    "train": f"the last checkpoint stays: {_AGAIN}",
    "segment": "the masks that were written stay: run the same command again",
    "fit": f"the fits that were stored stay: {_AGAIN}",
    "reconstruct": "the faces that were written stay: run the same command again",
    "deocclude": "the photos that were written stay: run the same command again",
    "serve": "the page was not there yet: run the same command again",
    "bench": f"results and batches that were finished stay: {_AGAIN}",
    **dict.fromkeys(
        ("card", "check", "diff", "plan", "gallery", "info", "snapshot", "explain", "mine", "doctor", "leaderboard"),
        "nothing that was there was changed: run the same command again",
    ),
}
"""By verb, what an interrupted command has kept, and how to go on."""


def main() -> None:
    """Run the command line; a signal at any moment is one line and its exit status."""
    try:
        verb = sys.argv[1] if len(sys.argv) > 1 else ""
        interrupts.listen(KEPT.get(verb, interrupts.USUAL))
        try:
            from occset.cli import main as run

            run()
        except SystemExit as end:
            if isinstance(end.code, int) and end.code in interrupts.STATUS.values():
                interrupts.leave(end.code)
            raise
        finally:
            interrupts.deafen()
    except KeyboardInterrupt:
        interrupts.leave(interrupts.tell())


if __name__ == "__main__":
    main()
