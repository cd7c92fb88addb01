"""What a run that asks and the job that follows it tell each other, beside the lake: by locks and lines with its journals.

The follower parses and judges what is committed while the other still asks (``automation/following.py``); the asker's policy
reads those verdicts (``traces/following.py``). Neither needs the other: each notices when the other has gone.
"""

from __future__ import annotations

from pathlib import Path

from resources.lake.at_work import is_held, progress_of

FOLLOWER = "follow"  # the lock of the job that follows
ASKER = "r1_traces"  # the lock of the run that asks


def judged_up_to(journals: Path) -> str | None:
    """The data version of ``r1_traces`` of which the follower has judged all that it can; None: nobody follows."""
    if not is_held(journals, FOLLOWER):
        return None
    return str((progress_of(journals, FOLLOWER) or {}).get("judged_up_to", ""))


def somebody_asks(journals: Path) -> bool:
    """Whether a run asks the teacher for responses now."""
    return is_held(journals, ASKER)
