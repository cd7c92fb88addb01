"""What a run that asks and the job that follows it tell each other, beside the lake: by locks and lines with its journals.

The follower parses and judges what is committed while the other still asks (``automation/following.py``); the asker's policy
reads those verdicts (``traces/following.py``). Neither needs the other: each notices when the other has gone.
"""

from __future__ import annotations

from pathlib import Path

from resources.lake.at_work import Journals, is_held, is_held_here, progress_of

FOLLOWER = "follow"  # the lock of the job that follows
ASKER = "r1_traces"  # the lock of the run that asks


def judged_up_to(journals: Journals | Path) -> str | None:
    """The data version of ``r1_traces`` of which the follower on this machine has judged all that it can; None: nobody follows
    here. How far one on another machine is cannot be seen; its verdicts are read by the next run."""
    if not is_held_here(journals, FOLLOWER):
        return None
    return str((progress_of(journals, FOLLOWER) or {}).get("judged_up_to", ""))


def somebody_asks(journals: Journals | Path) -> bool:
    """Whether a run asks the teacher for responses now."""
    return is_held(journals, ASKER)
