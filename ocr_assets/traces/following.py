"""A run that asks while its answers are judged: it waits for verdicts as long as they can still lead to a request.

Which further samples verdicts lead to is planned in ``plan.py``; who judges is the job ``follow``.
"""

from __future__ import annotations

import asyncio

from ocr_assets.platform.following import judged_up_to
from ocr_assets.traces.plan import Plan
from resources.lake import Lake
from resources.lake.at_work import Journals

POLL_S = 1.0


async def more_to_ask(store: Lake, journals: Journals, plan: Plan) -> bool:
    """Wait for verdicts on what was asked; true as soon as they lead to further requests of ``plan``.

    False when none can come any more: nobody follows, or the follower has judged all that the lake holds.
    """
    while True:
        # In this order: what the follower had judged by then, the look below sees.
        follower, asked = judged_up_to(journals), store.version("r1_traces")
        if plan.look_again():
            return True
        if follower is None or follower == asked:
            return False
        await asyncio.sleep(POLL_S)
